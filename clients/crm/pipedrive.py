"""Pipedrive, webhooks of version 2: {"meta": {"action", "entity", "entity_id", "timestamp"}, "data", "previous"}, and
its answers, known by {"success", "data"}. A merge is a deletion with `meta.merged_to_id`, and a change of what stays.
(pipedrive.readme.io/docs/guide-for-webhooks-v2, …/webhooks-v2-migration-guide)
"""

from collections.abc import Iterable, Mapping
from typing import Any

from clients import bodies
from clients.canonical import (
    CONTACT_CHANGED,
    CONTACT_DELETED,
    CONTACT_MERGED,
    Entry,
    Unusable,
    part,
    text,
)
from clients.config.problems import nearest
from clients.crm import entries
from clients.crm.entries import Read, of_no_use, read_each, required_id

ACTIONS = ("create", "change", "delete")
OLD_VERSION = "It is a webhook of version 1, which Pipedrive has ended. Make it anew with version 2.0."
OTHER_OBJECT = "It tells of the object {what}, not of a person, so nothing was done. Send the events of persons."


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    return read_each(body, headers, _changes, _opened)


def _opened(tree: object) -> list[object]:
    if isinstance(tree, Mapping) and "success" in tree and "data" in tree:
        return bodies.listed(tree["data"]) if tree["data"] else []
    return bodies.listed(tree)


def _changes(entry: Mapping[str, Any]) -> Iterable[Entry]:
    meta = part(entry, "meta")
    if not isinstance(meta, Mapping):
        return [_told_whole(entry)]
    if "object" in meta and "entity" not in meta:
        raise Unusable(OLD_VERSION)
    what, action = text(part(meta, "entity")), text(part(meta, "action"))
    if what != "person":
        return [of_no_use(OTHER_OBJECT.format(what=what[:60] or "without a name"))]
    if action not in ACTIONS:
        raise Unusable(f"“{action[:60]}” is not an action. {nearest(action, ACTIONS)}")
    return [_of_person(entry, meta, action)]


def _of_person(entry: Mapping[str, Any], meta: Mapping[str, Any], action: str) -> Entry:
    ext_id = required_id(part(meta, "entity_id") or part(entry, "data", "id"), "meta.entity_id")
    about: dict[str, Any] = {
        "event_id": _key(meta, ext_id, action),
        "occurred_at": entries.when(part(meta, "timestamp")),
        "origin": entries.origin(part(meta, "change_source"), part(meta, "user_id")),
    }
    survivor = text(part(meta, "merged_to_id") or part(entry, "data", "merged_to_id"))
    if action != "delete":
        data = part(entry, "data")
        return Entry(CONTACT_CHANGED, fields=data if isinstance(data, Mapping) else {}, ext_id=ext_id, **about)
    if survivor:
        return Entry(CONTACT_MERGED, ext_id=survivor, merged=(ext_id,), **about)
    return Entry(CONTACT_DELETED, ext_id=ext_id, **about)


def _key(meta: Mapping[str, Any], ext_id: str, action: str) -> str:
    """One change is told again with the same correlation id, and another attempt."""
    told = text(part(meta, "correlation_id"))
    return entries.key(part(meta, "company_id"), told, action, ext_id, part(meta, "timestamp")) if told else ""


def _told_whole(person: Mapping[str, Any]) -> Entry:
    ext_id, at = text(part(person, "id")), entries.when(part(person, "update_time"))
    if part(person, "is_deleted") is True:
        return Entry(CONTACT_DELETED, ext_id=ext_id, occurred_at=at)
    return entries.changed(person, ext_id=ext_id, occurred_at=at)
