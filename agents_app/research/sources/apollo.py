"""Apollo: organisation enrichment by domain, one credit a hit, and a few people on top, one credit each.

The People API Search costs nothing and masks last names, so those it finds are looked up by number (Bulk People
Enrichment). It may find people who left; the lookup says where somebody works now. A person is as of the day Apollo
last looked at them; nothing else is dated but rounds of funding. Its headcounts are counts of profiles (group
“profiles”), as People Data Labs' are: two who count the same profiles say it once.
Formats: docs.apollo.io; lists go in the body, which the endpoints read beside the query.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from agents_app.research import people, pointers, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from gtm import http
from gtm.buckets import Published

URL = "https://api.apollo.io/api/v1"
SENIORITIES = ["owner", "founder", "c_suite", "partner", "vp", "head", "director"]
OF_A_FIND = ("id", "title", "last_refreshed_at")
OF_A_PERSON = ("id", "name", "first_name", "last_name", "title", "seniority", "organization_id")
MOST_TECHNOLOGIES = 12
MOST_OWNED = 10
OWN_CRM = "account"  # what the key's holder has noted about the company at Apollo
NO_PRODUCT = "Other"  # the category of what is no product: AI, Mobile Friendly, Remote
PLACES = (
    ("name", "/organization/name"),
    ("description", "/organization/short_description"),
    ("industry", "/organization/industry"),
    ("headcount", "/organization/estimated_num_employees"),
    ("founded_year", "/organization/founded_year"),
    ("location", "/organization"),
    ("revenue_usd", "/organization/annual_revenue"),
    ("parent", "/organization/owned_by_organization/name"),
    ("ticker", "/organization/publicly_traded_symbol"),
    ("apollo_id", "/organization/id"),
    ("linkedin_id", "/organization/linkedin_uid"),
    ("crunchbase_id", "/organization/crunchbase_url"),
)
FUNDING_PLACES = (
    ("last_funding_stage", "/organization/latest_funding_stage"),
    ("last_funding_date", "/organization/latest_funding_round_date"),
)


def fetch(question: Question, wire: Wire) -> object:
    organization = _organization(question.company.domain, wire)
    return {"organization": organization, "people": people.beside(wire, lambda: _people(organization["id"], wire))}


def _organization(domain: str, wire: Wire) -> Mapping[str, Any]:
    """Of a domain nobody knows the answer is empty."""
    try:
        said = wire.json(f"{URL}/organizations/enrich", params={"domain": domain}, headers=_key(wire)).json
    except http.Refused as refused:
        if refused.status == 404:
            raise NoMatch(f"{SOURCE.name} knows no organisation at {domain}.") from refused
        raise
    if isinstance(said, dict) and not said.get("organization"):
        raise NoMatch(f"{SOURCE.name} knows no organisation at {domain}.")
    wire.credits = 1.0
    organization = _known(said.get("organization") if isinstance(said, dict) else None)
    return {name: value for name, value in organization.items() if name != OWN_CRM}


def _known(organization: object) -> Mapping[str, Any]:
    if not isinstance(organization, dict) or not organization.get("id"):
        raise Unreadable("it has no organisation with an id")
    return organization


def _people(organization_id: str, wire: Wire) -> object:
    wanted = {"organization_ids": [organization_id], "person_seniorities": SENIORITIES, "per_page": people.MOST}
    search = wire.json(f"{URL}/mixed_people/api_search", headers=_key(wire), body={**wanted, "page": 1}).json
    found = people.kept(search.get("people") if isinstance(search, dict) else None, OF_A_FIND)
    numbers = [{"id": each["id"]} for each in found if each["id"]]
    if not numbers:
        return None
    said = wire.json(f"{URL}/people/bulk_match", headers=_key(wire), body={"details": numbers}).json
    answer = said if isinstance(said, dict) else {}
    matches = people.kept(answer.get("matches"), OF_A_PERSON)
    wire.credits = (wire.credits or 0.0) + people.spent(answer.get("credits_consumed"), float(len(matches)))
    there = [each for each in matches if each["organization_id"] in (organization_id, None)]
    return {"found": found, "matches": there}


def _key(wire: Wire) -> Mapping[str, str]:
    return {"x-api-key": wire.credential}


def read(payload: object) -> list[ClaimValue]:
    organization = _known(payload.get("organization") if isinstance(payload, dict) else None)
    funded_on = values.day(organization.get("latest_funding_round_date"))
    claims = [each for attribute, pointer in PLACES for each in claim(payload, attribute, pointer)]
    claims += _sum(payload, funded_on)
    for attribute, pointer in FUNDING_PLACES:
        claims += claim(payload, attribute, pointer, as_of_date=funded_on)
    claims += _owned(payload) + _technologies(payload)
    return claims + people.claims(payload, "/people/matches", _refreshed(payload))


def _sum(payload: object, funded_on: date | None) -> list[ClaimValue]:
    """The number, or where there is none the text beside it: “251.2M”."""
    for name in ("total_funding", "total_funding_printed"):
        if said := claim(payload, "funding_total_usd", f"/organization/{name}", as_of_date=funded_on):
            return said
    return []


def _owned(payload: object) -> list[ClaimValue]:
    owned = pointers.items(payload, "/organization/suborganizations")[:MOST_OWNED]
    return [said for place in owned for said in claim(payload, "subsidiary", f"{place}/name")]


def _technologies(payload: object) -> list[ClaimValue]:
    """Products by category where Apollo has sorted them, else all names."""
    listed = pointers.items(payload, "/organization/current_technologies")
    products = [place for place in listed if pointers.resolve(payload, f"{place}/category") != NO_PRODUCT]
    named = products or pointers.items(payload, "/organization/technology_names")
    return [said for place in named[:MOST_TECHNOLOGIES] for said in claim(payload, "technology", place)]


def _refreshed(payload: object) -> Callable[[Mapping[str, Any]], date | None]:
    """When Apollo last looked at a person stands beside what was found, not beside what was looked up."""
    found = pointers.resolve(payload, "/people/found")
    listed = found if isinstance(found, list) else []
    on = {str(each.get("id")): values.day(each.get("last_refreshed_at")) for each in listed if isinstance(each, dict)}
    return lambda person: on.get(str(person.get("id")))


SOURCE = Source(
    key="apollo",
    name="Apollo",
    fetch=fetch,
    read=read,
    tells={
        "name": 0.95,
        "description": 0.80,
        "industry": 0.86,
        "headcount": 0.76,
        "founded_year": 0.85,
        "location": 0.86,
        "revenue_usd": 0.62,
        "funding_total_usd": 0.76,
        "last_funding_stage": 0.82,
        "last_funding_date": 0.80,
        "parent": 0.80,
        "subsidiary": 0.76,
        "technology": 0.72,
        "person": 0.80,
        "ticker": 0.95,
        "apollo_id": 0.99,
        "linkedin_id": 0.95,
        "crunchbase_id": 0.93,
    },
    keeps=timedelta(days=30),
    published=Published(calls=200, seconds=60, a_day=50_000),
    licence="For the sales and marketing of the key's holder; its records may not be sold or passed on.",
    credits=1.0 + people.MOST,
    group="profiles",
    typical_s=2.0,
)
