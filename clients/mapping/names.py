"""Names of people. What cannot be split safely stays whole."""

import re
import unicodedata
from collections.abc import Mapping

from clients.mapping.paths import text
from clients.mapping.unreadable import Unreadable

LONGEST = 200  # characters
PARTICLES = frozenset(
    ("af", "al", "bin", "da", "dal", "das", "de", "degli", "dei", "del", "della", "den", "der", "di", "do", "dos", "du",
     "el", "la", "le", "ter", "van", "vom", "von", "zu", "zum", "zur", "y")
)  # fmt: skip
HONORIFICS = frozenset(
    ("dr", "prof", "mr", "mrs", "ms", "mx", "miss", "sir", "dame", "herr", "frau", "hr", "fr", "mme", "mlle", "sr",
     "sra", "ing", "mag", "dipl.-ing")
)  # fmt: skip
SUFFIXES = frozenset(("jr", "sr", "ii", "iii", "iv", "phd", "ph.d", "md", "mba", "esq", "cpa"))
COMPANIES = frozenset(
    ("ab", "ag", "as", "bv", "co", "company", "corp", "corporation", "gbr", "gmbh", "group", "holding", "inc", "kg",
     "limited", "llc", "llp", "ltd", "nv", "oy", "plc", "pty", "sa", "sarl", "sas", "se", "solutions", "spa", "srl",
     "team", "ug", "university")
)  # fmt: skip
WHOLE = ("full_name", "fullName", "Name", "name", "display_name")
PARTS = (("first_name", "last_name"), ("firstName", "lastName"), ("FirstName", "LastName"), ("firstname", "lastname"))
_SPLITTABLE = re.compile(r"[^\d@/\\&+|]+")


def title_case(name: str) -> str:
    """Of what is written all in capitals or all small; what has both was written with care."""
    if name != name.upper() and name != name.lower():
        return name
    words = name.lower().split(" ")
    return " ".join(word if number and word in PARTICLES else _capital(word) for number, word in enumerate(words))


def full(value: object) -> str:
    """ "Lee, Ada" turned round; a group of fields joined; of a list, the first entry."""
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, Mapping):
        return _of_group(value)
    found = text(value)
    if found is None:
        raise Unreadable("It is no name.")
    return " ".join(_in_order(found)) if found.count(",") == 1 and not _is_whole(found) else found


def first(name: str) -> str:
    return " ".join(_split(name)[0])


def last(name: str) -> str:
    """ "" of a name of one word."""
    return " ".join(_split(name)[1])


def _capital(word: str) -> str:
    parts = re.split("([-'\u2019])", word)
    return "".join(part[:1].upper() + part[1:] for part in parts)


def _of_group(group: Mapping[object, object]) -> str:
    whole = next((found for name in WHOLE if (found := text(group.get(name)))), "")
    pairs = (" ".join(filter(None, (text(group.get(name)) for name in pair))) for pair in PARTS)
    found = whole or next(filter(None, pairs), "")
    if not found and group:
        raise Unreadable("The group of fields has no name in it. Name the field that is meant, after a dot.")
    return found


def _in_order(name: str) -> list[str]:
    before, _, after = (part.strip() for part in name.partition(","))
    is_suffix = after.rstrip(".").casefold() in SUFFIXES
    return before.split() if is_suffix or not after else [*after.split(), *before.split()]


def _split(name: str) -> tuple[list[str], list[str]]:
    """The first names and the last. Raises Unreadable."""
    if _is_whole(name):
        raise Unreadable("It cannot be split into first and last name safely, so it stays whole.")
    words = [word for word in _in_order(name) if word.rstrip(".").casefold() not in HONORIFICS]
    while len(words) > 2 and words[-1].strip(".,").casefold() in SUFFIXES:
        words.pop()
    if len(words) < 2:
        return words, []
    start = next((at for at in range(1, len(words) - 1) if words[at].casefold() in PARTICLES), len(words) - 1)
    return words[:start], words[start:]


def _is_whole(name: str) -> bool:
    """Long, with signs that no name has, like a company's, or in a script whose names have no space."""
    words = {word.strip(".,").casefold() for word in name.split()}
    if len(name) > LONGEST or name.count(",") > 1 or words & COMPANIES or (name and not _SPLITTABLE.fullmatch(name)):
        return True
    return any(unicodedata.name(sign, "").startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL")) for sign in name)
