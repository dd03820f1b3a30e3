"""HubSpot: notifications (webhooks v3), what a workflow posts, the flat form, entries of the journal, and answers.

Notifications are a list of {"subscriptionType": "contact.propertyChange" or "object.propertyChange" with an
"objectTypeId", "objectId", "occurredAt"}: ids, and at most one value. A workflow posts the contact, its values flat,
below `properties`, or below `properties.NAME.value`. What we asked is known by its list: {"results": [{"id",
"properties"}]}, with the ids that are not there under "errors"; {"journalEvents": […]} is a part of the journal.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from clients import bodies
from clients.canonical import (
    CONTACT_CHANGED,
    CONTACT_DELETED,
    CONTACT_ERASED,
    CONTACT_MERGED,
    CONTACT_RESTORED,
    Entry,
    Unusable,
    moment,
    part,
    text,
)
from clients.config.problems import nearest
from clients.crm import entries
from clients.crm.entries import Read, of_no_use, read_each, required_id
from clients.events import hubspot_meetings
from clients.troubles import Trouble

OBJECTS = {
    "0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-7": "product", "0-8": "line_item",
    "0-47": "meeting", "0-136": "lead",
}  # fmt: skip
MEETING = "meeting"
ACTIONS = {
    "creation": CONTACT_CHANGED,
    "propertyChange": CONTACT_CHANGED,
    "deletion": CONTACT_DELETED,
    "restore": CONTACT_RESTORED,
    "merge": CONTACT_MERGED,
    "privacyDeletion": CONTACT_ERASED,
}
TO_BE_ASKED = ("creation", "restore", "merge", "propertyChange")  # the last where HubSpot withholds the value
JOURNAL = {
    "CREATE": "creation", "UPDATE": "propertyChange", "DELETE": "deletion", "RESTORE": "restore", "MERGE": "merge",
    "SNAPSHOT": "creation", "ASSOCIATION_ADDED": "associationChange", "ASSOCIATION_REMOVED": "associationChange",
}  # fmt: skip
IDENTITY = (
    "portalId", "subscriptionId", "subscriptionType", "objectId", "occurredAt", "propertyName", "propertyValue",
    "eventId",
)  # fmt: skip
IDS = (
    ("objectId",),
    ("vid",),
    ("hs_object_id",),
    ("properties", "hs_object_id", "value"),
    ("properties", "hs_object_id"),
)
MODIFIED = ("lastmodifieddate", "hs_lastmodifieddate")
OTHER_OBJECT = "The notification “{word}” tells of {what}, not of a contact, so nothing was done."
ASSOCIATION = "An association changed, and with it no field of the contact, so nothing was done."
MEETING_GONE = "A meeting was deleted in HubSpot. Mark it as cancelled there if it does not take place."
NOT_FOUND = "HubSpot does not know every record that was asked for: {ids}."


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    return read_each(body, headers, _changes, _opened)


def portal(body: bytes) -> str:
    """The HubSpot account that the body comes from; empty where it does not say, all of several with commas between,
    which is no account of anybody's."""
    try:
        found = bodies.entries(body)
    except Unusable:
        return ""
    named = {text(each.get("portalId", each.get("portal-id"))) for each in found if isinstance(each, Mapping)}
    return ",".join(sorted(filter(None, named)))


def _opened(tree: object) -> list[object]:
    for name in ("results", "journalEvents"):
        found = part(tree, name) if isinstance(tree, Mapping) else None
        if isinstance(found, list):
            errors = part(tree, "errors") if isinstance(tree, Mapping) else None
            return [*found, *(errors if isinstance(errors, list) else [])]
    return bodies.listed(tree)


def _changes(entry: Mapping[str, Any]) -> Iterable[Entry]:
    if "subscriptionType" in entry or "eventType" in entry:
        return [_notified(entry)]
    if text(part(entry, "action")) in JOURNAL and "objectTypeId" in entry:
        return [_notified(each) for each in _as_notifications(entry)]
    if text(part(entry, "category")) == "OBJECT_NOT_FOUND":
        return _not_found(entry)
    if hubspot_meetings.is_one(entry):
        return [_meeting(entry)]
    return _told_whole(entry)


def _notified(entry: Mapping[str, Any]) -> Entry:
    word = text(entry.get("subscriptionType", entry.get("eventType")))
    subject, _, action = word.partition(".")
    what = OBJECTS.get(text(part(entry, "objectTypeId")), "custom object") if subject == "object" else subject
    if what == MEETING:
        return _meeting_named(entry, action)
    if what != "contact":
        return of_no_use(OTHER_OBJECT.format(word=word[:60], what=f"a {what[:60] or 'nothing'}".replace("_", " ")))
    if action == "associationChange":
        return of_no_use(ASSOCIATION)
    if action not in ACTIONS:
        raise Unusable(
            f"“{word[:60]}” is not a kind of notification. {nearest(action, tuple(ACTIONS))}", Trouble.UNKNOWN_KIND
        )
    return _of_contact(entry, action)


def _of_contact(entry: Mapping[str, Any], action: str) -> Entry:
    survivor, merged = _merged(entry) if action == "merge" else (required_id(entry.get("objectId"), "objectId"), ())
    name = text(part(entry, "propertyName"))
    told = action == "propertyChange" and bool(name) and "propertyValue" in entry
    return Entry(
        ACTIONS[action],
        fields={"properties": {name: entry["propertyValue"]}} if told else {},
        ext_id=survivor,
        event_id=_key(entry),
        occurred_at=moment(part(entry, "occurredAt")),
        merged=merged,
        is_thin=not told and action in TO_BE_ASKED,
        is_partial=told,
        origin=_origin(entry),
    )


def _merged(entry: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The id that stays, which may be a new one, and those that it stands for."""
    named = (text(part(entry, name)) for name in ("newObjectId", "primaryObjectId", "objectId"))
    given = [each for each in named if each]
    if not given:
        raise Unusable(
            "The merge names no contact that stays (newObjectId, primaryObjectId). Send it unchanged.", Trouble.MISSING
        )
    gone = dict.fromkeys((*given[1:], *entries.texts(part(entry, "mergedObjectIds"))))
    merged = tuple(each for each in gone if each != given[0])
    if not merged:
        raise Unusable(
            "The merge names no contact that went into another (mergedObjectIds). Send it unchanged.", Trouble.MISSING
        )
    return given[0], merged


def _key(entry: Mapping[str, Any]) -> str:
    """HubSpot's eventId is not unique, and attemptNumber counts repetitions of one and the same notification."""
    return entries.key(*(entry.get(name) for name in IDENTITY), *entries.texts(part(entry, "mergedObjectIds")))


def _origin(entry: Mapping[str, Any]) -> str:
    return entries.origin(part(entry, "changeSource"), part(entry, "sourceId"))


def _as_notifications(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """An entry of the journal says the same in other words, and of several properties at once. A merge does not say
    there what went into what: the contact is asked for, which knows it."""
    action = JOURNAL[text(entry["action"])]
    if action == "merge" and not entries.texts(part(entry, "mergedObjectIds")):
        action = "creation"
    basis = {**entry, "subscriptionType": f"object.{action}"}
    changes = part(entry, "propertyChanges")
    if action != "propertyChange" or not isinstance(changes, Mapping):
        return [basis]
    plain = {name: value for name, value in changes.items() if not isinstance(value, Mapping | list)}
    return [{**basis, "propertyName": name, "propertyValue": value} for name, value in plain.items()] or [basis]


def _meeting_named(entry: Mapping[str, Any], action: str) -> Entry:
    """A notification names a meeting by its id only: the meeting has to be asked for, with its outcome, its start and
    whom it is with. What comes back is read by `clients/events/hubspot_meetings.py`."""
    if action == "deletion":
        return of_no_use(MEETING_GONE)
    if action == "associationChange":
        return of_no_use(ASSOCIATION)
    return Entry(
        CONTACT_CHANGED,
        object_type=MEETING,
        ext_id=required_id(entry.get("objectId"), "objectId"),
        event_id=_key(entry),
        occurred_at=moment(part(entry, "occurredAt")),
        is_thin=True,
        origin=_origin(entry),
    )


def _meeting(entry: Mapping[str, Any]) -> Entry:
    told = hubspot_meetings.parse(entry)
    return Entry(
        told.kind,
        fields=told.payload,
        object_type="contact" if told.ext_id else MEETING,
        ext_id=told.ext_id,
        event_id=told.event_id,
        occurred_at=told.occurred_at,
    )


def _told_whole(entry: Mapping[str, Any]) -> list[Entry]:
    """What a workflow or an answer says of one contact, and which others went into it."""
    if "companyId" in entry or "dealId" in entry:
        return [of_no_use(OTHER_OBJECT.format(word="workflow", what="a company or a deal"))]
    ext_id = _id(entry)
    if part(entry, "archived") is True:
        return [Entry(CONTACT_DELETED, ext_id=ext_id, occurred_at=moment(part(entry, "archivedAt")))]
    at = moment(next(filter(None, (_value(entry, name) for name in MODIFIED)), part(entry, "updatedAt")))
    told = [entries.changed(entry, ext_id=ext_id, occurred_at=at)]
    merged = _went_into(entry, ext_id)
    return [*told, Entry(CONTACT_MERGED, ext_id=ext_id, merged=merged, occurred_at=at)] if merged else told


def _id(entry: Mapping[str, Any]) -> str:
    found = next(filter(None, (text(part(entry, *path)) for path in IDS)), "")
    return found or (text(part(entry, "id")) if "properties" in entry else "")


def _value(entry: Mapping[str, Any], name: str) -> object:
    """Flat, or properties.NAME, or properties.NAME.value."""
    nested = part(entry, name) or part(entry, "properties", name)
    return part(nested, "value") if isinstance(nested, Mapping) else nested


def _went_into(entry: Mapping[str, Any], ext_id: str) -> tuple[str, ...]:
    told = (*entries.texts(part(entry, "merged-vids")), *entries.texts(_value(entry, "hs_merged_object_ids")))
    return tuple(each for each in dict.fromkeys(told) if each != ext_id) if ext_id else ()


def _not_found(entry: Mapping[str, Any]) -> list[Entry]:
    """Ids that we asked for and that are not there (any more): HubSpot deleted those contacts."""
    ids = entries.texts(part(entry, "context", "ids"))
    if not ids or "CONTACT" not in text(part(entry, "message")).upper() or not all(each.isdigit() for each in ids):
        return [of_no_use(NOT_FOUND.format(ids=", ".join(ids[:5]) or "no ids told"))]
    return [Entry(CONTACT_DELETED, ext_id=each) for each in ids]
