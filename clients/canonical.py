"""What outside parties say, in our words: every party's `parse` gives an `Incoming` for one entry of a body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

CONTACT_CHANGED = "contact_changed"
CONTACT_DELETED, CONTACT_RESTORED = "contact_deleted", "contact_restored"
CONTACT_MERGED, CONTACT_ERASED = "contact_merged", "contact_erased"
CONTACT_KINDS = (CONTACT_CHANGED, CONTACT_DELETED, CONTACT_RESTORED, CONTACT_MERGED, CONTACT_ERASED)
OF_NO_USE = "of_no_use"  # understood, and nothing follows from it: a note on the delivery, no quarantine
CONTACT_ID = "contact_id"  # in an outcome's payload: the CRM's id of the contact
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=5)  # how far a sender's clock may run ahead of ours


class Unusable(Exception):
    """An entry that cannot become an event; the message says why and what would help."""


@dataclass(frozen=True)
class Entry:
    """One change in a CRM's body as its envelope tells it, before the client's mapping.

    `fields` is the tree that the mapping's paths are read in: what is not in it was not said. `ext_id` is the CRM's id
    of the record, "" where the body has none; `merged` are ids that it stands for from now on. `is_partial`: the entry
    names only what changed. `is_thin`: the record has to be asked for. `origin` says who made the change there
    ("INTEGRATION 12345"). `why` is for OF_NO_USE.
    """

    kind: str = CONTACT_CHANGED
    fields: Mapping[str, Any] = field(default_factory=dict)
    object_type: str = "contact"
    ext_id: str = ""
    event_id: str = ""
    occurred_at: datetime | None = None
    merged: tuple[str, ...] = ()
    is_thin: bool = False
    is_partial: bool = False
    origin: str = ""
    why: str = ""


@dataclass(frozen=True)
class Incoming:
    """One change in our words. `payload` has canonical fields only, "" where the change clears one; `event_id` is the
    sender's own, "" where it gives none. The rest is as the Entry has it."""

    kind: str
    payload: Mapping[str, str]
    event_id: str = ""
    occurred_at: datetime | None = None
    object_type: str = "contact"
    ext_id: str = ""
    merged: tuple[str, ...] = ()
    is_thin: bool = False
    origin: str = ""


def text(value: object) -> str:
    """A field's text; missing, null and whatever is no text or number is blank."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(str(value).split())


def domain(value: object) -> str:
    """The host that a web address names, in small letters, without www."""
    host = text(value).casefold().partition("://")[2] or text(value).casefold()
    return host.split("/")[0].split("?")[0].split(":")[0].removeprefix("www.")


def part(entry: Mapping[str, Any], *path: str) -> object:
    """The value at the end of `path`, None where any part of the way is missing or null."""
    here: object = entry
    for name in path:
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def moment(value: object) -> datetime | None:
    """ISO 8601 (UTC where it names no zone) or milliseconds since 1970; None where blank. Raises Unusable."""
    if value is None or value == "":
        return None
    try:
        return _moment(value)
    except (ValueError, OverflowError, OSError, TypeError):
        raise Unusable(
            f"“{str(value)[:60]}” is not a point in time. Send it like 2026-11-16T09:30:00Z, or leave it out."
        ) from None


def seconds(value: object) -> datetime | None:
    """Seconds since 1970, with or without a fraction; None where blank. Raises Unusable."""
    digits = text(value)
    if value is None or value == "":
        return None
    try:
        return datetime.fromtimestamp(float(digits), tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise Unusable(
            f"“{str(value)[:60]}” is not a point in time. Send the seconds since 1970, or leave it out."
        ) from None


def _moment(value: object) -> datetime:
    digits = str(value)
    if digits.isascii() and digits.isdigit() and len(digits) >= 12:
        found = datetime.fromtimestamp(int(digits) / 1000, tz=UTC)
    elif isinstance(value, str):
        found = datetime.fromisoformat(value.strip())
    else:
        raise TypeError(value)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC)


def believable(occurred_at: datetime | None, received_at: datetime) -> datetime:
    """A sender's clock is not trusted beyond our own: what lies in the future, or decades back, happened on arrival."""
    if occurred_at is None or not EARLIEST <= occurred_at <= received_at + SKEW:
        return received_at
    return occurred_at
