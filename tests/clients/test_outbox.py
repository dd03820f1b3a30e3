"""What of a change of a contact goes back to the CRMs that hold a record of it, and what does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from clients import drift, echoes, mappings, outbox
from clients.models import (
    Contact,
    Mapping,
    Observation,
    Push,
    Pushed,
    SourceRecord,
    SyncSettings,
)
from tests.clients import crms
from tests.clients.crms import ScriptedCrm, correct, make_record, make_two_crms, say
from tests.factories import AT, make_client, make_connection, make_contact, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rows(monkeypatch):
    """The mappings in force; a test may change them."""
    by_party = dict(crms.ROWS)
    monkeypatch.setattr(drift, "CONNECTORS", {"hubspot": ScriptedCrm(), "salesforce": ScriptedCrm()})
    monkeypatch.setattr(mappings, "in_force", lambda connection: (by_party[connection.party], Mapping(number=7)))
    return by_party


@pytest.fixture
def both():
    return make_two_crms()


def pushes(**wanted):
    rows = Push.objects.filter(**wanted).order_by("record__source", "pk")
    return [(push.record.source, push.state, push.fields) for push in rows]


def test_what_one_crm_says_waits_for_the_other_and_not_for_itself(both):
    _, hubspot, salesforce = both

    waits = outbox.note([say(hubspot, "title", "CFO")], at=AT)

    assert pushes() == [("salesforce", "waiting", {"title": "CFO"})]
    push = Push.objects.get()
    assert (push.before, push.mapping_version, push.asked_by) == ({"title": ""}, 7, None)
    assert waits == {salesforce.connection_id}


def test_what_follows_goes_into_the_row_that_waits_and_the_newest_value_wins(both):
    _, hubspot, _ = both
    for value in ("CFO", "CEO"):
        outbox.note([say(hubspot, "title", value)], at=AT)

    outbox.note([say(hubspot, "first_name", "Ada")], at=AT)

    assert pushes() == [("salesforce", "waiting", {"title": "CEO", "first_name": "Ada"})]


def test_a_correction_by_hand_goes_to_every_crm_at_once_and_names_the_person(both):
    contact, _hubspot, _salesforce = both
    mia = make_user("mia")

    outbox.note([correct(contact, "title", "CFO")], at=AT, by=mia)

    assert pushes(asked_by=mia, due_at=AT) == [
        ("hubspot", "waiting", {"title": "CFO"}),
        ("salesforce", "waiting", {"title": "CFO"}),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"direction": "in"},
        {"direction": "none"},
        {"path": "Account.Title"},
        {"path": "First + Last"},
        {"transforms": ("first_name",)},
    ],
)
def test_only_fields_that_go_out_and_can_be_turned_round_are_pushed(both, rows, change):
    _, hubspot, _ = both
    rows["salesforce"] = (replace(crms.ROWS["salesforce"][1], **change),)

    outbox.note([say(hubspot, "title", "CFO")], at=AT)

    assert pushes() == []


def test_a_field_in_another_object_of_the_crm_is_not_pushed(both):
    _, hubspot, _ = both

    outbox.note([say(hubspot, "company_name", "Northwind")], at=AT)

    assert pushes() == []


def test_what_the_record_says_already_is_not_pushed(both):
    _, hubspot, salesforce = both
    say(salesforce, "title", "CFO", at=AT - timedelta(days=1))

    outbox.note([say(hubspot, "title", "CFO")], at=AT)

    assert pushes() == []


def test_what_was_pushed_before_is_not_pushed_again_until_the_record_says_otherwise(both):
    _, hubspot, salesforce = both
    given = {"record": salesforce, "field": "title", "value_hmac": echoes.digest("CFO"), "at": AT, "said_at": AT}
    Pushed.objects.create(**given)

    outbox.note([say(hubspot, "title", "CFO", at=AT)], at=AT)
    first = pushes()
    say(salesforce, "title", "Boss", at=AT + timedelta(hours=1), wins=False)
    outbox.note([say(hubspot, "title", "CFO", at=AT + timedelta(hours=2))], at=AT)

    assert first == []
    assert pushes() == [("salesforce", "waiting", {"title": "CFO"})]


@pytest.mark.parametrize(
    "unfit",
    [{"ext_id": "address:ada@northwind-bank.example"}, {"erased_at": AT}, {"contact": None}],
)
def test_only_records_that_the_party_knows_by_an_id_of_its_own_are_pushed_to(both, unfit):
    _, hubspot, salesforce = both
    SourceRecord.objects.filter(pk=salesforce.pk).update(**unfit)

    outbox.note([say(hubspot, "title", "CFO")], at=AT)

    assert pushes() == []


def test_a_record_that_its_party_deleted_is_left_alone(both):
    _, hubspot, salesforce = both
    Observation.objects.create(record=salesforce, field="gone", value="true", occurred_at=AT)

    outbox.note([say(hubspot, "title", "CFO")], at=AT)

    assert pushes() == []


@pytest.mark.parametrize("state", ["erased_at", "deleted_at"])
def test_a_contact_that_is_gone_is_pushed_nowhere(both, state):
    _contact, hubspot, _ = both
    change = say(hubspot, "title", "CFO")
    setattr(change.contact, state, AT)

    outbox.note([change], at=AT)

    assert pushes() == []


def test_nothing_is_pushed_to_a_connection_that_is_switched_off_or_of_another_client(both):
    _, hubspot, salesforce = both
    salesforce.connection.is_active = False
    salesforce.connection.save()
    other = make_contact(make_client())
    make_record(other, make_connection(other.client, "salesforce"), "003B")

    outbox.note([say(hubspot, "title", "CFO")], at=AT)

    assert pushes() == []


def test_a_change_that_the_record_says_itself_by_now_leaves_the_row_that_waits(both):
    _, hubspot, salesforce = both
    outbox.note([say(hubspot, "title", "CFO")], at=AT)

    outbox.note([say(salesforce, "title", "CEO", at=AT + timedelta(minutes=1))], at=AT)

    assert pushes() == [("hubspot", "waiting", {"title": "CEO"}), ("salesforce", "skipped", {})]
    assert Push.objects.get(state="skipped").why == "By now the CRM says so itself."


def test_a_value_goes_out_in_the_words_and_under_the_name_of_the_party():
    client = make_client()
    places = drift.way_out(make_connection(client, "hubspot")).places

    there = {field: (place.name, place.value("Gold")) for field, place in places.items()}

    assert there == {
        "first_name": ("firstname", "Gold"),
        "title": ("jobtitle", "Gold"),
        "phone": ("phone", "Gold"),
        "custom.tier": ("tier", "a"),
    }


def echo(record, *, origin="INTEGRATION 4711", given="CFO", own_id="4711"):
    """`record` was given a value by us, and its party now says CEO as if later: what becomes of it."""
    SyncSettings.objects.create(connection=record.connection, own_id=own_id)
    Pushed.objects.create(record=record, field="title", value_hmac=echoes.digest(given), at=AT, said_at=AT)
    outbox.note([say(record, "title", "CFO", origin=origin)], at=AT)
    return pushes()


def test_our_own_value_that_comes_back_under_our_name_is_recorded_and_goes_nowhere(both):
    _, hubspot, _ = both

    assert echo(hubspot) == []
    assert Observation.objects.filter(record=hubspot, value="CFO").exists()


@pytest.mark.parametrize(
    "other", [{"origin": "CRM_UI 4711"}, {"origin": "INTEGRATION 815"}, {"given": "CEO"}, {"own_id": ""}]
)
def test_a_value_of_anybody_else_or_another_value_is_no_echo(both, other):
    _, hubspot, _ = both

    assert echo(hubspot, **other) == [("salesforce", "waiting", {"title": "CFO"})]


def flip(record, times, *, every):
    for number in range(times):
        at = AT + number * every
        outbox.note([say(record, "title", "CFO" if number % 2 else "CEO", at=at)], at=at)


def test_a_field_that_goes_to_and_fro_is_held_for_a_person_and_the_others_go_on(both):
    contact, hubspot, _ = both
    flip(hubspot, 6, every=timedelta(minutes=1))

    outbox.note([say(hubspot, "first_name", "Ada", at=AT + timedelta(minutes=6))], at=AT + timedelta(minutes=6))

    assert pushes(state="held") == [("salesforce", "held", {"title": "CFO"})]
    assert pushes(state="waiting") == [("salesforce", "waiting", {"first_name": "Ada"})]
    (held,) = outbox.flapping()
    assert held.why.startswith("Title: changed more than four times within ten minutes")
    assert contact.pk == held.record.contact_id


def test_a_field_that_changes_often_but_slowly_is_written(both):
    _, hubspot, _ = both

    flip(hubspot, 8, every=timedelta(minutes=3))

    assert pushes() == [("salesforce", "waiting", {"title": "CFO"})]


def test_while_a_person_is_asked_the_newest_value_is_kept_and_is_written_once_they_say_so(both):
    _, hubspot, _ = both
    flip(hubspot, 6, every=timedelta(minutes=1))
    later, mia = AT + timedelta(hours=3), make_user("mia")
    outbox.note([say(hubspot, "title", "Chair", at=later)], at=later)
    (held,) = outbox.flapping()

    outbox.again([held], by=mia, at=later)

    assert held.fields == {"title": "Chair"}
    assert pushes(asked_by=mia) == [("salesforce", "waiting", {"title": "Chair"})]
    assert list(outbox.flapping()) == []


def test_a_push_is_discarded_with_a_reason_once(both):
    _, hubspot, _ = both
    outbox.note([say(hubspot, "title", "CFO")], at=AT)
    push, mia = Push.objects.get(), make_user("mia")

    ended = [outbox.discard(push, "They left.", by=mia, at=AT) for _ in range(2)]

    assert ended == [True, False]
    assert Push.objects.get().why == "mia: They left."


def test_a_change_of_a_client_that_writes_nowhere_asks_the_database_for_no_record(
    both, rows, django_assert_num_queries
):
    _, hubspot, _ = both
    rows["hubspot"] = rows["salesforce"] = ()
    change = say(hubspot, "title", "CFO")

    with django_assert_num_queries(1):
        outbox.note([change], at=AT)

    assert Contact.objects.count() == 1
