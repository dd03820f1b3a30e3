"""Salesforce: the JSON that a Flow or Apex callout posts for a Contact or a Lead, change events (CDC), and answers.

Outbound messages are SOAP: `clients/crm/salesforce_soap.py`. Change events are known by their "ChangeEventHeader",
below the wrappers of whoever relays them ("data", "detail", "payload"). What we asked is known by {"records":
[{"attributes": {"type"}, "Id"}]}; a record among them with "IsDeleted" is gone, and with "MasterRecordId" went into
another.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
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
from clients.troubles import Trouble

ack, is_soap = soap.ack, soap.is_one
without_session = soap.without_session
CHANGES = {
    "CREATE": CONTACT_CHANGED,
    "UPDATE": CONTACT_CHANGED,
    "DELETE": CONTACT_DELETED,
    "UNDELETE": CONTACT_RESTORED,
}
GAP, HEADER = "GAP_", "ChangeEventHeader"
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
        if isinstance(found, Mapping) and isinstance(found.get(HEADER), Mapping):
            return found
    return None


def _changed(event: Mapping[str, Any]) -> list[Entry]:
    header = event[HEADER]
    what, word = text(part(header, "entityName")), text(part(header, "changeType"))
    if what not in OBJECTS:
        return [of_no_use(OTHER_OBJECT.format(what=what[:60] or "without a name"))]
    kind = CHANGES.get(word.removeprefix(GAP))
    ids = entries.texts(part(header, "recordIds"))
    if word == "GAP_OVERFLOW" or (kind is not None and (not ids or any("*" in each for each in ids))):
        return [of_no_use(MANY.format(kind=word))]
    if kind is None:
        raise Unusable(
            f"“{word[:60]}” is not a kind of change. Send Salesforce's change event unchanged.", Trouble.UNKNOWN_KIND
        )
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
    fields = _fields(event)
    listed = [*entries.texts(part(header, "changedFields")), *entries.texts(part(header, "nulledFields"))]
    if not listed:
        return fields
    named = {each for each in listed if not each.startswith("0x")}
    named |= {piece for each in named for piece in each.split(".")}
    return {name: _members(name, value, named) for name, value in fields.items() if value is not None or name in named}


def _fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """A Name with parts is told as its parts: Salesforce writes FirstName and LastName alone everywhere else."""
    name = event.get("Name")
    parts = dict(name) if isinstance(name, Mapping) else {}
    left_out = {HEADER, "Name"} if parts else {HEADER}
    return {each: value for each, value in event.items() if each not in left_out} | parts


def _members(name: str, value: object, named: Collection[str]) -> object:
    """Of a field with parts, like an address, those that are told."""
    if not isinstance(value, Mapping):
        return value
    return {each: said for each, said in value.items() if said is not None or f"{name}.{each}" in named}


def _event_key(header: Mapping[str, Any], record_id: str) -> str:
    transaction = text(part(header, "transactionKey"))
    told = (part(header, "sequenceNumber"), part(header, "changeType"), record_id)
    return entries.key(transaction, *told) if transaction else ""


def _of_record(record: Mapping[str, Any], *, event_id: str = "", named: str = "") -> list[Entry]:
    """What a record says of itself; `named` is its object where its fields do not tell."""
    ext_id = full_id(text(part(record, "Id")))
    what = kind_of_object(text(part(record, "attributes", "type")) or named, ext_id)
    if what not in OBJECTS.values():
        return [of_no_use(OTHER_OBJECT.format(what=what[:60]))]
    at = moment(next(filter(None, (part(record, name) for name in MODIFIED)), None))
    about: dict[str, Any] = {
        "object_type": what, "occurred_at": at, "origin": entries.origin(part(record, "LastModifiedById")),
    }  # fmt: skip
    if _is_true(part(record, "IsDeleted")):
        return [_gone(record, ext_id, event_id, about)]
    told = [entries.changed(record, ext_id=ext_id, event_id=event_id, **about)]
    contact = full_id(text(part(record, "ConvertedContactId")))
    return [*told, _converted(contact, event_id, at)] if contact else told


def _gone(record: Mapping[str, Any], ext_id: str, event_id: str, about: Mapping[str, Any]) -> Entry:
    """Deleted, or merged into another record of its kind."""
    master = full_id(text(part(record, "MasterRecordId")))
    if not master:
        return Entry(CONTACT_DELETED, ext_id=ext_id, event_id=event_id, **about)
    return Entry(CONTACT_MERGED, ext_id=master, merged=(ext_id,), event_id=event_id, is_thin=True, **about)


def _converted(contact: str, event_id: str, at: datetime | None) -> Entry:
    """The Contact that a Lead became: another record, with the same address, which has to be asked for."""
    key = f"{event_id}:converted" if event_id else ""
    return Entry(CONTACT_CHANGED, ext_id=contact, event_id=key, occurred_at=at, is_thin=True)


def _is_true(value: object) -> bool:
    return value is True or text(value).casefold() == "true"
