"""What people do in HubSpot's own pages, for tests and the demo. Each act returns the webhook calls that it causes.

The calls are bodies (bytes, in the shape of webhooks version 3); the caller posts them, or loses them on purpose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.hubspot import contacts, journal
from gtm.sandbox.hubspot.journal import A_PERSON, By
from gtm.sandbox.memory import Account


@dataclass(frozen=True)
class Done:
    """The record that was touched, and what HubSpot tells of it."""

    ext_id: str
    calls: tuple[bytes, ...]


def add(account: Account, properties: Mapping[str, Any], *, at: datetime, by: By = A_PERSON) -> Done:
    """Raises contacts.Refused, as all acts do where HubSpot would say no."""
    with memory.writing(account):
        start = latest(account)
        return _told(account, start, contacts.create(account, properties, at=at, by=by))


def change(account: Account, ext_id: str, properties: Mapping[str, Any], *, at: datetime, by: By = A_PERSON) -> Done:
    with memory.writing(account):
        start, record = latest(account), _living(account, ext_id)
        contacts.update(account, record, properties, at=at, by=by)
        return _told(account, start, record)


def delete(account: Account, ext_id: str, *, at: datetime) -> Done:
    with memory.writing(account):
        start, record = latest(account), _living(account, ext_id)
        contacts.delete(account, record, at=at, by=A_PERSON)
        return _told(account, start, record)


def restore(account: Account, ext_id: str, *, at: datetime) -> Done:
    with memory.writing(account):
        start, record = latest(account), memory.records(account, "contact").get(ext_id=ext_id)
        contacts.restore(account, record, at=at, by=A_PERSON)
        return _told(account, start, record)


def erase(account: Account, ext_id: str, *, at: datetime) -> Done:
    """A deletion for privacy: nothing of the person stays."""
    with memory.writing(account):
        start, record = latest(account), _living(account, ext_id)
        contacts.delete(account, record, at=at, by=A_PERSON, event="contact.privacyDeletion")
        memory.change(record, at=at, values={})
        memory.records(account, "journal").filter(
            values__objectId=int(ext_id), values__has_key="propertyValue"
        ).delete()
        return _told(account, start, record)


def merge(account: Account, primary: str, other: str, *, at: datetime) -> Done:
    """The survivor has an id of its own."""
    with memory.writing(account):
        start = latest(account)
        made = contacts.merge(account, _living(account, primary), _living(account, other), at=at, by=A_PERSON)
        return _told(account, start, made)


def book_meeting(account: Account, contact_id: str, *, starts_at: datetime, at: datetime, title: str = "Intro") -> Done:
    values = {
        "hs_meeting_title": title,
        "hs_meeting_start_time": contacts.moment(starts_at),
        "hs_meeting_outcome": "SCHEDULED",
    }
    with memory.writing(account):
        start, contact = latest(account), _living(account, contact_id)
        links = {"contacts": [contact.ext_id]}
        made = memory.add(account, "meeting", values, at=at, named=lambda number: str(100 + number), links=links)
        journal.write(account, "object.creation", made, by=A_PERSON, at=at, changeFlag="CREATED")
        return _told(account, start, made)


def latest(account: Account) -> int:
    """The offset of the last entry of the journal, 0 where it is empty."""
    last = memory.records(account, "journal").order_by("-pk").first()
    return last.pk if last else 0


def calls_since(account: Account, offset: int) -> list[bytes]:
    """The webhook calls for all that happened after this offset, whoever did it: us through the API too."""
    return journal.calls(journal.since(account, offset))


def _living(account: Account, ext_id: str) -> SandboxRecord:
    record = contacts.find(account, ext_id)
    if record is None:
        raise contacts.Refused(404, "OBJECT_NOT_FOUND", f"There is no contact {ext_id}.")
    return record


def _told(account: Account, start: int, record: SandboxRecord) -> Done:
    return Done(record.ext_id, tuple(calls_since(account, start)))
