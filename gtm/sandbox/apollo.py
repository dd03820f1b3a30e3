"""The stand-in for Apollo, https://api.apollo.io/api/v1: organizations/enrich, mixed_people/api_search,
people/bulk_match.

The search masks last names, the lookup bills one credit a person. A domain that nobody knows has an empty answer. A
refused key is told in plain text, all else in JSON of several shapes, as at the real party.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gtm.sandbox import keys, seniority
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.world import COMPANIES, Company, Person

KEY = "apollo"
SENIORITIES = {"chief": "c_suite", "vp": "vp", "head": "head", "director": "director", "manager": "manager"}
STAGES = {"seed": "Seed", **{f"series_{each}": f"Series {each.upper()}" for each in "abcdefgh"}}
NOISE = (("Mobile Friendly", "Other"), ("AI", "Other"))
MOST_LOOKED_UP = 10
INVALID = b"Invalid API key. See https://docs.apollo.io/reference/authentication for how to authenticate."


def answer(asked: Asked) -> Answer:
    route = ROUTES.get((asked.method, asked.path.removeprefix("/api/v1/")))
    key = asked.headers.get("x-api-key", "")
    if key in ("", keys.INVALID):
        return Answer(401, INVALID, {"content-type": "text/plain"})
    if route is None:
        return Answer(404, {"error": "Not found"})
    if key == keys.COMPANIES_ONLY and route is not _enrich:
        return _inaccessible(asked.path)
    if key == keys.LIMITED:
        return _limited(asked.path)
    return route(asked)


def _inaccessible(path: str) -> Answer:
    what = (
        f"This API key is not authorized to access {path.lstrip('/')}. Request an API key from your administrator that "
        "includes this endpoint in its configured scope."
    )
    return Answer(403, {"error": what, "error_code": "API_INACCESSIBLE"})


def _limited(path: str) -> Answer:
    what = (
        f"The maximum number of api calls allowed for {path.lstrip('/')} is 200 times per minute. Please upgrade your"
    )
    return Answer(
        429, {"message": f"{what} plan from https://app.apollo.io/#/settings/plans/upgrade."}, {"retry-after": "37"}
    )


def _limits(a_minute: int) -> dict[str, str]:
    return {
        "x-rate-limit-minute": str(a_minute),
        "x-minute-usage": "1",
        "x-minute-requests-left": str(a_minute - 1),
        "x-rate-limit-24-hour": "",
    }


def _enrich(asked: Asked) -> Answer:
    domain = asked.params.get("domain", "").lower().removeprefix("www.")
    if not domain:
        return Answer(422, {"error": "At least one of domain, linkedin_url, name, or website is required."})
    company = COMPANIES.get(domain)
    if company is None or KEY in company.unknown_to:
        return Answer(200, {}, _limits(1000))
    return Answer(200, {"organization": _organization(company.as_seen_by(KEY))}, _limits(1000))


def _search(asked: Asked) -> Answer:
    said = asked.json_object() or {}
    page, per_page = said.get("page", 1), said.get("per_page", 10)
    if not (isinstance(page, int) and isinstance(per_page, int) and page >= 1 and 1 <= per_page <= 100):
        return Answer(422, {"error": "Invalid search parameters provided."})
    organizations, wanted = said.get("organization_ids", []), said.get("person_seniorities", [])
    domains = said.get("q_organization_domains_list", [])
    found = [
        _masked(company, person)
        for company, person in _everybody()
        if (not organizations or _id(company.domain) in organizations)
        and (not domains or company.domain in domains)
        and (not wanted or SENIORITIES[seniority.step(person.title)] in wanted)
    ]
    shown = found[(page - 1) * per_page : page * per_page]
    return Answer(200, {"total_entries": len(found), "people": shown}, _limits(200))


def _bulk_match(asked: Asked) -> Answer:
    details = (asked.json_object() or {}).get("details")
    if not isinstance(details, list) or len(details) > MOST_LOOKED_UP:
        what = "no implicit conversion of Symbol into Integer"
        return Answer(422, {"status": "failed", "error_code": "UNKNOWN_ERROR", "error_message": what})
    known = {_id(company.domain, person): (company, person) for company, person in _everybody()}
    found = [known.get(str(each.get("id"))) if isinstance(each, dict) else None for each in details]
    matches = [_whole(*each) if each else None for each in found]
    enriched = sum(each is not None for each in matches)
    body = {
        "status": "success",
        "error_code": None,
        "error_message": None,
        "total_requested_enrichments": len(details),
        "unique_enriched_records": enriched,
        "missing_records": len(details) - enriched,
        "credits_consumed": enriched,
        "matches": matches,
    }
    return Answer(200, body, _limits(1000))


def _everybody() -> Iterator[tuple[Company, Person]]:
    for company in COMPANIES.values():
        if KEY not in company.unknown_to:
            yield from ((company, person) for person in company.people)


def _id(domain: str, person: Person | None = None) -> str:
    """24 hexadecimal digits, as MongoDB makes them."""
    who = f" {person.first_name} {person.last_name}" if person else ""
    return hashlib.sha256(f"apollo {domain}{who}".encode()).hexdigest()[:24]


def _masked(company: Company, person: Person) -> dict[str, Any]:
    number = _id(company.domain, person)
    at = datetime(2026, 4 + int(number[0], 16) % 7, 1 + int(number[1:3], 16) % 28, 5, 22, 18, tzinfo=UTC)
    return {
        "id": number,
        "first_name": person.first_name,
        "last_name_obfuscated": f"{person.last_name[:2]}***{person.last_name[-1]}",
        "title": person.title,
        "last_refreshed_at": at.isoformat(timespec="milliseconds"),
        "has_email": True,
        "has_city": True,
        "has_direct_phone": "Maybe: please request direct dial via people/bulk_match",
        "organization": {"name": company.name, "has_industry": True, "has_employee_count": True},
    }


def _whole(company: Company, person: Person) -> dict[str, Any]:
    number = _id(company.domain, person)
    return {
        "id": number,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "name": f"{person.first_name} {person.last_name}",
        "linkedin_url": f"http://www.linkedin.com/in/{number[:10]}",
        "title": person.title,
        "headline": f"{person.title} at {company.name}",
        "email_status": "verified",
        "email": f"{person.first_name[0].lower()}.{number[:5]}@{company.domain}",
        "photo_url": None,
        "organization_id": _id(company.domain),
        "employment_history": [{"current": True, "organization_name": company.name, "start_date": "2021-01-01"}],
        "city": company.city,
        "country": company.country,
        "seniority": SENIORITIES[seniority.step(person.title)],
    }


def _organization(company: Company) -> dict[str, Any]:
    technologies = [(each, "Business Software") for each in company.technologies]
    owned = [each for each in COMPANIES.values() if each.parent == company.domain]
    return {
        "id": _id(company.domain),
        "name": company.name,
        "website_url": f"http://www.{company.domain}",
        "primary_domain": company.domain,
        "linkedin_url": f"http://www.linkedin.com/company/{company.slug}",
        "linkedin_uid": company.linkedin_id,
        "crunchbase_url": None,
        "founded_year": company.founded,
        "publicly_traded_symbol": company.ticker or None,
        "publicly_traded_exchange": "nyse" if company.ticker else None,
        "industry": company.vendor_industry.replace(" and ", " & "),
        "keywords": list(company.tags),
        "estimated_num_employees": company.headcount,
        "raw_address": f"{company.city}, {company.region}, {company.country}",
        "city": company.city,
        "state": company.region,
        "country": company.country,
        "short_description": f"{company.name} offers {', '.join(company.tags)} from {company.city}.",
        "suborganizations": [_related(each) | {"country": each.country} for each in owned],
        "num_suborganizations": len(owned),
        **_owner(company),
        **_money(company),
        "technology_names": [name for name, _ in (*NOISE, *technologies)],
        "current_technologies": [_technology(name, category) for name, category in (*NOISE, *technologies)],
        "organization_headcount_twelve_month_growth": 0.04,
        "account": {"id": _id(f"account {company.domain}"), "phone": "+1(202) 555-0114", "source": "salesforce"},
    }


def _related(company: Company) -> dict[str, Any]:
    return {"id": _id(company.domain), "name": company.name, "website_url": f"http://www.{company.domain}"}


def _owner(company: Company) -> dict[str, Any]:
    owner = COMPANIES.get(company.parent)
    if owner is None:
        return {"owned_by_organization_id": None}
    return {"owned_by_organization_id": _id(owner.domain), "owned_by_organization": _related(owner)}


def _money(company: Company) -> dict[str, Any]:
    on = company.funding_date
    dated = f"{on.isoformat()}T00:00:00.000+00:00" if on else None
    rounds = [{"id": _id(f"round {company.domain}"), "date": dated, "type": STAGES.get(company.funding_stage, "Other"),
               "investors": None, "news_url": None, "amount": None, "currency": "$"}] if on else []  # fmt: skip
    return {
        "annual_revenue": company.revenue_usd,
        "annual_revenue_printed": _printed(company.revenue_usd),
        "total_funding": company.funding_total_usd,
        "total_funding_printed": _printed(company.funding_total_usd),
        "latest_funding_stage": STAGES.get(company.funding_stage),
        "latest_funding_round_date": dated,
        "funding_events": rounds,
    }


def _printed(amount: int | None) -> str | None:
    """251.2M"""
    if amount is None:
        return None
    size, letter = (1_000_000, "M") if amount >= 1_000_000 else (1000, "K")
    return f"{amount / size:.1f}".removesuffix(".0") + letter


def _technology(name: str, category: str) -> dict[str, str]:
    return {"uid": name.lower().replace(" ", "_"), "name": name, "category": category}


ROUTES: Mapping[tuple[str, str], Callable[[Asked], Answer]] = {
    ("GET", "organizations/enrich"): _enrich,
    ("POST", "mixed_people/api_search"): _search,
    ("POST", "people/bulk_match"): _bulk_match,
}
