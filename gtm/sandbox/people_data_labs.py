"""The stand-in for People Data Labs: GET https://api.peopledatalabs.com/v5/company/enrich.

Lower-case values, a size bucket beside the count, a rate header in single-quoted pseudo-JSON, as the vendor has them.
"""

import hashlib
from typing import Any

from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.world import COMPANIES, Company

KEY = "people_data_labs"
BUCKETS = [
    (10, "1-10"),
    (50, "11-50"),
    (200, "51-200"),
    (500, "201-500"),
    (1000, "501-1000"),
    (5000, "1001-5000"),
    (10000, "5001-10000"),
]
STAGE_ORDER = ("seed", "series_a", "series_b", "series_c", "series_d", "series_e")


def answer(asked: Asked) -> Answer:
    if (asked.method, asked.path) != ("GET", "/v5/company/enrich"):
        return _error(404, "not_found", "The requested resource could not be found.")
    if not asked.headers.get("x-api-key"):
        return _error(401, "authentication_error", "Request contained a missing or invalid key.")
    website, name = asked.params.get("website", ""), asked.params.get("name", "")
    if not website and not name:
        return _error(400, "invalid_request_error", "Request needs at least one of: website, name, profile, ticker.")
    company = _find(website, name)
    if company is None:
        return _error(404, "not_found", "No records were found matching your request.")
    return Answer(200, _body(company, by_website=bool(website)), _headers(spent=1))


def _find(website: str, name: str) -> Company | None:
    domain = website.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
    wanted = name.casefold()
    named = next((each for each in COMPANIES.values() if wanted and each.name.casefold() == wanted), None)
    company = COMPANIES.get(domain) or named
    return None if company is None or KEY in company.unknown_to else company


def _headers(*, spent: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": "{'minute': 100}",
        "x-ratelimit-remaining": "{'minute': 99}",
        "x-call-credits-spent": str(spent),
        "x-call-credits-type": "company-enrich",
    }


def _error(status: int, kind: str, message: str) -> Answer:
    body = {"status": status, "error": {"type": kind, "message": message}}
    return Answer(status, body, _headers(spent=0) if status == 404 else {})


def _size(headcount: int) -> str:
    return next((bucket for most, bucket in BUCKETS if headcount <= most), "10001+")


def _body(company: Company, *, by_website: bool) -> dict[str, Any]:
    company = company.as_seen_by(KEY)
    headcount = company.headcount
    return {
        "status": 200,
        "likelihood": 10 if by_website else 6,
        "id": hashlib.sha256(company.domain.encode()).hexdigest()[:28],
        "name": company.name.lower(),
        "display_name": company.name,
        "size": _size(headcount),
        "employee_count": headcount,
        "employee_count_by_country": {company.country.lower(): headcount},
        "founded": company.founded,
        "industry": company.vendor_industry,
        "industry_v2": company.vendor_industry,
        "linkedin_url": f"linkedin.com/company/{company.slug}",
        "linkedin_id": company.linkedin_id,
        "location": _location(company),
        "website": company.domain,
        "type": "public" if company.ticker else "private",
        "ticker": company.ticker or None,
        "tags": list(company.tags),
        "affiliated_profiles": [],
        "summary": None,
        **_funding(company),
    }


def _location(company: Company) -> dict[str, str]:
    city, region, country = company.city.lower(), company.region.lower(), company.country.lower()
    return {"name": f"{city}, {region}, {country}", "locality": city, "region": region, "country": country}


def _funding(company: Company) -> dict[str, Any]:
    stage = company.funding_stage
    reached = STAGE_ORDER.index(stage) + 1 if stage in STAGE_ORDER else 0
    return {
        "total_funding_raised": company.funding_total_usd,
        "latest_funding_stage": stage or None,
        "last_funding_date": company.funding_date.isoformat() if company.funding_date else None,
        "number_funding_rounds": company.funding_rounds or None,
        "funding_stages": list(STAGE_ORDER[:reached]) or ([stage] if stage else []),
    }
