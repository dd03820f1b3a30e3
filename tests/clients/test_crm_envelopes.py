"""Each CRM's bodies, as its reader understands them before any mapping: tests/payloads/<party>/NAME beside what they
must become (`entries` in NAME.expected.json)."""

import json
import re
from xml.etree import ElementTree as ET

import pytest
from django.template.loader import render_to_string
from hypothesis import assume, example, given
from hypothesis import strategies as st

from clients import bodies, mapping, signatures
from clients.canonical import CONTACT_CHANGED, CONTACT_KINDS, OF_NO_USE, Unusable
from clients.connections import EXAMPLES
from clients.crm import CRMS, hubspot, salesforce, salesforce_soap
from clients.crm.presets import PRESETS
from clients.crm.salesforce_ids import full_id
from clients.events import telling
from clients.models import ContactField
from tests.envelopes import FOLDER, bodies_of, told

CASES = [(party, path) for party in CRMS for path in bodies_of(party)]
JSON = {"content-type": "application/json"}


def read(party, body, headers=JSON):
    return CRMS[party](json.dumps(body).encode() if not isinstance(body, bytes) else body, headers)


def notified(**said):
    return {"portalId": 62515, "subscriptionId": 7, "eventId": 1, "occurredAt": 1794819000000, "objectId": 123,
            "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "propertyName": "jobtitle",
            "propertyValue": "CFO"} | said  # fmt: skip


@pytest.mark.parametrize(("party", "path"), CASES, ids=lambda each: getattr(each, "name", each))
def test_a_recorded_body_becomes_the_entries_beside_it(party, path):
    assert told(party, path) == json.loads(path.with_suffix(".expected.json").read_text())["entries"]


@pytest.mark.parametrize("party", sorted(CRMS))
def test_every_crm_has_recorded_bodies_a_preset_and_a_call_to_try(party):
    (entry,) = read(party, EXAMPLES[party])

    assert len(bodies_of(party)) >= 4
    assert (entry.kind, bool(entry.fields), entry.is_thin) == (CONTACT_CHANGED, True, False)
    assert "email" in {row.field for row in PRESETS[party]}


def test_entries_are_of_kinds_that_the_product_knows():
    entries = [entry for party, path in CASES for entry in told(party, path)]
    kinds = {entry["kind"] for entry in entries if "kind" in entry and not isinstance(entry, str)}

    assert kinds <= {*CONTACT_KINDS, OF_NO_USE, *telling.KINDS}
    assert set(CONTACT_KINDS) - {CONTACT_CHANGED} <= kinds


# --- HubSpot


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_batch_of_notifications_is_as_many_entries_with_keys_of_their_own(size):
    entries = read("hubspot", [notified(objectId=number) for number in range(size)])

    assert [entry.ext_id for entry in entries] == [str(number) for number in range(size)]
    assert len({entry.event_id for entry in entries}) == size


def test_a_notification_told_again_has_the_same_key_and_any_other_has_another():
    first, again, *others = (
        entry.event_id
        for entry in read(
            "hubspot",
            [notified(), notified(attemptNumber=4), notified(propertyValue="CEO"), notified(objectId=124),
             notified(occurredAt=1794819000001), notified(propertyName="company"), notified(portalId=1),
             notified(eventId=2), notified(subscriptionId=8), notified(subscriptionType="contact.deletion")],
        )
    )  # fmt: skip

    assert first == again
    assert len({first, *others}) == 9


def test_two_merges_of_one_moment_into_one_contact_are_two():
    merge = notified(subscriptionType="contact.merge", primaryObjectId=123)

    one, other = read("hubspot", [merge | {"mergedObjectIds": [5]}, merge | {"mergedObjectIds": [6]}])

    assert (one.merged, other.merged) == (("5",), ("6",))
    assert one.event_id != other.event_id


def test_the_merge_survives_under_its_new_id_and_stands_for_all_that_went_into_it():
    (merged,) = read(
        "hubspot",
        [notified(subscriptionType="contact.merge", objectId=900, newObjectId=900, primaryObjectId=123,
                  mergedObjectIds=[123, 125])],
    )  # fmt: skip

    assert (merged.ext_id, merged.merged, merged.is_thin) == ("900", ("123", "125"), True)


@pytest.mark.parametrize(
    ("body", "portal"),
    [
        ([notified(), notified(eventId=2)], "62515"),
        ([notified(), notified(portalId=1)], "1,62515"),
        ({"portal-id": 62515, "vid": 1}, "62515"),
        ({"email": "ada.lee@northwind-bank.example"}, ""),
        (b"{", ""),
        ([7], ""),
    ],
)
def test_the_account_is_what_the_body_names_and_several_are_nobodys(body, portal):
    assert hubspot.portal(body if isinstance(body, bytes) else json.dumps(body).encode()) == portal


# --- Salesforce


SOAP = (FOLDER / "salesforce" / "outbound_one.xml").read_bytes()
WITH_SESSION = SOAP.replace(
    b'<SessionId xsi:nil="true"/>', b'<SessionId xmlns:x="a>b">00D5e!AQ0AQ.s3cret&amp;</SessionId>'
)


def test_up_to_a_hundred_notifications_are_read_and_more_are_refused():
    one = re.search(rb"<Notification>.*</Notification>", SOAP, re.DOTALL)[0]
    many = [one.replace(b"Abcd001", b"Abcd%03d" % number) for number in range(101)]

    entries = read("salesforce", SOAP.replace(one, b"".join(many[:100])), {})

    assert len({entry.event_id for entry in entries}) == 100
    with pytest.raises(Unusable, match="101 notifications"):
        read("salesforce", SOAP.replace(one, b"".join(many)), {})


def test_the_answer_is_the_one_that_ends_the_message():
    root = ET.fromstring(salesforce.ack())

    (ack,) = root.iter("{http://soap.sforce.com/2005/09/outbound}Ack")
    assert ack.text == "true"
    assert [each.tag.rpartition("}")[2] for each in root.iter()] == ["Envelope", "Body", "notificationsResponse", "Ack"]


def test_a_session_id_is_taken_out_and_nothing_else_is_changed():
    assert b"s3cret" in WITH_SESSION

    kept = salesforce.without_session(WITH_SESSION)

    assert kept == WITH_SESSION.replace(b"00D5e!AQ0AQ.s3cret&amp;", b"")
    assert read("salesforce", kept, {}) == read("salesforce", SOAP, {})
    assert salesforce.without_session(SOAP) == SOAP


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"<SessionId>s3cret</SessionId>x", b"<SessionId></SessionId>x"),
        (b"<n:SessionId\n>s3cret</n:SessionId >x", b"<n:SessionId\n></n:SessionId >x"),
        (b"<SessionId><![CDATA[s3cret]]></SessionId>x", b"<SessionId></SessionId>x"),
        (b"<SessionId>s3</b>cret", b"<SessionId>"),
        (b"<a><SessionId>s3cret", b"<a><SessionId>"),
        (b'<SessionId a="</SessionId>">s3cret</SessionId>', b'<SessionId a="</SessionId>"></SessionId>'),
        (b"<sessionId>s3cret</sessionId>\xff", b"<sessionId></sessionId>\xff"),
        (b"<SessionId xmlns:x='u'>s3cret</SessionId>", b"<SessionId xmlns:x='u'></SessionId>"),
        (b"<SessionId/><a>kept</a>", b"<SessionId/><a>kept</a>"),
        (b'{"SessionId": "s3\\"cret", "a": 1}', b'{"SessionId": "", "a": 1}'),
        ("<SessionId>s3cret</SessionId>é".encode("utf-16-le"), "<SessionId></SessionId>é".encode("utf-16-le")),
        (
            "<SessionId>s3cret</SessionId>".encode("utf-16-be") + b"\x00",
            "<SessionId></SessionId>".encode("utf-16-be") + b"\x00",
        ),
    ],
)
def test_however_a_session_id_is_written_it_is_not_kept(body, kept):
    assert salesforce.without_session(body) == kept


@pytest.mark.parametrize(
    ("spoilt", "by"),
    [
        (b"<SessionId", b"<Sess\xffonId"), (b"<SessionId", b"\x00SessionId"), (b"<SessionId xmlns", b"<SessionId\xff xm<lns"),
        (b'"a>b">00D', b'"a>b"\x0000D'), (b"<SessionId xmlns:x=", b"<Session Id xmlns:x="),
    ],
)  # fmt: skip
def test_a_message_that_is_no_xml_any_more_keeps_no_text_before_its_notifications(spoilt, by):
    assert spoilt in WITH_SESSION

    kept = salesforce.without_session(WITH_SESSION.replace(spoilt, by))

    assert b"s3cret" not in kept
    assert kept.endswith(WITH_SESSION[WITH_SESSION.index(b"<Notification>") :])


def test_a_message_without_a_session_id_is_kept_whole():
    body = SOAP.replace(b'<SessionId xsi:nil="true"/>', b"")

    assert salesforce.without_session(body) == body


@given(before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_whatever_bytes_stand_around_a_session_id_stay(before, after):
    opening, closing = b"<SessionId>", b"</SessionId>"

    assert (
        salesforce.without_session(before + opening + b"s3cret" + closing + after) == before + opening + closing + after
    )


@given(body=st.binary(max_size=200))
@example(body=b"<a>otificatio sessio")
def test_bytes_with_neither_a_session_id_nor_the_look_of_a_spoilt_message_are_left_as_they_are(body):
    assume(b"sessionid" not in body.lower().replace(b"\0", b""))
    assume(not any(sign in body for sign in (b"sforce", b"otification", b"nvelope")))

    assert salesforce.without_session(body) == body


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("001A0000006Vm9r", "001A0000006Vm9rIAC"),
        ("00D5e000000HEcP", "00D5e000000HEcPEAW"),
        ("0035e00002UHHQJ", "0035e00002UHHQJAA5"),
        ("001A0000006Vm9rIAC", "001A0000006Vm9rIAC"),
        ("", ""),
    ],
)
def test_an_id_of_fifteen_characters_gets_the_three_that_say_its_capitals(short, full):
    assert full_id(short) == full


def test_two_ids_that_differ_by_a_capital_are_two_records():
    one, other = read("salesforce", [{"Id": "0035e00002UHHQJ", "Email": "a@b.example"}, {"Id": "0035e00002UHHQj"}])

    assert one.ext_id != other.ext_id
    assert one.ext_id.casefold()[:15] == other.ext_id.casefold()[:15]


@pytest.mark.parametrize(
    ("body", "organization"),
    [
        (SOAP, "00D5e000000HEcPEAW"),
        (b'{"OrganizationId": "00D5e000000HEcP", "Email": "a@b.example"}', "00D5e000000HEcPEAW"),
        (b'[{"OrganizationId": "00D5e000000HEcP"}, {"OrganizationId": "00D5e000000HEcQ"}]', ""),
        (b'{"OrganizationId": "mine"}', ""),
        (b'{"Email": "a@b.example"}', ""),
        (b"<broken", ""),
        (b"", ""),
    ],
)
def test_the_organization_is_known_only_where_the_body_names_one(body, organization):
    assert salesforce.organization(body) == organization


def test_a_record_without_its_object_is_told_by_its_id():
    contact, lead, other = read(
        "salesforce", [{"Id": "0035e00002UHHQJ"}, {"Id": "00Q5e00001UHHQJ"}, {"Id": "0065e00001UHHQJ"}]
    )

    assert (contact.object_type, lead.object_type) == ("contact", "lead")
    assert (other.kind, "Opportunity" in other.why) == (OF_NO_USE, True)


@pytest.mark.parametrize(
    "declared", [b"<!DOCTYPE x>", b'<!DOCTYPE x [<!ENTITY a "b">]>', b'<!ENTITY a SYSTEM "file:///etc/x">']
)
def test_xml_that_declares_a_type_is_refused_before_it_is_read(declared):
    with pytest.raises(Unusable, match="DOCTYPE"):
        salesforce_soap.read(declared + SOAP.partition(b"?>\n")[2], lambda *_, **__: [])


# --- bodies


def test_a_form_is_read_where_the_sender_says_so_or_its_text_can_be_nothing_else():
    body, wanted = (
        b"email=ada%40x.example&tag=a&tag=b&empty=",
        {"email": "ada@x.example", "tag": ["a", "b"], "empty": ""},
    )

    assert bodies.parsed(body, {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}).tree == wanted
    assert bodies.parsed(body, {}).tree == wanted
    with pytest.raises(Unusable, match="not JSON"):
        bodies.parsed(body, JSON)


def test_a_name_that_stands_twice_is_told_of_only_where_its_values_differ():
    found = bodies.parsed(b'{"a": 1, "a": 1, "b": {"c": 1, "c": true}, "d": [{"e": "x", "e": "y"}]}', JSON)

    assert found.tree == {"a": 1, "b": {"c": True}, "d": [{"e": "y"}]}
    assert found.repeated == ("c", "e")


def test_a_call_of_attio_told_again_has_the_same_keys_and_another_call_has_others():
    body = (FOLDER / "attio" / "created.json").read_bytes()

    def key(call_id):
        return CRMS["attio"](body, {"idempotency-key": call_id} if call_id else {})[0].event_id

    assert key("call-1") == key("call-1") != key("call-2")
    assert key("") == ""


# --- presets


@pytest.mark.parametrize("party", sorted(PRESETS))
def test_a_preset_fills_fields_that_exist_each_once_and_keeps_to_what_is_its_own(party):
    rows = PRESETS[party]
    named = [row.field for row in rows]

    assert mapping.check(rows, ContactField.values) == []
    assert len(set(named)) == len(named)
    assert set(named) <= set(ContactField.values)
    assert not [row.field for row in rows if row.required or len(row.path) > 500]


def test_names_title_and_phone_go_back_to_hubspot_and_salesforce_and_nothing_goes_elsewhere():
    back = {party: {row.field for row in rows if row.direction != "in"} for party, rows in PRESETS.items()}
    told_back = {"first_name", "last_name", "title", "phone"}

    assert {party: fields for party, fields in back.items() if fields} == {
        "hubspot": told_back,
        "salesforce": told_back,
    }


def test_the_snippet_for_salesforce_signs_as_the_scheme_that_it_names():
    shown = render_to_string("clients/apex_snippet.txt", {"address": "https://gtm.example/api/hooks/k"})
    scheme = signatures.SCHEMES["standard"]

    assert scheme.label in shown
    assert "https://gtm.example/api/hooks/k" in shown
    for header in ("webhook-id", scheme.timestamp_header, scheme.header):
        assert f"request.setHeader('{header}'" in shown
    assert "Crypto.generateMac('HmacSHA256', Blob.valueOf(callId + '.' + at + '.' + body), key)" in shown


def test_there_is_a_preset_for_every_crm():
    assert set(PRESETS) == set(CRMS)
