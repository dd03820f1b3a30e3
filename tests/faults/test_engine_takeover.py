"""The product's own clusters and sweep: how long a run waits whose worker was killed.

With GTM_FAULTS=full the lease is the real one and the product's schedules ring the sweep, which takes minutes. Otherwise
it is one case with a lease of a few seconds, and the test rings.
"""

import json
import os
import sys
import time
import uuid

import httpx2
import psutil
import pytest

from agents_app.flow import lease
from agents_app.llm import wire
from agents_app.models import FlowRun
from gtm import caretaking, guardian, loop, schedules
from gtm.processes import Processes, Program
from gtm.sandbox import messages
from tests.agents_app.models_that import PaidService
from tests.faults.wide import WIDE, check_results

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

FULL = os.environ.get("GTM_FAULTS") == "full"
LEASE_S = lease.LEASE.total_seconds() if FULL else 4.0
SWEEP_S = 60.0 if FULL else 1.0
SLACK_S = 15.0  # for a start of Python on a busy machine

CLUSTER = """
import sys
from datetime import timedelta
import django
django.setup()
from django.core.management import call_command
from agents_app.flow import lease

lease.LEASE = timedelta(seconds=float(sys.argv[1]))
lease.HEARTBEAT_S = lease.LEASE.total_seconds() / 3
call_command("qcluster")
"""
COMMAND = ["manage.py", "qcluster"] if FULL else ["-c", CLUSTER, str(LEASE_S)]


@pytest.mark.parametrize(
    "victim",
    [
        "the worker",
        pytest.param(
            "its whole cluster", marks=pytest.mark.skipif(not FULL, reason="It takes minutes; GTM_FAULTS=full runs it.")
        ),
    ],
)
def test_a_run_is_taken_over_within_a_lease_and_a_sweep(victim, elsewhere, planner, tmp_path):
    run = planner(WIDE)()
    ring = ringing()
    killed_at = []

    def replies(body, number):
        if number == 2:  # research is done, its siblings are asking
            killed_at.append(time.monotonic())
            kill(clusters, service, whole=victim != "the worker")
            return None
        return composed(body)

    with PaidService(replies) as service, Processes(logs=tmp_path, say=lambda line: None) as clusters:
        paying = {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": service.url, **elsewhere}
        for cluster in ("ingest", "runs"):
            clusters.start(Program(cluster, [sys.executable, *COMMAND], {"Q_CLUSTER_NAME": cluster, **paying}))
        loop.later(loop.execute_run, run.pk)
        deadline = time.monotonic() + (240 if FULL else 60)
        while FlowRun.objects.get(pk=run.pk).status != "succeeded":
            assert time.monotonic() < deadline, "nobody took it over"
            clusters.tend()
            ring()
            time.sleep(0.2)
        took = time.monotonic() - killed_at[0]

    run.refresh_from_db()
    assert (run.fence, run.recoveries) == (2, 1)
    assert LEASE_S * 2 / 3 - 1 < took < LEASE_S + SWEEP_S + SLACK_S  # it was renewed a heartbeat ago at most
    assert [row.status for row in run.steps.filter(key="plan")] == ["done"]
    check_results(run)


def ringing():
    """What rings the sweep: the product's schedules by themselves, or we, whenever a sweep is due."""
    if FULL:
        schedules.sync()
        return lambda: None
    rung = [0.0]

    def ring():
        if time.monotonic() - rung[-1] >= SWEEP_S:
            rung.append(time.monotonic())
            loop.later(caretaking.sweep)

    return ring


def kill(clusters, service, *, whole):
    """The process that is asking the service, or everything that belongs to the cluster of runs."""
    runs = next(process for process in clusters.all if process.program.name == "runs").popen.pid
    if whole:
        guardian.kill_group(runs)
        return
    port = int(service.url.rsplit(":", 1)[1])
    for process in psutil.Process(runs).children(recursive=True):
        if any(each.raddr and each.raddr.port == port for each in process.net_connections("tcp")):
            process.kill()


def composed(body):
    """The composer's answer under the name of the model that was asked."""
    content = json.dumps(body).encode()
    request = httpx2.Request("POST", f"{wire.REAL_SERVICE}/v1/messages", content=content, headers={"x-api-key": "sk"})
    said = messages.answer(request)
    return (
        said.status_code,
        {"request-id": uuid.uuid4().hex},
        json.dumps(said.json() | {"model": body["model"]}).encode(),
    )
