"""The product's own clusters, schedules and sweep: how long a run waits whose worker was killed.

Each test waits for a lease and a sweep, more than a minute, so they run with GTM_FAULTS=full only.
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
from gtm import guardian, loop, schedules
from gtm.processes import Processes, Program
from gtm.sandbox import messages
from tests.agents_app.models_that import PaidService
from tests.faults.wide import WIDE, check_results

pytestmark = [
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(os.environ.get("GTM_FAULTS") != "full", reason="It takes minutes; GTM_FAULTS=full runs it."),
]

SWEEP_S = 60.0
SLACK_S = 15.0  # for a start of Python on a busy machine


@pytest.mark.parametrize("victim", ["the worker", "its whole cluster"])
def test_a_run_is_taken_over_within_a_lease_and_a_sweep(victim, elsewhere, planner, tmp_path):
    run = planner(WIDE)()
    schedules.sync()
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
            command = [sys.executable, "manage.py", "qcluster"]
            clusters.start(Program(cluster, command, {"Q_CLUSTER_NAME": cluster, **paying}))
        loop.later(loop.execute_run, run.pk)
        deadline = time.monotonic() + 240
        while FlowRun.objects.get(pk=run.pk).status != "succeeded":
            assert time.monotonic() < deadline, "nobody took it over"
            clusters.tend()
            time.sleep(0.2)
        took = time.monotonic() - killed_at[0]

    run.refresh_from_db()
    lease_s = lease.LEASE.total_seconds()
    assert (run.fence, run.recoveries) == (2, 1)
    assert lease_s - lease.HEARTBEAT_S - 1 < took < lease_s + SWEEP_S + SLACK_S
    assert [row.status for row in run.steps.filter(key="plan")] == ["done"]
    check_results(run)


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
