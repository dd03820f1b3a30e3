"""Addresses, numbers and words, each in one spelling."""

import re
import unicodedata
from functools import lru_cache

from clients.mapping.unreadable import Unreadable

YES = frozenset(("1", "true", "yes", "y", "on", "t", "checked", "ja", "oui", "si", "sí"))
NO = frozenset(("0", "false", "no", "n", "off", "f", "unchecked", "nein", "non"))
LONGEST_ADDRESS = 320  # characters that are looked at for an address or a number
_ADDRESS = re.compile(r"""[^\s<>()\[\],;:"@]+@[^\s<>()\[\],;:"@]+""")
_HOST = re.compile(r"[^\s.@/\\]+(?:\.[^\s.@/\\]+)+")
JOINERS = "\u200c\u200d"  # invisible too, but parts of words in Persian and in Indian scripts
QUOTES = "\"'“”„‘’«»`"  # noqa: RUF001 the quotes that people paste


def trimmed(text: str) -> str:
    seen = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cf", "Cc") or sign in JOINERS)
    return " ".join(seen.strip().strip(QUOTES).split())


def email(text: str) -> str:
    """The first address in it; what holds none stays as it is, for the check of identities to refuse in its words."""
    found = _ADDRESS.search(text[:LONGEST_ADDRESS].removeprefix("mailto:").partition("?")[0])
    if found is None and text:
        raise Unreadable(f"“{text[:40]}” is no e-mail address.", kept=text)
    return found[0].rstrip(".") if found else ""


def phone(text: str, country: str) -> str:
    """International, with spaces, as ITU-T E.123 writes it; what is no number stays as it is."""
    if not text:
        return ""
    import phonenumbers  # heavy: a table for every country

    try:
        number = phonenumbers.parse(text[:LONGEST_ADDRESS], country.upper() or None)
    except phonenumbers.NumberParseException:
        hint = "" if country else " If it has no country code, say which country it is from."
        raise Unreadable(f"“{text[:40]}” is no phone number that can be read.{hint}", kept=text) from None
    if not phonenumbers.is_possible_number(number):
        raise Unreadable(f"“{text[:40]}” has too few or too many digits for a phone number.", kept=text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def country_problem(country: str) -> str:
    import phonenumbers

    known = country.upper() in phonenumbers.SUPPORTED_REGIONS
    return "" if known else f"“{country[:10]}” is no country of two letters, like DE or US."


def domain(text: str) -> str:
    """The host of a web address or of an e-mail address, small, without www."""
    rest = text.casefold().partition("://")[2] or text.casefold()
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].removeprefix("www.").rstrip(".")
    if text and not _HOST.fullmatch(host):
        raise Unreadable(f"“{text[:40]}” is no web address.")
    return host


def flag(text: str) -> str:
    if text.casefold() in YES:
        return "true"
    if text and text.casefold() not in NO:
        raise Unreadable(f"“{text[:40]}” is neither yes nor no. Replace it by a table first.")
    return "false" if text else ""


def picked(text: str, table: str) -> str:
    """The word beside it, whatever the case; without one that of “*”, else what it was."""
    words = _table(table)
    if not text or text.casefold() in words:
        return words.get(text.casefold(), "")
    if "*" not in words:
        raise Unreadable(f"“{text[:40]}” does not stand in the table.", kept=text)
    return words["*"]


def picklist_problem(table: str) -> str:
    parts = [part for part in table.split(";") if part.strip()]
    wrong = next((part.strip() for part in parts if not part.partition("=")[0].strip() or "=" not in part), None)
    if wrong is not None:
        return f"“{wrong[:40]}” is no pair. Write what stands there, “=”, and what it becomes."
    twice = len(parts) - len(_table(table))
    return "The same word stands twice on the left. Keep one of the pairs." if twice else ""


@lru_cache(maxsize=1024)
def _table(table: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in table.split(";") if part.strip())
    return {left.strip().casefold(): right.strip() for left, _, right in pairs}
