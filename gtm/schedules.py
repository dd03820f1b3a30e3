"""The clock: which job of gtm/loop.py runs how often. `sync` makes the queue's schedules equal to this table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from gtm import caretaking, loop


@dataclass(frozen=True)
class Job:
    """A function of the loop with a cron expression (agency time zone) or a number of minutes."""

    function: Callable[..., Any]
    minutes: int = 0
    cron: str = ""
    cluster: str = "ingest"
    args: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return " ".join([self.function.__name__, *self.args])

    @property
    def path(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}"


JOBS = (
    Job(caretaking.beat, minutes=1, args=("ingest",)),
    Job(caretaking.beat, minutes=1, args=("runs",), cluster="runs"),
    Job(loop.drain_spool, minutes=1),
    Job(caretaking.sweep, minutes=1),
    Job(loop.replay_quarantined, minutes=1),
    Job(loop.score_contacts, minutes=5),
    Job(loop.close_reviews, cron="40 * * * *"),
    Job(loop.erase_people, minutes=1),
    Job(loop.send_due_drafts, minutes=1),
    Job(loop.push_changes, minutes=1),
    Job(loop.look_up_records, minutes=1),
    Job(loop.compare_on, minutes=1),
    Job(loop.rehearse, minutes=1),
    Job(loop.watch_rollouts, minutes=5),
    Job(loop.compare_daily, cron="45 2 * * *"),
    Job(loop.look_at_runs, minutes=1, cluster="runs"),
    Job(caretaking.forget_calls, cron="10 * * * *", cluster="runs"),
    Job(loop.continue_campaigns, cron="15 * * * *"),
    Job(caretaking.keep_words, cron="30 2 * * *", cluster="runs"),
    Job(loop.keep_to_rules, cron="20 3 * * *"),
    Job(loop.decide_experiments, cron="30 * * * *"),
    Job(loop.measure_tickets, cron="0 5 * * *"),
    Job(loop.measure_proposals, cron="15 5 * * *", cluster="runs"),
    Job(loop.share_patterns, cron="30 5 * * 1", cluster="runs"),
    Job(loop.propose_settings, cron="45 5 * * 1", cluster="runs"),
    Job(loop.build_review, cron="0 6 * * 1", cluster="runs"),
)


@transaction.atomic
def sync() -> list[str]:
    """Make the schedule rows equal to JOBS; what a person or an older release added goes. The names, in order."""
    Schedule.objects.exclude(name__in=[job.name for job in JOBS]).delete()
    for job in JOBS:
        Schedule.objects.update_or_create(
            name=job.name, defaults=_row(job), create_defaults={**_row(job), "next_run": timezone.now()}
        )
    return [job.name for job in JOBS]


def _row(job: Job) -> dict[str, Any]:
    return {
        "func": job.path,
        "args": ", ".join(repr(arg) for arg in job.args),
        "schedule_type": Schedule.CRON if job.cron else Schedule.MINUTES,
        "minutes": job.minutes or None,
        "cron": job.cron or None,
        "repeats": -1,
        "cluster": job.cluster,
    }
