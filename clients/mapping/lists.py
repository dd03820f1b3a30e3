"""Lists of values, as Pipedrive ({value, label, primary}), Close ({email, type}) or Attio keep them, as one text."""

from collections.abc import Iterator, Mapping

from clients.mapping.paths import text
from clients.mapping.unreadable import Unreadable

MOST = 1000  # entries looked at
MEMBERS = ("value", "email", "phone", "email_address", "phone_number", "url", "domain", "full_name", "name", "title",
           "option", "number", "id")  # fmt: skip
_PRIMARY = ("primary", "is_primary", "isPrimary", "isDefault", "is_default", "default")
_KINDS = ("type", "label", "kind")


def primary(value: object, member: str) -> str:
    """The text of the entry that is marked as the main one, else of the first that has one."""
    if not isinstance(value, list):
        return _text(value, member)
    marked = [each for each in value[:MOST] if _is_primary(each)]
    return next(_texts([*marked, *value[:MOST]], member), "")


def joined(value: object, member: str) -> str:
    """All texts, each once, parted by commas."""
    if isinstance(value, str):
        value = value.replace("\n", ";").split(";")
    entries = value[:MOST] if isinstance(value, list) else [value]
    return ", ".join(dict.fromkeys(found.replace(",", " ") for found in _texts(entries, member)))


def _texts(entries: list[object], member: str) -> Iterator[str]:
    return (found for each in entries if (found := _text(each, member)))


def _is_primary(entry: object) -> bool:
    if not isinstance(entry, Mapping):
        return False
    marks = any(text(entry.get(name)) in ("true", "1") for name in _PRIMARY)
    return marks or any(text(entry.get(name)) == "primary" for name in _KINDS)


def _text(entry: object, member: str) -> str:
    """Of a group of fields, the member that was asked for, else the usual one that holds a text."""
    if not isinstance(entry, Mapping):
        return text(entry) or ""
    if member:
        return text(entry.get(member)) or ""
    found = next((found for name in MEMBERS if (found := text(entry.get(name)))), None)
    if found is None and entry and not any(name in entry for name in MEMBERS):
        raise Unreadable(f"Name the member to read, one of: {', '.join(map(str, list(entry)[:8]))}.")
    return found or ""
