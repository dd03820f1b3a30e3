"""A person stops a run. Steps under way end by themselves and are kept; nothing more is begun."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from agents_app.models import FlowRun
from clients import access


class CancelRefused(Exception):
    """The run cannot be cancelled any more; the text says why."""


@transaction.atomic
def cancel(run: FlowRun, *, by: User, at: datetime) -> None:
    """Note the wish; whoever drives the run meets it at the next boundary. Ring `execute_run` afterwards."""
    noted = FlowRun.objects.filter(pk=run.pk, status__in=FlowRun.OPEN, cancel_asked_at=None)
    if not noted.update(cancel_asked_at=at, cancel_asked_by=by):
        run.refresh_from_db()
        if run.cancel_asked_at is not None:
            who = access.called(run.cancel_asked_by, otherwise="Somebody")
            raise CancelRefused(f"{who} has asked for that already, at {run.cancel_asked_at:%H:%M}.")
        raise CancelRefused(f"{run} has ended: {run.get_status_display().lower()}.")
    FlowRun.objects.filter(pk=run.pk, status=FlowRun.Status.RETRY).update(lease_until=at)  # it need not wait its time
