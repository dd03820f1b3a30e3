"""Store a call, apply it later, once; nothing lost, nothing doubled, nothing mixed between clients."""

import json
from datetime import timedelta
from itertools import permutations

import pytest

from clients import inbox
from clients.models import Connection, Contact, Delivery, Event, FieldState, Observation
from tests.factories import AT, make_client, make_connection

pytestmark = pytest.mark.django_db

EMAIL = "ada.lee@northwind-bank.example"
FLAT = {"email": EMAIL, "firstname": "Ada", "lastname": "Lee", "company": "Northwind Bank", "jobtitle": "CFO"}


def minutes(number):
    return AT + timedelta(minutes=number)


def arrive(connection, body, *, at=AT, **headers):
    """Store and apply; a dict is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stored = inbox.store(connection, headers=headers, body=raw, at=at)
    return inbox.apply(stored.delivery.pk, at=at)


def the_delivery():
    return Delivery.objects.get()


def test_a_call_is_stored_as_it_came_without_its_secrets():
    hubspot = make_connection()
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Key": "s3cret",
        "Authorization": "Bearer x",
        "Cookie": "a",
    }

    stored = inbox.store(hubspot, headers=headers, body=b'{"email": "\xff', at=AT)

    assert stored.is_new
    delivery = the_delivery()
    assert bytes(delivery.body) == b'{"email": "\xff'
    assert delivery.headers == {"content-type": "application/json"}
    assert (delivery.status, delivery.received_at) == ("received", AT)


def test_a_new_contact_stands_there_with_where_every_field_comes_from():
    hubspot = make_connection()

    applied = arrive(hubspot, FLAT)

    contact = Contact.objects.get()
    assert (contact.client, contact.email_normalised, contact.full_name) == (hubspot.client, EMAIL, "Ada Lee")
    assert (contact.company_domain, contact.source, contact.created_at) == ("northwind-bank.example", "hubspot", AT)
    states = {state.field: (state.observation.value, state.rule) for state in contact.field_states.all()}
    assert states == {
        "email": (EMAIL, "latest word"),
        "first_name": ("Ada", "latest word"),
        "last_name": ("Lee", "latest word"),
        "full_name": ("Lee", "joined from first and last name"),
        "title": ("CFO", "latest word"),
        "company_name": ("Northwind Bank", "latest word"),
    }
    (change,) = applied.changes
    assert (change.contact, change.created, change.fields["title"]) == (contact, True, ("", "CFO"))
    assert applied.outcomes == []
    assert Event.objects.get().contact == contact


def test_applying_a_delivery_twice_changes_nothing():
    hubspot = make_connection()
    arrive(hubspot, FLAT)

    again = inbox.apply(the_delivery().pk, at=minutes(5))

    assert again == inbox.Applied()
    assert (Contact.objects.count(), Event.objects.count(), Observation.objects.count()) == (1, 1, 5)


def test_the_same_body_again_is_kept_and_changes_nothing():
    hubspot = make_connection()
    arrive(hubspot, FLAT)
    before = Contact.objects.values().get()

    applied = arrive(hubspot, FLAT, at=minutes(1))

    assert applied.changes == []
    assert Contact.objects.values().get() == before
    assert Delivery.objects.filter(status="applied").count() == 2
    assert Contact.objects.get().history.count() == 1


def test_a_value_that_goes_and_comes_back_ends_where_it_came_back_to():
    hubspot = make_connection()
    for number, title in enumerate(["CFO", "COO", "CFO"]):
        arrive(hubspot, {**FLAT, "jobtitle": title}, at=minutes(number))

    assert Contact.objects.get().title == "CFO"
    assert [o.value for o in Observation.objects.filter(field="title").order_by("pk")] == ["CFO", "COO", "CFO"]


def test_the_senders_id_makes_a_repetition_one_delivery():
    hubspot = make_connection()
    body = json.dumps(FLAT).encode()
    first = inbox.store(hubspot, headers={"Webhook-Id": "msg_1"}, body=body, at=AT)

    again = inbox.store(hubspot, headers={"webhook-id": "msg_1"}, body=body, at=minutes(1))

    assert (again.delivery, again.is_new) == (first.delivery, False)
    assert Delivery.objects.count() == 1


def test_another_body_under_a_used_id_is_not_lost():
    hubspot = make_connection()
    inbox.store(hubspot, headers={"Webhook-Id": "msg_1"}, body=b"{}", at=AT)

    other = inbox.store(hubspot, headers={"Webhook-Id": "msg_1"}, body=json.dumps(FLAT).encode(), at=AT)

    assert other.is_new
    assert Delivery.objects.count() == 2


def test_blanks_never_override():
    hubspot = make_connection()
    arrive(hubspot, FLAT)

    applied = arrive(hubspot, {"email": EMAIL, "firstname": "", "lastname": None, "jobtitle": "  "}, at=minutes(1))

    assert applied.changes == []
    contact = Contact.objects.get()
    assert (contact.first_name, contact.last_name, contact.title) == ("Ada", "Lee", "CFO")


def test_a_change_names_what_it_changed():
    hubspot = make_connection()
    arrive(hubspot, FLAT)

    (change,) = arrive(hubspot, {**FLAT, "jobtitle": "CEO"}, at=minutes(1)).changes

    assert (change.created, change.fields) == (False, {"title": ("CFO", "CEO")})
    newest = Contact.objects.get().history.latest("history_id")
    assert (newest.title, newest.history_date) == ("CEO", minutes(1))


def test_another_spelling_of_the_address_is_the_same_contact():
    hubspot = make_connection()
    arrive(hubspot, FLAT)

    arrive(hubspot, {**FLAT, "email": " ADA.LEE@Northwind-Bank.EXAMPLE", "jobtitle": "CEO"}, at=minutes(1))

    assert Contact.objects.get().title == "CEO"


def test_one_clients_events_never_touch_anothers_contacts():
    ours, theirs = make_connection(make_client("ours")), make_connection(make_client("theirs"))
    arrive(ours, FLAT)

    arrive(theirs, {**FLAT, "firstname": "Eve", "jobtitle": "Spy"}, at=minutes(1))

    assert Contact.objects.get(client=ours.client).title == "CFO"
    assert Contact.objects.get(client=theirs.client).title == "Spy"
    for client in (ours.client, theirs.client):
        assert set(Event.objects.filter(client=client).values_list("contact__client", flat=True)) == {client.pk}
        assert set(
            FieldState.objects.filter(contact__client=client).values_list("observation__record__client", flat=True)
        ) == {client.pk}


def test_what_a_sender_dates_in_the_future_happened_on_arrival():
    salesforce = make_connection(party=Connection.Party.SALESFORCE)
    said = {"Email": EMAIL, "Title": "CFO", "LastModifiedDate": "2031-01-01T00:00:00Z"}
    arrive(salesforce, said)

    arrive(salesforce, {"Email": EMAIL, "Title": "CEO", "LastModifiedDate": minutes(1).isoformat()}, at=minutes(2))

    assert Contact.objects.get().title == "CEO"


DATED = [
    ("salesforce", {"Email": EMAIL, "Name": "Dr Ada Lee", "Title": "CFO", "LastModifiedDate": "2026-11-01T10:00:00Z"}),
    ("hubspot", {**FLAT, "jobtitle": "COO", "lastmodifieddate": "2026-11-02T10:00:00Z"}),
    ("salesforce", {"Email": EMAIL, "Name": "Ada B. Lee", "Title": None, "LastModifiedDate": "2026-11-03T10:00:00Z"}),
    ("hubspot", {"email": EMAIL, "firstname": "Adah", "jobtitle": "CEO", "lastmodifieddate": "2026-11-03T10:00:00Z"}),
]


def test_dated_events_end_the_same_in_any_order_and_after_any_repetition():
    ends = set()
    for number, order in enumerate(permutations(DATED)):
        client = make_client(f"order-{number}")
        connections = {party: make_connection(client, party) for party in ("hubspot", "salesforce")}
        for party, body in (*order, order[0], order[2]):
            arrive(connections[party], body)
        contact = Contact.objects.get(client=client)
        ends.add((contact.first_name, contact.last_name, contact.full_name, contact.title, contact.company_name))

    assert len(ends) == 1
    assert ends.pop() in {
        ("Adah", "Lee", "Adah Lee", "CEO", "Northwind Bank"),
        ("Adah", "Lee", "Ada B. Lee", "CEO", "Northwind Bank"),
    }


POISON = {
    "bad JSON": (b'{"email": ', "The body is not JSON: Expecting value, line 1, column 11."),
    "cut short": (b'{"email": "ada', "The body is not JSON: Unterminated string"),
    "NUL": (b'{"email": "a@b.example", "firstname": "A\\u0000"}', "the character NUL"),
    "NUL in a key": (b'{"email": "a@b.example", "x\\u0000": 1}', "the character NUL"),
    "lone surrogate": (b'{"email": "a@b.example", "firstname": "\\ud800"}', "half a character"),
    "NaN": (b'{"email": "a@b.example", "score": NaN}', "holds NaN"),
    "infinity": (b'{"email": "a@b.example", "score": -Infinity}', "holds -Infinity"),
    "number beyond floats": (b'{"email": "a@b.example", "score": 1e999}', "The number 1e999 is too large."),
    "deep nesting": (b"[" * 100_000, "nested too deeply"),
    "deep nesting in an object": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
    "huge integer": (b'{"email": "a@b.example", "n": ' + b"9" * 5000 + b"}", "thousands of digits"),
    "latin-1": ('{"email": "a@b.example", "firstname": "J\xf6rg"}'.encode("latin-1"), "not UTF-8 text (byte 4"),
    "UTF-16": ('{"email": "a@b.example"}'.encode("utf-16"), "not UTF-8 text (byte 1"),
    "a text": (b'"ada"', "The body is a text."),
    "a number": (b"5", "The body is a number."),
    "null": (b"null", "The body is null."),
    "true": (b"true", "The body is true or false."),
    "empty": (b"", "The body is empty."),
    "blanks": (b"  \n", "The body is empty."),
    "empty list": (b"[]", "The body is an empty list."),
    "list of texts": (b'["a@b.example"]', "It is a text. Send a JSON object."),
    "nested lists": (b'[[{"email": "a@b.example"}]]', "It is a list. Send a JSON object."),
    "too many entries": (json.dumps([FLAT] * 1001).encode(), "The list has 1,001 entries."),
    "no address": (b"{}", "no e-mail address"),
    "address is an object": (b'{"email": {"value": "a@b.example"}}', "no e-mail address"),
    "address without at": (b'{"email": "ada"}', "“ada” is not an e-mail address."),
    "address with a line break": (b'{"email": "a@b.example\\nBcc: x@y.example"}', "is not an e-mail address."),
    "address too long": (json.dumps({"email": "a" * 300 + "@b.example"}).encode(), "is not an e-mail address."),
    "form encoded": (b"email=a%40b.example&firstname=Ada", "The body is not JSON"),
    "XML": (b"<?xml version='1.0'?><a/>", "The body is not JSON"),
}


@pytest.mark.parametrize(("body", "words"), POISON.values(), ids=POISON)
def test_a_body_that_cannot_be_read_waits_in_quarantine_with_words(body, words):
    applied = arrive(make_connection(), body)

    assert applied == inbox.Applied()
    delivery = the_delivery()
    assert (delivery.status, delivery.attempts) == ("quarantined", 1)
    assert words in delivery.error
    assert "Error" not in delivery.error
    assert bytes(delivery.body) == body
    assert (Contact.objects.count(), Event.objects.count()) == (0, 0)


def test_a_byte_order_mark_is_no_poison():
    arrive(make_connection(), b"\xef\xbb\xbf" + json.dumps(FLAT).encode())

    assert Contact.objects.get().title == "CFO"


def test_long_values_are_cut_to_what_a_contact_can_show():
    arrive(make_connection(), {**FLAT, "jobtitle": "x" * 5000, "firstname": "A" * 500, "lastname": "B" * 500})

    contact = Contact.objects.get()
    assert (len(contact.title), len(contact.first_name), len(contact.full_name)) == (160, 120, 240)


def test_a_released_delivery_is_tried_again_and_its_outcomes_come_once_more():
    events = make_connection(party=Connection.Party.OUTCOMES)
    (event,) = arrive(events, {"event_id": "e1", "kind": "replied", "message_id": "<1@x>"}).outcomes
    delivery = the_delivery()
    inbox.quarantine(delivery, "No e-mail of ours has this message_id.")

    inbox.release(delivery)
    again = inbox.apply(delivery.pk, at=minutes(3))

    assert again.outcomes == [event]
    assert Event.objects.count() == 1


def test_the_same_outcome_told_by_two_calls_is_one_event():
    events = make_connection(party=Connection.Party.OUTCOMES)
    told = {"event_id": "e1", "kind": "replied", "message_id": "<1@x>"}
    arrive(events, told)

    applied = arrive(events, told, at=minutes(1))

    assert applied.outcomes == []
    assert Event.objects.count() == 1


def test_an_outcome_without_an_id_is_known_by_what_it_says():
    events = make_connection(party=Connection.Party.OUTCOMES)
    told = {"kind": "replied", "message_id": "<1@x>", "occurred_at": "2026-11-16T08:00:00Z"}
    arrive(events, told)

    arrive(events, told, at=minutes(1))
    arrive(events, {**told, "kind": "opened"}, at=minutes(2))

    assert sorted(Event.objects.values_list("kind", flat=True)) == ["opened", "replied"]


def test_a_party_that_we_ask_cannot_call_us():
    arrive(make_connection(party=Connection.Party.NEWSAPI), FLAT)

    assert the_delivery().error == "NewsAPI is asked by us; it does not call."


@pytest.mark.parametrize("entries", [2, 80])
def test_a_big_delivery_costs_the_same_queries_as_a_small_one(entries, django_assert_num_queries):
    hubspot = make_connection()
    people = [{**FLAT, "email": f"p{number}@northwind-bank.example"} for number in range(entries)]
    stored = inbox.store(hubspot, headers={}, body=json.dumps(people).encode(), at=AT)

    with django_assert_num_queries(26):
        inbox.apply(stored.delivery.pk, at=AT)
