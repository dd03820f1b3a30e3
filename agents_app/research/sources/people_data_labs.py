"""People Data Labs: company enrichment by domain, one credit a match. It does not date its values; a funding round is
dated by itself."""

from datetime import timedelta

from agents_app.research import values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from gtm import http
from gtm.buckets import Published

URL = "https://api.peopledatalabs.com/v5/company/enrich"
PLACES = (
    ("name", "/display_name"),
    ("industry", "/industry"),
    ("founded_year", "/founded"),
    ("location", "/location"),
    ("linkedin_id", "/linkedin_id"),
    ("ticker", "/ticker"),
)
FUNDING_PLACES = (
    ("funding_total_usd", "/total_funding_raised"),
    ("last_funding_stage", "/latest_funding_stage"),
    ("last_funding_date", "/last_funding_date"),
)


def fetch(question: Question, wire: Wire) -> object:
    domain = question.company.domain
    try:
        reply = wire.json(URL, params={"website": domain}, headers={"X-API-Key": wire.credential})
    except http.Refused as refused:
        if refused.status == 404:
            raise NoMatch(f"{SOURCE.name} knows no company at {domain}.") from refused
        raise
    wire.credits = float(reply.headers.get("x-call-credits-spent", SOURCE.credits))
    return reply.json


def read(payload: object) -> list[ClaimValue]:
    if not isinstance(payload, dict) or "id" not in payload:
        raise Unreadable("it has no company id")
    funded_on = values.day(payload.get("last_funding_date"))
    claims = [each for attribute, pointer in PLACES for each in claim(payload, attribute, pointer)]
    claims += claim(payload, "headcount", "/employee_count") or claim(payload, "headcount", "/size")
    for attribute, pointer in FUNDING_PLACES:
        claims += claim(payload, attribute, pointer, as_of_date=funded_on)
    return claims


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
        "linkedin_id": 0.97,
        "ticker": 0.97,
    },
    keeps=timedelta(days=30),
    published=Published(calls=100, seconds=60, a_day=100_000),
    licence="Licensed to the key's holder; 90 days of keeping under the usual terms.",
    credits=1.0,
)
