"""Recorded bodies and what they must become: tests/payloads/<party>/NAME.json beside NAME.expected.json."""

import json
from pathlib import Path

import pytest

from clients import inbox
from clients.events import SERVICES
from clients.models import Contact, Event
from tests.factories import AT, make_connection

FOLDER = Path(__file__).parent.parent / "payloads"
PARTIES = ("hubspot", "salesforce", *SERVICES)
CASES = sorted(
    path for party in PARTIES for path in (FOLDER / party).glob("*.json") if not path.name.endswith(".expected.json")
)
SHOWN = ("email", "first_name", "last_name", "full_name", "title", "company_name", "company_domain")

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_body_becomes_what_stands_beside_it(path):
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    stored = inbox.store(make_connection(party=path.parent.name), headers={}, body=path.read_bytes(), at=AT)

    inbox.apply(stored.delivery.pk, at=AT)

    delivery = type(stored.delivery).objects.get(pk=stored.delivery.pk)
    assert delivery.error == expected.get("error", "")
    assert delivery.status == expected.get("status", "applied")
    assert list(Contact.objects.order_by("pk").values(*SHOWN)) == expected.get("contacts", [])
    if "events" in expected:
        assert [_event(event) for event in Event.objects.order_by("pk")] == expected["events"]
    if "occurred_at" in expected:
        assert Event.objects.get().occurred_at.isoformat() == expected["occurred_at"]


def _event(event):
    occurred_at = event.occurred_at.isoformat()
    return {"kind": event.kind, "event_key": event.event_key, "payload": event.payload, "occurred_at": occurred_at}


def test_there_are_payloads_of_every_party():
    assert {path.parent.name for path in CASES} == set(PARTIES)
