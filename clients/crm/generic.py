"""Any other sender: one JSON object or a list of them, a form, or Standard Webhooks {"type", "timestamp", "data"}.

The mapping says what is in it. A record's id is taken from names that mean a person and nothing else: a plain `id` may
be the id of anything, and two people would become one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from clients.canonical import CONTACT_CHANGED, CONTACT_DELETED, Entry, part, text
from clients.crm import entries
from clients.crm.entries import Read, read_each

IDS = ("contact_id", "contactId", "person_id", "personId", "lead_id", "leadId", "external_id", "externalId")
MODIFIED = ("occurred_at", "updated_at", "updatedAt", "modified_at", "timestamp", "created_at", "createdAt")
PEOPLE = ("contact", "person", "lead", "customer", "subscriber", "user")
GONE = ("deleted", "removed")


def read(body: bytes, headers: Mapping[str, str]) -> Read:
    """Raises Unusable where nobody can read the body."""
    return read_each(body, headers, _changes)


def _changes(entry: Mapping[str, Any]) -> Iterable[Entry]:
    data = part(entry, "data")
    subject, _, action = text(part(entry, "type")).casefold().partition(".")
    record = data if isinstance(data, Mapping) else entry
    ext_id = next(filter(None, (text(part(record, name)) for name in IDS)), "")
    if record is data and subject in PEOPLE:
        ext_id = ext_id or text(part(record, "id"))
    gone = subject in PEOPLE and action in GONE and bool(ext_id)
    at = next(filter(None, (part(each, name) for each in (entry, record) for name in MODIFIED)), None)
    kind = CONTACT_DELETED if gone else CONTACT_CHANGED
    return [Entry(kind, fields={} if gone else entry, ext_id=ext_id[:200], occurred_at=entries.when(at))]
