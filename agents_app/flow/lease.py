"""Who may work on a run. One worker at a time, by a claim that ends by itself.

A claim takes a free run, raises its fence and holds it for 30 seconds. Every later write happens in a transaction that
first locks the run's row under the same fence, and keeps it locked to its end: where that finds no row, somebody else
owns the run, and nothing is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import InternalError, transaction
from django.db.models import Exists, F, OuterRef, Q
from psycopg.errors import IdleInTransactionSessionTimeout

from agents_app.flow.journal import Journal, one, remember
from agents_app.models import FlowRun, Gate, StepRun
from gtm import limits

LEASE = timedelta(seconds=30)
HEARTBEAT_S = LEASE.total_seconds() / 3
PATIENCE = timedelta(minutes=1)  # how long a planned run may wait for its first bell
MOST_RECOVERIES = 5

Status = FlowRun.Status


class LostLease(Exception):
    """Another worker owns the run by now; nothing was written."""

    def __init__(self, run: FlowRun) -> None:
        super().__init__(f"Run {run.pk} is owned by another worker (this one holds fence {run.fence}).")


@dataclass(frozen=True)
class Ending:
    """How a worker leaves a run. `again_at` is set when it is to be taken up again by itself."""

    status: FlowRun.Status
    error: str = ""
    again_at: datetime | None = None


def look(run_id: int, journal: Journal, into: list[FlowRun], *, at: datetime) -> None:
    """Find the run where it may be claimed, and lock it; not while somebody else owns it, before its time, or when it
    has ended.

    A row that somebody else is writing at this moment is not waited for: an owner that froze in the middle of a write
    would hold up one worker after the other. The sweep rings again.
    """
    journal.find(FlowRun, into, FREE, run_id, at)


def claim(run: FlowRun, *, at: datetime) -> None:
    """Own a run that was found free, in the same transaction; the one UPDATE of its first turn writes the claim too."""
    remember(run, WRITTEN)
    run.recoveries += run.status == Status.RUNNING
    run.status, run.fence, run.lease_until = Status.RUNNING, run.fence + 1, at + LEASE
    run.started_at, run.error = run.started_at or at, ""


# as `_free` has it
FREE = "id = %s AND is_open AND (lease_until IS NULL OR lease_until < %s) FOR NO KEY UPDATE SKIP LOCKED"
HOLD = f"""
    SELECT cancel_asked_at, ARRAY({limits.LIMITING}) FROM agents_app_flowrun
    WHERE id = %s AND fence = %s AND status = 'running' FOR NO KEY UPDATE
"""  # noqa: S608 - two texts of our own
BEAT = """
    UPDATE agents_app_flowrun SET lease_until = %s WHERE id = %s AND fence = %s AND status = 'running' RETURNING id
"""
WRITTEN = (
    "status", "fence", "lease_until", "recoveries", "seq", "revised", "reserved_usd", "spent_usd", "lent_usd",
    "lent_date", "untold_usd", "started_at", "finished_at", "error",
)  # fmt: skip


class Held(NamedTuple):
    """`limited` are the names in gtm/limits of parties that limit us at this moment, whoever heard of it."""

    cancel_asked_at: datetime | None
    limited: list[str]


@contextmanager
def held(run: FlowRun, *, at: datetime) -> Iterator[Held]:
    """A transaction for writes to an owned run; gives since when somebody wants it cancelled, and who limits us.

    Raises LostLease, and rolls back, when it is no longer owned, or when this process froze inside for so long that the
    database gave the run's row free.
    """
    try:
        with transaction.atomic():
            row = one(HOLD, [at, run.pk, run.fence])
            if row is None:
                raise LostLease(run)
            yield Held(*row)
    except InternalError as error:
        if was_freed(error):
            raise LostLease(run) from error
        raise


def was_freed(error: Exception) -> bool:
    """Whether this process froze inside a transaction for so long that the database ended it, and freed its rows."""
    return isinstance(error.__cause__, IdleInTransactionSessionTimeout)


def renew(run: FlowRun, journal: Journal, *, at: datetime) -> None:
    """Hold it for another 30 seconds, and write what the turn changed of it. The caller holds its row."""
    run.lease_until = at + LEASE
    journal.update(run, WRITTEN)


def beat(run: FlowRun, *, at: datetime) -> None:
    """Hold it for another 30 seconds. Raises LostLease."""
    run.lease_until = at + LEASE
    if one(BEAT, [run.lease_until, run.pk, run.fence]) is None:
        raise LostLease(run)


def leave(run: FlowRun, journal: Journal, ending: Ending, *, at: datetime) -> None:
    """Write how it ended. A run to be taken up again keeps its lease as the time before which nobody may. The caller
    holds its row."""
    run.lease_until, run.status, run.error = ending.again_at, ending.status, ending.error
    run.finished_at = None if ending.status in FlowRun.OPEN else at
    journal.update(run, WRITTEN)


def stumbled(run_id: int, *, at: datetime) -> None:
    """A fault of ours kept a worker from beginning. It counts as a recovery, or it would be met for ever."""
    why = "A fault of this system kept it from going on; the log has it. It is tried again by itself."
    free = FlowRun.objects.filter(_free(at), pk=run_id)
    free.update(status=Status.RETRY, recoveries=F("recoveries") + 1, lease_until=at + LEASE, error=why)


def lost(at: datetime) -> list[int]:
    """Runs to ring for again: their owner died, their time has come, a person answered, or nobody heard the bell."""
    answered = Gate.objects.filter(~Q(decision="") | Q(expires_at__lte=at), step__status=StepRun.Status.WAITING)
    due = (
        Q(status=Status.RUNNING)
        | Q(status=Status.RETRY)
        | Q(status=Status.PLANNED, planned_at__lt=at - PATIENCE)
        | Q(Exists(answered.filter(step__run=OuterRef("pk"))), status=Status.WAITING)
        | Q(status=Status.WAITING, cancel_asked_at__isnull=False)
    )
    return list(FlowRun.objects.filter(_free(at), due).order_by("pk").values_list("pk", flat=True)[:500])


def _free(at: datetime) -> Q:
    return Q(is_open=True) & (Q(lease_until=None) | Q(lease_until__lt=at))
