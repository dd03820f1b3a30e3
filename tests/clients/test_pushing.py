"""What waits is written in batches; whatever the CRM answers, a push ends written, given up with a reason, or waits on."""

from datetime import timedelta
from random import Random

import pytest

from clients import backoff, drift, echoes, mappings, outbox, pushing
from clients.models import Connection, Mapping, Push, Pushed, SourceRecord, SyncSettings
from tests.clients import crms
from tests.clients.crms import ScriptedCrm, correct, make_record, say, write_in_earnest
from tests.factories import AT, make_client, make_connection, make_contact, make_user

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(seconds=10)


@pytest.fixture(autouse=True)
def crm(monkeypatch):
    """Both CRMs are the scripted one, and fields go both ways."""
    made = ScriptedCrm()
    for module in (drift, pushing):
        monkeypatch.setattr(module, "CONNECTORS", {"hubspot": made, "salesforce": made})
    monkeypatch.setattr(mappings, "in_force", lambda connection: (crms.ROWS[connection.party], Mapping(number=7)))
    return made


@pytest.fixture
def salesforce():
    """A connection that we write to."""
    connection = make_connection(make_client(), "salesforce")
    write_in_earnest(connection)
    return connection


def wait(connection, ext_id="003A", title="CFO", *, at=AT, by=None):
    """A corrected title waits for a record of this connection."""
    record = SourceRecord.objects.filter(connection=connection, ext_id=ext_id).first()
    record = record or make_record(make_contact(connection.client), connection, ext_id)
    outbox.note([correct(record.contact, "title", title, at=at)], at=at, by=by)
    return record


def send(connection, *, at=LATER):
    return dict(pushing.send(connection.pk, rng=Random(1), clock=lambda: at).fates)


def ends(*fields):
    return list(Push.objects.order_by("pk").values_list(*(fields or ("state", "why"))))


def test_what_is_due_is_written_in_one_batch_under_the_names_of_the_crm(crm, salesforce):
    for ext_id in ("003A", "003B"):
        wait(salesforce, ext_id)

    sent = send(salesforce)

    assert (sent, crm.calls) == ({"done": 2}, [["003A", "003B"]])
    assert crm.written == {"003A": {"Title": "CFO"}, "003B": {"Title": "CFO"}}
    assert ends("state", "why", "attempts", "ended_at") == [("done", "", 1, LATER)] * 2
    assert set(Pushed.objects.values_list("field", "value_hmac", "at")) == {("title", echoes.digest("CFO"), LATER)}


def test_changes_of_one_record_within_seconds_are_one_write(crm, salesforce):
    for title in ("CFO", "CEO", "Chair"):
        wait(salesforce, title=title)

    early = send(salesforce, at=AT + timedelta(seconds=4))
    send(salesforce)

    assert early == {}
    assert (crm.calls, crm.written) == ([["003A"]], {"003A": {"Title": "Chair"}})


def test_what_is_written_once_is_not_written_again(crm, salesforce):
    wait(salesforce)
    send(salesforce)

    wait(salesforce, at=LATER)

    assert ends("state") == [("done",)]


def test_in_a_dry_run_everything_is_prepared_and_nothing_is_sent(crm, salesforce):
    SyncSettings.objects.update(is_dry_run=True)
    wait(salesforce)

    sent = send(salesforce)

    assert (sent, crm.calls, Pushed.objects.count()) == ({}, [], 0)
    assert ends("state", "fields", "before") == [("skipped", {"title": "CFO"}, {"title": ""})]
    assert Push.objects.get().why.startswith("Dry run: nothing was sent.")


def test_without_settings_nothing_is_sent(crm, salesforce):
    SyncSettings.objects.all().delete()
    wait(salesforce)

    send(salesforce)

    assert (crm.calls, ends("state")) == ([], [("skipped",)])


def test_what_a_dry_run_showed_is_written_once_a_person_asks_for_it(crm, salesforce):
    SyncSettings.objects.update(is_dry_run=True)
    wait(salesforce)
    send(salesforce)
    SyncSettings.objects.update(is_dry_run=False)

    waits = outbox.again(Push.objects.all(), by=make_user("mia"), at=LATER)
    send(salesforce)

    assert (len(waits), crm.written) == (1, {"003A": {"Title": "CFO"}})


def test_what_the_crm_does_not_take_now_waits_and_is_never_tried_before_it_allows(crm, salesforce):
    crm.fates["003A"] = [{"kind": "transient", "why": "Busy.", "retry_after_s": 1800.0}, {"kind": "done"}]
    wait(salesforce)

    first = send(salesforce)
    push = Push.objects.get()
    early = send(salesforce, at=LATER + timedelta(seconds=1799))
    then = send(salesforce, at=push.due_at)

    assert (first, early, then) == ({"transient": 1}, {}, {"done": 1})
    assert push.due_at >= LATER + timedelta(seconds=1800)
    assert (push.state, push.why, push.attempts) == ("waiting", "Busy.", 1)


def test_a_new_value_does_not_bring_a_wait_forward_and_takes_the_place_of_the_old(crm, salesforce):
    crm.fates["003A"] = [{"kind": "transient", "why": "Busy.", "retry_after_s": 1800.0}, {"kind": "done"}]
    wait(salesforce)
    send(salesforce)
    due_at = Push.objects.get().due_at

    wait(salesforce, title="Chair", at=LATER, by=make_user("mia"))

    push = Push.objects.get()
    assert (push.due_at, push.fields, push.attempts) == (due_at, {"title": "Chair"}, 1)


def test_after_twelve_tries_a_push_is_given_up_with_the_last_reason(crm, salesforce):
    crm.fates["003A"] = [{"kind": "transient", "why": "Busy."}]
    wait(salesforce)

    for _ in range(12):
        send(salesforce, at=Push.objects.get().due_at)

    assert ends() == [("dead", "Given up after 12 tries. The last time: Busy.")]
    assert len(crm.calls) == 12


@pytest.mark.parametrize("kind", ["permanent", "conflict"])
def test_what_never_will_be_taken_is_given_up_at_once_and_the_others_go_through(crm, salesforce, kind):
    crm.fates["003A"] = [{"kind": kind, "why": "The title is too long."}]
    records = [wait(salesforce, ext_id) for ext_id in ("003A", "003B")]

    send(salesforce)

    assert ends() == [("dead", "The title is too long."), ("done", "")]
    looked_up = SourceRecord.objects.get(pk=records[0].pk).look_up_at
    assert looked_up == (LATER if kind == "conflict" else None)


def test_where_the_crm_no_longer_knows_us_the_connection_is_paused_until_a_person_goes_on(crm, salesforce):
    crm.fates["003A"] = [{"kind": "auth", "why": "The token is void."}, {"kind": "done"}]
    wait(salesforce)

    send(salesforce)
    paused, due = pushing.paused(), pushing.due(LATER)
    again = send(salesforce, at=LATER + timedelta(hours=1))
    pushing.hurry(salesforce, at=LATER)
    send(salesforce)

    assert [(each.connection, each.paused_why) for each in paused] == [(salesforce, "The token is void.")]
    assert (due, again) == ([], {})
    assert ends("state", "attempts") == [("done", 1)]


def test_what_our_own_limits_held_back_counts_as_no_attempt(crm, salesforce):
    held = {"kind": "transient", "why": "We keep below the limit.", "retry_after_s": 7.0, "is_held": True}
    crm.fates["003A"] = [held, {"kind": "done"}]
    wait(salesforce)

    send(salesforce)

    assert ends("state", "attempts", "due_at") == [("waiting", 0, LATER + timedelta(seconds=7))]


def test_a_live_connection_without_a_credential_is_paused_and_says_so(crm, salesforce):
    Connection.objects.filter(pk=salesforce.pk).update(mode="live")
    wait(salesforce)

    send(salesforce)

    assert crm.calls == []
    assert "has no credential" in SyncSettings.objects.get().paused_why


def test_no_more_records_are_written_in_a_day_than_allowed_and_a_tenth_is_kept_for_people(crm, salesforce):
    SyncSettings.objects.update(daily_writes=10)
    for number in range(12):
        wait(salesforce, f"auto-{number}")
    send(salesforce)
    send(salesforce)
    for number in range(3):
        wait(salesforce, f"mia-{number}", by=make_user(f"mia{number}"))

    send(salesforce)
    send(salesforce)

    assert [len(call) for call in crm.calls] == [9, 1]
    assert crm.calls[1] == ["mia-0"]
    waiting = Push.objects.filter(state="waiting")
    assert set(waiting.values_list("why", flat=True)) == {
        "The 9 writes of the day are used up; it goes on after midnight.",
        "The 10 writes of the day are used up; it goes on after midnight.",
    }
    assert all(timedelta() < push.due_at - LATER <= timedelta(days=1) for push in waiting)


def test_what_the_crm_says_itself_before_we_come_is_not_sent(crm, salesforce):
    record = wait(salesforce)
    say(record, "title", "CFO", at=LATER, wins=False)

    send(salesforce)

    assert (crm.calls, ends()) == ([], [("skipped", "By now the CRM says so itself.")])


def test_a_contact_that_was_erased_meanwhile_is_not_sent(crm, salesforce):
    record = wait(salesforce)
    record.contact.erased_at = LATER
    record.contact.save()

    send(salesforce)

    assert crm.calls == []
    assert ends("state") == [("skipped",)]


def test_while_a_record_is_being_sent_its_next_change_waits(crm, salesforce):
    wait(salesforce)
    crm.during = lambda: (wait(salesforce, title="Chair", at=AT), send(salesforce))

    send(salesforce)
    crm.during = lambda: None
    send(salesforce)

    assert crm.calls == [["003A"], ["003A"]]
    assert crm.written == {"003A": {"Title": "Chair"}}
    assert ends("state", "fields") == [("done", {"title": "CFO"}), ("done", {"title": "Chair"})]


def test_what_failed_goes_on_together_with_what_came_meanwhile(crm, salesforce):
    crm.fates["003A"] = [{"kind": "transient", "why": "Busy.", "retry_after_s": 60.0}, {"kind": "done"}]
    record = wait(salesforce)
    crm.during = lambda: outbox.note([correct(record.contact, "first_name", "Eve")], at=AT)

    send(salesforce)

    newer = Push.objects.get(state="waiting")
    assert ends("state", "fields", "attempts") == [
        ("skipped", {"title": "CFO"}, 0),
        ("waiting", {"title": "CFO", "first_name": "Eve"}, 1),
    ]
    assert newer.due_at >= LATER + timedelta(seconds=60)


def test_what_a_lost_worker_had_claimed_is_sent_again_and_ends_once(crm, salesforce):
    wait(salesforce)

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    crm.during = die
    with pytest.raises(Killed):
        send(salesforce)
    crm.during = lambda: None
    too_early = pushing.take_back(at=LATER + timedelta(minutes=4), rng=Random(1))
    taken = pushing.take_back(at=LATER + timedelta(minutes=6), rng=Random(1))
    send(salesforce, at=LATER + timedelta(hours=1))

    assert (too_early, taken) == (0, 1)
    assert (ends("state", "attempts"), crm.written) == ([("done", 2)], {"003A": {"Title": "CFO"}})


def test_a_worker_that_comes_back_too_late_moves_no_row_that_another_owns(crm, salesforce):
    wait(salesforce)

    def overtaken():
        crm.during = lambda: None
        pushing.take_back(at=LATER + timedelta(minutes=6), rng=Random(1))
        send(salesforce, at=LATER + timedelta(hours=1))

    crm.during = overtaken
    crm.fates["003A"] = [{"kind": "done"}, {"kind": "permanent", "why": "Too late."}]

    send(salesforce)

    assert ends("state", "ended_at") == [("done", LATER + timedelta(hours=1))]


def test_a_connection_that_is_switched_off_keeps_what_waits(crm, salesforce):
    wait(salesforce)
    Connection.objects.update(is_active=False)

    assert (pushing.due(LATER), send(salesforce), ends("state")) == ([], {}, [("waiting",)])


def test_the_crm_is_asked_who_we_are_once_nobody_said(salesforce):
    told = pushing.learn_own_id(salesforce.pk)

    assert (told, SyncSettings.objects.get().own_id) == ("4711", "4711")


@pytest.mark.parametrize("tries", range(1, 12))
def test_waits_grow_and_stay_below_an_hour_but_for_what_the_crm_asks(tries):
    waits = [
        backoff.next_try(tries, first_at=AT, at=AT, rng=Random(seed), retry_after_s=asked) - AT
        for seed in range(50)
        for asked in (None, 7200.0)
    ]

    assert timedelta() <= min(waits[::2]) < max(waits[::2]) <= min(timedelta(hours=1), timedelta(seconds=2 * 2**tries))
    assert {wait.total_seconds() for wait in waits[1::2]} == {7200.0}


def test_after_a_day_nothing_is_tried_again():
    day = timedelta(hours=24)

    assert backoff.next_try(2, first_at=AT, at=AT + day, rng=Random(1)) is None
    assert backoff.next_try(2, first_at=AT, at=AT + day - timedelta(seconds=1), rng=Random(1)) is not None
