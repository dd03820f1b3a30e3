"""People Data Labs: company enrichment by domain, one credit a match, and a few people on top, one credit each.

It dates neither a company's record nor its headcount; a funding round and a person's job have dates of their own.
Its headcounts are counts of profiles (group “profiles”), as Apollo's are: two who count the same profiles say it once.
Formats: docs.peopledatalabs.com, Company Enrichment and Person Search; the search's body as its own clients send it.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from agents_app.research import people, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from gtm import http
from gtm.buckets import Published

COMPANY = "https://api.peopledatalabs.com/v5/company/enrich"
PEOPLE = "https://api.peopledatalabs.com/v5/person/search"
LEVELS = ["cxo", "owner", "partner", "vp", "director"]
OF_A_PERSON = ("id", "full_name", "job_title", "job_title_levels", "job_last_changed", "job_last_verified")
SPENT = "x-call-credits-spent"
PLACES = (
    ("name", "/company/display_name"),
    ("industry", "/company/industry"),
    ("founded_year", "/company/founded"),
    ("location", "/company/location"),
    ("linkedin_id", "/company/linkedin_id"),
    ("ticker", "/company/ticker"),
)
FUNDING_PLACES = (
    ("funding_total_usd", "/company/total_funding_raised"),
    ("last_funding_stage", "/company/latest_funding_stage"),
    ("last_funding_date", "/company/last_funding_date"),
)


def fetch(question: Question, wire: Wire) -> object:
    company = _company(question.company.domain, wire)
    website = values.text(company.get("website")) or question.company.domain
    return {"company": company, "people": people.beside(wire, lambda: _people(website, wire))}


def _company(domain: str, wire: Wire) -> Mapping[str, Any]:
    try:
        reply = wire.json(COMPANY, params={"website": domain}, headers={"X-API-Key": wire.credential})
    except http.Refused as refused:
        if refused.status == 404:
            raise NoMatch(f"{SOURCE.name} knows no company at {domain}.") from refused
        raise
    wire.credits = people.spent(reply.headers.get(SPENT), 1.0)
    return _known(reply.json)


def _known(company: object) -> Mapping[str, Any]:
    if not isinstance(company, dict) or "id" not in company:
        raise Unreadable("it has no company id")
    return company


def _people(website: str, wire: Wire) -> object:
    """Who leads there, by the website as the vendor writes it in a person's job."""
    query = {"bool": {"must": [{"term": {"job_company_website": website}}, {"terms": {"job_title_levels": LEVELS}}]}}
    body = {"query": {"query": query}, "size": people.MOST, "data_include": ",".join(OF_A_PERSON)}
    reply = wire.json(PEOPLE, headers={"X-API-Key": wire.credential}, body=body)
    found = reply.json if isinstance(reply.json, dict) else {}
    data = people.kept(found.get("data"), OF_A_PERSON)
    wire.credits = (wire.credits or 0.0) + people.spent(reply.headers.get(SPENT), float(len(data)))
    return {"total": found.get("total"), "data": data}


def read(payload: object) -> list[ClaimValue]:
    company = _known(payload.get("company") if isinstance(payload, dict) else None)
    funded_on = values.day(company.get("last_funding_date"))
    claims = [each for attribute, pointer in PLACES for each in claim(payload, attribute, pointer)]
    claims += claim(payload, "headcount", "/company/employee_count") or claim(payload, "headcount", "/company/size")
    for attribute, pointer in FUNDING_PLACES:
        claims += claim(payload, attribute, pointer, as_of_date=funded_on)
    return claims + people.claims(payload, "/people/data", _seen_on)


def _seen_on(person: Mapping[str, Any]) -> date | None:
    return values.day(person.get("job_last_verified")) or values.day(person.get("job_last_changed"))


SOURCE = Source(
    key="people_data_labs",
    name="People Data Labs",
    fetch=fetch,
    read=read,
    tells={
        "name": 0.96,
        "industry": 0.88,
        "headcount": 0.80,
        "founded_year": 0.90,
        "location": 0.90,
        "funding_total_usd": 0.80,
        "last_funding_stage": 0.84,
        "last_funding_date": 0.84,
        "person": 0.80,
        "linkedin_id": 0.97,
        "ticker": 0.97,
    },
    keeps=timedelta(days=30),
    published=Published(calls=100, seconds=60, a_day=100_000),
    licence="Licensed to the key's holder; 90 days of keeping under the usual terms.",
    credits=1.0 + people.MOST,
    group="profiles",
    typical_s=1.5,
    version=2,
)
