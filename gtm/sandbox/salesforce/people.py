"""What people do in Salesforce's own pages, for tests and the demo. The caller asks what Salesforce tells of it.

`captured`, `messages` and `callout` give the bodies (bytes) that would be posted; the caller posts them, or loses them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gtm.sandbox import memory
from gtm.sandbox.memory import Account
from gtm.sandbox.salesforce import sobjects, told
from gtm.sandbox.salesforce.sobjects import a_person


def add(of: Account, values: Mapping[str, Any], *, at: datetime, kind: str = "Contact") -> str:
    """The id of the new record; its company is given as {"Account": {"Name": …, "Website": …}}.

    Raises sobjects.Refused, as all acts do where Salesforce would say no.
    """
    with memory.writing(of):
        return sobjects.create(of, kind, values, at=at, by=a_person(of)).ext_id


def change(of: Account, ext_id: str, values: Mapping[str, Any], *, at: datetime, kind: str = "Contact") -> None:
    with memory.writing(of):
        sobjects.update(of, sobjects.living(of, kind, ext_id), values, at=at, by=a_person(of))


def delete(of: Account, ext_id: str, *, at: datetime, kind: str = "Contact") -> None:
    with memory.writing(of):
        sobjects.delete(of, sobjects.living(of, kind, ext_id), at=at, by=a_person(of))


def undelete(of: Account, ext_id: str, *, at: datetime, kind: str = "Contact") -> None:
    with memory.writing(of):
        sobjects.undelete(of, memory.records(of, kind).get(ext_id=ext_id), at=at, by=a_person(of))


def merge(of: Account, master: str, other: str, *, at: datetime, kind: str = "Contact") -> None:
    with memory.writing(of):
        pair = [sobjects.living(of, kind, each) for each in (master, other)]
        sobjects.merge(of, pair[0], pair[1], at=at, by=a_person(of))


def convert(of: Account, lead_id: str, *, at: datetime) -> str:
    """The id of the contact that the lead became."""
    with memory.writing(of):
        return sobjects.convert(of, sobjects.living(of, "Lead", lead_id), at=at, by=a_person(of)).ext_id


def latest(of: Account) -> int:
    """The offset of the last thing that happened, 0 where nothing has."""
    last = memory.records(of, "event").order_by("-pk").first()
    return last.pk if last else 0


def captured(of: Account, offset: int) -> list[bytes]:
    """Change Data Capture's events of all that happened after this offset, whoever did it: us through the API too."""
    return [told.captured(each) for each in sobjects.events(of, offset)]


def messages(of: Account, offset: int) -> list[bytes]:
    """The same as outbound messages (SOAP), which tell nothing of what was deleted."""
    return told.messages(of, sobjects.events(of, offset))


def callout(of: Account, ext_id: str, *, kind: str = "Contact") -> bytes:
    return told.called_out(of, sobjects.living(of, kind, ext_id))
