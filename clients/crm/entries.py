"""What all CRMs' readers do alike: each entry of a body has its own fate, and keys of what only several fields tell
apart."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from clients import bodies
from clients.canonical import CONTACT_CHANGED, OF_NO_USE, Entry, Unusable, moment, seconds, text

Read = list[Entry | Unusable]
Changes = Callable[[Mapping[str, Any]], Iterable[Entry]]
ORIGIN_AT_MOST = 120
NOTHING_THERE = "The answer holds no records, so nothing was done."
REPEATED = "The name “{name}” stands twice in one object, with different values. The last one counts."


def read_each(
    body: bytes,
    headers: Mapping[str, str],
    changes: Changes,
    opened: Callable[[object], Sequence[object]] = bodies.listed,
) -> Read:
    """The changes that `changes` finds in each object of the body; one that it cannot read stands as its Unusable.

    `opened` takes the objects out of the parsed body. Raises Unusable where nobody can read the body.
    """
    found = bodies.parsed(body, headers)
    objects = opened(found.tree)
    if not objects:
        return [of_no_use(NOTHING_THERE)]
    read: Read = []
    for each in objects:
        read += _read_one(each, changes)
    return read + [of_no_use(REPEATED.format(name=name[:60])) for name in found.repeated[:3]]


def _read_one(each: object, changes: Changes) -> Read:
    try:
        return list(changes(bodies.checked(each)))
    except Unusable as unusable:
        return [unusable]


def of_no_use(why: str) -> Entry:
    return Entry(OF_NO_USE, why=why)


def key(*parts: object) -> str:
    """SHA-256 (hex) over the JSON of `parts`."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def origin(*parts: object) -> str:
    """Who made a change, as the CRM tells it: what is not blank, with spaces between."""
    return " ".join(filter(None, map(text, parts)))[:ORIGIN_AT_MOST]


def required_id(value: object, field: str) -> str:
    """The id of a record. Raises Unusable."""
    found = text(value)
    if not found or len(found) > 200:
        raise Unusable(
            f"The field {field} is missing, and a record is known by it. Send the CRM's own body, unchanged."
        )
    return found


def changed(fields: Mapping[str, Any], **what: Any) -> Entry:
    return Entry(CONTACT_CHANGED, fields=fields, **what)


def texts(values: object) -> tuple[str, ...]:
    """The ids in a list, or in one text parted by semicolons; each once, in their order."""
    found = values.split(";") if isinstance(values, str) else values
    return tuple(dict.fromkeys(filter(None, map(text, found)))) if isinstance(found, Sequence) else ()


def when(value: object) -> datetime | None:
    """As `canonical.moment`, and seconds since 1970 too, which have fewer digits. Raises Unusable."""
    digits = text(value)
    return seconds(value) if digits.isascii() and digits.isdigit() and len(digits) <= 11 else moment(value)
