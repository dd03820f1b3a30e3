"""Close: {"subscription_id", "event": {"id", "object_type", "action", "object_id", "data", "date_updated"}}, and its
answers, known by {"data": […]} or {"id": "cont_…"}. A lead is a company there; an answer's lead brings its contacts,
each with the lead below `lead`, so that the company's name can be mapped.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from clients import bodies
from clients.canonical import CONTACT_CHANGED, CONTACT_DELETED, Entry, Unusable, moment, part, text
from clients.config.problems import nearest
from clients.crm import entries
from clients.crm.entries import Read, of_no_use, read_each, required_id

ACTIONS = {"created": CONTACT_CHANGED, "updated": CONTACT_CHANGED, "deleted": CONTACT_DELETED}
OTHER_OBJECT = "It tells of the object {what}, not of a contact, so nothing was done. Subscribe to contact events."


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    return read_each(body, headers, _changes, _opened)


def _opened(tree: object) -> list[object]:
    found = tree.get("data") if isinstance(tree, Mapping) and "event" not in tree else None
    return found if isinstance(found, list) else bodies.listed(tree)


def _changes(entry: Mapping[str, Any]) -> Iterable[Entry]:
    event = part(entry, "event")
    if not isinstance(event, Mapping):
        event = entry if "object_type" in entry and "action" in entry else None
    return [_of_event(event)] if event is not None else _told_whole(entry)


def _of_event(event: Mapping[str, Any]) -> Entry:
    what, action = text(part(event, "object_type")), text(part(event, "action"))
    if what != "contact":
        return of_no_use(OTHER_OBJECT.format(what=what[:60] or "without a name"))
    if action not in ACTIONS:
        raise Unusable(f"“{action[:60]}” is not an action. {nearest(action, tuple(ACTIONS))}")
    data, is_gone = part(event, "data"), action == "deleted"
    has_data = isinstance(data, Mapping) and bool(data)
    return Entry(
        ACTIONS[action],
        fields=data if isinstance(data, Mapping) and not is_gone else {},
        ext_id=required_id(part(event, "object_id") or part(event, "data", "id"), "event.object_id"),
        event_id=_key(event),
        occurred_at=moment(part(event, "date_updated") or part(event, "date_created")),
        is_thin=not is_gone and not has_data,  # withheld from a subscriber who may not see it
        origin=entries.origin("api" if part(event, "oauth_client_id") else "", part(event, "user_id")),
    )


def _key(event: Mapping[str, Any]) -> str:
    """Several updates may be put into one event of the same id, which is then told with a later date_updated."""
    number = text(part(event, "id"))
    return f"{number}:{text(part(event, 'date_updated'))}"[:200] if number else ""


def _told_whole(entry: Mapping[str, Any]) -> list[Entry]:
    contacts = part(entry, "contacts")
    if not isinstance(contacts, list):
        return [_contact(entry)]
    lead = {name: value for name, value in entry.items() if name != "contacts"}
    found = [_contact({**each, "lead": lead}) for each in contacts if isinstance(each, Mapping)]
    return found or [of_no_use("The lead has no contacts, so nothing was done.")]


def _contact(contact: Mapping[str, Any]) -> Entry:
    at = moment(part(contact, "date_updated") or part(contact, "date_created"))
    return entries.changed(contact, ext_id=text(part(contact, "id")), occurred_at=at)
