"""Several workers reach for one run at the same moment. Real processes, started once and handed run after run.

Each run is raced for twice, when it is planned and when its gate is answered: 200 races, and with GTM_FAULTS=full 400.
"""

import os
import random
import time
from collections import Counter

import pytest
from django.utils import timezone

from agents_app import flow
from agents_app.models import Draft, Fact, Gate, Persona, SourceRecord, StepRun
from tests.factories import make_user
from tests.faults.wide import check_day
from tests.faults.worker import Blow

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

FULL = os.environ.get("GTM_FAULTS") == "full"
RUNS = 200 if FULL else 100
THEFTS = 100 if FULL else 30
LEASE_S = 30.0

GATED = [
    {"key": "plan", "agent": "research_agent"},
    {"key": "competitive", "agent": "competitive_agent", "after": ["plan"]},
    {"key": "check", "kind": "gate", "after": ["plan"], "question": "Is this research right?"},
    {"key": "persona", "agent": "persona_agent", "after": ["check"]},
    {"key": "email", "agent": "email_agent", "after": ["check"]},
    {"key": "together", "kind": "join", "after": ["competitive", "persona", "email"]},
]


def race(workers, run, rng, **order):
    """All of them begin at once; how the run stood for each when it had ended there."""
    begins_at = time.monotonic() + 0.005 + 0.01 * rng.random()
    for worker in workers:
        worker.begin("execute", run=run.pk, begins_at=begins_at, **order)
    return [worker.outcome() for worker in workers]


def left(run):
    """How often each step of the run was done, and what the run has left behind."""
    run.refresh_from_db()
    done = Counter(run.steps.filter(status="done").values_list("key", flat=True))
    asked = list(SourceRecord.objects.filter(run=run).values_list("source", "question"))
    assert len(asked) == len(set(asked))
    return dict(done), [
        len({source for source, _ in asked}),
        *(table.objects.filter(run=run).count() for table in (Persona, Draft)),
    ]


def check_ends_once(run, diary):
    done, rows = left(run)
    assert (run.status, run.error, run.reserved_usd) == ("succeeded", "", 0)
    assert done == dict.fromkeys([step["key"] for step in GATED], 1)
    assert rows == [2, 1, 1]
    facts = list(Fact.objects.filter(run=run).order_by("pk").values_list("key", flat=True))
    assert facts == [f"f{number}" for number in range(1, len(facts) + 1)] != []
    recorded = [each["request_id"] for step in run.steps.all() for each in step.attempts]
    assert len(recorded) == len(set(recorded)) == 4
    assert set(recorded) <= set(diary.billed(run))
    assert run.spent_usd == sum(step.cost_usd + step.uncertain_usd for step in run.steps.all())


def test_of_workers_that_race_for_a_run_one_gets_it(hire, diary, planner):
    rng = random.Random(4)
    workers = [hire() for _ in range(4)]
    plan, person, runs = planner(GATED), make_user("mia"), []
    for number in range(RUNS):
        run = plan()
        runs.append(run)
        some = rng.sample(workers, rng.randint(2, 4))
        killed = number % 3 == 2  # every third run has lost a worker before
        if killed:
            blow = Blow(rng.choice(["begun", "asking", "billed"]), agent="research_agent")
            assert hire().do("execute", run=run.pk, blow=blow) is None
        ahead_s = LEASE_S + 1 if killed else 0.0

        outcomes = race(some, run, rng, ahead_s=ahead_s)

        assert [outcome.said for outcome in outcomes] == [()] * len(some)
        run.refresh_from_db()
        assert (run.status, run.fence) == ("waiting", 2 if killed else 1)
        flow.answer(Gate.objects.get(step__run=run), "approved", by=person, at=timezone.now())

        race(some, run, rng, ahead_s=ahead_s)

        check_ends_once(run, diary)
        assert (run.fence, run.recoveries) == ((3, 1) if killed else (2, 0))
    check_nothing_ran_twice(diary, runs)
    check_day(runs)


def check_nothing_ran_twice(diary, runs):
    """No step row was worked on twice, and only rows that a kill broke were worked on in vain."""
    ran = diary.ran()
    rows = StepRun.objects.filter(run__in=runs, kind="agent")
    assert max(ran.values()) == 1
    killed = sum(run.recoveries for run in runs)
    assert Counter(row.status for row in rows if ran[row.pk]) == {"done": 4 * len(runs), "lost": killed}
    assert not rows.exclude(status__in=["done", "lost"]).exists()


def test_a_run_that_is_stolen_from_a_living_owner_ends_once_as_well(hire, diary, planner):
    """Clocks that disagree by more than a lease: each thief believes the owner dead, in the middle of its work."""
    rng = random.Random(5)
    workers = [hire() for _ in range(3)]
    steps = [step | ({"after": ["plan"]} if step["key"] in ("persona", "email") else {}) for step in GATED]
    plan, runs, losers = planner([step for step in steps if step["key"] != "check"]), [], 0
    for _ in range(THEFTS):
        run = plan()
        runs.append(run)
        now = time.monotonic()
        for number, worker in enumerate(workers):
            begins_at = now + number * rng.uniform(0.0, 0.08)
            worker.begin("execute", run=run.pk, ahead_s=number * (LEASE_S + 1), begins_at=begins_at)

        outcomes = [worker.outcome() for worker in workers]

        done, rows = left(run)
        assert (run.status, run.error, run.reserved_usd) == ("succeeded", "", 0)
        assert (done, rows) == (dict.fromkeys(["plan", "competitive", "persona", "email", "together"], 1), [2, 1, 1])
        assert run.spent_usd == sum(step.cost_usd + step.uncertain_usd for step in run.steps.all()) <= run.budget_usd
        said = [line for outcome in outcomes for line in outcome.said]
        assert all(line.startswith(f"Run {run.pk} is owned by another worker (this one holds fence") for line in said)
        assert all(row["tries"] <= run.fence for row in tries(run))
        losers += len(said)
    assert max(diary.ran().values()) == 1
    assert losers > THEFTS // 4
    check_day(runs)


def tries(run):
    return [{"key": key, "tries": run.steps.filter(key=key).count()} for key in {row.key for row in run.steps.all()}]
