"""The stand-in for Wappalyzer: GET https://api.wappalyzer.com/v2/lookup/?urls=….

A site that it has not stored is crawled for whoever asks, which ends after minutes and is told to a callback address;
the answer says no more than that. What goes wrong with one of several sites stands beside the others, with status 200.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.site_parts import PARTS, parts_of
from gtm.sandbox.website import FOR_BROWSERS_ONLY
from gtm.sandbox.world import COMPANIES, Company

KEY = "wappalyzer"
MOST_URLS = 10
LAST_MONTH = datetime(2026, 11, 1, 6, tzinfo=UTC)
CALLED = {"LinkedIn Insight Tag": "Linkedin Insight Tag", "Meta Pixel": "Facebook Pixel"}
NOT_STORED = {"altamira-ceramics.example", "odyne.example"}
ON_EVERY_PAGE = (
    ("jQuery", "3.7.1", (59, "javascript-libraries", "JavaScript libraries")),
    ("Google Font API", "", (17, "font-scripts", "Font scripts")),
)


def answer(asked: Asked) -> Answer:
    if asked.method != "GET" or asked.path.rstrip("/") != "/v2/lookup":
        return Answer(403, {"message": "Missing Authentication Token"})
    if not asked.headers.get("x-api-key"):
        return Answer(403, {"message": "Forbidden"})
    urls = [each for each in asked.params.get("urls", "").split(",") if each]
    if not 1 <= len(urls) <= MOST_URLS or any(urlsplit(each).scheme not in ("http", "https") for each in urls):
        return Answer(400, {"message": "urls: between one and ten website URLs"})
    told = [_told(url) for url in urls]
    spent = sum("technologies" in each for each in told)
    headers = {"wappalyzer-credits-spent": str(spent), "wappalyzer-credits-remaining": str(5000 - spent)}
    return Answer(200, told, headers)


def _told(url: str) -> dict[str, Any]:
    domain = (urlsplit(url).hostname or "").removeprefix("www.")
    company = COMPANIES.get(domain)
    if domain == FOR_BROWSERS_ONLY:
        return {"url": url, "errors": ["RESPONSE_NOT_OK"]}
    if company is None or domain in NOT_STORED or KEY in company.unknown_to:
        return {"url": url, "crawl": True}
    return {"url": url, "technologies": _technologies(company.as_seen_by(KEY))}


def _technologies(company: Company) -> list[dict[str, Any]]:
    confirmed_at = LAST_MONTH - timedelta(days=company.number("wappalyzer look", 45))
    rank = company.number("wappalyzer rank", 900_000)
    found = [(CALLED.get(name, name), "", PARTS[name].category) for name in parts_of(company)]
    return [
        {
            "slug": name.lower().replace(" ", "-").replace(".", "-"),
            "name": name,
            "versions": [version] if version else [],
            "categories": [dict(zip(("id", "slug", "name"), category, strict=True))],
            "trafficRank": rank,
            "confirmedAt": int(confirmed_at.timestamp()),
        }
        for name, version, category in (*found, *ON_EVERY_PAGE)
    ]
