"""Who may work on a run. One worker at a time, by a claim that ends by itself.

A claim is one conditional UPDATE: it takes a free run, raises its fence and holds it for 30 seconds. Every later write
first renews the lease under the same fence, in the same transaction: where that finds no row, somebody else owns the
run, and nothing is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce

from agents_app.models import FlowRun, StepRun

LEASE = timedelta(seconds=30)
HEARTBEAT_S = LEASE.total_seconds() / 3
PATIENCE = timedelta(minutes=1)  # how long a planned run may wait for its first bell
MOST_RECOVERIES = 5

Status = FlowRun.Status


class LostLease(Exception):
    """Another worker owns the run by now; nothing was written."""


@dataclass(frozen=True)
class Ending:
    """How a worker leaves a run. `again_at` is set when it is to be taken up again."""

    status: FlowRun.Status
    error: str = ""
    again_at: datetime | None = None


def claim(run_id: int, *, at: datetime) -> FlowRun | None:
    """The run, owned from now on; None while somebody else owns it, before its time, or when it has ended.

    Steps that the last owner left open are marked lost: they will be tried again.
    """
    recovered = Case(When(status=Status.RUNNING, then=1), default=0)
    with transaction.atomic():
        claimed = FlowRun.objects.filter(_free(at), pk=run_id).update(
            status=Status.RUNNING,
            fence=F("fence") + 1,
            lease_until=at + LEASE,
            recoveries=F("recoveries") + recovered,
            started_at=Coalesce("started_at", Value(at)),
            error="",
        )
        if not claimed:
            return None
        run = FlowRun.objects.select_related("client", "request__contact", "request__campaign").get(pk=run_id)
        StepRun.objects.filter(run=run, status=StepRun.Status.RUNNING).update(
            status=StepRun.Status.LOST, finished_at=at, error="Its worker ended in the middle of it."
        )
    return run


@contextmanager
def held(run: FlowRun, *, at: datetime) -> Iterator[None]:
    """A transaction for writes to an owned run; raises LostLease, and rolls back, when it is no longer owned."""
    with transaction.atomic():
        _renew(run, lease_until=at + LEASE)
        yield


def beat(run: FlowRun, *, at: datetime) -> None:
    _renew(run, lease_until=at + LEASE)


def leave(run: FlowRun, ending: Ending, *, at: datetime) -> None:
    """Write how it ended. A run to be taken up again keeps its lease as the time before which nobody may."""
    again = ending.again_at is not None
    finished_at = None if again else at
    _renew(run, lease_until=ending.again_at, status=ending.status, error=ending.error, finished_at=finished_at)


def lost(at: datetime) -> list[int]:
    """Runs to ring for again: their owner died, their time has come, or their first bell was never heard."""
    waiting = Q(status=Status.RUNNING) | Q(lease_until__isnull=False) | Q(planned_at__lt=at - PATIENCE)
    return list(FlowRun.objects.filter(_free(at), waiting).order_by("pk").values_list("pk", flat=True)[:500])


def _free(at: datetime) -> Q:
    return Q(status__in=[Status.PLANNED, Status.RUNNING]) & (Q(lease_until=None) | Q(lease_until__lt=at))


def _renew(run: FlowRun, **values: object) -> None:
    owned = FlowRun.objects.filter(pk=run.pk, fence=run.fence, status=Status.RUNNING).update(**values)
    if not owned:
        raise LostLease(f"Run {run.pk} is owned by another worker (this one holds fence {run.fence}).")
