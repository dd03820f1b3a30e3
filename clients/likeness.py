"""How alike two people are on paper, and when a field flaps. Pure. Likeness proposes; a person decides."""

import itertools
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
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
_LETTERS = {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "þ": "th"}


def fold(text: str) -> str:
    """Small letters without accents and signs: “Müller,  Søren” → “muller soren”."""
    plain = "".join(_LETTERS.get(letter, letter) for letter in text.casefold())
    bare = "".join(letter for letter in normalize("NFKD", plain) if not combining(letter))
    return " ".join(re.sub(r"[^\w\s]|_", " ", bare).split())


def names_alike(one: str, other: str) -> float:
    """0 to 1, in whichever order given name and family name stand; 0 where one is missing or a single word."""
    left, right = fold(one), fold(other)
    if len(left.split()) < 2 or len(right.split()) < 2:
        return 0.0
    turned = " ".join(sorted(left.split())), " ".join(sorted(right.split()))
    return max(JaroWinkler.similarity(left, right), JaroWinkler.similarity(*turned))


def same_company(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Each is (domain, name). The same registered domain, no mail house; or, where one has no domain, names alike."""
    mine, theirs = _domain(one[0]), _domain(other[0])
    if mine and theirs:
        return mine == theirs
    left, right = _company(one[1]), _company(other[1])
    return bool(left and right) and fuzz.token_sort_ratio(left, right) >= COMPANY_LIKE


def is_similar(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    """Each is (name, company's domain, company's name). The name alone is never enough."""
    return same_company(one[1:], other[1:]) and names_alike(one[0], other[0]) >= LIKE


def is_flapping(said: Sequence[tuple[datetime, str]], now: datetime) -> bool:
    """More than FLIPS changes back to a value that stood before, or on to another, WITHIN the time before `now`."""
    values = [value for at, value in sorted(said) if now - WITHIN <= at <= now]
    flips = sum(before != after for before, after in itertools.pairwise(values))
    return flips > FLIPS


def _domain(text: str) -> str:
    domain = domains.registered(text) if text.strip() else ""
    return "" if domain in domains.PRIVATE_MAIL else domain


def _company(name: str) -> str:
    return " ".join(_FORMS.sub(" ", fold(name)).split())
