"""The webhook doors, as a CRM meets them."""

import json

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from clients import connections
from clients.models import Connection, Contact, Delivery
from gtm import loop
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db
Party = Connection.Party

FLAT = {
    "email": "ada.lee@northwind-bank.example",
    "firstname": "Ada",
    "lastname": "Lee",
    "company": "Northwind Bank",
    "jobtitle": "CFO",
}
CALLOUT = {"Email": FLAT["email"], "Name": "Ada Lee", "Account": {"Name": "Northwind Bank"}, "Title": "CFO"}


def connect(party=Party.HUBSPOT):
    return connections.create(make_client(), party=party, name="CRM", mode="live", at=AT)


def post(client, address, body, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(address, raw, content_type="application/json", headers=headers)


def test_a_call_is_stored_answered_and_queued(client):
    hubspot, key = connect()

    response = post(client, f"/api/hooks/{key}", FLAT)

    assert (response.status_code, response.json()) == (200, {"stored": True, "new": True})
    delivery = Delivery.objects.get()
    assert (delivery.connection, json.loads(bytes(delivery.body))) == (hubspot, FLAT)
    (task,) = OrmQ.objects.all()
    assert (task.task["func"], task.task["args"]) == (loop.process_delivery, (delivery.pk,))


def test_the_queued_job_makes_the_contact(client):
    _, key = connect()
    post(client, f"/api/hooks/{key}", FLAT)

    loop.process_delivery(Delivery.objects.get().pk)

    assert Contact.objects.get().full_name == "Ada Lee"


def test_the_senders_repetition_is_not_new_and_not_queued_again(client):
    _, key = connect()
    first = post(client, f"/api/hooks/{key}", FLAT, **{"Webhook-Id": "msg_1"})

    again = post(client, f"/api/hooks/{key}", FLAT, **{"Webhook-Id": "msg_1"})

    assert (first.json()["new"], again.json()["new"]) == (True, False)
    assert (Delivery.objects.count(), OrmQ.objects.count()) == (1, 1)


def test_an_unknown_key_gets_404_and_nothing_is_stored(client):
    connect()

    response = post(client, "/api/hooks/nobodys-key", FLAT)

    assert response.status_code == 404
    assert "Copy the address again" in response.json()["message"]
    assert not Delivery.objects.exists()


def test_a_body_that_is_too_large_gets_413_and_nothing_is_stored(client, settings):
    settings.WEBHOOK_MAX_BYTES = 100
    _, key = connect()

    hook = post(client, f"/api/hooks/{key}", b"x" * 101)
    flat = post(client, "/webhook/hubspot", b"x" * 101, **{"X-Webhook-Key": key})

    assert (hook.status_code, flat.status_code) == (413, 413)
    assert "larger than 100 bytes" in hook.json()["message"]
    assert "larger than 100 bytes" in flat.json()["message"]
    assert not Delivery.objects.exists()


def test_a_body_of_exactly_the_limit_is_stored(client, settings):
    settings.WEBHOOK_MAX_BYTES = 100
    _, key = connect()

    assert post(client, f"/api/hooks/{key}", b"x" * 100).status_code == 200


@pytest.mark.parametrize("address", ["/api/hooks/whatever", "/webhook/hubspot", "/webhook/salesforce"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_senders_may_look_whether_the_address_answers(client, address, method):
    response = getattr(client, method)(address)

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("address", "party", "body"),
    [("/webhook/hubspot", Party.HUBSPOT, FLAT), ("/webhook/salesforce", Party.SALESFORCE, CALLOUT)],
)
@pytest.mark.parametrize("way", ["header", "query"])
def test_the_flat_forms_answer_ok_and_bring_the_contact(client, address, party, body, way):
    connection, key = connect(party)

    if way == "header":
        response = post(client, address, body, **{"X-Webhook-Key": key})
    else:
        response = post(client, f"{address}?key={key}", body)

    assert (response.status_code, response.content) == (200, b"OK")
    loop.process_delivery(Delivery.objects.get().pk)
    contact = Contact.objects.get()
    assert (contact.client, contact.full_name, contact.company_name) == (connection.client, "Ada Lee", "Northwind Bank")
    assert (contact.title, contact.source) == ("CFO", party)


def test_a_flat_form_without_the_right_key_gets_401_and_nothing_is_stored(client):
    _, hubspot_key = connect()
    _, salesforce_key = connect(Party.SALESFORCE)

    answers = [
        post(client, "/webhook/hubspot", FLAT),
        post(client, "/webhook/hubspot", FLAT, **{"X-Webhook-Key": "wrong"}),
        post(client, "/webhook/hubspot", FLAT, **{"X-Webhook-Key": salesforce_key}),
        post(client, f"/webhook/salesforce?key={hubspot_key}", CALLOUT),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert "X-Webhook-Key" in answers[0].json()["hint"]
    assert not Delivery.objects.exists()


def test_a_flat_form_does_not_ask_for_a_csrf_token(client):
    from django.test import Client

    _, key = connect()

    response = post(Client(enforce_csrf_checks=True), "/webhook/hubspot", FLAT, **{"X-Webhook-Key": key})

    assert response.status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b'{"email": "\\u0000"}', b"\xff\xfe", b"[" * 50_000, b"9" * 5000, b"NaN"])
def test_whatever_is_authenticated_is_stored_and_answered_200(client, body):
    _, key = connect()

    assert post(client, f"/api/hooks/{key}", body).status_code == 200
    loop.process_delivery(Delivery.objects.get().pk)

    assert Delivery.objects.get().status == "quarantined"


def test_a_null_first_name_is_no_name(client):
    _, key = connect()
    post(client, "/webhook/hubspot", {**FLAT, "firstname": None}, **{"X-Webhook-Key": key})

    loop.process_delivery(Delivery.objects.get().pk)

    assert Contact.objects.get().full_name == "Lee"


def test_the_printed_example_works_as_printed(client):
    import shlex

    for party in connections.CALLS_US:
        connection, key = connect(party)
        words = shlex.split(connections.example(connection, key, base="http://localhost:8000"))

        response = client.post(
            words[3].removeprefix("http://localhost:8000"), words[-1], content_type=words[5].split(": ")[1]
        )

        assert (words[:3], response.status_code) == (["curl", "-X", "POST"], 200)
        loop.process_delivery(Delivery.objects.latest("pk").pk)
        assert Delivery.objects.latest("pk").status == "applied"


def test_a_receipt_never_waits_for_the_work(client, django_assert_max_num_queries):
    _, key = connect()

    with django_assert_max_num_queries(6):
        post(client, f"/api/hooks/{key}", FLAT)


def test_the_api_page_lists_the_hook_for_staff(admin_client):
    assert "/hooks/{endpoint_key}" in admin_client.get(reverse("api:openapi-json")).content.decode()
