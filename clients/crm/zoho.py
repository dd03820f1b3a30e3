"""Zoho CRM: notifications {"module", "operation", "ids", "channel_id", "token", "server_time"}, which name records by
their ids; with "affected_values" they tell what changed as well. A workflow posts the record's fields, flat. Answers
are known by {"data": […]}; one with "deleted_time" among them is gone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from clients import bodies
from clients.canonical import CONTACT_CHANGED, CONTACT_DELETED, Entry, Unusable, moment, part, text
from clients.config.problems import nearest
from clients.crm import entries
from clients.crm.entries import Read, of_no_use, read_each
from clients.troubles import Trouble

MODULES = {"Contacts": "contact", "Leads": "lead"}
OPERATIONS = {"insert": CONTACT_CHANGED, "update": CONTACT_CHANGED, "delete": CONTACT_DELETED}
OTHER_OBJECT = "It tells of the module {what}, neither of Contacts nor of Leads, so nothing was done."
NO_IDS = "The field ids is missing, and a notification tells nothing but those. Send Zoho's body unchanged."


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    return read_each(body, headers, _changes, _opened)


def _opened(tree: object) -> list[object]:
    found = tree.get("data") if isinstance(tree, Mapping) and "operation" not in tree else None
    return found if isinstance(found, list) else bodies.listed(tree)


def _changes(entry: Mapping[str, Any]) -> Iterable[Entry]:
    return _notified(entry) if "operation" in entry and "module" in entry else [_told_whole(entry)]


def _notified(entry: Mapping[str, Any]) -> list[Entry]:
    what, word = text(entry["module"]), text(entry["operation"])
    if what not in MODULES:
        return [of_no_use(OTHER_OBJECT.format(what=what[:60] or "without a name"))]
    if word not in OPERATIONS:
        raise Unusable(f"“{word[:60]}” is not an operation. {nearest(word, tuple(OPERATIONS))}", Trouble.UNKNOWN_KIND)
    ids, values, at = entries.texts(part(entry, "ids")), _values(entry), moment(part(entry, "server_time"))
    if not ids:
        raise Unusable(NO_IDS)
    return [
        Entry(
            OPERATIONS[word],
            fields=values.get(each, {}) if word != "delete" else {},
            object_type=MODULES[what],
            ext_id=each,
            event_id=entries.key(part(entry, "channel_id"), word, each, part(entry, "server_time")) if at else "",
            occurred_at=at,
            is_thin=word != "delete" and not (word == "update" and values.get(each)),
            is_partial=each in values and word != "delete",
        )
        for each in ids
    ]


def _values(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What changed, by the record's id."""
    told = part(entry, "affected_values")
    found = [each for each in told if isinstance(each, Mapping)] if isinstance(told, list) else []
    return {text(each.get("record_id")): each["values"] for each in found if isinstance(each.get("values"), Mapping)}


def _told_whole(record: Mapping[str, Any]) -> Entry:
    ext_id, gone_at = text(part(record, "id")), part(record, "deleted_time")
    what = "lead" if text(part(record, "$module") or part(record, "module")) == "Leads" else "contact"
    if gone_at:
        return Entry(CONTACT_DELETED, object_type=what, ext_id=ext_id, occurred_at=moment(gone_at))
    at = moment(part(record, "Modified_Time"))
    modifier = entries.origin(part(record, "Modified_By", "id"))
    return entries.changed(record, object_type=what, ext_id=ext_id, occurred_at=at, origin=modifier)
