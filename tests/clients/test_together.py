"""Deliveries that wait are applied together with the one whose bell rings: the same contacts, at a fraction of the cost."""

import json
import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients import inbox, mappings
from clients.models import Contact, Delivery, Event
from gtm import loop
from tests.factories import AT, make_connection

pytestmark = pytest.mark.django_db

FIELDS = ("firstname", "lastname", "jobtitle", "company")


def store(crm, number, **said):
    body = {"email": f"person{number}@northwind-bank.example", "firstname": f"Person {number}", **said}
    stored = inbox.store(crm, headers={}, body=json.dumps(body).encode(), at=AT + timedelta(seconds=number))
    return stored.delivery


def statuses():
    return dict(Delivery.objects.order_by("pk").values_list("pk", "status"))


def people(crm):
    columns = ("email", "first_name", "last_name", "title", "company_name")
    return list(Contact.objects.filter(client=crm.client).order_by("email").values_list(*columns))


def test_what_waits_is_applied_along_and_its_own_bell_finds_nothing_to_do():
    crm = make_connection()
    waiting = [store(crm, number) for number in range(5)]

    loop.process_delivery(waiting[2].pk)
    made = people(crm)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        loop.process_delivery(waiting[0].pk)

    assert set(statuses().values()) == {"applied"}
    assert len(made) == 5
    assert people(crm) == made
    assert len(queries) <= 4


def test_together_they_end_at_the_same_contacts_as_one_by_one():
    one_by_one, together = make_connection(), make_connection()
    rng = random.Random(11)
    said = [
        (rng.randrange(6), {rng.choice(FIELDS): rng.choice(("Ada", "Ben", "Cy")) for _ in range(2)}) for _ in range(40)
    ]

    for crm in (one_by_one, together):
        deliveries = [
            inbox.store(
                crm,
                headers={},
                body=json.dumps({"email": f"person{who}@northwind-bank.example", **told}).encode(),
                at=AT + timedelta(minutes=minute),
            ).delivery
            for minute, (who, told) in enumerate(said)
        ]
        if crm is together:
            loop.process_delivery(deliveries[-1].pk)
        else:
            for delivery in deliveries:
                inbox.apply(delivery.pk, at=AT)

    assert people(together) == people(one_by_one)
    assert (
        Event.objects.filter(client=together.client).count() == Event.objects.filter(client=one_by_one.client).count()
    )


def test_the_cost_of_fifty_is_hardly_more_than_that_of_one():
    crm = make_connection()
    first = store(crm, 1000)
    with CaptureQueriesContext(connection) as alone:
        loop.process_delivery(first.pk)
    waiting = [store(crm, number) for number in range(inbox.TOGETHER)]

    with CaptureQueriesContext(connection) as together:
        loop.process_delivery(waiting[0].pk)

    assert set(statuses().values()) == {"applied"}
    assert len(together) < 4 * len(alone)


def test_one_that_upsets_us_holds_up_nobody_else(monkeypatch):
    crm = make_connection()
    good, bad = store(crm, 1), store(crm, 2, jobtitle="upsets us")
    real = mappings.read

    def upset(connection, body, headers, rows):
        if b"upsets us" in body:
            raise RuntimeError("a fault of ours")
        return real(connection, body, headers, rows)

    monkeypatch.setattr(mappings, "read", upset)

    loop.process_delivery(good.pk)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        loop.process_delivery(bad.pk)

    assert statuses() == {good.pk: "applied", bad.pk: "received"}
    assert Delivery.objects.get(pk=bad.pk).attempts == 1
    assert [email for email, *_ in people(crm)] == ["person1@northwind-bank.example"]


def test_another_connection_s_and_large_ones_and_those_that_were_tried_wait_for_their_own_bell():
    crm, another = make_connection(), make_connection()
    rung, theirs = store(crm, 1), store(another, 2)
    large = store(crm, 3, jobtitle="x" * inbox.TOGETHER_BYTES)
    tried = store(crm, 4)
    Delivery.objects.filter(pk=tried.pk).update(attempts=1)

    loop.process_delivery(rung.pk)

    assert statuses() == {rung.pk: "applied", theirs.pk: "received", large.pk: "received", tried.pk: "received"}


def test_what_cannot_be_read_among_them_is_quarantined_and_the_others_apply():
    crm = make_connection()
    rung = store(crm, 1)
    broken = inbox.store(crm, headers={}, body=b'{"email": ', at=AT).delivery

    loop.process_delivery(rung.pk)

    assert statuses() == {rung.pk: "applied", broken.pk: "quarantined"}
