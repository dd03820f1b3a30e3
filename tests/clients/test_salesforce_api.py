"""What we ask of Salesforce and push to it, against its stand-in at the wire."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from clients.crm import salesforce_api
from clients.crm.asking import Door, Write
from gtm import http
from gtm.models import Breaker, SandboxRecord
from gtm.sandbox import faults, memory, salesforce
from gtm.sandbox.faults import Fault
from gtm.sandbox.salesforce import organisations, people, routes
from gtm.sandbox.salesforce.weather import WEATHER

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOST = "acme.my.salesforce.com"
ACME = salesforce.account(HOST)


@pytest.fixture(autouse=True)
def fresh_process():
    salesforce_api._tokens.clear()
    salesforce_api._unknown.clear()


def make_door(host=HOST, credential="key-of-acme secret-of-acme"):
    """Its clock goes on by a second with each look, so that a bucket never holds a test up."""
    ticks = iter(AT + timedelta(seconds=n) for n in range(100_000))
    return Door("crm:2", True, credential, f"https://{host}", clock=lambda: next(ticks))


@pytest.fixture
def door():
    return make_door()


def add(email, *, of=ACME, at=AT, kind="Contact", **values):
    return people.add(of, {"LastName": "Lee", "Email": email, **values}, at=at, kind=kind)


def stored(ext_id):
    return SandboxRecord.objects.get(account=ACME.key, ext_id=ext_id).values


def records(body):
    return json.loads(body)["records"]


def calls():
    return sum(row.values["used"] for row in SandboxRecord.objects.filter(object_type="calls"))


# --- reading


def test_contacts_are_read_by_their_ids_with_fields_of_their_company(door):
    ada = add("ada@northwind-bank.example", Title="CFO", Account={"Name": "Northwind Bank"})
    eve = add("eve@northwind-bank.example")

    answered = salesforce_api.read(door, [ada, eve[:15], "003000000000000AAA"], ["Title", "Account.Name"])

    found = {each["Id"]: each for each in records(answered.body)}
    assert (found[ada]["Title"], found[ada]["Account"]["Name"], found[ada]["attributes"]["type"]) == (
        "CFO", "Northwind Bank", "Contact",
    )  # fmt: skip
    assert (found[eve]["Account"], found[eve]["Email"]) == (None, "eve@northwind-bank.example")
    assert answered.missing == ("003000000000000AAA",)


def test_a_deleted_record_and_one_that_went_into_another_say_so(door):
    ada, eve, noa = (add(f"{name}@northwind-bank.example") for name in ("ada", "eve", "noa"))
    people.delete(ACME, eve, at=AT)
    people.merge(ACME, ada, noa, at=AT)

    answered = salesforce_api.read(door, [ada, eve, noa], [])

    said = {each["Id"]: (each["IsDeleted"], each["MasterRecordId"]) for each in records(answered.body)}
    assert said == {ada: (False, None), eve: (True, None), noa: (True, ada)}


def test_what_is_no_id_never_becomes_part_of_a_query(door):
    answered = salesforce_api.read(door, ["') OR (Id != '"], ["Title"])

    assert (answered.body, answered.missing, answered.calls) == (b"", ("') OR (Id != '",), 0)


def test_fields_that_the_object_has_not_are_left_out_from_then_on(door):
    ada = add("ada@northwind-bank.example", Title="CFO")
    names = ["Title", "Company", "Parent.Name", "Id FROM User --"]

    [record] = records(salesforce_api.read(door, [ada], names).body)
    first = calls()
    salesforce_api.read(door, [ada], names)

    assert (record["Title"], "Company" in record, "Parent" in record) == ("CFO", False, False)
    assert (first, calls() - first) == (3, 1)


def test_a_lead_is_read_with_the_contact_that_it_became(door):
    lead = add("ada@northwind-bank.example", kind="Lead", Company="Northwind Bank")
    contact = people.convert(ACME, lead, at=AT + HOUR)

    [record] = records(salesforce_api.read(door, [lead], ["Company"], "lead").body)

    assert (record["Company"], record["ConvertedContactId"]) == ("Northwind Bank", contact)
    assert (salesforce_api.read_batch("lead"), salesforce_api.read_batch("meeting")) == (200, 0)


def test_another_organisation_sees_nothing(door):
    ada = add("ada@northwind-bank.example", of=salesforce.account("other.my.salesforce.com"))

    assert salesforce_api.read(door, [ada], []).missing == (ada,)


# --- what changed


def test_what_changed_in_a_window_comes_page_by_page_deletes_included(door, monkeypatch):
    monkeypatch.setattr(routes, "PAGE", 2)
    early = add("early@northwind-bank.example", at=AT - timedelta(minutes=11))
    ids = [add(f"p{n}@northwind-bank.example", at=AT + n * timedelta(minutes=1)) for n in range(5)]
    people.delete(ACME, ids[0], at=AT + HOUR)
    add("after@northwind-bank.example", at=AT + 3 * HOUR)

    pages, cursor = [], ""
    for _ in range(3):
        pages.append(salesforce_api.changed_since(door, AT, AT + 2 * HOUR, cursor, ["Title"]))
        cursor = pages[-1].next_cursor

    told = [(each["Id"], each["IsDeleted"]) for page in pages for each in records(page.body)]
    assert told == [(ids[1], False), (ids[2], False), (ids[3], False), (ids[4], False), (ids[0], True)]
    assert ([page.seen for page in pages], cursor, early in dict(told)) == ([2, 2, 1], "", False)


def test_a_page_that_salesforce_no_longer_knows_begins_the_window_anew(door):
    ada = add("ada@northwind-bank.example")

    page = salesforce_api.changed_since(
        door, AT, AT + HOUR, f"{salesforce_api.DATA}/queryAll/01g000000000000009-2000", []
    )

    assert ([each["Id"] for each in records(page.body)], page.next_cursor) == ([ada], "")


def test_a_window_in_which_nothing_happened_leaves_no_body(door):
    page = salesforce_api.changed_since(door, AT, AT + HOUR, "", [])

    assert (page.body, page.next_cursor, page.seen) == (b"", "", 0)


def test_a_next_page_at_another_host_is_not_asked(door):
    elsewhere = {"done": False, "records": [{"Id": "1"}], "nextRecordsUrl": "https://other.test/services/data/"}

    with faults.inject("salesforce", Fault(), Fault(200, json.dumps(elsewhere).encode())):
        page = salesforce_api.changed_since(door, AT, AT + HOUR, "", [])

    assert page.next_cursor == ""


# --- pushing


def test_a_collection_is_written_by_record_id_and_each_has_its_fate(door):
    ada, eve, gone = (add(f"{name}@northwind-bank.example", Phone="1") for name in ("ada", "eve", "gone"))
    people.delete(ACME, gone, at=AT)
    writes = [
        Write("a", ada, {"Title": "CEO"}),
        Write("b", gone, {"Title": "CEO"}),
        Write("c", eve, {"Phone": "", "Title": "CFO"}),
        Write("d", add("noa@northwind-bank.example"), {"Email": "no address"}),
        Write("e", "003000000000000AAA", {"Title": "CEO"}),
        Write("f", ada, {"Account.Name": "x"}),
        Write("g", "101", {"Title": "CEO"}),
    ]

    fates = salesforce_api.push(door, writes)

    assert [each.key for each in fates] == list("abcdefg")
    assert [each.kind for each in fates] == ["done", "permanent", "done", *["permanent"] * 4]
    assert fates[1].why == fates[4].why == "Salesforce no longer has this contact"
    assert fates[3].why == "Email: invalid email address: no address (INVALID_EMAIL_ADDRESS)"
    assert fates[5].why == "Account.Name cannot be written: it is a field of another object"
    assert fates[6].why == "“101” is no id of Salesforce"
    assert (stored(ada)["Title"], stored(eve)["Title"], stored(eve)["Phone"]) == ("CEO", "CFO", None)


def test_what_comes_back_of_our_own_writes_names_us(door):
    ada = add("ada@northwind-bank.example")
    start = people.latest(ACME)

    salesforce_api.push(door, [Write("a", ada, {"Title": "CEO"})])

    [event] = people.captured(ACME, start)
    header = json.loads(event)["payload"]["ChangeEventHeader"]
    user, client = salesforce_api.identify(door).origins
    assert (header["changeOrigin"].split(";")[1], header["commitUser"]) == (f"client={client}", user)
    assert salesforce_api.identify(door).account_id == organisations.organisation_id(ACME)
    [record] = records(salesforce_api.read(door, [ada], []).body)
    assert record["LastModifiedById"] == user


def test_where_the_address_is_there_already_that_record_is_changed(door):
    ada = add("ada.o'lee@northwind-bank.example", Title="CFO")
    writes = [
        Write("a", "", {"LastName": "Lee", "Email": "Ada.O'Lee@northwind-bank.example", "Title": "CEO"}),
        Write("b", "", {"LastName": "Lee", "Email": "eve@northwind-bank.example"}),
        Write("c", "", {"Email": "noa@northwind-bank.example"}),
    ]

    fates = salesforce_api.push(door, writes)

    assert [each.kind for each in fates] == ["done", "done", "permanent"]
    assert (fates[0].ext_id, stored(ada)["Title"], stored(fates[1].ext_id)["LastName"]) == (ada, "CEO", "Lee")
    assert fates[2].why == "Required fields are missing: [LastName] (REQUIRED_FIELD_MISSING)"


def test_an_address_that_another_record_holds_is_a_conflict(door):
    add("ada@northwind-bank.example")
    eve = add("eve@northwind-bank.example")

    [fate] = salesforce_api.push(door, [Write("a", eve, {"Email": "ada@northwind-bank.example"})])

    assert (fate.kind, fate.ext_id, stored(eve)["Email"]) == ("conflict", eve, "eve@northwind-bank.example")


def test_a_row_that_is_locked_is_tried_again(door):
    locked = [{"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []}]}]

    with faults.inject("salesforce", Fault(), Fault(200, json.dumps(locked).encode())):
        [fate] = salesforce_api.push(door, [Write("a", "003000000000000AAA", {"Title": "x"})])

    assert (fate.kind, fate.why) == ("transient", "locked (UNABLE_TO_LOCK_ROW)")


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'[{"success": "true"}]', b"[7]", b"[null]"])
def test_an_answer_that_does_not_say_what_became_of_a_write_is_no_success(door, answer):
    with faults.inject("salesforce", Fault(), Fault(200, answer)):
        [fate] = salesforce_api.push(door, [Write("a", "003000000000000AAA", {"Title": "x"})])

    assert (fate.kind, fate.why) == ("transient", "Salesforce did not say what became of it")


# --- signing in


def test_one_sign_in_serves_all_calls_of_a_process(door):
    with faults.inject("salesforce", lambda call: None):
        for _ in range(3):
            salesforce_api.identify(door)

    assert len(salesforce_api._tokens) == 1
    assert calls() == 3


def test_a_session_that_ended_is_renewed_once(door):
    salesforce_api.identify(door)
    [old] = salesforce_api._tokens.values()
    organisations.end_sessions(ACME)

    assert salesforce_api.identify(door).account_id

    assert old not in salesforce_api._tokens.values()


def test_a_session_that_is_void_again_and_again_is_a_matter_of_the_connection(door):
    refusal = b'[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]'

    with faults.inject("salesforce", lambda call: Fault(401, refusal) if call in (2, 4) else None):
        [fate] = salesforce_api.push(door, [Write("a", "003000000000000AAA", {"Title": "x"})])

    assert (fate.kind, fate.is_held) == ("auth", False)
    assert Breaker.objects.count() == 0


@pytest.mark.parametrize(
    ("credential", "why"),
    [("key-of-acme wrong", "invalid client credentials"), ("key-of-acme", "three words"), ("", "three words")],
)
def test_a_wrong_secret_is_a_matter_of_the_connection(door, credential, why):
    salesforce_api.identify(door)

    [fate] = salesforce_api.push(make_door(credential=credential), [Write("a", "003000000000000AAA", {"Title": "x"})])

    assert (fate.kind, why in fate.why) == ("auth", True)


def test_the_token_of_one_organisation_is_not_shown_to_another(door):
    salesforce_api.identify(door)

    salesforce_api.identify(make_door("other.my.salesforce.com"))

    assert len(set(salesforce_api._tokens.values())) == 2


# --- bad days


@pytest.mark.parametrize(
    ("weather", "retry_after_s"),
    [
        ("403, the limit is used up", None),
        ("403, again in 7 seconds", 7.0),
        ("429", None),
        ("503, again at a date", 30.0),
        ("503", None),
        ("500", None),
        ("hang", None),
        ("reset", None),
        ("half an answer", None),
    ],
)
def test_a_party_that_cannot_answer_now_is_asked_later(door, weather, retry_after_s):
    ada = add("ada@northwind-bank.example")

    with faults.inject("salesforce", Fault(), WEATHER[weather]):
        [fate] = salesforce_api.push(door, [Write("a", ada, {"Title": "CEO"})])

    assert (fate.kind, fate.retry_after_s, fate.is_held) == ("transient", retry_after_s, False)
    assert Breaker.objects.get().failures == 1


def test_a_day_that_other_programs_used_up_is_heeded(door):
    memory.set_calls(ACME, 79_000, at=datetime.now(UTC))
    salesforce_api.identify(door)

    with pytest.raises(http.Unavailable, match="We keep below the number of calls that it allows") as held:
        salesforce_api.identify(door)

    assert held.value.retry_after_s > 14 * 3600
