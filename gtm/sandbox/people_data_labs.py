"""The stand-in for People Data Labs: https://api.peopledatalabs.com/v5/company/enrich and /v5/person/search.

Lower-case values, a size bucket beside the count, a rate header in single-quoted pseudo-JSON, as the vendor has them.
Of Elasticsearch the search reads `term` and `terms` under `bool.must`; paging and choice of fields are the vendor's.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gtm.sandbox import keys, seniority
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.world import COMPANIES, Company, Person

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


LEVELS = {"chief": "cxo", "vp": "vp", "head": "director", "director": "director", "manager": "manager"}
USED_UP = "You have reached your account maximum (all matches have been used)"
MOST_PEOPLE = 100  # of one answer


def answer(asked: Asked) -> Answer:
    found = ROUTES.get(asked.path)
    if found is None:
        return _error(404, "not_found", "The requested resource could not be found.")
    key = asked.headers.get("x-api-key") or asked.params.get("api_key", "")
    if key in ("", keys.INVALID):
        return _error(401, "authentication_error", "Request contained a missing or invalid key.")
    if key == keys.LIMITED:
        return _error(429, "rate_limit_error", "An error occurred due to requests hitting the API too quick.")
    if key == keys.COMPANIES_ONLY and found is _search:
        return _error(402, "payment_required", USED_UP)
    return found(asked)


def _enrich(asked: Asked) -> Answer:
    if asked.method != "GET":
        return _not_allowed()
    website, name = asked.params.get("website", ""), asked.params.get("name", "")
    if not website and not name:
        return _error(400, "invalid_request_error", "Request needs at least one of: website, name, profile, ticker.")
    company = _find(website, name)
    if company is None:
        return _error(404, "not_found", "No records were found matching your request.")
    headers = _headers("enrich_company", spent=1, a_minute=100)
    return Answer(200, _body(company, by_website=bool(website)), headers)


def _find(website: str, name: str) -> Company | None:
    domain = website.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
    wanted = name.casefold()
    named = next((each for each in COMPANIES.values() if wanted and each.name.casefold() == wanted), None)
    company = COMPANIES.get(domain) or named
    return None if company is None or KEY in company.unknown_to else company


def _headers(kind: str, *, spent: int, a_minute: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": f"{{'minute': {a_minute}}}",
        "x-ratelimit-remaining": f"{{'minute': {a_minute - 1}}}",
        "x-call-credits-spent": str(spent),
        "x-call-credits-type": kind,
    }


def _error(status: int, kind: str, message: str) -> Answer:
    body = {"status": status, "error": {"type": kind, "message": message}}
    free = {"x-call-credits-spent": "0"} if status == 404 else {}
    spent = {"x-ratelimit-remaining": "{'minute': 0}", "x-ratelimit-reset": "2026-11-16T09:01:00Z"}
    return Answer(status, body, spent if status == 429 else free)


def _not_allowed() -> Answer:
    return _error(405, "invalid_request_error", "You cannot use the request method on the requested resource.")


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
        "summary": f"{company.name} works in {' and '.join(company.tags)}.".lower(),
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


def _search(asked: Asked) -> Answer:
    if asked.method not in ("GET", "POST"):
        return _not_allowed()
    said = asked.json_object() or {}
    said = {**asked.params, **said}
    try:
        clauses = _clauses(said.get("query"))
        size, start = int(said.get("size") or 1), int(said.get("scroll_token") or said.get("from") or 0)
    except (ValueError, TypeError, AttributeError):
        return _error(400, "invalid_request_error", "Request contained an invalid query, size or scroll_token.")
    if not 1 <= size <= MOST_PEOPLE:
        return _error(400, "invalid_request_error", f"size must be between 1 and {MOST_PEOPLE}.")
    matching = [each for each in _everybody() if all(_holds(each, clause) for clause in clauses)]
    page = [_chosen(each, str(said.get("data_include") or "")) for each in matching[start : start + size]]
    if not page:
        return _error(404, "not_found", "No records were found matching your request.")
    end = start + len(page)
    token = str(end) if end < len(matching) else None
    body = {"status": 200, "data": page, "scroll_token": token, "total": len(matching)}
    return Answer(200, body, _headers("search", spent=len(page), a_minute=10))


def _clauses(query: object) -> list[Mapping[str, Any]]:
    """Of `{"query": {"bool": {"must": […]}}}`, which a GET has as text; raises where it is anything else."""
    query = json.loads(query) if isinstance(query, str) else query
    must = query.get("query", query)["bool"]["must"] if isinstance(query, dict) and query else None
    if not isinstance(must, list) or not all(set(each) <= {"term", "terms"} for each in must):
        raise ValueError("not a query that can be read here")
    return must


def _holds(person: Mapping[str, Any], clause: Mapping[str, Any]) -> bool:
    for name, wanted in next(iter(clause.values())).items():
        has = person.get(name)
        said = set(has) if isinstance(has, list) else {has}
        if not said & set(wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


def _chosen(person: dict[str, Any], names: str) -> dict[str, Any]:
    wanted = {each.strip() for each in names.split(",") if each.strip()}
    return {name: value for name, value in person.items() if not wanted or name in wanted}


def _everybody() -> Iterator[dict[str, Any]]:
    for company in COMPANIES.values():
        if KEY not in company.unknown_to:
            yield from (_person(company, each) for each in company.people)


def _person(company: Company, person: Person) -> dict[str, Any]:
    seed = hashlib.sha256(f"pdl {company.domain} {person.first_name} {person.last_name}".encode()).hexdigest()
    first_name, last_name = person.first_name.lower(), person.last_name.lower()
    return {
        "id": f"{seed[:22]}_0000",
        "full_name": f"{first_name} {last_name}",
        "first_name": first_name,
        "last_name": last_name,
        "sex": None,
        "birth_year": 1960 + int(seed[:2], 16) % 35,
        "linkedin_url": f"linkedin.com/in/{first_name}-{seed[:6]}",
        "work_email": f"{first_name[0]}.{seed[:4]}@{company.domain}",
        "mobile_phone": None,
        "job_title": person.title.lower(),
        "job_title_levels": [LEVELS[seniority.step(person.title)]],
        "job_company_name": company.name.lower(),
        "job_company_website": company.domain,
        "job_last_changed": f"{2019 + int(seed[2:4], 16) % 6}-0{1 + int(seed[4:6], 16) % 9}-01",
        "job_last_verified": f"2026-{6 + int(seed[6:8], 16) % 5:02d}-{1 + int(seed[8:10], 16) % 28:02d}",
        "location_country": company.country.lower(),
    }


ROUTES: Mapping[str, Callable[[Asked], Answer]] = {"/v5/company/enrich": _enrich, "/v5/person/search": _search}
