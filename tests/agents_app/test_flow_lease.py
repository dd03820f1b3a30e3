"""One worker at a time: claims, fences, heartbeats, and what the sweeper finds."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from agents_app import flow, llm
from agents_app.flow import lease, turn
from agents_app.flow.hand import Finished
from agents_app.flow.journal import Journal
from agents_app.flow.work import Work
from agents_app.models import Draft, FlowRun, Gate, StepRun
from gtm import limits
from tests.agents_app import flows_that
from tests.agents_app.models_that import REAL_ASK
from tests.factories import AT, make_ready_request, make_step, plan_run

SECOND = timedelta(seconds=1)
LATE = AT + 31 * SECOND


@transaction.atomic
def claimed(run, at):
    """As a first turn does it that begins nothing."""
    found, journal = list[FlowRun](), Journal()
    lease.look(run.pk, journal, found, at=at)
    journal.send()
    for each in found:
        lease.claim(each, at=at)
        lease.renew(each, journal, at=at)
    journal.send()
    return next(iter(found), None)


@pytest.mark.django_db
def test_a_claim_takes_a_free_run_and_raises_its_fence():
    run = plan_run()

    owned = claimed(run, AT)

    assert (owned.status, owned.fence, owned.started_at, owned.lease_until) == ("running", 1, AT, AT + 30 * SECOND)
    assert FlowRun.objects.filter(status="running", fence=1, started_at=AT, lease_until=AT + 30 * SECOND).get() == owned


@pytest.mark.django_db
def test_a_run_that_is_taken_up_again_says_no_longer_what_it_waited_for():
    run = plan_run()
    FlowRun.objects.filter(pk=run.pk).update(status="retry", lease_until=AT, error="The model is busy.")

    claimed(run, LATE)

    assert FlowRun.objects.values_list("status", "error", "recoveries").get(pk=run.pk) == ("running", "", 0)


@pytest.mark.django_db
def test_a_fault_at_the_start_of_one_worker_leaves_alone_what_another_owns():
    run = plan_run()
    claimed(run, AT)
    before = FlowRun.objects.values().get(pk=run.pk)

    lease.stumbled(run.pk, at=AT + 30 * SECOND)

    assert FlowRun.objects.values().get(pk=run.pk) == before


@pytest.mark.django_db
def test_an_owned_run_cannot_be_claimed_before_its_lease_ends():
    run = plan_run()
    claimed(run, AT)

    assert claimed(run, AT + 30 * SECOND) is None
    assert claimed(run, LATE).fence == 2


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["succeeded", "failed", "needs_input", "cancelled", "dead"])
def test_a_run_that_has_ended_cannot_be_claimed(status):
    run = plan_run()
    FlowRun.objects.filter(pk=run.pk).update(status=status)

    assert claimed(run, LATE) is None


@pytest.mark.django_db
def test_a_limit_that_another_process_heard_of_is_known_with_the_next_turn():
    run = plan_run()
    hand, _ = turn.first(run.pk, clock=lambda: AT)
    over = limits.Seen(requests_remaining=0, requests_reset_at=AT)
    limits.observe("messages over", over, at=AT - SECOND)
    limits.observe("messages full", limits.Seen(requests_remaining=0, requests_reset_at=AT + SECOND), at=AT)
    limits.observe("messages shut", limits.Seen(retry_after_s=60.0), at=AT)

    turn.following(hand, [])

    assert hand.limited == {"messages full", "messages shut"}


@pytest.mark.django_db
def test_a_recovery_is_counted_and_open_steps_are_marked_lost():
    run = plan_run()
    claimed(run, AT)
    done = make_step(run, "research_agent")
    open_step = make_step(run, "persona_agent", status="running", output=None, finished_at=None)

    hand, _ = turn.first(run.pk, clock=lambda: LATE)

    assert (hand.run.recoveries, hand.run.started_at) == (1, AT)
    open_step.refresh_from_db()
    done.refresh_from_db()
    assert (open_step.status, open_step.finished_at, open_step.error) == (
        "lost",
        LATE,
        "Its worker ended in the middle of it.",
    )
    assert done.status == "done"
    assert done.finished_seq < open_step.finished_seq <= hand.run.seq
    again = StepRun.objects.get(run=run, key="persona", attempt=2)
    assert (again.status, again.fence) == ("running", 2)


@pytest.mark.django_db
def test_an_owner_that_was_frozen_past_its_lease_writes_nothing():
    run = plan_run()
    hand, _ = turn.first(run.pk, clock=lambda: AT)
    flow.execute(run.pk, clock=lambda: LATE)
    before = (StepRun.objects.count(), Draft.objects.count(), FlowRun.objects.values().get(pk=run.pk))

    with pytest.raises(lease.LostLease), lease.held(hand.run, at=LATE):
        StepRun.objects.all().update(error="written by the old owner")
    with pytest.raises(lease.LostLease):
        turn.following(hand, [Finished(hand.rows[0].pk, Work(error=ValueError("told by the old owner")))])
    with pytest.raises(lease.LostLease):
        lease.beat(hand.run, at=LATE)

    assert (StepRun.objects.count(), Draft.objects.count(), FlowRun.objects.values().get(pk=run.pk)) == before


@pytest.mark.django_db
def test_a_write_that_fails_is_rolled_back_with_its_renewal():
    run, journal = claimed(plan_run(), AT), Journal()

    with pytest.raises(ZeroDivisionError), lease.held(run, at=AT):
        make_step(run, "research_agent")
        lease.renew(run, journal, at=AT + 20 * SECOND)
        journal.send()
        raise ZeroDivisionError

    assert StepRun.objects.count() == 0
    assert FlowRun.objects.get(pk=run.pk).lease_until == AT + 30 * SECOND


@pytest.mark.django_db
def test_an_owner_that_lost_its_run_in_mid_step_leaves_it_to_the_new_one(monkeypatch):
    run = plan_run()

    def overtaken(question, **options):
        answer = REAL_ASK(question, **options)
        taken.set()
        assert given_back.wait(10)
        return answer

    taken, given_back = threading.Event(), threading.Event()
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(llm, "ask", overtaken)
    real_beat = lease.beat

    def beat(owned, *, at):
        if taken.is_set() and not given_back.is_set():
            turn.first(run.pk, clock=lambda: LATE)
            given_back.set()
        real_beat(owned, at=at)

    monkeypatch.setattr(lease, "beat", beat)

    left = flow.execute(run.pk, clock=lambda: AT)

    assert (left.status, left.fence, left.recoveries) == ("running", 2, 1)
    assert [(step.status, step.fence) for step in left.steps.order_by("pk")] == [("lost", 1), ("running", 2)]


@pytest.mark.django_db
def test_a_long_step_keeps_its_lease_alive(monkeypatch):
    beats = []
    real_beat = lease.beat

    def beat(owned, *, at):
        beats.append(at)
        real_beat(owned, at=at)
        if len(beats) >= 3:
            enough.set()

    def slow(question, **options):
        assert enough.wait(10)
        return REAL_ASK(question, **options)

    enough = threading.Event()
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(lease, "beat", beat)
    monkeypatch.setattr(llm, "ask", slow)

    run = flow.execute(plan_run().pk, clock=lambda: AT)

    assert run.status == "succeeded"
    assert len(beats) >= 3


@pytest.mark.django_db
def test_agents_of_one_stage_work_at_the_same_time_and_never_touch_the_database(monkeypatch):
    meeting = threading.Barrier(2, timeout=10)

    def together(question, **options):
        if question.agent in ("competitive_agent", "persona_agent") and question.agent not in met:
            met.add(question.agent)
            meeting.wait()  # breaks, and fails the step, when the other one is not there at the same time
        return REAL_ASK(question, **options)

    def no_connection(alias):
        raise AssertionError("A step's thread opened a database connection.")

    met: set[str] = set()
    run = plan_run(make_ready_request(purpose="deep_research"))
    monkeypatch.setattr(llm, "ask", together)
    monkeypatch.setattr(connections, "create_connection", no_connection)

    run = flow.execute(run.pk, clock=lambda: AT)

    assert (run.status, met) == ("succeeded", {"competitive_agent", "persona_agent"})


@pytest.mark.django_db
def test_a_run_that_kills_every_worker_ends_in_words():
    run = plan_run()
    FlowRun.objects.filter(pk=run.pk).update(status="running", recoveries=5, lease_until=AT)

    run = flow.execute(run.pk, clock=lambda: LATE)

    assert (run.status, run.lease_until, run.finished_at) == ("dead", None, LATE)
    assert run.error == "It was taken up again 5 times and never came to its end, so it is given up."
    assert run.steps.count() == 0
    assert flow.lost(LATE + 60 * SECOND) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"status": "planned", "lease_until": None}, False),
        ({"status": "planned", "lease_until": None, "late": True}, True),
        ({"status": "planned", "lease_until": AT + 10 * SECOND}, False),
        ({"status": "retry", "lease_until": AT - SECOND}, True),
        ({"status": "retry", "lease_until": AT}, False),
        ({"status": "retry", "lease_until": AT + SECOND}, False),
        ({"status": "waiting", "lease_until": None, "late": True}, False),
        ({"status": "waiting", "lease_until": None, "cancel_asked_at": AT}, True),
        ({"status": "running", "lease_until": AT + SECOND}, False),
        ({"status": "running", "lease_until": AT - SECOND}, True),
        ({"status": "succeeded", "lease_until": None, "late": True}, False),
        ({"status": "needs_input", "lease_until": None, "late": True}, False),
        ({"status": "cancelled", "lease_until": None, "cancel_asked_at": AT}, False),
        ({"status": "dead", "lease_until": None, "late": True}, False),
    ],
)
def test_the_sweeper_finds_what_nobody_works_on(values, found):
    planned_at = AT - timedelta(minutes=2) if values.pop("late", False) else AT
    run = plan_run(at=planned_at)
    FlowRun.objects.filter(pk=run.pk).update(**values)

    assert flow.lost(AT) == ([run.pk] if found else [])


@pytest.mark.django_db
def test_the_sweeper_finds_a_run_whose_question_was_answered_or_expired():
    run = flows_that.execute(flows_that.drawn_run(flows_that.agent("research"), flows_that.gate("check", "research")))
    assert (run.status, flow.lost(AT)) == ("waiting", [])

    assert flow.lost(Gate.objects.get().expires_at) == [run.pk]
    flows_that.answer(run, "check", "approved")
    assert flow.lost(AT) == [run.pk]


@pytest.mark.django_db
def test_a_run_whose_answer_was_taken_up_is_not_found_again_while_it_waits_for_another():
    first, second = flows_that.gate("first", "research"), flows_that.gate("second", "research")
    run = flows_that.execute(flows_that.drawn_run(flows_that.agent("research"), first, second))
    flows_that.answer(run, "first", "approved")

    run = flows_that.execute(run)

    assert (run.status, flow.lost(AT)) == ("waiting", [])


@pytest.mark.django_db
def test_a_fault_at_the_very_start_is_met_five_times_and_then_given_up(monkeypatch):
    def falls(*arguments):
        raise ZeroDivisionError

    run = plan_run()
    monkeypatch.setattr(turn.adaptation, "after", falls)
    at = AT
    for _ in range(1 + lease.MOST_RECOVERIES):
        at += 2 * lease.LEASE
        with pytest.raises(ZeroDivisionError):
            flow.execute(run.pk, clock=lambda at=at: at)
        assert flow.lost(at + lease.LEASE) == []
        assert flow.lost(at + lease.LEASE + SECOND) == [run.pk]

    at += 2 * lease.LEASE
    given_up = flow.execute(run.pk, clock=lambda: at)

    assert (given_up.status, given_up.steps.count()) == ("dead", 0)
    assert given_up.error == "It was taken up again 5 times and never came to its end, so it is given up."


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_gets_the_run():
    run = plan_run()
    start, claims = threading.Barrier(6), []

    def claim():
        start.wait()
        claims.append(claimed(run, AT))
        connection.close()

    workers = [threading.Thread(target=claim) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(claim is not None for claim in claims) == [False] * 5 + [True]
    assert FlowRun.objects.get(pk=run.pk).fence == 1
