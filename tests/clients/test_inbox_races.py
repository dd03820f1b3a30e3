"""Two workers apply deliveries about the same people at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection as database

from clients import inbox
from clients.models import Contact, Delivery, Event
from tests.factories import AT, make_connection

PEOPLE = [f"p{number}@northwind-bank.example" for number in range(6)]


@pytest.mark.django_db(transaction=True)
def test_each_person_becomes_one_contact_and_nobody_waits_for_ever():
    hubspot = make_connection()
    numbers = []
    for minute in range(8):
        people = PEOPLE if minute % 2 else PEOPLE[::-1]
        body = json.dumps([{"email": email, "jobtitle": f"Title {minute}"} for email in people]).encode()
        stored = inbox.store(hubspot, headers={}, body=body, at=AT + timedelta(minutes=minute))
        numbers.append(stored.delivery.pk)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_apply, [*numbers, *numbers]))

    assert sorted(Contact.objects.values_list("email", "title")) == [(email, "Title 7") for email in PEOPLE]
    assert Event.objects.count() == 8 * 6
    assert set(Delivery.objects.values_list("status", "attempts")) == {("applied", 1)}


def _apply(number):
    try:
        inbox.apply(number, at=AT)
    finally:
        database.close()
