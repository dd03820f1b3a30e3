"""Crunchbase's Data API v4: the organisation at a domain, then its fields and what it owns. Paid by contract.

A key reads the fields of its package: last rounds come with Core Financials, the sum with Advanced Financials. A field
outside it is refused as if the key were wrong (LA401), so once the search has taken the key, fewer fields are asked
for. Employees are a bucket. Of LinkedIn it has the address, not the number, so that is no id here.
Formats: data.crunchbase.com, the OpenAPI documents of the packages.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

from agents_app.research import pointers, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from gtm import http
from gtm.buckets import Published

URL = "https://api.crunchbase.com/v4/data"
FIRMOGRAPHIC = (
    "identifier", "name", "short_description", "website_url", "founded_on", "num_employees_enum", "categories",
    "location_identifiers", "owner_identifier",
)  # fmt: skip
CORE = ("last_funding_type", "last_funding_at", "num_funding_rounds")
ADVANCED = ("funding_total",)
NO_SUM = "The sum of its funding is not in this key's package (Advanced Financials)."
NO_FUNDING = "Its funding is not in this key's package (Core and Advanced Financials)."
PACKAGES = ((FIRMOGRAPHIC + CORE + ADVANCED, ""), (FIRMOGRAPHIC + CORE, NO_SUM), (FIRMOGRAPHIC, NO_FUNDING))
OUTSIDE = (400, 401, 403)
MOST_OWNED = 10
PLACES = (
    ("name", "/entity/properties/name"),
    ("description", "/entity/properties/short_description"),
    ("industry", "/entity/properties/categories"),
    ("headcount", "/entity/properties/num_employees_enum"),
    ("founded_year", "/entity/properties/founded_on"),
    ("location", "/entity/properties/location_identifiers"),
    ("parent", "/entity/properties/owner_identifier/value"),
    ("crunchbase_id", "/entity/properties/identifier/permalink"),
)
FUNDING_PLACES = (
    ("funding_total_usd", "/entity/properties/funding_total"),
    ("last_funding_stage", "/entity/properties/last_funding_type"),
    ("last_funding_date", "/entity/properties/last_funding_at"),
)


def fetch(question: Question, wire: Wire) -> object:
    search = _search(question.company.domain, wire)
    permalink = pointers.resolve(search, "/entities/0/properties/identifier/permalink")
    if not isinstance(permalink, str) or not permalink:
        raise Unreadable("the organisation it found has no permalink")
    return {"search": search, "entity": _entity(permalink, wire)}


def _search(domain: str, wire: Wire) -> object:
    """Of several organisations at one domain the best known comes first."""
    at_domain = {"type": "predicate", "field_id": "website_url", "operator_id": "domain_eq", "values": [domain]}
    body = {
        "field_ids": ["identifier", "website_url", "rank_org"],
        "query": [at_domain],
        "order": [{"field_id": "rank_org", "sort": "asc"}],
        "limit": 3,
    }
    found = wire.json(f"{URL}/searches/organizations", headers=_key(wire), body=body).json
    entities = found.get("entities") if isinstance(found, dict) else None
    if not isinstance(entities, list):
        raise Unreadable("it has no list of entities")
    if not entities:
        raise NoMatch(f"{SOURCE.name} knows no organisation at {domain}.")
    return found


def _entity(permalink: str, wire: Wire, packages: Sequence[tuple[tuple[str, ...], str]] = PACKAGES) -> object:
    """As much as the key's package holds; raises what the barest question is refused with."""
    (field_ids, left_out), *fewer = packages
    url = f"{URL}/entities/organizations/{quote(permalink, safe='')}"
    params = {"field_ids": ",".join(field_ids), "card_ids": "child_organizations"}
    try:
        entity: object = wire.json(url, params=params, headers=_key(wire)).json
    except http.Refused as refused:
        if refused.status not in OUTSIDE or not fewer:
            raise
        return _entity(permalink, wire, fewer)
    if left_out:
        wire.lacks(left_out)
    return entity


def _key(wire: Wire) -> Mapping[str, str]:
    return {"X-cb-user-key": wire.credential}


def read(payload: object) -> list[ClaimValue]:
    properties = pointers.resolve(payload, "/entity/properties")
    if not isinstance(properties, dict):
        raise Unreadable("it has no properties")
    funded_on = values.day(properties.get("last_funding_at"))
    claims = [each for attribute, pointer in PLACES for each in claim(payload, attribute, pointer)]
    for attribute, pointer in FUNDING_PLACES:
        claims += claim(payload, attribute, pointer, as_of_date=funded_on)
    return claims + _owned(payload)


def _owned(payload: object) -> list[ClaimValue]:
    owned = pointers.items(payload, "/entity/cards/child_organizations")[:MOST_OWNED]
    return [said for place in owned for said in claim(payload, "subsidiary", f"{place}/identifier/value")]


SOURCE = Source(
    key="crunchbase",
    name="Crunchbase",
    fetch=fetch,
    read=read,
    tells={
        "name": 0.96,
        "description": 0.85,
        "industry": 0.60,
        "headcount": 0.75,
        "founded_year": 0.90,
        "location": 0.88,
        "funding_total_usd": 0.90,
        "last_funding_stage": 0.92,
        "last_funding_date": 0.92,
        "parent": 0.85,
        "subsidiary": 0.82,
        "crunchbase_id": 0.98,
    },
    keeps=timedelta(days=14),
    published=Published(calls=200, seconds=60, a_day=288_000),
    licence="By contract and package; what is shown has to link to the company's page at Crunchbase.",
    typical_s=1.2,
)
