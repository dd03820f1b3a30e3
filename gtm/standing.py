"""What a client runs on as a whole: settings, prompts, experiments and connections, which four apps know of.

It is kept under the next number where it changed, and returned to.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents_app import deployments, versions
from agents_app.models import Deployment, PromptVersion
from clients import config
from clients.models import Client
from experiments import assign, lifecycle
from experiments.models import Experiment


def now(client: deployments.WithParts) -> deployments.State:
    """What the client would run on now; `client` was read with its parts (`deployments.read`)."""
    return state(client, config.stand(), versions.live(client), assign.running(client.pk))


def state(
    client: deployments.WithParts, found: config.Stand, live: Mapping[str, PromptVersion], running: Sequence[Experiment]
) -> deployments.State:
    used = {agent: version.pk for agent, version in live.items()}
    return deployments.state_of(client, found=found, prompts=used, rollouts=assign.rollouts(running))


def keep(client_id: int, *, by: User | None = None, cause: str = "", at: datetime | None = None) -> Deployment:
    """What a client runs on, as its newest deployment: the one that stands, or the next one where something changed."""
    before = deployments.newest(client_id)
    client = deployments.read(client_id)
    return deployments.keep(client, now(client), before=before, by=by, cause=cause, at=at or timezone.now())


@transaction.atomic
def return_to(wanted: Deployment, *, by: User, at: datetime | None = None) -> deployments.Returned:
    """An earlier deployment → what the client runs on again, all of it or nothing. What it runs on now is kept first,
    so that the way back is the same."""
    at = at or timezone.now()
    Client.objects.select_for_update(no_key=True).get(pk=wanted.client_id)
    before = keep(wanted.client_id, at=at)
    cause = f"Back to deployment {wanted.number}"
    missed = lifecycle.back_to(wanted.client_id, wanted.rollouts, by=by, at=at)
    missed += deployments.bring_back(wanted, by=by, at=at)
    after = keep(wanted.client_id, by=by, cause=cause, at=at)
    return deployments.Returned(after, before, deployments.between(before, after), missed)
