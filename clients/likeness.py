"""How alike two people are on paper, and when a field flaps. Pure. Likeness proposes; a person decides."""

import itertools
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from unicodedata import combining, normalize

from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from clients import domains

LIKE = 0.9  # Jaro-Winkler: "jon smith" and "john smyth" have 0.92, "ada lee" and "adam leech" 0.88
COMPANY_LIKE = 88  # of 100, of the words in any order
FLIPS, WITHIN = 4, timedelta(minutes=10)
_FORMS = re.compile(
    r"\b(inc|llc|ltd|limited|gmbh|ag|se|sa|sas|bv|nv|plc|corp|corporation|company|co|kg|oy|ab|spa|srl)\b"
)
_NUMBER = re.compile(r"\d+")
_LETTERS = {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "þ": "th"}


def fold(text: str) -> str:
    """Small letters without accents and signs: “Müller,  Søren” → “muller soren”."""
    plain = "".join(_LETTERS.get(letter, letter) for letter in text.casefold())
    bare = "".join(letter for letter in normalize("NFKD", plain) if not combining(letter))
    return " ".join(re.sub(r"[^\w\s]|_", " ", bare).split())


class Person(NamedTuple):
    """Folded once, compared often: the name, the same with its words in order, the registered domain, the company."""

    name: str
    turned: str
    domain: str
    company: str


def person(name: str, domain: str = "", company: str = "") -> Person:
    folded = fold(name)
    return Person(folded, " ".join(sorted(folded.split())), _domain(domain), company_name(company))


def company_name(name: str) -> str:
    """Folded, without its legal form: “Müller & Co. KG” → “muller”."""
    return " ".join(_FORMS.sub(" ", fold(name)).split())


def names_alike(one: Person, other: Person) -> float:
    """0 to 1, in whichever order given name and family name stand; 0 where one is missing or a single word, or where
    they are told apart by a number."""
    if " " not in one.name or " " not in other.name or _NUMBER.findall(one.name) != _NUMBER.findall(other.name):
        return 0.0
    return max(JaroWinkler.similarity(one.name, other.name), JaroWinkler.similarity(one.turned, other.turned))


def same_company(one: Person, other: Person) -> bool:
    """The same registered domain, no mail house; or, where one has no domain, names alike."""
    if one.domain and other.domain:
        return one.domain == other.domain
    return bool(one.company and other.company) and fuzz.token_sort_ratio(one.company, other.company) >= COMPANY_LIKE


def is_similar(one: Person, other: Person) -> bool:
    """The name alone is never enough."""
    return same_company(one, other) and names_alike(one, other) >= LIKE


def is_flapping(said: Sequence[tuple[datetime, str]], now: datetime) -> bool:
    """More than FLIPS changes back to a value that stood before, or on to another, WITHIN the time before `now`."""
    values = [value for at, value in sorted(said) if now - WITHIN <= at <= now]
    flips = sum(before != after for before, after in itertools.pairwise(values))
    return flips > FLIPS


def _domain(text: str) -> str:
    domain = domains.registered(text) if text.strip() else ""
    return "" if domain in domains.PRIVATE_MAIL else domain
