"""What a CRM's calls did not tell is asked for: look-ups of records, and comparisons that tell what the calls lose."""

from datetime import timedelta
from random import Random

import pytest

from clients import drift, losses, mappings, pushing, sync
from clients.crm.asking import Held
from clients.models import Connection, Delivery, Mapping, Reconciliation, SourceRecord, SyncSettings
from gtm import http
from tests.clients import crms
from tests.clients.crms import ScriptedCrm, make_record, say, write_in_earnest
from tests.factories import AT, make_client, make_connection, make_contact

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def crm(monkeypatch):
    made = ScriptedCrm()
    for module in (drift, pushing, sync):
        monkeypatch.setattr(module, "CONNECTORS", {"hubspot": made, "salesforce": made})
    monkeypatch.setattr(mappings, "in_force", lambda connection: (crms.ROWS[connection.party], Mapping(number=7)))
    return made


@pytest.fixture
def hubspot():
    return make_connection(make_client(), "hubspot")


def thin(connection, *ext_ids, at=AT):
    """Events only named these records."""
    for ext_id in ext_ids:
        make_record(make_contact(connection.client), connection, ext_id, look_up_at=at)


def look_up(connection, *, at=AT):
    return sync.look_up(connection.pk, rng=Random(1), clock=lambda: at)


def asked():
    """What was stored of the answers."""
    rows = Delivery.objects.filter(way="asked").order_by("pk")
    return [(bytes(row.body), row.status, row.error) for row in rows]


def to_look_up():
    return dict(SourceRecord.objects.exclude(look_up_at=None).values_list("ext_id", "look_up_at"))


def test_records_that_events_only_named_are_asked_for_together_and_the_answer_is_kept_as_it_came(crm, hubspot):
    thin(hubspot, "101", "102", "103", "104")
    crm.known = {"body": b'{"results": []}', "ids": ["101", "102", "103", "104"]}

    found = look_up(hubspot)

    assert crm.calls == [(("101", "102", "103"), ("firstname", "jobtitle", "company", "tier"))]
    assert asked() == [(b'{"results": []}', "received", "")]
    assert found == [Delivery.objects.get().pk]
    assert to_look_up() == {"104": AT}


def test_nobody_is_asked_before_the_time_or_of_an_erased_person(crm, hubspot):
    thin(hubspot, "101", at=AT + MINUTE)
    thin(hubspot, "102")
    SourceRecord.objects.filter(ext_id="102").update(erased_at=AT)

    assert (sync.to_look_up(AT), look_up(hubspot), crm.calls) == ([], [], [])


def test_records_that_the_crm_does_not_know_are_told_in_words_and_not_asked_for_again(crm, hubspot):
    thin(hubspot, "101", "102")
    crm.known = {"body": b'{"results": []}', "ids": ["101"]}

    look_up(hubspot)

    words = "HubSpot does not know these records (any more), so what its call announced could not be read: 102."
    assert asked() == [(b'{"results": []}', "received", ""), (b"", "applied", words)]
    assert to_look_up() == {}


def test_one_record_that_the_crm_refuses_does_not_keep_the_others_from_us(crm, hubspot, monkeypatch):
    thin(hubspot, "101", "bad", "102")
    crm.known = {"body": b"{}", "ids": ["101", "102", "bad"]}
    plain = crm.read

    def read(door, ids, names, object_type="contact"):
        if "bad" in ids:
            raise http.Refused(400, "The id is malformed.")
        return plain(door, ids, names, object_type)

    monkeypatch.setattr(crm, "read", read)

    look_up(hubspot)

    refused = "HubSpot refused to tell of record bad: The id is malformed."
    assert sorted(asked()) == [(b"", "applied", refused), (b"{}", "received", ""), (b"{}", "received", "")]
    assert to_look_up() == {}


@pytest.mark.parametrize(("retry_after_s", "least_s"), [(None, 60), (600.0, 600)])
def test_while_the_crm_cannot_answer_the_look_up_waits_as_long_as_it_asks(crm, hubspot, retry_after_s, least_s):
    thin(hubspot, "101")
    crm.known = {"body": http.Unavailable("Busy.", retry_after_s=retry_after_s)}

    found = look_up(hubspot)

    assert (found, asked()) == ([], [])
    assert to_look_up()["101"] >= AT + timedelta(seconds=least_s)


def test_where_the_crm_no_longer_knows_us_look_ups_wait_for_a_person(crm, hubspot):
    thin(hubspot, "101")
    crm.known = {"body": http.Refused(401, "The token is void.")}

    look_up(hubspot)

    assert SyncSettings.objects.get().paused_why == "The token is void."
    assert (sync.to_look_up(AT + MINUTE), to_look_up()) == ([], {"101": AT})


def test_an_event_that_comes_while_the_crm_is_asked_leads_to_another_look_up(crm, hubspot, monkeypatch):
    thin(hubspot, "101")
    crm.known = {"body": b"{}", "ids": ["101"]}
    plain = crm.read

    def read(*args):
        SourceRecord.objects.update(look_up_at=AT + MINUTE)
        return plain(*args)

    monkeypatch.setattr(crm, "read", read)

    look_up(hubspot)

    assert to_look_up() == {"101": AT + MINUTE}


# --- comparing


def turn(run, *, at):
    return sync.turn(run.pk, rng=Random(1), clock=lambda: at)


def test_a_comparison_asks_page_by_page_and_keeps_each_answer_with_the_place_of_the_next(crm, hubspot):
    crm.pages = [(b"one", "p2", 2), (b"", "p3", 0), (b"three", "", 1)]
    run = sync.start(hubspot, at=AT + 60 * MINUTE)

    turns = [turn(run, at=AT + 60 * MINUTE) for _ in range(4)]

    window = (hubspot.created_at, AT + 60 * MINUTE)
    assert crm.calls == [(*window, ""), (*window, "p2"), (*window, "p3")]
    assert [each.goes_on for each in turns] == [True, True, True, False]
    assert [body for body, *_ in asked()] == [b"one", b"three"]
    assert [each.delivery_id for each in turns if each.delivery_id] == [d.pk for d in run.answers.order_by("pk")]
    run.refresh_from_db()
    assert (run.ended_at, run.error) == (AT + 60 * MINUTE, "")


def test_the_next_comparison_begins_where_the_last_complete_one_ended(crm, hubspot):
    times = {"from_at": AT, "started_at": AT}
    for minutes, error in ((5, ""), (9, "Ended early.")):
        until = AT + minutes * MINUTE
        Reconciliation.objects.create(connection=hubspot, until_at=until, ended_at=until, error=error, **times)

    run = sync.start(hubspot, at=AT + 60 * MINUTE)

    assert (run.from_at, run.until_at) == (AT + 5 * MINUTE, AT + 60 * MINUTE)


def test_after_a_refusal_for_the_moment_it_goes_on_where_it_stopped_and_not_before(crm, hubspot):
    crm.pages = [(b"one", "p2", 2), http.Unavailable("Busy.", retry_after_s=600.0), (b"two", "", 1)]
    run = sync.start(hubspot, at=AT)
    turns = [turn(run, at=AT) for _ in range(2)]

    early = turn(run, at=AT + 9 * MINUTE)
    waits = (sync.going_on(AT + 9 * MINUTE), sync.going_on(AT + 10 * MINUTE))
    late = turn(run, at=AT + 10 * MINUTE)

    assert [each.goes_on for each in turns] == [True, False]
    assert (early.goes_on, waits, late.goes_on) == (False, ([], [run.pk]), True)
    assert [call[2] for call in crm.calls] == ["", "p2", "p2"]


def test_a_short_wait_for_our_own_limits_is_slept_through_and_a_long_one_is_not(crm, hubspot):
    crm.pages = [Held("Slowly.", retry_after_s=0.5), Held("Slowly.", retry_after_s=500.0)]
    run = sync.start(hubspot, at=AT)

    short, long = turn(run, at=AT), turn(run, at=AT + MINUTE)

    assert [(each.goes_on, each.wait_s) for each in (short, long)] == [(True, 0.5), (False, 500.0)]
    run.refresh_from_db()
    assert (run.attempts, run.again_at) == (0, AT + MINUTE + timedelta(seconds=500))


@pytest.mark.parametrize(("status", "is_paused"), [(401, True), (400, False)])
def test_a_refusal_for_good_ends_it_with_the_reason(crm, hubspot, status, is_paused):
    crm.pages = [http.Refused(status, "No.")]
    run = sync.start(hubspot, at=AT)

    turn(run, at=AT)

    run.refresh_from_db()
    assert (run.ended_at, run.error, len(pushing.paused())) == (AT, "No.", int(is_paused))


def test_while_one_worker_asks_no_other_does_and_a_lost_one_is_followed(crm, hubspot):
    run = sync.start(hubspot, at=AT)
    Reconciliation.objects.update(again_at=AT + sync.ASKING)

    assert turn(run, at=AT + MINUTE).goes_on is False
    assert crm.calls == []
    assert sync.going_on(AT + sync.ASKING) == [run.pk]


def test_each_crm_that_can_be_asked_is_compared_with_once_a_day(crm, hubspot):
    others = [
        make_connection(hubspot.client, party, name=party + name)
        for party, name in (("salesforce", ""), ("sendgrid", ""), ("hubspot", "off"), ("hubspot", "paused"))
    ]
    Connection.objects.filter(pk=others[2].pk).update(is_active=False)
    write_in_earnest(others[3], paused_at=AT)

    begun = [[run.connection for run in sync.start_due(at)] for at in (AT, AT + 60 * MINUTE)]
    Reconciliation.objects.update(ended_at=AT + MINUTE)
    next_day = [run.connection for run in sync.start_due(AT + timedelta(hours=24))]

    assert begun == [[hubspot, others[0]], []]
    assert next_day == [hubspot, others[0]]


# --- what the calls lose


def answer(run, record, field, value, *, at):
    """Comparing told this of the record."""
    say(record, field, value, at=at, heard=run.until_at, wins=False)
    run.answers.add(Delivery.objects.latest("pk"))


@pytest.fixture
def run(hubspot):
    until = AT + 60 * MINUTE
    return Reconciliation.objects.create(connection=hubspot, from_at=AT, until_at=until, started_at=until)


def count(run):
    found = losses.count(run)
    return found.seen, found.lost


def test_what_only_comparing_told_is_counted_by_record_and_what_calls_told_is_not(run, hubspot):
    told, lost, never = (make_record(make_contact(hubspot.client), hubspot, ext_id) for ext_id in ("101", "102", "103"))
    say(told, "title", "CFO", at=AT + MINUTE)
    say(lost, "title", "CFO", at=AT + MINUTE)
    answer(run, told, "title", "CFO", at=AT + 2 * MINUTE)
    answer(run, lost, "title", "CEO", at=AT + 2 * MINUTE)
    answer(run, lost, "phone", "1", at=AT + 2 * MINUTE)
    answer(run, never, "title", "CIO", at=AT + 2 * MINUTE)

    assert count(run) == (3, 2)


def test_a_newer_word_of_a_call_is_no_loss_nor_is_a_record_that_waits_to_be_looked_up(run, hubspot):
    newer, thin = (make_record(make_contact(hubspot.client), hubspot, ext_id) for ext_id in ("101", "102"))
    say(newer, "title", "CEO", at=AT + 3 * MINUTE)
    answer(run, newer, "title", "CFO", at=AT + 2 * MINUTE)
    answer(run, thin, "title", "CIO", at=AT + 2 * MINUTE)
    SourceRecord.objects.filter(pk=thin.pk).update(look_up_at=AT)

    assert count(run) == (2, 0)


def test_a_call_that_came_after_comparing_does_not_hide_the_loss_and_a_fresh_change_is_not_judged(run, hubspot):
    late, fresh = (make_record(make_contact(hubspot.client), hubspot, ext_id) for ext_id in ("101", "102"))
    answer(run, late, "title", "CFO", at=AT + 2 * MINUTE)
    answer(run, fresh, "title", "CFO", at=AT + 58 * MINUTE)
    say(late, "title", "CFO", at=AT + 2 * MINUTE, heard=AT + 90 * MINUTE)

    assert count(run) == (1, 1)


def test_what_an_earlier_comparison_told_is_not_counted_a_second_time(run, hubspot):
    record = make_record(make_contact(hubspot.client), hubspot, "101")
    earlier = Reconciliation.objects.create(
        connection=hubspot, from_at=AT, until_at=AT + 30 * MINUTE, started_at=AT, ended_at=AT + 31 * MINUTE
    )
    for each in (earlier, run):
        answer(each, record, "title", "CFO", at=AT + MINUTE)

    assert (count(earlier), count(run)) == ((1, 1), (1, 0))
