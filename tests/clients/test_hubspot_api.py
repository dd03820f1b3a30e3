"""What we ask of HubSpot and push to it, against its stand-in at the wire."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from clients.crm import asking, hubspot_api
from clients.crm.asking import Door
from gtm.models import SandboxRecord
from gtm.sandbox import hubspot
from gtm.sandbox.hubspot import people

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN = "pat-eu1-of-acme"
ACME = hubspot.account(TOKEN)


@pytest.fixture
def door():
    """Its clock goes on by a second with each look, so that a bucket never holds a test up."""
    ticks = iter(AT + timedelta(seconds=n) for n in range(100_000))
    return Door("crm:1", sandbox=True, credential=TOKEN, clock=lambda: next(ticks))


def add(email, *, account=ACME, at=AT, **values):
    return people.add(account, {"email": email, **values}, at=at).ext_id


def stored(ext_id, account=ACME):
    return SandboxRecord.objects.get(account=account.key, object_type="contact", ext_id=ext_id).values


def results(body):
    return json.loads(body)["results"]


# --- reading


def test_contacts_are_read_by_their_ids_with_the_properties_that_were_asked_for(door):
    ada, eve = add("ada@northwind-bank.example", jobtitle="CFO"), add("eve@northwind-bank.example")

    answered = hubspot_api.read(door, [ada, eve, "999"], ["jobtitle"])

    found = {each["id"]: each["properties"] for each in results(answered.body)}
    assert {ext_id: (each["email"], each["jobtitle"]) for ext_id, each in found.items()} == {
        ada: ("ada@northwind-bank.example", "CFO"),
        eve: ("eve@northwind-bank.example", None),
    }
    assert (answered.missing, answered.calls) == (("999",), 1)


def test_another_token_sees_nothing_of_an_account(door):
    ada = add("ada@northwind-bank.example", account=hubspot.account("pat-of-somebody-else"))

    assert hubspot_api.read(door, [ada], []).missing == (ada,)


def test_a_meeting_is_read_with_whom_it_is_with(door):
    ada = add("ada@northwind-bank.example")
    booked = people.book_meeting(ACME, ada, starts_at=AT + HOUR, at=AT)

    answered = hubspot_api.read(door, [booked.ext_id], [], "meeting")

    body = json.loads(answered.body)
    assert [each["id"] for each in body["associations"]["contacts"]["results"]] == [ada]
    assert body["properties"]["hs_meeting_start_time"] == "2026-11-16T10:00:00.000Z"
    assert hubspot_api.read(door, ["77"], [], "meeting") == asking.Answered(b"", ("77",))
