"""Jobs beside the story (gtm/loop.py): what was left behind is rung for again, what is old goes, who lives says so."""

from datetime import datetime, timedelta

from django.utils import timezone

from agents_app import deployments, entities, finding, flow, retention
from agents_app.models import Request
from clients import refusals
from clients.models import Delivery
from experiments import assign, outcomes
from gtm import loop, standing
from gtm.models import Heartbeat
from insights import tickets

LEFT_BEHIND = timedelta(minutes=1)  # how long a row may wait for its bell before the sweep rings again
UNKNOWN = timedelta(days=7)  # how far back the graph is told of runs that it missed
CHANGED_AT_ONCE = 100  # clients whose deployment one sweep keeps; the next one goes on


def sweep() -> None:
    """Ring again for what was left behind: deliveries not applied, requests without a run, runs whose worker died or
    whose time has come; and keep what clients run on where it changed."""
    at = timezone.now()
    old = at - LEFT_BEHIND
    for delivery in Delivery.objects.filter(status=Delivery.Status.RECEIVED, received_at__lt=old).order_by("pk")[:500]:
        loop.later(loop.process_delivery, delivery.pk)
    unplanned = Request.objects.filter(runs__isnull=True, asked_at__lt=old).exclude(contact__erased_at__isnull=False)
    for request in unplanned.order_by("pk")[:500]:
        loop.later(loop.start_run, request.pk)
    for run_id in flow.lost(at):
        loop.later(loop.execute_run, run_id)
    for run_id in _not_absorbed(since=at - UNKNOWN, until=old):
        loop.later(loop.absorb_run, run_id)
    for run in tickets.dead_runs_without()[:500]:
        tickets.for_dead_run(run, at=at)
    for event in outcomes.events_not_recorded(old)[:500]:
        loop.later(loop.record_outcome, event.pk)
    for client_id in deployments.changed(assign.rollouts_by_client(), most=CHANGED_AT_ONCE):
        standing.keep(client_id, at=at)


def _not_absorbed(*, since: datetime, until: datetime) -> set[int]:
    """Runs that ended before `until`, of which the graph or the search knows nothing yet."""
    both = entities.waiting(since=since), finding.waiting(since=since)
    return {pk for runs in both for pk in runs.filter(finished_at__lt=until).values_list("pk", flat=True)[:500]}


def keep_words() -> None:
    """Ended runs that search knows nothing of, from before it had words: the newest ones, night by night."""
    finding.keep_older()


def forget_calls(*, at: datetime | None = None) -> None:
    """Notes of refused calls go after a day, recorded calls to the model when they have been kept for long enough."""
    refusals.forget_old(at=at or timezone.now())
    retention.forget(at=at or timezone.now())


def beat(cluster: str) -> None:
    """The cluster says that it lives."""
    Heartbeat.objects.update_or_create(name=cluster, defaults={"at": timezone.now()})
