"""Attio: {"webhook_id", "events": [{"event_type": "record.updated", "id": {"object_id", "record_id"}}]}, without values
and moments, so the record has to be asked for. Answers are known by {"data"}: one record or a list, {"id", "values"},
whose values are lists of {"active_from", …}. The header Idempotency-Key is the call's id.

No event says whether its record is a person: an answer that has addresses is one.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from clients import bodies
from clients.canonical import (
    CONTACT_CHANGED,
    CONTACT_DELETED,
    CONTACT_MERGED,
    Entry,
    moment,
    part,
    text,
)
from clients.crm import entries
from clients.crm.entries import Read, of_no_use, read_each, required_id

CALL_ID = "idempotency-key"
EVENTS = {
    "record.created": CONTACT_CHANGED,
    "record.updated": CONTACT_CHANGED,
    "record.deleted": CONTACT_DELETED,
    "record.merged": CONTACT_MERGED,
}
OTHER_EVENT = "“{word}” tells of no record, so nothing was done. Subscribe to record events of people alone."
NO_PERSON = "The record has no list of e-mail addresses, so it is no person, and nothing was done."


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    return read_each(body, headers, partial(_changes, headers.get(CALL_ID, "")), _opened)


def _opened(tree: object) -> list[object]:
    for name in ("events", "data"):
        found = tree.get(name) if isinstance(tree, Mapping) else None
        if isinstance(found, list):
            return found
        if isinstance(found, Mapping):
            return [found]
    return bodies.listed(tree)


def _changes(call_id: str, entry: Mapping[str, Any]) -> Iterable[Entry]:
    word = text(part(entry, "event_type"))
    if not word:
        return [_told_whole(entry)]
    if word not in EVENTS:
        return [of_no_use(OTHER_EVENT.format(word=word[:60]))]
    merged = text(part(entry, "duplicate_record_id")) if word == "record.merged" else ""
    record_id = required_id(part(entry, "id", "record_id"), "id.record_id")
    return [
        Entry(
            EVENTS[word] if merged or word != "record.merged" else CONTACT_CHANGED,
            ext_id=record_id,
            event_id=_key(call_id, entry, record_id),
            merged=(merged,) if merged else (),
            is_thin=word != "record.deleted",
            origin=entries.origin(part(entry, "actor", "type"), part(entry, "actor", "id")),
        )
    ]


def _key(call_id: str, entry: Mapping[str, Any], record_id: str) -> str:
    """A repeated call has the same key. Without one, what is told has no moment either, and each call counts."""
    if not call_id:
        return ""
    told = (text(part(entry, "event_type")), part(entry, "id", "attribute_id"), part(entry, "duplicate_record_id"))
    return entries.key(call_id, record_id, *told)


def _told_whole(record: Mapping[str, Any]) -> Entry:
    values = part(record, "values")
    if not isinstance(values, Mapping) or not isinstance(values.get("email_addresses"), list):
        return of_no_use(NO_PERSON)
    return entries.changed(record, ext_id=text(part(record, "id", "record_id")), occurred_at=_newest(values))


def _newest(values: Mapping[str, Any]) -> datetime | None:
    """Since when the youngest of its values holds."""
    told = [each for value in values.values() if isinstance(value, list) for each in value if isinstance(each, Mapping)]
    since = [found for found in (moment(text(part(each, "active_from"))) for each in told) if found]
    return max(since, default=None)
