"""What a recorded body leaves behind when it goes through the inbox, in a form that stands in a file."""

from pathlib import Path
from typing import Any

from clients import inbox
from clients.canonical import CONTACT_KINDS
from clients.crm import CRMS
from clients.events import SERVICES
from clients.models import Contact, ContactField, Event, Observation, SourceRecord
from tests.envelopes import bodies_of, headers_of
from tests.factories import AT, make_connection

CASES = [path for party in (*CRMS, *SERVICES) for path in bodies_of(party)]


def result(path: Path) -> dict[str, Any]:
    stored = inbox.store(
        make_connection(party=path.parent.name), headers=headers_of(path), body=path.read_bytes(), at=AT
    )
    inbox.apply(stored.delivery.pk, at=AT)
    stored.delivery.refresh_from_db()
    events = list(Event.objects.order_by("pk"))
    return {
        "status": stored.delivery.status,
        "error": stored.delivery.error,
        "contacts": [_fields(contact) for contact in Contact.objects.filter(merged_into=None).order_by("pk")],
        "records": [_record(record) for record in SourceRecord.objects.order_by("pk")],
        "events": [_event(event) for event in events],
        "outcomes": [_event(event) for event in events if event.kind not in CONTACT_KINDS],
    }


def _fields(contact: Contact) -> dict[str, str]:
    """What is not blank, and when it was gone from everywhere."""
    said = {name: getattr(contact, name) for name in ContactField.values if getattr(contact, name)}
    return said | ({"deleted_at": contact.deleted_at.isoformat()} if contact.deleted_at else {})


def _record(record: SourceRecord) -> str:
    """ "contact 123", and whether it is gone or has to be asked for."""
    gone = record.observations.filter(field=Observation.GONE).order_by("occurred_at", "pk").last()
    marks = {"gone": gone is not None and gone.value == "true", "to be asked for": record.look_up_at is not None}
    return ", ".join([f"{record.object_type} {record.ext_id}", *(mark for mark, holds in marks.items() if holds)])


def _event(event: Event) -> dict[str, Any]:
    occurred_at = event.occurred_at.isoformat()
    return {"kind": event.kind, "event_key": event.event_key, "payload": event.payload, "occurred_at": occurred_at}
