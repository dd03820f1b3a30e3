"""An invented, coherent world of companies, which every stand-in tells of in its own words; domains end in `.example`.

`companies/*.json` holds one file an industry. What a source does not know, knows late or knows otherwise is said there:
`unknown_to` names sources, `seen_by` holds the values that a source has instead of the true ones. Numbers and names by
which a company is known to registers are made from its domain, so that every stand-in says the same.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

FOLDER = Path(__file__).parent / "companies"


@dataclass(frozen=True)
class Person:
    first_name: str
    last_name: str
    title: str


@dataclass(frozen=True)
class News:
    on: date
    title: str
    summary: str
    outlet: str


@dataclass(frozen=True)
class Company:
    """`industry` is our industry template's key, `vendor_industry` the data vendor's word. Money in US dollars."""

    domain: str
    name: str
    industry: str
    vendor_industry: str
    city: str
    region: str
    country: str
    headcount: int
    founded: int
    tags: tuple[str, ...]
    technologies: tuple[str, ...]
    people: tuple[Person, ...]
    news: tuple[News, ...]
    funding_total_usd: int | None = None
    funding_stage: str = ""
    funding_date: date | None = None
    funding_rounds: int = 0
    unknown_to: frozenset[str] = frozenset()
    revenue_usd: int | None = None
    ticker: str = ""
    parent: str = ""
    seen_by: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return self.domain.removesuffix(".example")

    def number(self, register: str, most: int) -> int:
        """The company's number in a register, 1 to `most`; the same on every day."""
        digest = hashlib.sha256(f"{register} {self.domain}".encode()).hexdigest()
        return 1 + int(digest[:15], 16) % most

    @property
    def cik(self) -> int | None:
        """The SEC's number; only who is listed has one."""
        return self.number("cik", 1_999_999) if self.ticker else None

    @property
    def wikidata_id(self) -> str:
        return f"Q{self.number('wikidata', 129_999_999)}"

    @property
    def linkedin_id(self) -> str:
        return str(self.number("linkedin", 99_999_999))

    @property
    def lei(self) -> str:
        """Eighteen letters and digits, and the two check digits of ISO 7064 (97-10)."""
        stem = hashlib.sha256(f"lei {self.domain}".encode()).hexdigest()[:18].upper()
        rest = int("".join(str(int(each, 36)) for each in f"{stem}00")) % 97
        return f"{stem}{98 - rest:02d}"

    def as_seen_by(self, party: str) -> "Company":
        """What that party holds to be true. Keys of `seen_by` that are no fields are its own affair."""
        names = {each.name for each in fields(self)}
        seen = {name: value for name, value in self.seen_by.get(party, {}).items() if name in names}
        if isinstance(seen.get("funding_date"), str):
            seen["funding_date"] = date.fromisoformat(seen["funding_date"])
        return replace(self, **seen)


def _person(text: str) -> Person:
    name, _, title = text.partition(", ")
    first_name, _, last_name = name.partition(" ")
    return Person(first_name, last_name, title)


def _news(told: Mapping[str, str]) -> News:
    return News(date.fromisoformat(told["on"]), told["title"], told["summary"], told["outlet"])


def _company(industry: str, told: dict[str, Any]) -> Company:
    city, region, country = told.pop("place").split(", ")
    total, stage, on, rounds = told.pop("funding", (None, "", None, 0))
    return Company(
        industry=industry,
        city=city,
        region=region,
        country=country,
        funding_total_usd=total,
        funding_stage=stage,
        funding_date=date.fromisoformat(on) if on else None,
        funding_rounds=rounds,
        tags=tuple(told.pop("tags")),
        technologies=tuple(told.pop("technologies")),
        people=tuple(map(_person, told.pop("people"))),
        news=tuple(map(_news, told.pop("news"))),
        unknown_to=frozenset(told.pop("unknown_to", ())),
        **told,
    )


def _load() -> dict[str, Company]:
    found = {}
    for file in sorted(FOLDER.glob("*.json")):
        for told in json.loads(file.read_text(encoding="utf-8")):
            company = _company(file.stem, told)
            found[company.domain] = company
    return found


COMPANIES: Mapping[str, Company] = MappingProxyType(_load())
