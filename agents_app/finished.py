"""Runs in the order in which they ended, for jobs that look at each of them once.

A job keeps one mark: up to where it has come. A run that ended is looked at a minute later, because its moment is set
inside the turn that ends it and others may be committed first. Two jobs at once may look at a run twice, and a mark
that was set back looks again: whoever uses this does what can be done twice.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from agents_app.models import FlowRun, JobProgress

SETTLED = timedelta(minutes=1)


def mark(job: str, *, begin: datetime) -> JobProgress:
    """Up to where the job has come; one that never ran begins with runs that ended after `begin`."""
    return JobProgress.objects.get_or_create(job=job, defaults={"finished_at": begin})[0]


def after(found: JobProgress, *, at: datetime) -> QuerySet[FlowRun]:
    """The ended runs behind the mark, the earliest first; trials too."""
    later = Q(finished_at__gt=found.finished_at) | Q(finished_at=found.finished_at, pk__gt=found.run)
    ended = FlowRun.objects.filter(later, finished_at__gte=found.finished_at, finished_at__lte=at - SETTLED)
    return ended.order_by("finished_at", "pk")


def advance(found: JobProgress, run: FlowRun) -> None:
    """Up to this run, unless another worker has come further already."""
    assert run.finished_at is not None
    behind = Q(finished_at__lt=run.finished_at) | Q(finished_at=run.finished_at, run__lt=run.pk)
    JobProgress.objects.filter(behind, job=found.job).update(finished_at=run.finished_at, run=run.pk)
    found.finished_at, found.run = run.finished_at, run.pk
