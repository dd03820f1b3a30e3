"""Workers that drive runs are killed at every moment, frozen and thawed, and die for good. Real processes, real kills.

With GTM_FAULTS=full every pair of kills is tried and a frozen worker outsleeps the real lease: some eight minutes.
Otherwise it is a seeded sample of the pairs, and a lease of a second.
"""

import os
import random
import signal
import time
from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from agents_app import flow
from agents_app.models import Draft, FlowRun, Gate
from gtm import caretaking, loop
from insights.models import Ticket
from tests.factories import make_user
from tests.faults.wide import IN_TURN, WIDE, check_day, check_money, check_results, check_steps, ended, rows_of
from tests.faults.worker import Blow

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

FULL = os.environ.get("GTM_FAULTS") == "full"
LEASE_S = 30.0
SHORT_S = LEASE_S if FULL else 1.0  # the lease of a worker that is to be frozen longer than that

KILLS = [
    *(Blow(where, number) for number in range(1, 6) for where in ("before commit", "after commit")),
    *(Blow(where, agent=agent) for agent in ("research_agent", *IN_TURN) for where in ("begun", "asking", "billed")),
]
PAIRS = list(product(KILLS, KILLS))
GATED = [
    {"key": "plan", "agent": "research_agent"},
    {"key": "check", "kind": "gate", "after": ["plan"], "question": "Is this research right?", "expires_hours": 1},
    {"key": "persona", "agent": "persona_agent", "after": ["check"]},
]


def finish(hire, run, *blows):
    """One worker a blow, each after the lease of the one before it, then one that nothing befalls.

    How many died, and all rows that had ended by a death, as they were then.
    """
    deaths, kept = 0, {}
    for number, blow in enumerate([*blows, None]):
        worker, turns = hire(), IN_TURN if number == 0 else {}
        outcome = worker.do("execute", run=run.pk, ahead_s=number * (LEASE_S + 1), blow=blow, turns=turns)
        worker.end()
        if outcome is None:
            deaths, kept = deaths + 1, kept | ended(run)
    run.refresh_from_db()
    return deaths, kept


# --- killed


@pytest.mark.parametrize("blow", KILLS, ids=str)
def test_a_run_whose_worker_is_killed_is_finished_by_the_next_one(blow, hire, diary, planner):
    run = planner(WIDE)()

    deaths, kept = finish(hire, run, blow)

    assert deaths == 1
    assert (run.status, run.error, run.lease_until) == ("succeeded", "", None)
    never_claimed, over = blow == Blow("before commit", 1), blow == Blow("after commit", 5)
    assert (run.fence, run.recoveries) == ((1, 0) if never_claimed or over else (2, 1))
    check_steps(run, diary, deaths, kept)
    check_results(run)
    check_money(run, diary)
    check_day([run])


MENDED = {"garbles": "email_agent", "turns": IN_TURN}  # the e-mail takes two calls, the second one after a fifth turn


@pytest.mark.parametrize(
    "blow",
    [
        Blow("asking", 2, agent="email_agent"),
        Blow("billed", 2, agent="email_agent"),
        *(Blow(where, number) for number in (4, 5, 6) for where in ("before commit", "after commit")),
    ],
    ids=str,
)
def test_a_kill_between_two_calls_of_a_step_loses_no_cent(blow, hire, diary, planner):
    run = planner(WIDE)()
    died = hire().do("execute", run=run.pk, blow=blow, **MENDED) is None
    kept = ended(run)

    hire().do("execute", run=run.pk, ahead_s=LEASE_S + 1)

    run.refresh_from_db()
    assert (died, run.status) == (True, "succeeded")
    check_steps(run, diary, 1, kept)
    check_results(run)
    check_money(run, diary)
    check_day([run])


def test_a_run_survives_the_death_of_its_rescuer_as_well(hire, diary, planner):
    plan = planner(WIDE)
    runs = []
    for pair in PAIRS if FULL else random.Random(3).sample(PAIRS, 40):
        run = plan()
        deaths, kept = finish(hire, run, *pair)
        assert run.status == "succeeded", pair
        check_steps(run, diary, deaths, kept)
        check_results(run)
        check_money(run, diary)
        runs.append(run)
    check_day(runs)


def test_nobody_takes_over_before_the_lease_of_the_dead_is_over(hire, planner):
    run = planner(WIDE)()
    hire().do("execute", run=run.pk, blow=Blow("begun", agent="persona_agent"))
    before = rows_of(run)

    outcome = hire().do("execute", run=run.pk, ahead_s=LEASE_S - 2)

    assert (outcome.status, outcome.fence) == ("running", 1)
    assert rows_of(run) == before
    assert (flow.lost(timezone.now()), flow.lost(timezone.now() + timedelta(seconds=LEASE_S))) == ([], [run.pk])


# --- frozen


@pytest.mark.parametrize(
    "blow",
    [
        Blow("after commit", 2, signal=signal.SIGSTOP),
        Blow("asking", agent="research_agent", signal=signal.SIGSTOP),
        Blow("billed", agent="email_agent", signal=signal.SIGSTOP),
        Blow("before commit", 3, signal=signal.SIGSTOP),  # what it holds is freed by the database meanwhile
    ],
    ids=str,
)
def test_a_worker_that_wakes_up_after_its_lease_writes_nothing(blow, hire, diary, planner):
    run = planner(WIDE)()
    sleeper = freeze(hire, run, blow, idle_s=0.5)
    time.sleep(SHORT_S + 0.7)
    assert hire().do("execute", run=run.pk).status == "succeeded"
    before = rows_of(run)

    sleeper.thaw()
    outcome = sleeper.outcome()

    assert outcome.said == (f"Run {run.pk} is owned by another worker (this one holds fence 1).",)
    assert rows_of(run) == before
    run.refresh_from_db()
    assert (run.fence, run.recoveries) == (2, 1)
    check_results(run)
    check_money(run, diary)
    check_day([run])


FIRST_TURN = Blow("before commit", 1, signal=signal.SIGSTOP)


def not_begun(run):
    return f"Run {run.pk} was not begun: this worker froze while it claimed it."


def test_a_worker_that_froze_while_it_claimed_the_run_wakes_up_and_writes_nothing(hire, diary, planner):
    run = planner(WIDE)()
    sleeper = freeze(hire, run, FIRST_TURN, idle_s=0.5)
    time.sleep(0.7)
    assert hire().do("execute", run=run.pk).status == "succeeded"
    before = rows_of(run)

    sleeper.thaw()
    outcome = sleeper.outcome()

    assert (outcome.status, outcome.said) == ("succeeded", (not_begun(run),))
    assert rows_of(run) == before
    run.refresh_from_db()
    assert (run.fence, run.recoveries) == (1, 0)  # the sleeper's claim never happened
    check_steps(run, diary, 0, {})
    check_results(run)
    check_money(run, diary)
    check_day([run])


def test_a_worker_that_froze_while_it_claimed_the_run_leaves_it_as_it_was_for_the_next_one(hire, diary, planner):
    run = planner(WIDE)()
    before = rows_of(run)
    sleeper = freeze(hire, run, FIRST_TURN, idle_s=0.5)
    time.sleep(0.7)

    sleeper.thaw()
    outcome = sleeper.outcome()

    assert (outcome.status, outcome.said) == ("planned", (not_begun(run),))
    assert rows_of(run) == before
    assert hire().do("execute", run=run.pk).status == "succeeded"
    run.refresh_from_db()
    assert (run.fence, run.recoveries) == (1, 0)
    check_steps(run, diary, 0, {})


def test_a_worker_that_froze_in_the_middle_of_a_write_holds_up_no_other(hire, diary, planner):
    run = planner(WIDE)()
    sleeper = freeze(hire, run, Blow("before commit", 3, signal=signal.SIGSTOP), idle_s=300.0)
    time.sleep(SHORT_S + 0.2)

    began = time.monotonic()
    outcome = hire().do("execute", run=run.pk)

    assert time.monotonic() - began < 10
    assert (outcome.status, outcome.fence) == ("running", 1)
    sleeper.thaw()
    assert sleeper.outcome().status == "succeeded"
    run.refresh_from_db()
    check_steps(run, diary, 0, {})
    check_results(run)
    check_money(run, diary)


def freeze(hire, run, blow, **order):
    """A worker that stands still in the middle of the run."""
    sleeper = hire()
    sleeper.begin("execute", run=run.pk, blow=blow, turns=IN_TURN, lease_s=SHORT_S, **order)
    deadline = time.monotonic() + 30
    while not sleeper.is_frozen():
        assert time.monotonic() < deadline, "the worker never came so far"
        time.sleep(0.01)
    return sleeper


# --- given up


@pytest.fixture
def killed_six_times(hire, planner):
    """A run in which each of three steps has killed two workers, and who must find out why."""
    make_user("olga", is_superuser=True)
    steps = [
        {"key": "plan", "agent": "research_agent"},
        {"key": "persona", "agent": "persona_agent", "after": ["plan"]},
        {"key": "email", "agent": "email_agent", "after": ["persona"]},
    ]
    run = planner(steps)()
    for number in range(6):
        agent = ("research_agent", "persona_agent", "email_agent")[number // 2]
        blow = Blow("begun", agent=agent)
        assert hire().do("execute", run=run.pk, ahead_s=number * (LEASE_S + 1), blow=blow) is None
    lapse(run)
    run.refresh_from_db()
    assert (run.status, run.recoveries) == ("running", 5)
    return run


def lapse(run):
    """As if the lease of the dead were over."""
    FlowRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def check_given_up(run):
    run.refresh_from_db()
    assert (run.status, run.error) == (
        "dead",
        "It was taken up again 5 times and never came to its end, so it is given up.",
    )
    assert list(run.steps.order_by("pk").values_list("key", "status")) == [
        ("plan", "lost"), ("plan", "lost"), ("plan", "done"),
        ("persona", "lost"), ("persona", "lost"), ("persona", "done"),
        ("email", "lost"), ("email", "lost"),
    ]  # fmt: skip
    assert (run.reserved_usd, Draft.objects.count(), flow.lost(timezone.now() + timedelta(days=1))) == (0, 0, [])
    ticket = Ticket.objects.get()
    assert (ticket.run, ticket.owner.username, run.error in ticket.description) == (run, "olga", True)


def test_a_run_that_was_taken_up_five_times_is_given_up_with_one_ticket(killed_six_times, hire):
    run = killed_six_times

    hire().do("execute_run", run=run.pk)
    check_given_up(run)

    hire().do("execute_run", run=run.pk)
    hire().do("sweep")
    check_given_up(run)


def test_the_ticket_of_a_run_given_up_survives_the_death_of_its_worker(killed_six_times, hire):
    run = killed_six_times
    assert hire().do("execute_run", run=run.pk, blow=Blow("given up")) is None
    run.refresh_from_db()
    assert (run.status, Ticket.objects.count()) == ("dead", 0)

    hire().do("sweep")
    check_given_up(run)

    hire().do("sweep")
    check_given_up(run)


# --- people, while no worker lives


def test_a_run_that_was_cancelled_while_its_worker_was_dead_begins_nothing_more(hire, diary, planner):
    run = planner(WIDE)()
    hire().do("execute", run=run.pk, blow=Blow("billed", agent="persona_agent"), turns=IN_TURN)
    kept = ended(run)

    flow.cancel(run, by=make_user("mia"), at=timezone.now())
    hire().do("execute", run=run.pk, ahead_s=LEASE_S + 1)

    run.refresh_from_db()
    assert (run.status, run.error.split(".")[0]) == ("cancelled", "mia cancelled it")
    assert list(run.steps.order_by("pk").values_list("key", "attempt", "status")) == [
        ("plan", 1, "done"), ("competitive", 1, "done"), ("persona", 1, "lost"), ("email", 1, "lost"),
    ]  # fmt: skip
    assert {number: row for number, row in ended(run).items() if number in kept} == kept
    check_money(run, diary)
    check_day([run])


@pytest.mark.parametrize(
    "blow", [None, Blow("before commit"), Blow("after commit"), Blow("begun", agent="persona_agent")], ids=str
)
def test_a_gate_answered_while_no_worker_lives_is_found_by_the_sweep(blow, hire, diary, planner):
    run = planner(GATED)()
    hire().do("execute", run=run.pk)
    gate = Gate.objects.get(step__run=run)
    kept = ended(run)

    flow.answer(gate, "approved", by=make_user("mia"), at=timezone.now())
    caretaking.sweep()
    assert rung() == [run.pk]
    if blow:
        assert hire().do("execute", run=run.pk, blow=blow) is None
    hire().do("execute", run=run.pk, ahead_s=LEASE_S + 1)

    run.refresh_from_db()
    assert (run.status, run.error) == ("succeeded", "")
    assert {number: row for number, row in ended(run).items() if number in kept} == kept
    tries = list(run.steps.filter(key="persona").order_by("attempt").values_list("status", flat=True))
    assert tries == (["done"] if blow is None or blow.where == "before commit" else ["lost", "done"])
    others = run.steps.exclude(key="persona").order_by("pk")
    assert list(others.values_list("key", "attempt", "status")) == [("plan", 1, "done"), ("check", 1, "done")]
    assert max(diary.ran().values()) == 1
    check_money(run, diary)


def test_a_gate_that_nobody_answered_in_time_is_found_by_the_sweep(hire, planner):
    run = planner(GATED)()
    hire().do("execute", run=run.pk, ahead_s=-7200)
    caretaking.sweep()
    assert rung() == [run.pk]

    hire().do("execute_run", run=run.pk)

    run.refresh_from_db()
    assert run.status == "needs_input"
    assert run.error.startswith("Nobody answered “Is this research right?” by ")
    assert run.error.endswith("So this was not done: persona.")
    assert list(run.steps.order_by("pk").values_list("key", "status")) == [("plan", "done"), ("check", "rejected")]
    assert Gate.objects.get().decision == "expired"
    OrmQ.objects.all().delete()
    caretaking.sweep()
    assert rung() == []


def rung():
    """Ids of the runs that the queue is to execute."""
    tasks = [row.task for row in OrmQ.objects.order_by("pk")]
    return [task["args"][0] for task in tasks if task["func"] in (loop.execute_run, "gtm.loop.execute_run")]
