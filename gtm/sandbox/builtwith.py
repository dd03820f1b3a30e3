"""The stand-in for BuiltWith's Domain API: GET https://api.builtwith.com/v22/api.json?LOOKUP=…, key as KEY or a header.

Errors come with status 200, moments are milliseconds since 1970, flags are words. What it knows of a company stands
beside `Result` for most sites and in it for some, as its samples have both. A site that it does not know has no paths.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.site_parts import COUNTRY_CODES, PARTS, parts_of
from gtm.sandbox.world import COMPANIES, Company

KEY = "builtwith"
MOST_LOOKUPS = 16
LAST_LOOK = date(2026, 11, 9)
CALLED = {
    "Cloudflare": "Cloudflare CDN",
    "Google Analytics": "Google Analytics 4",
    "LinkedIn Insight Tag": "LinkedIn Insights",
    "Meta Pixel": "Facebook Pixel",
}
ON_EVERY_PAGE = (
    ("HTML5 DocType", "docinfo"),
    ("UTF-8", "encoding"),
    ("SSL by Default", "ssl"),
    ("jQuery", "javascript"),
)
GIVEN_UP = ("Drift", "Google Optimize 360", "Oracle Eloqua", "Universal Analytics")


def answer(asked: Asked) -> Answer:
    if (asked.method, asked.path) != ("GET", "/v22/api.json"):
        return _error(-1, "Not a supported return type - api.json is general call scheme.")
    if not (asked.params.get("KEY") or asked.headers.get("authorization", "").removeprefix("API").strip()):
        return _error(-2, "API Key is wrong - it needs to be a Guid.")
    domains = [each.strip().lower() for each in asked.params.get("LOOKUP", "").split(",") if each.strip()]
    if not domains or any("." not in each for each in domains):
        return _error(-8, "Invalid root domain name or unsupported.")
    if len(domains) > MOST_LOOKUPS:
        return _error(-7, "Only one lookup at a time for this endpoint.")
    results = [_result(domain, is_open="NOPII" not in asked.params) for domain in domains]
    return Answer(200, {"Results": results, "Errors": [], "Trust": None}, _headers(spent=len(domains)))


def _headers(*, spent: int) -> dict[str, str]:
    return {
        "X-API-CREDITS-AVAILABLE": "2000",
        "X-API-CREDITS-USED": str(spent),
        "X-API-CREDITS-REMAINING": str(2000 - spent),
        "X-RATELIMIT-LIMIT-CONCURRENT": "8",
        "X-RATELIMIT-LIMIT-PERSECOND": "10",
    }


def _error(code: int, message: str) -> Answer:
    return Answer(200, {"Errors": [{"Code": code, "Message": message}]}, _headers(spent=0))


def _result(domain: str, *, is_open: bool) -> dict[str, Any]:
    company = COMPANIES.get(domain)
    if company is None or KEY in company.unknown_to:
        nothing = {"SpendHistory": [], "IsDB": "False", "Spend": 0, "Paths": []}
        return {"Result": nothing, "Meta": _meta(None, is_open=is_open), "Lookup": domain}
    company = company.as_seen_by(KEY)
    spend = 50 * company.number("builtwith spend", 90)
    history = [{"D": _ms(LAST_LOOK - timedelta(days=30 * month)), "S": spend} for month in (2, 1, 0)]
    result = {"SpendHistory": history, "IsDB": "True", "Spend": spend, "Paths": _paths(company)}
    known = {"Meta": _meta(company, is_open=is_open), "Lookup": domain}
    if company.number("builtwith shape", 4) == 1:
        return {"Result": {**known, **result}}
    return {"Result": result, **known, "FirstIndexed": _ms(date(2015, 3, 1)), "LastIndexed": _ms(LAST_LOOK)}


def _meta(company: Company | None, *, is_open: bool) -> dict[str, Any]:
    """Of a company that it knows little of, the parts are there and empty."""
    knows = company is not None and company.number("builtwith meta", 5) > 1
    meta: dict[str, Any] = {
        "CompanyName": company.name if company else "",
        "Vertical": company.vendor_industry.title() if company else "",
        "City": company.city if company and knows else "",
        "State": company.region if company and knows else "",
        "Postcode": "",
        "Country": COUNTRY_CODES[company.country] if company else "",
        "ARank": -1,
        "QRank": -1,
    }
    if is_open and company:
        people = [{"Name": f"{each.first_name} {each.last_name}", "Type": 1} for each in company.people]
        meta |= {"Telephones": [], "Emails": [f"hello@{company.domain}"], "Names": people}
    return meta


def _paths(company: Company) -> list[dict[str, Any]]:
    seen = LAST_LOOK - timedelta(days=company.number("builtwith look", 40))
    names = [(CALLED.get(name, name), PARTS[name].tag) for name in parts_of(company)]
    old = GIVEN_UP[company.number("builtwith old", len(GIVEN_UP)) - 1]
    home = [_technology(name, tag, since=date(2021, 5, 4), last=seen) for name, tag in (*ON_EVERY_PAGE, *names)]
    home.append(_technology(old, "analytics", since=date(2017, 8, 1), last=date(2023, 2, 14)))
    inner = [_technology(name, tag, since=date(2022, 1, 9), last=seen - timedelta(days=60)) for name, tag in names[-2:]]
    where = {"Domain": company.domain, "SubDomain": "", "FirstIndexed": _ms(date(2015, 3, 1)), "LastIndexed": _ms(seen)}
    return [{**where, "Url": "", "Technologies": home}, {**where, "Url": "dd", "Technologies": inner}]


def _technology(name: str, tag: str, *, since: date, last: date) -> dict[str, Any]:
    return {
        "Categories": [],
        "Parent": "",
        "Name": name,
        "Tag": tag,
        "FirstDetected": _ms(since),
        "LastDetected": _ms(last),
        "IsPremium": "No",
    }


def _ms(on: date) -> int:
    return int(datetime(on.year, on.month, on.day, tzinfo=UTC).timestamp() * 1000)
