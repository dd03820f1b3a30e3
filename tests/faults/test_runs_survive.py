"""A worker is killed in the middle of a run; the next one goes on where it stopped."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from agents_app import flow
from agents_app.models import Brief, Draft, Fact, Persona, SourceRecord
from tests.factories import make_contact, make_ready_client, make_request, plan_run

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

WORKER = """
import sys, time
from pathlib import Path
import django
django.setup()
from agents_app import flow, llm

run_id, agent, marker = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
answer = llm.ask

def ask(question, **options):
    if question.agent == agent:
        marker.with_suffix(".asked").touch()
        time.sleep(600)
    return answer(question, **options)

llm.ask = ask
flow.execute(run_id)
"""


def killed_worker(run, *, in_step, tmp_path, when=lambda: True):
    """A real process executes the run and is killed -9 while `in_step` waits for the model, as soon as `when()`."""
    marker = tmp_path / in_step
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(run.pk), in_step, str(marker)],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "gtm.settings"},
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        until(lambda: marker.with_suffix(".asked").exists() and when(), worker)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()


def until(condition, worker):
    deadline = time.monotonic() + 60
    while not condition():
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < deadline, "the worker never came so far"
        time.sleep(0.05)


def attempts(run):
    return sorted(run.steps.values_list("key", "attempt", "status"))


def later():
    return timezone.now() + timedelta(seconds=31)


@pytest.mark.parametrize(
    ("killed_in", "expected"),
    [
        ("research_agent", [("email", 1, "done"), ("persona", 1, "done"), ("research", 1, "lost"), ("research", 2, "done")]),
        ("persona_agent", [("email", 1, "done"), ("persona", 1, "lost"), ("persona", 2, "done"), ("research", 1, "done")]),
        ("email_agent", [("email", 1, "lost"), ("email", 2, "done"), ("persona", 1, "done"), ("research", 1, "done")]),
    ],
)  # fmt: skip
def test_a_run_killed_in_mid_step_resumes_without_repeating_a_finished_one(killed_in, expected, tmp_path):
    run = plan_run(make_request(make_contact(make_ready_client())), at=timezone.now())
    killed_worker(run, in_step=killed_in, tmp_path=tmp_path)

    assert flow.execute(run.pk).status == "running"  # the lease of the dead still holds
    assert flow.lost(later()) == [run.pk]
    run = flow.execute(run.pk, clock=later)

    assert (run.status, run.recoveries, run.fence) == ("succeeded", 1, 2)
    assert attempts(run) == expected
    asked = list(SourceRecord.objects.filter(run=run).values_list("source", "question"))
    assert ({source for source, _ in asked}, len(asked)) == ({"newsapi", "people_data_labs"}, len(set(asked)))
    assert Fact.objects.filter(run=run, key="f1").count() == 1
    assert Persona.objects.filter(run=run).count() == 1
    assert Draft.objects.filter(run=run).count() == 1


def test_the_finished_sibling_of_a_killed_step_is_not_repeated(tmp_path):
    run = plan_run(make_request(make_contact(make_ready_client()), purpose="deep_research"), at=timezone.now())
    comparison = run.steps.filter(agent="competitive_agent", status="done")
    killed_worker(run, in_step="persona_agent", tmp_path=tmp_path, when=comparison.exists)
    kept = comparison.get().output

    run = flow.execute(run.pk, clock=later)

    assert run.status == "succeeded"
    assert attempts(run) == [
        ("brief", 1, "done"),
        ("competitive", 1, "done"),
        ("persona", 1, "lost"),
        ("persona", 2, "done"),
        ("research", 1, "done"),
    ]
    assert comparison.get().output == kept
    assert (Brief.objects.filter(run=run).count(), Persona.objects.filter(run=run).count()) == (1, 3)


def test_a_step_that_kills_three_workers_ends_the_run_in_words(tmp_path):
    run = plan_run(make_request(make_contact(make_ready_client())), at=timezone.now())
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        killed_worker(run, in_step="persona_agent", tmp_path=tmp_path / str(number))
        type(run).objects.filter(pk=run.pk).update(lease_until=timezone.now())  # as if 30 seconds had passed

    run = flow.execute(run.pk, clock=later)

    assert (run.status, run.error) == (
        "failed",
        "The persona step was tried 3 times. The last time: Its worker ended in the middle of it.",
    )
    assert attempts(run) == [
        ("persona", 1, "lost"),
        ("persona", 2, "lost"),
        ("persona", 3, "lost"),
        ("research", 1, "done"),
    ]
    assert Draft.objects.count() == 0
