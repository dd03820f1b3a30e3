"""What we ask of HubSpot and push to it, against its stand-in at the wire."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from clients.crm import asking, hubspot_api
from clients.crm.asking import Door, Write
from gtm import http
from gtm.models import Breaker, SandboxRecord
from gtm.sandbox import faults, hubspot
from gtm.sandbox.faults import Fault
from gtm.sandbox.hubspot import people
from gtm.sandbox.hubspot.weather import WEATHER

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


# --- what changed


def changes(door, since, until, names=(), connector=hubspot_api):
    """All pages: (bodies, records seen)."""
    bodies, seen, cursor = [], 0, ""
    for _ in range(30):
        page = connector.changed_since(door, since, until, cursor, names)
        bodies += [page.body] if page.body else []
        seen, cursor = seen + page.seen, page.next_cursor
        if not cursor:
            return bodies, seen
    raise AssertionError("the pages do not come to an end")


def test_what_changed_in_a_window_is_found_with_an_overlap_before_it(door):
    early = add("early@northwind-bank.example", at=AT - timedelta(minutes=11))
    lag = add("lag@northwind-bank.example", at=AT - timedelta(minutes=9))
    inside = add("inside@northwind-bank.example", at=AT + HOUR, jobtitle="CFO")
    add("after@northwind-bank.example", at=AT + 3 * HOUR)

    bodies, seen = changes(door, AT, AT + 2 * HOUR, ["jobtitle"])

    found = {each["id"]: each["properties"]["jobtitle"] for body in bodies for each in results(body)}
    assert found == {lag: None, inside: "CFO"}
    assert (seen, early in found) == (2, False)


def test_what_was_deleted_is_told_as_archived(door):
    gone, kept = add("gone@northwind-bank.example"), add("kept@northwind-bank.example")
    long_gone = add("long-gone@northwind-bank.example", at=AT - 50 * HOUR)
    people.delete(ACME, long_gone, at=AT - 48 * HOUR)
    people.delete(ACME, gone, at=AT + HOUR)

    bodies, _ = changes(door, AT, AT + 2 * HOUR)

    told = {each["id"]: each["archived"] for body in bodies for each in results(body)}
    assert (told[gone], told[kept]) == (True, False)


def test_a_window_in_which_nothing_happened_leaves_no_body(door):
    gone = add("gone@northwind-bank.example", at=AT - 50 * HOUR)
    people.delete(ACME, gone, at=AT - 48 * HOUR)

    assert changes(door, AT, AT + HOUR) == ([], 0)


def test_more_than_a_search_may_answer_of_one_moment_are_all_found(door, monkeypatch):
    """An import gives all contacts one moment; here a search answers 40 of one question instead of 10,000."""
    from gtm.sandbox.hubspot import search

    monkeypatch.setattr(search, "MOST_OF_A_QUESTION", 40)
    monkeypatch.setattr(hubspot_api, "SEARCH_PAGE", 20)
    ids = {add(f"p{n}@northwind-bank.example") for n in range(101)}

    bodies, seen = changes(door, AT, AT + HOUR)

    assert ({each["id"] for body in bodies for each in results(body)}, seen) == (ids, 101)


def test_meetings_are_not_listed(door):
    with pytest.raises(http.Refused, match="one by one"):
        hubspot_api.changed_since(door, AT, AT + HOUR, "", [], "meeting")


# --- pushing


def test_a_batch_is_written_by_record_id_and_each_has_its_fate(door):
    ada, eve = add("ada@northwind-bank.example"), add("eve@northwind-bank.example", phone="1")
    writes = [
        Write("a", ada, {"jobtitle": "CEO"}),
        Write("b", "999", {"jobtitle": "CEO"}),
        Write("c", eve, {"phone": "", "jobtitle": "CFO"}),
        Write("d", eve, {"email": "no address"}),
    ]

    fates = hubspot_api.push(door, writes)

    assert [(each.key, each.kind, each.ext_id) for each in fates] == [
        ("a", "done", ada),
        ("b", "permanent", "999"),
        ("c", "done", eve),
        ("d", "permanent", eve),
    ]
    assert fates[1].why == "HubSpot no longer has this contact"
    assert "Email address no address is invalid" in fates[3].why
    assert (stored(ada)["jobtitle"], stored(eve)["phone"], stored(eve)["jobtitle"]) == ("CEO", "", "CFO")
    assert stored(eve)["email"] == "eve@northwind-bank.example"


def test_what_comes_back_of_our_own_writes_names_our_app(door):
    ada = add("ada@northwind-bank.example")
    start = people.latest(ACME)

    hubspot_api.push(door, [Write("a", ada, {"jobtitle": "CEO"})])

    [call] = people.calls_since(ACME, start)
    [event] = json.loads(call)
    assert (event["changeSource"], event["propertyName"], event["propertyValue"]) == ("INTEGRATION", "jobtitle", "CEO")
    assert (event["sourceId"],) == hubspot_api.identify(door).origins
    assert str(event["portalId"]) == hubspot_api.identify(door).account_id


def test_more_than_a_batch_go_out_in_batches(door):
    ids = [add(f"p{n}@northwind-bank.example") for n in range(101)]
    calls = SandboxRecord.objects.filter(object_type="calls")

    fates = hubspot_api.push(door, [Write(ext_id, ext_id, {"jobtitle": "CEO"}) for ext_id in ids])

    assert {each.kind for each in fates} == {"done"}
    assert sum(row.values["used"] for row in calls) == 2


def test_two_writes_of_one_record_do_not_meet_in_one_batch(door):
    ada = add("ada@northwind-bank.example")
    writes = [Write("a", ada, {"jobtitle": "one"}), Write("b", ada, {"jobtitle": "two", "phone": "1"})]

    fates = hubspot_api.push(door, writes)

    assert [each.kind for each in fates] == ["done", "done"]
    assert (stored(ada)["jobtitle"], stored(ada)["phone"]) == ("two", "1")


def test_one_write_that_spoils_its_batch_does_not_take_the_others_along(door):
    """Without its trace id an entry is refused together with all others, as with any error that HubSpot tells so."""
    ids = [add(f"p{n}@northwind-bank.example") for n in range(5)]
    writes = [Write(ext_id, ext_id, {"jobtitle": "CEO"}) for ext_id in ids]
    writes[2] = Write("", ids[2], {"No Such": "x"})

    fates = hubspot_api.push(door, writes)

    assert [each.kind for each in fates] == ["done", "done", "permanent", "done", "done"]
    assert "does not exist" in fates[2].why


def test_a_contact_is_made_and_its_id_comes_back(door):
    [fate] = hubspot_api.push(door, [Write("a", "", {"email": "new@northwind-bank.example", "firstname": "Noa"})])

    assert (fate.kind, stored(fate.ext_id)["firstname"]) == ("done", "Noa")


def test_where_the_address_is_there_already_that_contact_is_changed(door):
    ada = add("ada@northwind-bank.example", jobtitle="CFO")
    writes = [
        Write("a", "", {"email": "Ada@Northwind-Bank.example", "jobtitle": "CEO"}),
        Write("b", "", {"email": "eve@northwind-bank.example"}),
    ]

    fates = hubspot_api.push(door, writes)

    assert [(each.key, each.kind) for each in fates] == [("a", "done"), ("b", "done")]
    assert (fates[0].ext_id, stored(ada)["jobtitle"]) == (ada, "CEO")


def test_an_address_that_another_contact_holds_is_a_conflict(door):
    ada, eve = add("ada@northwind-bank.example"), add("eve@northwind-bank.example")

    [fate] = hubspot_api.push(door, [Write("a", eve, {"email": "ada@northwind-bank.example"})])

    assert (fate.kind, fate.ext_id) == ("conflict", eve)
    assert f"Existing ID: {ada}" in fate.why


def test_a_lifecycle_that_hubspot_keeps_is_not_called_done(door):
    ada = add("ada@northwind-bank.example", lifecyclestage="customer")

    [fate] = hubspot_api.push(door, [Write("a", ada, {"lifecyclestage": "lead"})])

    assert (fate.kind, stored(ada)["lifecyclestage"]) == ("permanent", "customer")
    assert fate.why.startswith("HubSpot keeps the lifecycle stage “customer”: it only moves forward.")
    [fate] = hubspot_api.push(door, [Write("a", ada, {"lifecyclestage": "evangelist"})])
    assert (fate.kind, stored(ada)["lifecyclestage"]) == ("done", "evangelist")


def test_only_contacts_are_written(door):
    [fate] = hubspot_api.push(door, [Write("a", "7", {"hs_meeting_title": "x"}, "meeting")])

    assert (fate.kind, fate.why) == ("permanent", "Of HubSpot only contacts are written")
    assert SandboxRecord.objects.count() == 0


# --- bad days


@pytest.mark.parametrize(
    ("weather", "retry_after_s"),
    [
        ("429", None),
        ("429, again in 2500 milliseconds", 2.5),
        ("429, again in 7 seconds", 7.0),
        ("429, again at a date", 30.0),
        ("429, the day is used up", None),
        ("500", None),
        ("502, a page", None),
        ("hang", None),
        ("reset", None),
        ("half an answer", None),
    ],
)
def test_a_party_that_cannot_answer_now_is_asked_later(door, weather, retry_after_s):
    ada = add("ada@northwind-bank.example")

    with faults.inject("hubspot", WEATHER[weather], times=1):
        [fate] = hubspot_api.push(door, [Write("a", ada, {"jobtitle": "CEO"})])

    assert (fate.kind, fate.retry_after_s, fate.is_held, fate.ext_id) == ("transient", retry_after_s, False, ada)
    assert Breaker.objects.get().failures == 1


def test_until_a_retry_after_is_over_nothing_goes_out(door):
    ada = add("ada@northwind-bank.example")
    write = Write("a", ada, {"jobtitle": "CEO"})
    with faults.inject("hubspot", WEATHER["429, again at a date"], times=1):
        hubspot_api.push(door, [write])

    [held] = hubspot_api.push(door, [write])

    assert (held.kind, held.is_held) == ("transient", True)
    assert 0 < held.retry_after_s <= 30
    assert held.why.startswith("It asked us to wait; the next call goes out in ")
    assert "jobtitle" not in stored(ada)


def test_a_void_token_is_a_matter_of_the_connection_not_of_the_party(door):
    refusal = Fault(401, b'{"status": "error", "message": "The access token is expired.", "category": "EXPIRED"}')

    with faults.inject("hubspot", refusal):
        fates = [fate for _ in range(6) for fate in hubspot_api.push(door, [Write("a", "1", {"jobtitle": "x"})])]

    assert {(each.kind, each.is_held) for each in fates} == {("auth", False)}
    assert Breaker.objects.count() == 0


def test_the_daily_limit_that_another_app_used_up_is_heeded():
    from gtm.sandbox import memory

    ticks = iter(AT + timedelta(seconds=n) for n in range(1000))
    door = Door("crm:1", sandbox=True, credential=TOKEN, clock=lambda: next(ticks))
    memory.set_calls(ACME, 185_000, at=datetime.now(UTC))
    hubspot_api.identify(door)

    with pytest.raises(asking.Held) as held:
        hubspot_api.identify(door)

    assert held.value.retry_after_s > 14 * 3600
    assert hubspot_api.identify(Door("crm:1", True, TOKEN, by_person=True, clock=lambda: AT + HOUR)).account_id
