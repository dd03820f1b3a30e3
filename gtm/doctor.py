"""What is broken, what it means, what to do: one list for the command, `/healthz/ready` and the System health page."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Min
from django.utils.timesince import timesince
from django_q.models import OrmQ, Schedule

from agents_app import exporting
from clients import erasure, pushing, spool
from clients.models import Delivery
from gtm import schedules, telemetry
from gtm.database import is_embedded, server_of
from gtm.models import Heartbeat

CLUSTERS = ("ingest", "runs")
SILENCE = timedelta(minutes=3)  # three beats, and the half minute the clock may be late
QUEUE_WAIT = {"ingest": timedelta(minutes=5), "runs": timedelta(minutes=30)}
SPOOL_WAIT = timedelta(minutes=3)
LATE = timedelta(minutes=10)
DISK_LOW_BYTES = 1_000_000_000
DISK_EMPTY_BYTES = 200_000_000
SECRET_KEY_LENGTH = 50


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """`remedy` is empty when there is nothing to do."""

    name: str
    state: State
    meaning: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


Verdict = tuple[State, str, str]
FINE = ""


@dataclass(frozen=True)
class Check:
    name: str
    look: Callable[[datetime], Verdict]
    needs_database: bool = True


def examine(at: datetime) -> list[Finding]:
    """Every check's finding, in the order of CHECKS. Without a database, those that need one are left out."""
    findings: list[Finding] = []
    for check in CHECKS:
        if check.needs_database and any(found.state == State.FAIL for found in findings if found.name == "Database"):
            continue
        findings.append(Finding(check.name, *_look(check, at)))
    return findings


def is_ready(findings: list[Finding]) -> bool:
    return all(finding.state != State.FAIL for finding in findings)


def _look(check: Check, at: datetime) -> Verdict:
    """A check that breaks is a finding, never the end of the examination."""
    try:
        return check.look(at)
    except Exception as error:  # noqa: BLE001
        return State.FAIL, f"This could not be checked: {error}", "Mend the cause named here and look again."


def database(at: datetime) -> Verdict:
    private = is_embedded(settings.DATABASES["default"], settings.DATA_DIR)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            (version,) = cursor.fetchone()
    except Error as error:
        remedy = (
            f"Its log: {server_of(settings.DATA_DIR).log}"
            if private
            else "Check DATABASE_URL and that the server runs."
        )
        return State.FAIL, f"The database does not answer: {error}", remedy
    if private and not settings.DEBUG:
        return (
            State.WARN,
            f"The private PostgreSQL {version} serves a production run.",
            "Set DATABASE_URL to a server with backups.",
        )
    return State.OK, f"PostgreSQL {version} answers.", FINE


def migrations(at: datetime) -> Verdict:
    missing = _migrations_on_disk() - set(MigrationRecorder(connection).applied_migrations())
    if missing:
        return State.FAIL, f"{len(missing)} changes to the tables have not been made.", "Run: uv run manage.py migrate"
    return State.OK, "The tables are as the code expects them.", FINE


@cache
def _migrations_on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def workers(at: datetime) -> Verdict:
    beats = dict(Heartbeat.objects.filter(name__in=CLUSTERS).values_list("name", "at"))
    silent = [name for name in CLUSTERS if name not in beats or at - beats[name] > SILENCE]
    if not silent:
        return State.OK, "Both background workers are alive.", FINE
    since = "; ".join(
        f"{name} " + (f"silent for {timesince(beats[name], at)}" if name in beats else "never started")
        for name in silent
    )
    start = " and ".join(f"Q_CLUSTER_NAME={name} uv run manage.py qcluster" for name in silent)
    return State.FAIL, f"Work is queued but not done: {since}.", f"Start: uv run manage.py up, or {start}"


def queue(at: datetime) -> Verdict:
    """Due rows only: a row that a worker holds is locked until later."""
    due = OrmQ.objects.filter(lock__lt=at).values("key").annotate(oldest=Min("lock"), count=Count("pk"))
    waiting = {row["key"]: row for row in due}
    for name, longest in QUEUE_WAIT.items():
        row = waiting.get(name)
        if row and at - row["oldest"] > longest:
            meaning = f"{row['count']} jobs wait on “{name}”, the oldest for {timesince(row['oldest'], at)}."
            return State.WARN, meaning, "See that the worker lives; if it is only slow, start a second one."
    return State.OK, "No job waits longer than it should.", FINE


def clock(at: datetime) -> Verdict:
    rows = {row.name: row for row in Schedule.objects.all()}
    if {(name, row.func) for name, row in rows.items()} != {(job.name, job.path) for job in schedules.JOBS}:
        return State.FAIL, "The schedules are not those of gtm/schedules.py.", "Run: uv run manage.py sync_schedules"
    late = sorted(name for name, row in rows.items() if row.next_run and at - row.next_run > LATE)
    if late:
        return State.WARN, f"Overdue: {', '.join(late)}.", "A worker starts them; see whether both live."
    return State.OK, f"{len(rows)} scheduled jobs, none overdue.", FINE


def model(at: datetime) -> Verdict:
    if settings.ANTHROPIC_API_KEY:
        return State.OK, f"Texts are written by {settings.MODEL}.", FINE
    remedy = "" if settings.DEBUG else "Set ANTHROPIC_API_KEY to have texts that may be sent."
    return (
        State.OK if settings.DEBUG else State.WARN,
        "Without a key the offline composer writes; what it wrote is never sent to a real address.",
        remedy,
    )


def quarantine(at: datetime) -> Verdict:
    held = Delivery.objects.filter(status=Delivery.Status.QUARANTINED).count()
    if held:
        return (
            State.WARN,
            f"{held} webhook deliveries could not be read and wait.",
            "The page Quarantine counts them by what is wrong; each says what to mend.",
        )
    return State.OK, "Every webhook delivery could be read.", FINE


def crms(at: datetime) -> Verdict:
    paused = pushing.paused()
    if paused:
        named = "; ".join(f"{each.connection.client}, {each.connection.name}: {each.paused_why}" for each in paused[:5])
        return (
            State.WARN,
            f"{len(paused)} connections are paused, because the party no longer knows us. {named}",
            "Enter a credential that holds on the connection, then press Send now on its sync page.",
        )
    return State.OK, "Every CRM that we write to knows us.", FINE


def spooled(at: datetime) -> Verdict:
    """Calls that came while the database was away."""
    found = spool.condition()
    if found.stuck:
        count = f"{found.stuck:,} webhook {'call' if found.stuck == 1 else 'calls'} on the disk"
        was = "was" if found.stuck == 1 else "were"
        meaning = f"{count} {was} refused by the database; each is tried again every minute."
        return State.FAIL, meaning, f"See the log of the ingest worker. They lie in {settings.SPOOL_DIR}."
    if found.waiting and found.since and at - found.since > SPOOL_WAIT:
        meaning = f"{found.waiting:,} webhook calls wait on the disk, the oldest for {timesince(found.since, at)}."
        return State.WARN, meaning, "The ingest worker stores them once a minute; see that it lives."
    if found.torn:
        meaning = f"{found.torn} damaged pieces lie in {settings.SPOOL_DIR}: writes that a crash broke off."
        return (
            State.WARN,
            meaning,
            "None of them was acknowledged to its sender. Look at the *.torn files, then delete them.",
        )
    waiting = f"{found.waiting:,} wait to be stored." if found.waiting else "None waits."
    return State.OK, f"Webhook calls on the disk: {waiting}", FINE


def erasures(at: datetime) -> Verdict:
    late = erasure.overdue(at).order_by("asked_at").first()
    if late is not None:
        return (
            State.WARN,
            f"Somebody asked {timesince(late.asked_at, at)} ago to be forgotten; 5 minutes are promised.",
            "See that the worker “ingest” lives, and what its job erase_people says under Background jobs.",
        )
    return State.OK, "Nobody waits to be forgotten.", FINE


def spans(at: datetime) -> Verdict:
    if not telemetry.is_on():
        return State.OK, "No collector is named, so runs are told to nobody.", FINE
    since = exporting.waiting_since(at=at)
    if since and at - since > LATE:
        return (
            State.WARN,
            f"{telemetry.endpoint()} has taken no spans for {timesince(since, at)}; they wait, and nothing is lost.",
            "See that the collector runs there. The log of the worker “runs” says what it answered.",
        )
    return State.OK, f"{telemetry.endpoint()} has the spans of every run that ended.", FINE


def disk(at: datetime) -> Verdict:
    folder = Path(settings.DATA_DIR)
    free = shutil.disk_usage(folder if folder.exists() else folder.anchor).free
    meaning = f"{free / 1e9:.1f} GB are free where {folder} lies."
    if free < DISK_EMPTY_BYTES:
        return State.FAIL, meaning, "Free space now: the database stops when it cannot write."
    if free < DISK_LOW_BYTES:
        return State.WARN, meaning, "Free space soon."
    return State.OK, meaning, FINE


def secrets(at: datetime) -> Verdict:
    if settings.DEBUG:
        return State.OK, "A laptop run: keys are this checkout's own.", FINE
    wrong = [
        name
        for name, is_wrong in (
            ("SECRET_KEY (at least 50 signs)", len(settings.SECRET_KEY) < SECRET_KEY_LENGTH),
            ("GTM_CREDENTIAL_KEYS", not settings.CREDENTIAL_KEYS),
            ("ALLOWED_HOSTS (no *)", "*" in settings.ALLOWED_HOSTS),
            ("PUBLIC_URL (https)", not settings.PUBLIC_URL.startswith("https://")),
        )
        if is_wrong
    ]
    if wrong:
        return (
            State.FAIL,
            f"Not fit for production: {', '.join(wrong)}.",
            "Set them in the environment; .env.example explains each.",
        )
    return State.OK, "The settings of a production run are set.", FINE


CHECKS = (
    Check("Database", database, needs_database=False),
    Check("Tables", migrations),
    Check("Background workers", workers),
    Check("Queue", queue),
    Check("Clock", clock),
    Check("Model", model, needs_database=False),
    Check("Webhooks", quarantine),
    Check("CRMs", crms),
    Check("Spool", spooled, needs_database=False),
    Check("Erasure", erasures),
    Check("Spans", spans),
    Check("Disk", disk, needs_database=False),
    Check("Secrets", secrets, needs_database=False),
)
