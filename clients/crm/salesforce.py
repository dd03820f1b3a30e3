"""Salesforce: the JSON that a Flow or Apex callout posts for a Contact or a Lead, change events (CDC), and answers.

Outbound messages are SOAP: `clients/crm/salesforce_soap.py`. Change events are known by their "ChangeEventHeader",
below the wrappers of whoever relays them ("data", "detail", "payload"). What we asked is known by {"records":
[{"attributes": {"type"}, "Id"}]}; a record among them with "IsDeleted" is gone, and with "MasterRecordId" went into
another.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from clients import bodies
from clients.canonical import (
    CONTACT_CHANGED,
    CONTACT_DELETED,
    CONTACT_MERGED,
    CONTACT_RESTORED,
    Entry,
    Unusable,
    moment,
    part,
    text,
)
from clients.crm import entries
from clients.crm import salesforce_soap as soap
from clients.crm.entries import Read, of_no_use, read_each
from clients.crm.salesforce_ids import OBJECTS, full_id, kind_of_object

ack = soap.ack
without_session = soap.without_session
CHANGES = {
    "CREATE": CONTACT_CHANGED,
    "UPDATE": CONTACT_CHANGED,
    "DELETE": CONTACT_DELETED,
    "UNDELETE": CONTACT_RESTORED,
}
GAP = "GAP_"
MODIFIED = ("SystemModstamp", "LastModifiedDate")
OTHER_OBJECT = "It tells of the object {what}, neither of a Contact nor of a Lead, so nothing was done."
MANY = "Salesforce says that many records changed and names none (“{kind}”). They come in with the next comparison."


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    if soap.is_one(body):
        return soap.read(body, _of_record)
    return read_each(body, headers, _changes, _opened)


def organization(body: bytes) -> str:
    """The Salesforce organization (18 characters) that the body comes from; empty where it does not say."""
    try:
        found = soap.organization(body) if soap.is_one(body) else _named(bodies.entries(body))
        return full_id(found) if found else ""
    except Unusable:
        return ""


def _named(found: list[Any]) -> str:
    named = {text(each.get("OrganizationId")) for each in found if isinstance(each, Mapping)}
    return named.pop() if len(named) == 1 else ""


def _opened(tree: object) -> list[object]:
    records = part(tree, "records") if isinstance(tree, Mapping) else None
    return records if isinstance(records, list) else bodies.listed(tree)


def _changes(entry: Mapping[str, Any]) -> Iterable[Entry]:
    event = _event(entry)
    return _changed(event) if event is not None else _of_record(entry)


def _event(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The change event, without what its relay put around it."""
    for path in ((), ("payload",), ("data", "payload"), ("detail", "payload"), ("detail",), ("data",)):
        found = part(entry, *path) if path else entry
        if isinstance(found, Mapping) and isinstance(found.get("ChangeEventHeader"), Mapping):
            return found
    return None


def _changed(event: Mapping[str, Any]) -> list[Entry]:
    header = event["ChangeEventHeader"]
    what, word = text(part(header, "entityName")), text(part(header, "changeType"))
    if what not in OBJECTS:
        return [of_no_use(OTHER_OBJECT.format(what=what[:60] or "without a name"))]
    kind = CHANGES.get(word.removeprefix(GAP))
    ids = entries.texts(part(header, "recordIds"))
    if word == "GAP_OVERFLOW" or (kind is not None and (not ids or any("*" in each for each in ids))):
        return [of_no_use(MANY.format(kind=word))]
    if kind is None:
        raise Unusable(f"“{word[:60]}” is not a kind of change. Send Salesforce's change event unchanged.")
    gap = word.startswith(GAP)
    fields = {} if gap or kind != CONTACT_CHANGED else _said(event, header)
    return [
        Entry(
            kind,
            fields=fields,
            object_type=OBJECTS[what],
            ext_id=full_id(each),
            event_id=_event_key(header, each),
            occurred_at=moment(part(header, "commitTimestamp")),
            is_thin=kind == CONTACT_RESTORED or (gap and kind != CONTACT_DELETED),
            is_partial=word == "UPDATE",
            origin=entries.origin(part(header, "changeOrigin"), part(header, "commitUser")),
        )
        for each in ids
    ]


def _said(event: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the change is about. A relay may write out all fields, those that did not change as null; then
    the header tells them from those that were emptied. It may do so in hexadecimal masks, which are no names."""
    fields = {name: value for name, value in event.items() if name != "ChangeEventHeader"}
    listed = [*entries.texts(part(header, "changedFields")), *entries.texts(part(header, "nulledFields"))]
    if not listed:
        return fields
    named = {each.partition(".")[0] for each in listed if not each.startswith("0x")}
    return {name: value for name, value in fields.items() if value is not None or name in named}


def _event_key(header: Mapping[str, Any], record_id: str) -> str:
    transaction = text(part(header, "transactionKey"))
    return entries.key(transaction, part(header, "sequenceNumber"), record_id) if transaction else ""


def _of_record(record: Mapping[str, Any], *, event_id: str = "", named: str = "") -> list[Entry]:
    """What a record says of itself; `named` is its object where its fields do not tell. A Lead that became a Contact,
    and a record that went into another, are told a second time, as that."""
    what = kind_of_object(text(part(record, "attributes", "type")) or named, text(part(record, "Id")))
    if what not in OBJECTS.values():
        return [of_no_use(OTHER_OBJECT.format(what=what[:60]))]
    ext_id = full_id(text(part(record, "Id")))
    at = moment(next(filter(None, (part(record, name) for name in MODIFIED)), None))
    about: dict[str, Any] = {
        "object_type": what, "occurred_at": at, "origin": entries.origin(part(record, "LastModifiedById")),
    }  # fmt: skip
    merged = _went_into(record, ext_id, event_id, about)
    if not _is_true(part(record, "IsDeleted")):
        return [entries.changed(record, ext_id=ext_id, event_id=event_id, **about), *merged]
    return merged or [Entry(CONTACT_DELETED, ext_id=ext_id, event_id=event_id, **about)]


def _went_into(record: Mapping[str, Any], ext_id: str, event_id: str, about: Mapping[str, Any]) -> list[Entry]:
    """A Lead's ConvertedContactId is a Contact's id, so this merge is of two kinds of record; ids tell them apart."""
    contact, master = (full_id(text(part(record, name))) for name in ("ConvertedContactId", "MasterRecordId"))
    survivor = contact or master
    if not survivor or not ext_id or survivor == ext_id:
        return []
    said = {**about, "object_type": "contact"} if contact else about
    key = f"{event_id}:merged" if event_id else ""
    return [Entry(CONTACT_MERGED, ext_id=survivor, merged=(ext_id,), event_id=key, is_thin=True, **said)]


def _is_true(value: object) -> bool:
    return value is True or text(value).casefold() == "true"
