"""Small truths of English, and the choice among phrasings. Pure."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date

SAID_WITH_CONSONANT = re.compile(r"(?:uni|use|user|eu|one\b|once\b|us\b|uk\b)", re.IGNORECASE)
VOWEL_LETTERS = "AEFHILMNORSX"  # letters whose names begin with a vowel, for abbreviations


def number_of(*parts: str) -> int:
    """The same parts, the same number, in every process."""
    return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:8])


def pick(options: Sequence[str], *seed: str) -> str:
    return options[number_of(*seed) % len(options)]


def rotated(items: Sequence[str], *seed: str) -> list[str]:
    start = number_of(*seed) % len(items) if items else 0
    return [*items[start:], *items[:start]]


def avoided(text: str, terms: Iterable[str]) -> list[str]:
    """The terms that stand in the text as whole words."""
    plain = " ".join(text.casefold().split())
    wanted = {term: " ".join(term.casefold().split()) for term in terms}
    near = {term: words for term, words in wanted.items() if words and words in plain}  # most are ruled out by this
    return [term for term, words in near.items() if re.search(rf"(?<!\w){re.escape(words)}(?!\w)", plain)]


def a(noun: str) -> str:
    """The noun with its article: "a CFO", "an HR Director", "an 8-minute call"."""
    return f"{'an' if _sounds_vowel(noun) else 'a'} {noun}"


def _sounds_vowel(noun: str) -> bool:
    first = re.split(r"[\s-]", noun, maxsplit=1)[0]
    if first.isupper() and len(first) <= 4:
        return first[0] in VOWEL_LETTERS
    if re.match(r"(?:8\d*|11|18)$", first):
        return True
    return bool(re.match(r"[aeiou]", first, re.IGNORECASE)) and not SAID_WITH_CONSONANT.match(first)


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Lower case, but not for an abbreviation, a figure or "I"."""
    first = text.split(" ", 1)[0].rstrip(",.:;")
    return text if first == "I" or sum(map(str.isupper, first)) > 1 else text[:1].lower() + text[1:]


def begins_with_name(text: str, name: str) -> bool:
    """Does the text begin with this name, or with its first word as people shorten it?"""
    first = name.split()[:1]
    return bool(first) and text.split()[:1] == first


def sentence(text: str) -> str:
    """Capital first, one stop at the end, single blanks."""
    plain = " ".join(text.split())
    return upper_first(plain if plain.endswith((".", "?", "!", ".”")) else f"{plain}.")


def bare(text: str) -> str:
    return " ".join(text.split()).rstrip(".!;, ")


def listed(parts: Sequence[str]) -> str:
    """a, b and c"""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def day(iso: str, *, with_year: bool = False) -> str:
    """ "2026-10-06…" → "6 October", or an empty text when it is no date."""
    try:
        on = date.fromisoformat(iso[:10])
    except ValueError:
        return ""
    return f"{on.day} {on:%B}" + (f" {on.year}" if with_year else "")


def month(iso: str) -> str:
    """ "2026-10-06…" → "October 2026", or an empty text when it is no date."""
    try:
        return f"{date.fromisoformat(iso[:10]):%B %Y}"
    except ValueError:
        return ""


def spoken(name: str) -> str:
    """regulatory_compliance → regulatory compliance"""
    return bare(name.replace("_", " "))


def verb(noun: str, singular: str, plural: str) -> str:
    return plural if re.search(r"[^s]s$", noun) and not noun.endswith(("ness", "ics")) else singular


def words(text: str) -> int:
    return len(text.split())
