"""Meetings in HubSpot (object 0-47), as a workflow or the API tells them: {"id", "properties": {"hs_meeting_outcome",
"hs_meeting_start_time"}}, the same flat, and whom the meeting is with: `email`, `contact.email`, `contacts[].email`, or
the same below their `properties`. One that names contacts by their id only is known by the first of them.
"""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, Unusable, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, kind_of

OUTCOMES = {
    "": telling.MEETING_BOOKED,
    "SCHEDULED": telling.MEETING_BOOKED,
    "COMPLETED": telling.MEETING_BOOKED,
    "NO_SHOW": telling.MEETING_BOOKED,  # it was booked, and nobody was told that it was cancelled
    "RESCHEDULED": telling.MEETING_MOVED,
    "CANCELED": telling.MEETING_CANCELLED,
    "CANCELLED": telling.MEETING_CANCELLED,
}
MARKS = ("hs_meeting_outcome", "hs_meeting_start_time")
MODIFIED = ("hs_lastmodifieddate", "lastmodifieddate", "hs_createdate")
IDS = ("objectId", "hs_object_id", "id")
WITH_NOBODY = (
    "The meeting names nobody it is with. Add the contact's address as email to what the workflow sends, "
    "or link the meeting to its contact in HubSpot."
)


def is_one(entry: Mapping[str, Any]) -> bool:
    properties = part(entry, "properties")
    return any(name in entry or (isinstance(properties, Mapping) and name in properties) for name in MARKS)


def parse(entry: Mapping[str, Any]) -> Incoming:
    """`ext_id` is the contact's, where no address says whom the meeting is with. Raises Unusable."""
    kind = kind_of(_value(entry, "hs_meeting_outcome").upper(), OUTCOMES, field="hs_meeting_outcome")
    number = next(filter(None, (_value(entry, name) for name in IDS)), "")
    if not number:
        raise Unusable("The field hs_object_id is missing, and a meeting is known by it. Add it to what HubSpot sends.")
    email, contact = _email(entry), _contact(entry)
    if not email and not contact:
        raise Unusable(WITH_NOBODY)
    at = moment(next(filter(None, (_value(entry, name) for name in MODIFIED)), "") or text(part(entry, "updatedAt")))
    start = _value(entry, "hs_meeting_start_time") if kind == telling.MEETING_MOVED else ""
    payload = {"message_id": "", "email": email}
    return Incoming(kind, payload, keyed(kind, number, start), at, ext_id="" if email else contact)


def _value(entry: Mapping[str, Any], name: str) -> str:
    """Flat, or properties.NAME, or properties.NAME.value."""
    flat, nested = text(part(entry, name)), part(entry, "properties", name)
    return flat or text(part(nested, "value") if isinstance(nested, Mapping) else nested)


def _email(entry: Mapping[str, Any]) -> str:
    contacts = part(entry, "contacts")
    first = contacts[0] if isinstance(contacts, list) and contacts else contacts
    people = [each for each in (part(entry, "contact"), first, entry) if isinstance(each, Mapping)]
    return next(filter(None, (_value(each, "email") for each in people)), "")


def _contact(entry: Mapping[str, Any]) -> str:
    """The id of the first contact that the meeting is linked to."""
    linked = part(entry, "associations", "contacts", "results")
    first = linked[0] if isinstance(linked, list) and linked else None
    return text(part(first, "id") or part(first, "toObjectId")) if isinstance(first, Mapping) else ""
