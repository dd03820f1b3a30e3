"""The items of Wikidata's stand-in: companies that are notable enough, and what their statements name.

As in the real one, counts are old and stand beside older ones, some statements are deprecated or have ended, and a
small company's name belongs to something else.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from gtm.sandbox.world import COMPANIES, Company

KEY = "wikidata"
NOTABLE = 100  # people
BUSINESS = "Q4830453"
CALENDAR = "http://www.wikidata.org/entity/Q1985727"
Item = dict[str, Any]


@cache
def items() -> Mapping[str, Item]:
    """{number: the whole item}."""
    found = {}
    for company in COMPANIES.values():
        if is_known(company):
            found[company.wikidata_id] = _company(company.as_seen_by(KEY))
            for label in _named_by(company):
                found[_number(label)] = _item(label, "", {})
        else:
            found[_number(f"another {company.name}")] = _item(company.name, "family name", {})
    return found


def is_known(company: Company) -> bool:
    return company.headcount >= NOTABLE and KEY not in company.unknown_to


def _named_by(company: Company) -> tuple[str, str, str]:
    return company.city, company.country, f"{company.vendor_industry} industry"


def _number(label: str) -> str:
    return f"Q{130_000_000 + int(hashlib.sha256(label.encode()).hexdigest()[:7], 16) % 9_000_000}"


def _item(label: str, description: str, claims: dict[str, list[Any]], *, language: str = "en") -> Item:
    described = {"en": {"language": "en", "value": description}} if description else {}
    return {"labels": {language: {"language": language, "value": label}}, "descriptions": described, "claims": claims}


def _company(company: Company) -> Item:
    claims: dict[str, list[Any]] = {}
    for number, statement in _statements(company):
        claims.setdefault(number, []).append(statement)
    is_same_everywhere = company.number("label", 4) == 1
    description = f"{company.country} {company.vendor_industry} company"
    return _item(company.name, description, claims, language="mul" if is_same_everywhere else "en")


def _statements(company: Company) -> Iterator[tuple[str, Any]]:
    yield "P31", _named("P31", BUSINESS)
    yield from _site(company)
    yield from _place(company)
    yield from _founded(company)
    yield from _people(company)
    yield from _owners(company)
    yield from _names(company)


def _site(company: Company) -> Iterator[tuple[str, Any]]:
    """Most give the root of the site; some a page below it, which no search for the root finds."""
    ways = {1: f"https://{company.domain}/en/about", 2: f"http://www.{company.domain}", 3: f"https://{company.domain}"}
    yield "P856", _text("P856", ways.get(company.number("site", 6), f"https://www.{company.domain}/"))


def _place(company: Company) -> Iterator[tuple[str, Any]]:
    country = _named("P17", _number(company.country))
    if company.number("seat", 3) == 1:
        yield "P159", _named("P159", _number(company.country), qualifiers={"P582": [_year_snak("P582", 2011)]})
        yield "P159", _named("P159", _number(company.city), qualifiers={"P17": [country["mainsnak"]]})
    else:
        yield "P159", _named("P159", _number(company.city))
        yield "P17", country
    yield "P452", _named("P452", _number(f"{company.vendor_industry} industry"))


def _founded(company: Company) -> Iterator[tuple[str, Any]]:
    if company.number("founding", 2) == 1:
        yield "P571", _statement("P571", _time(f"+{company.founded + 3}-01-01T00:00:00Z", 11), rank="deprecated")
    yield "P571", _statement("P571", _time(f"+{company.founded}-00-00T00:00:00Z", 9))


def _people(company: Company) -> Iterator[tuple[str, Any]]:
    """Who counted when: an old count, and the newest one that somebody entered."""
    on = company.seen_by.get(KEY, {}).get("headcount_on", "")
    if not on and company.number("count", 3) == 1:
        return
    newest = _time(f"+{on}T00:00:00Z", 11) if on else _time("+2024-00-00T00:00:00Z", 9)
    before = _time(f"+{int((on or '2024')[:4]) - 4}-12-31T00:00:00Z", 11)
    rank = "preferred" if company.number("rank", 2) == 1 else "normal"
    for people, time, ranked in ((company.headcount * 3 // 4, before, "normal"), (company.headcount, newest, rank)):
        amount = {"value": {"amount": f"+{people}", "unit": "1"}, "type": "quantity"}
        yield "P1128", _statement("P1128", amount, qualifiers={"P585": [_snak("P585", time)]}, rank=ranked)


def _owners(company: Company) -> Iterator[tuple[str, Any]]:
    parent = COMPANIES.get(company.parent)
    if parent and is_known(parent):
        yield "P749", _named("P749", parent.wikidata_id)
    for other in COMPANIES.values():
        if other.parent == company.domain and is_known(other):
            yield "P355", _named("P355", other.wikidata_id)


def _names(company: Company) -> Iterator[tuple[str, Any]]:
    """By which registers and sites know it."""
    linkedin = company.linkedin_id if company.number("linkedin name", 2) == 1 else company.slug
    known = {
        "P1278": company.lei if company.headcount >= 500 else "",
        "P5531": str(company.cik).zfill(10) if company.cik else "",
        "P2037": company.slug if company.industry in ("saas", "fintech") else "",
        "P2088": company.slug if company.funding_stage else "",
        "P4264": linkedin,
    }
    for number, value in known.items():
        if value:
            yield number, _text(number, value)


# --- the shapes of a statement


def _statement(number: str, data: Item, *, qualifiers: Item | None = None, rank: str = "normal") -> Item:
    digest = hashlib.sha256(f"{number} {data} {qualifiers}".encode()).hexdigest()
    whole: Item = {"mainsnak": _snak(number, data), "type": "statement", "id": f"Q1${digest[:32]}", "rank": rank}
    if qualifiers:
        whole |= {"qualifiers": qualifiers, "qualifiers-order": list(qualifiers)}
    return whole


def _snak(number: str, data: Item) -> Item:
    digest = hashlib.sha256(f"{number} {data}".encode()).hexdigest()[:40]
    return {"snaktype": "value", "property": number, "hash": digest, "datavalue": data}


def _text(number: str, value: str) -> Item:
    return _statement(number, {"value": value, "type": "string"})


def _named(number: str, item: str, *, qualifiers: Item | None = None) -> Item:
    value = {"entity-type": "item", "numeric-id": int(item[1:]), "id": item}
    return _statement(number, {"value": value, "type": "wikibase-entityid"}, qualifiers=qualifiers)


def _time(time: str, precision: int) -> Item:
    """Precision 9 is a year, 11 a day."""
    value = {"time": time, "timezone": 0, "before": 0, "after": 0, "precision": precision, "calendarmodel": CALENDAR}
    return {"value": value, "type": "time"}


def _year_snak(number: str, year: int) -> Item:
    return _snak(number, _time(f"+{year}-00-00T00:00:00Z", 9))
