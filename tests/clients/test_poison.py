"""Bodies that somebody sends one day, by name: each waits in quarantine with words that say what is wrong, and what
stands beside it in the same call is applied."""

import json

import pytest

from clients import connections
from clients.models import Contact, Event, SourceRecord
from tests.envelopes import FOLDER
from tests.factories import AT, make_client
from tests.queue import drain

pytestmark = pytest.mark.django_db

GOOD = b'{"email": "ada.lee@northwind-bank.example", "firstname": "Ada"}'
SOAP = (FOLDER / "salesforce" / "outbound_one.xml").read_bytes()
ONE = SOAP[SOAP.index(b"<Notification>") : SOAP.index(b"</Notification>") + len(b"</Notification>")]
BOMB = b'<!DOCTYPE a [<!ENTITY a "' + b"ha" * 50 + b'"><!ENTITY b "' + b"&a;" * 50 + b'">]><a>&b;</a>'
FILE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
FORM = "application/x-www-form-urlencoded"

# The whole body is unreadable: {name: (party, body, words)}
BODIES = {
    "nothing at all": ("hubspot", b"", "The body is empty."),
    "spaces": ("hubspot", b" \r\n ", "The body is empty."),
    "cut off in the middle": ("hubspot", GOOD[:30], "The body is not JSON"),
    "an object and a half": ("hubspot", GOOD + GOOD[:9], "The body is not JSON"),
    "one object a line": ("pipedrive", GOOD + b"\n" + GOOD, "The body is not JSON"),
    "a comma too many": ("close", b'{"email": "a@b.example",}', "The body is not JSON"),
    "quotes of Python": ("generic", b"{'email': 'a@b.example'}", "The body is not JSON"),
    "a raw NUL": ("generic", b'{"email": "a\x00b"}', "The body is not JSON"),
    "a call back": ("generic", b'told({"email": "a@b.example"});', "The body is not JSON"),
    "a page": ("hubspot", b"<!doctype html><html><body>502 Bad Gateway</body></html>", "The body is not JSON"),
    "SOAP to another CRM": ("hubspot", SOAP, "The body is not JSON"),
    "zipped": ("generic", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "The body is not UTF-8 text"),
    "Latin-1": ("hubspot", '{"firstname": "Zoë"}'.encode("latin-1"), "The body is not UTF-8 text"),
    "UTF-16": ("hubspot", GOOD.decode().encode("utf-16"), "The body is not UTF-8 text"),
    "a number": ("hubspot", b"7", "The body is a number."),
    "a text": ("salesforce", b'"Ada"', "The body is a text."),
    "true": ("zoho", b"true", "The body is true or false."),
    "null": ("dynamics", b"null", "The body is null."),
    "an empty list": ("hubspot", b"[]", "The body is an empty list."),
    "1,001 entries": ("hubspot", b"[" + b",".join([GOOD] * 1001) + b"]", "The list has 1,001 entries."),
    "lists in lists, 100,000 deep": ("hubspot", b"[" * 100_000, "nested too deeply"),
    "objects in objects, 100,000 deep": ("attio", b'{"a":' * 100_000, "nested too deeply"),
    "a form that is no text": ("generic", b"email=%ff%fe", "A field of the form is not UTF-8 text."),
    "a form of 1,001 fields": ("generic", b"a=1&" * 1000 + b"a=1", "no form of at most 1,000 fields"),
    "half of a SOAP message": ("salesforce", SOAP[: len(SOAP) // 2], "The body is not XML"),
    "SOAP without its namespace": ("salesforce", SOAP.replace(b"xmlns:xsi", b"xmlns:x"), "The body is not XML"),
    "SOAP in UTF-16": ("salesforce", b"<" + SOAP.decode().encode("utf-16"), "The body is not UTF-8 text"),
    "SOAP about nothing": ("salesforce", SOAP.replace(ONE, b""), "holds no notifications"),
    "SOAP with 101 notifications": ("salesforce", SOAP.replace(ONE, ONE * 101), "It has 101 notifications"),
    "a bomb of entities": ("salesforce", BOMB, "declares a document type"),
    "an entity that names a file": ("salesforce", FILE, "declares a document type"),
}


def hubspot(**said):
    return {"subscriptionType": "contact.deletion", "objectId": 5, "occurredAt": 1794819000000, **said}


def cdc(**said):
    return {
        "ChangeEventHeader": {
            "entityName": "Contact",
            "changeType": "UPDATE",
            "recordIds": ["0035e00002UHHQJAA5"],
            **said,
        }
    }


def pipedrive(**said):
    return {"meta": {"entity": "person", "action": "change", "entity_id": "11", **said}, "data": {"name": "Ada"}}


def close(**said):
    return {"event": {"id": "ev_9", "object_type": "contact", "object_id": "cont_9", "action": "updated", **said}}


def zoho(**said):
    return {"module": "Contacts", "operation": "update", "ids": ["9"], **said}


def dynamics(**said):
    return {"MessageName": "Update", "PrimaryEntityName": "contact", "PrimaryEntityId": "6d81597f", **said}


# One entry is unreadable, those beside it are not: {name: (party, entry as JSON, words)}
ENTRIES = {
    "NUL, escaped": ("hubspot", r'{"firstname": "A\u0000da"}', "the character NUL"),
    "NUL in a name": ("hubspot", r'{"first\u0000name": "Ada"}', "the character NUL"),
    "half a character": ("hubspot", r'{"firstname": "\ud83d"}', "half a character"),
    "half a character, deep inside": ("generic", r'{"a": [{"b": ["\udc00"]}]}', "half a character"),
    "NaN": ("hubspot", '{"score": NaN}', "It holds NaN"),
    "Infinity": ("salesforce", '{"score": -Infinity}', "It holds -Infinity"),
    "1e400": ("hubspot", '{"score": 1e400}', "The number 1e400 is too large."),
    "5,000 digits": ("hubspot", f'{{"n": {"9" * 5000}}}', "thousands of digits"),
    "a number among objects": ("hubspot", "7", "It is a number."),
    "a text among objects": ("generic", '"Ada"', "It is a text."),
    "null among objects": ("salesforce", "null", "It is null."),
    "a list among objects": ("pipedrive", "[[]]", "It is a list."),
    "a notification about nobody": ("hubspot", hubspot(objectId=None), "The field objectId is missing"),
    "a notification about a list": ("hubspot", hubspot(objectId=[5]), "The field objectId is missing"),
    "a notification of no known kind": ("hubspot", hubspot(subscriptionType="contact.rename"), "“contact.rename” is not"),
    "a notification without a kind": ("hubspot", hubspot(subscriptionType="contact."), "is not a kind of notification"),
    "a merge of nothing": ("hubspot", hubspot(subscriptionType="contact.merge"), "names no contact that went into"),
    "a merge into nothing": ("hubspot", hubspot(subscriptionType="contact.merge", objectId=None), "no contact that stays"),
    "yesterday": ("hubspot", hubspot(occurredAt="yesterday"), "“yesterday” is not a point in time."),
    "a moment after the last year": ("hubspot", hubspot(occurredAt=10**18), "is not a point in time."),
    "a moment that is a list": ("hubspot", hubspot(occurredAt=[1]), "is not a point in time."),
    "a meeting with nobody": ("hubspot", {"hs_object_id": 7, "hs_meeting_outcome": "SCHEDULED"}, "names nobody it is with"),
    "a meeting of no known outcome": (
        "hubspot", {"hs_object_id": 7, "email": "a@b.example", "hs_meeting_outcome": "MAYBE"}, "“MAYBE” is not"),
    "a meeting without an id": ("hubspot", {"email": "a@b.example", "hs_meeting_outcome": ""}, "hs_object_id is missing"),
    "an id of no record": ("salesforce", {"Id": "12345", "Email": "a@b.example"}, "is no id of a Salesforce record"),
    "a date of no calendar": (
        "salesforce", {"Email": "a@b.example", "LastModifiedDate": "2026-02-30"}, "is not a point in time."),
    "a change event of no known kind": ("salesforce", cdc(changeType="RENAME"), "“RENAME” is not a kind of change."),
    "a change event about no record": ("salesforce", cdc(recordIds=["x"]), "is no id of a Salesforce record"),
    "a webhook of Pipedrive's first version": ("pipedrive", {"meta": {"object": "person"}}, "a webhook of version 1"),
    "an action of no known kind": ("pipedrive", pipedrive(action="archive"), "“archive” is not an action."),
    "a person without an id": ("pipedrive", pipedrive(entity_id=""), "meta.entity_id is missing"),
    "an event of no known action": ("close", close(action="renamed"), "“renamed” is not an action."),
    "an event about no contact": ("close", close(object_id=None), "event.object_id is missing"),
    "an operation of no known kind": ("zoho", zoho(operation="rename"), "“rename” is not an operation."),
    "a notification without ids": ("zoho", zoho(ids=None), "The field ids is missing"),
    "a step about no record": ("dynamics", dynamics(PrimaryEntityId=""), "PrimaryEntityId is missing"),
    "a merge of one": ("dynamics", dynamics(MessageName="Merge"), "(SubordinateId)"),
    "a date that is none": ("dynamics", dynamics(OperationCreatedOn="/Date(x)/"), "is not a point in time."),
    "a moment in words": ("generic", {"email": "a@b.example", "timestamp": "soon"}, "“soon” is not a point in time."),
}  # fmt: skip
BESIDE = {
    "hubspot": hubspot(objectId=77),
    "salesforce": {"Id": "0035e00002UHHQKAA5", "Email": "bo@northwind-bank.example"},
    "pipedrive": pipedrive(entity_id="77"),
    "close": close(object_id="cont_77", data={"name": "Bo"}),
    "zoho": zoho(ids=["77"]),
    "dynamics": dynamics(PrimaryEntityId="77"),
    "generic": {"email": "bo@northwind-bank.example", "contact_id": "77"},
}
KNOWN = dict.fromkeys(BESIDE, "77") | {"salesforce": "0035e00002UHHQKAA5", "close": "cont_77"}
BAD_NOTIFICATION = ONE.replace(b"<Id>04l5e00000Abcd001AAA</Id>", b"")


def batch(party, entry):
    written = entry if isinstance(entry, str) else json.dumps(entry)
    good = json.dumps(BESIDE[party])
    return f"[{good}, {written}, {good}]".encode()


def test_there_are_more_than_forty_of_them():
    assert len(BODIES) + len(ENTRIES) >= 40


@pytest.fixture
def call(client):
    """Post a body to a fresh connection of the party, through the public door, and do all the work that follows."""

    def post(party, body, content_type="application/json"):
        connection, key = connections.create(make_client(), party=party, name=party, mode="sandbox", at=AT)
        answer = client.post(f"/api/hooks/{key}", body, content_type=content_type)
        assert answer.status_code == 200
        drain()
        return connection.deliveries.get()

    return post


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_that_nobody_can_read_waits_in_quarantine_and_says_why(call, name):
    party, body, words = BODIES[name]

    delivery = call(party, body, FORM if "form" in name else "application/json")

    assert (delivery.status, words in delivery.error) == ("quarantined", True)
    assert (bytes(delivery.body), Event.objects.count(), SourceRecord.objects.count()) == (body, 0, 0)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_an_entry_that_nobody_can_read_says_why_and_those_beside_it_are_applied(call, name):
    party, entry, words = ENTRIES[name]

    delivery = call(party, batch(party, entry))

    assert delivery.status == "applied"
    assert delivery.error.startswith("Entry 2 of 3: ")
    assert words in delivery.error
    assert SourceRecord.objects.values_list("ext_id", flat=True).get() == KNOWN[party]
    assert set(Event.objects.values_list("record__ext_id", flat=True)) == {KNOWN[party]}


def test_a_notification_of_soap_that_has_no_id_leaves_those_beside_it_alone(call):
    delivery = call("salesforce", SOAP.replace(ONE, BAD_NOTIFICATION + ONE), "text/xml")

    assert (delivery.status, delivery.error[:15]) == ("applied", "Entry 1 of 2: T")
    assert "no Id or no sObject" in delivery.error
    assert Contact.objects.get().source_records.get().ext_id == "0035e00002UHHQJAA5"
