"""Dynamics 365 (Dataverse): the RemoteExecutionContext of a webhook step, and answers of its Web API.

{"MessageName": "Update", "PrimaryEntityName": "contact", "PrimaryEntityId", "InputParameters": [{"key": "Target",
"value": {"Attributes": [{"key", "value"}]}}], "PostEntityImages", "OperationCreatedOn": "/Date(ms)/"}. The pairs become
{name: value} under their own names, the step's post image below what changed, as the Web API writes them. Above 256 kB
the parts with values are left out, and the record has to be asked for. Answers are known by {"value": […]} or by
"contactid" or "leadid".
"""

import re
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
    Unusable,
    moment,
    part,
    text,
)
from clients.crm import entries
from clients.crm.entries import Read, of_no_use, read_each, required_id

TOO_LONG = "x-ms-dynamics-msg-size-exceeded"
ENTITIES = {"contact": "contact", "lead": "lead"}
WORDS = ("Create", "Update", "Upsert", "Assign", "SetState", "SetStateDynamicEntity", "Delete", "Merge")
DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
OTHER_OBJECT = "It tells of the table {what}, neither of contacts nor of leads, so nothing was done."
OTHER_WORD = "The message “{word}” changes no field of a contact, so nothing was done."
NO_SUBORDINATE = "The merge does not say what went into the record (SubordinateId). Send the step's body unchanged."
FORMATTED = "{name}@OData.Community.Display.V1.FormattedValue"


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    return read_each(body, headers, partial(_changes, TOO_LONG in headers), _opened)


def _opened(tree: object) -> list[object]:
    found = tree.get("value") if isinstance(tree, Mapping) and "MessageName" not in tree else None
    return found if isinstance(found, list) else bodies.listed(tree)


def _changes(is_cut: bool, entry: Mapping[str, Any]) -> Iterable[Entry]:  # noqa: FBT001 - partial fills it in
    if "MessageName" not in entry:
        return [_told_whole(entry)]
    what, word = text(part(entry, "PrimaryEntityName")), text(part(entry, "MessageName"))
    if what not in ENTITIES:
        return [of_no_use(OTHER_OBJECT.format(what=what[:60] or "without a name"))]
    if word not in WORDS:
        return [of_no_use(OTHER_WORD.format(word=word[:60]))]
    return [_executed(entry, word, ENTITIES[what], is_cut=is_cut)]


def _executed(entry: Mapping[str, Any], word: str, what: str, *, is_cut: bool) -> Entry:
    target, kind = _pairs(part(entry, "InputParameters")).get("Target"), _kind(word)
    ext_id = required_id(_guid(part(entry, "PrimaryEntityId")) or _guid(_of(target, "Id")), "PrimaryEntityId")
    gone = _guid(_pairs(part(entry, "InputParameters")).get("SubordinateId")) if kind == CONTACT_MERGED else ""
    fields = _fields(entry, target) if kind == CONTACT_CHANGED else {}
    if kind == CONTACT_MERGED and not gone:
        raise Unusable(NO_SUBORDINATE)
    return Entry(
        kind,
        fields=fields,
        object_type=what,
        ext_id=ext_id,
        event_id=_key(entry, ext_id),
        occurred_at=_moment(part(entry, "OperationCreatedOn")),
        merged=(gone,) if gone else (),
        is_thin=kind == CONTACT_MERGED or (kind == CONTACT_CHANGED and (is_cut or not fields)),
        origin=entries.origin("user", part(entry, "InitiatingUserId") or part(entry, "UserId")),
    )


def _kind(word: str) -> str:
    return {"Delete": CONTACT_DELETED, "Merge": CONTACT_MERGED}.get(word, CONTACT_CHANGED)


def _key(entry: Mapping[str, Any], ext_id: str) -> str:
    operation = text(part(entry, "OperationId"))
    is_told = operation.strip("0-") != ""  # a step that is not stored has an id of zeros
    return entries.key(operation, text(part(entry, "MessageName")), ext_id) if is_told else ""


def _fields(entry: Mapping[str, Any], target: object) -> dict[str, Any]:
    """The record as its post image has it, if the step was registered with one, and what changed above it."""
    found: dict[str, Any] = {}
    for image in (*_pairs(part(entry, "PostEntityImages")).values(), target):
        found |= _pairs(_of(image, "Attributes"))
        shown = _pairs(_of(image, "FormattedValues"))
        found |= {FORMATTED.format(name=name): value for name, value in shown.items()}
    return found


def _pairs(told: object) -> dict[str, Any]:
    """{key: value} of a list of {"key", "value"}."""
    found = [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []
    return {text(each.get("key")): each.get("value") for each in found}


def _of(value: object, name: str) -> object:
    return part(value, name) if isinstance(value, Mapping) else None


def _guid(value: object) -> str:
    return text(value).strip("{}").casefold()


def _moment(value: object) -> datetime | None:
    """/Date(1506409448000-0700)/: milliseconds since 1970 in UTC; what follows them is only how it was shown."""
    found = DATE.fullmatch(text(value))
    return moment(found[1].zfill(12)) if found else moment(value)


def _told_whole(record: Mapping[str, Any]) -> Entry:
    what = "lead" if "leadid" in record else "contact"
    at, ext_id = _moment(part(record, "modifiedon")), _guid(part(record, f"{what}id"))
    origin = entries.origin("user" if "_modifiedby_value" in record else "", part(record, "_modifiedby_value"))
    return entries.changed(record, object_type=what, ext_id=ext_id, occurred_at=at, origin=origin)
