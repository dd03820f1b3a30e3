import json
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from agents_app import exporting
from agents_app.models import JobProgress
from clients.models import Delivery
from gtm import doctor, schedules
from gtm.models import Heartbeat
from tests.factories import AT, make_connection, make_run

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def laptop(settings) -> None:
    settings.DEBUG = True  # the test runner switches it off


@pytest.fixture
def healthy() -> None:
    """An installation at AT whose workers beat and whose clock is set."""
    schedules.sync()
    Schedule.objects.update(next_run=AT + HOUR)
    for name in doctor.CLUSTERS:
        Heartbeat.objects.create(name=name, at=AT - timedelta(seconds=40))


def found(name: str) -> doctor.Finding:
    return next(finding for finding in doctor.examine(AT) if finding.name == name)


def wait_in_queue(cluster: str, since: timedelta) -> None:
    OrmQ.objects.create(key=cluster, payload="", lock=AT - since)


def hold_in_quarantine() -> None:
    Delivery.objects.create(
        connection=make_connection(),
        received_at=AT,
        body=b"{",
        body_sha256="0" * 64,
        status=Delivery.Status.QUARANTINED,
    )


def test_a_healthy_installation_has_nothing_to_do(healthy):
    findings = doctor.examine(AT)

    assert [(finding.name, finding.state, finding.remedy) for finding in findings] == [
        (name, "ok", "")
        for name in (
            "Database",
            "Tables",
            "Background workers",
            "Queue",
            "Clock",
            "Model",
            "Webhooks",
            "CRMs",
            "Spool",
            "Erasure",
            "Spans",
            "Disk",
            "Secrets",
        )
    ]
    assert doctor.is_ready(findings)


def test_a_worker_that_fell_silent_is_named_with_how_long_and_how_to_start_it(healthy):
    Heartbeat.objects.filter(name="runs").update(at=AT - HOUR)

    finding = found("Background workers")

    assert finding.state == "fail"
    assert finding.meaning == "Work is queued but not done: runs silent for 1\xa0hour."
    assert finding.remedy.endswith("Q_CLUSTER_NAME=runs uv run manage.py qcluster")
    assert not doctor.is_ready(doctor.examine(AT))


def test_a_worker_that_never_beat_counts_as_not_started(healthy):
    Heartbeat.objects.filter(name="ingest").delete()

    assert "ingest never started" in found("Background workers").meaning


def test_jobs_that_wait_too_long_for_their_cluster_are_counted(healthy):
    wait_in_queue("ingest", timedelta(minutes=6))
    wait_in_queue("ingest", timedelta(minutes=1))

    assert (found("Queue").state, found("Queue").meaning) == (
        "warn",
        "2 jobs wait on “ingest”, the oldest for 6\xa0minutes.",
    )


def test_a_job_that_a_worker_holds_does_not_wait(healthy):
    wait_in_queue("ingest", -HOUR)
    wait_in_queue("runs", timedelta(minutes=20))

    assert found("Queue").state == "ok"


def test_a_schedule_that_somebody_changed_by_hand_is_a_failure(healthy):
    Schedule.objects.filter(name="sweep").update(func="os.system")

    assert (found("Clock").state, found("Clock").remedy) == ("fail", "Run: uv run manage.py sync_schedules")


def test_a_job_that_nobody_started_in_time_is_named(healthy):
    Schedule.objects.filter(name="sweep").update(next_run=AT - HOUR)

    assert (found("Clock").state, found("Clock").meaning) == ("warn", "Overdue: sweep.")


def test_a_table_that_was_not_migrated_is_a_failure(healthy):
    MigrationRecorder(connection).record_unapplied("clients", "0001_initial")

    assert (found("Tables").state, found("Tables").remedy) == ("fail", "Run: uv run manage.py migrate")


def test_deliveries_in_quarantine_are_counted_and_do_not_stop_work(healthy):
    hold_in_quarantine()

    assert (found("Webhooks").state, found("Webhooks").meaning[:22]) == ("warn", "1 webhook deliveries c")
    assert doctor.is_ready(doctor.examine(AT))


@pytest.mark.parametrize(("free", "state"), [(5_000_000_000, "ok"), (500_000_000, "warn"), (100_000_000, "fail")])
def test_a_disk_that_fills_up_is_seen_before_it_is_full(healthy, monkeypatch, free, state):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))

    assert found("Disk").state == state


def test_a_production_run_without_its_secrets_is_a_failure_that_names_them_and_never_their_values(healthy, settings):
    settings.DEBUG = False
    settings.SECRET_KEY = "hunter2"
    settings.ALLOWED_HOSTS = ["*"]

    finding = found("Secrets")

    assert finding.state == "fail"
    assert finding.meaning == (
        "Not fit for production: SECRET_KEY (at least 50 signs), GTM_CREDENTIAL_KEYS, ALLOWED_HOSTS (no *), PUBLIC_URL (https)."
    )
    assert "hunter2" not in repr(doctor.examine(AT))


def test_a_production_run_without_a_model_key_is_warned(healthy, settings):
    settings.DEBUG = False

    assert found("Model").state == "warn"


def test_without_a_database_only_what_needs_none_is_examined(monkeypatch):
    def refuse(self):
        raise DatabaseError("connection refused")

    monkeypatch.setattr(type(connections["default"]), "cursor", refuse)

    findings = doctor.examine(AT)

    assert [(finding.name, finding.state) for finding in findings] == [
        ("Database", "fail"),
        ("Model", "ok"),
        ("Spool", "ok"),
        ("Disk", "ok"),
        ("Secrets", "ok"),
    ]


def test_a_check_that_breaks_is_a_finding_and_the_others_are_made(healthy, monkeypatch):
    def broken(at):
        raise RuntimeError("no such folder")

    monkeypatch.setattr(doctor, "CHECKS", (doctor.Check("Odd", broken), doctor.Check("Queue", doctor.queue)))

    odd, queue = doctor.examine(AT)

    assert (odd.state, odd.meaning) == ("fail", "This could not be checked: no such folder")
    assert queue.state == "ok"


def test_the_command_ends_with_1_and_its_json_lists_every_finding():
    out = StringIO()

    with pytest.raises(SystemExit, match="1"):
        call_command("doctor", json=True, stdout=out)

    said = json.loads(out.getvalue())
    assert said["ready"] is False
    assert [check["name"] for check in said["checks"]] == [check.name for check in doctor.CHECKS]
    assert {check["state"] for check in said["checks"] if check["name"] == "Background workers"} == {"fail"}


def test_a_collector_that_takes_no_spans_is_named_with_how_long_they_wait(healthy, settings):
    settings.OTLP_ENDPOINT = "http://collector.example:4318"
    run = make_run(status="succeeded", finished_at=AT - HOUR)
    JobProgress.objects.create(job=exporting.JOB, finished_at=AT - 2 * HOUR)

    waits = found("Spans")
    JobProgress.objects.update(finished_at=run.finished_at, run=run.pk)

    assert (waits.state, waits.meaning) == (
        "warn",
        "http://collector.example:4318/v1/traces has taken no spans for 1\xa0hour; they wait, and nothing is lost.",
    )
    assert found("Spans").state == "ok"


def test_the_command_says_what_to_do_under_what_is_broken():
    out = StringIO()

    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out, no_color=True)

    lines = out.getvalue().splitlines()
    broken = next(number for number, line in enumerate(lines) if line.startswith("FAIL  Clock"))
    assert lines[broken + 1] == "      → Run: uv run manage.py sync_schedules"


def test_alive_asks_nothing_of_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


def test_ready_refuses_until_both_workers_beat_and_names_no_detail(client):
    schedules.sync()
    before = client.get("/healthz/ready")

    for name in doctor.CLUSTERS:
        Heartbeat.objects.create(name=name, at=timezone.now())
    after = client.get("/healthz/ready")

    assert (before.status_code, before.json()["checks"]["Background workers"]) == (503, "fail")
    assert (after.status_code, after.json()["ready"]) == (200, True)
    assert set(after.json()["checks"].values()) <= {"ok", "warn", "fail"}
    assert "no-cache" in after["Cache-Control"]
