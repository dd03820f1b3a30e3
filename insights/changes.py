"""What a ticket changes: one of a few typed changes, carried out by the public function of the room it belongs to.

The change and the link that remembers it stand in one transaction: neither exists without the other.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import singledispatch
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction

from agents_app import versions
from agents_app.models import PromptVersion
from clients import config
from clients.models import Client
from experiments import lifecycle
from experiments.models import Decision, Experiment
from insights import tickets
from insights.models import ChangeLink, Ticket
from insights.tickets import TicketRefused


@dataclass(frozen=True)
class PromptGoesLive:
    version_id: int


@dataclass(frozen=True)
class SettingChanges:
    """`field` is a dotted path of the client's document, for example custom_fields.max_words; None inherits again."""

    client_id: int
    field: str
    value: Any


@dataclass(frozen=True)
class ExperimentStarts:
    experiment_id: int


Change = PromptGoesLive | SettingChanges | ExperimentStarts


class ChangeRefused(TicketRefused):
    """A change that the room it belongs to did not take, in that room's words."""


class Done(NamedTuple):
    """The row that changed, what happened in words, and what it was and became."""

    row: models.Model
    description: str
    before: dict[str, Any]
    after: dict[str, Any]


@transaction.atomic
def apply(ticket: Ticket, *, change: Change, by: User | None, at: datetime) -> ChangeLink:
    """Carry the change out and link it; from `at` on its effect is measured. Raises ChangeRefused."""
    ticket = tickets.locked(ticket)
    if ticket.status != Ticket.Status.OPEN:
        raise ChangeRefused(
            f"This ticket is {ticket.get_status_display().lower()}; only an open one can change something. "
            "Make another ticket."
        )
    try:
        done = _carry_out(change, ticket, by, at)
    except (versions.VersionRefused, config.ConfigRefused, lifecycle.ExperimentRefused) as refusal:
        raise ChangeRefused(str(refusal)) from refusal
    link = ChangeLink.objects.create(
        ticket=ticket,
        content_type=ContentType.objects.get_for_model(done.row),
        object_id=done.row.pk,
        description=done.description[:300],
        before=done.before,
        after=done.after,
        applied_by=by,
        applied_at=at,
    )
    ticket.status = Ticket.Status.APPLIED
    tickets.save(ticket, by=by, at=at, reason=done.description)
    return link


@singledispatch
def _carry_out(change: Change, ticket: Ticket, by: User | None, at: datetime) -> Done:
    raise ChangeRefused(f"A ticket cannot do this: {change!r}.")


@_carry_out.register
def _prompt(change: PromptGoesLive, ticket: Ticket, by: User | None, at: datetime) -> Done:
    version = _found(PromptVersion.objects.filter(pk=change.version_id), "prompt version", change.version_id)
    old = versions.live_of(version.agent)
    if old == version:
        raise ChangeRefused(f"{version} is live already. Choose another version.")
    won = Decision.objects.filter(winner__prompt_version=version, promoted_at__isnull=True).first()
    if won is not None and by is not None:
        lifecycle.promote(won, by=by, at=at)
    else:
        versions.go_live(version, by=by, at=at, reason=f"Ticket {ticket.pk}: {ticket.title}")
    before = {"live": old.number if old else None}
    return Done(
        version,
        f"{version} went live" + (f" in place of v{old.number}" if old else ""),
        before,
        {"live": version.number},
    )


@_carry_out.register
def _setting(change: SettingChanges, ticket: Ticket, by: User | None, at: datetime) -> Done:
    client = _found(Client.objects.filter(pk=change.client_id), "client", change.client_id)
    if ticket.client_id not in (None, client.pk):
        raise ChangeRefused(f"This ticket is about another client than {client}. Make a ticket for {client}.")
    before = config.export(client)
    document = _with(before, change.field.split("."), change.value)
    written = config.apply(document, client=client, by=by, reason=f"Ticket {ticket.pk}: {ticket.title}", at=at)
    if not written:
        raise ChangeRefused(f"{client} has this value for {change.field} already. Choose another one.")
    old, new = ({row.path: getattr(row, side) for row in written} for side in ("before", "after"))
    return Done(client, f"{change.field} of {client} changed", old, new)


@_carry_out.register
def _experiment(change: ExperimentStarts, ticket: Ticket, by: User | None, at: datetime) -> Done:
    experiment = _found(Experiment.objects.filter(pk=change.experiment_id), "experiment", change.experiment_id)
    before = experiment.status
    started = lifecycle.start(experiment, by=by, at=at)
    return Done(started, f"The experiment “{started.name}” started", {"status": before}, {"status": started.status})


def _found(rows: models.QuerySet[Any], noun: str, number: int) -> Any:  # noqa: ANN401 - a row of whichever model was asked
    row = rows.first()
    if row is None:
        raise ChangeRefused(f"There is no {noun} with the number {number}. Choose one from the list.")
    return row


def _with(document: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """A copy of the document with the value at the path; None takes the key away."""
    key, *rest = path
    kept = {name: old for name, old in document.items() if name != key}
    if rest:
        inner = document.get(key)
        return {**kept, key: _with(inner if isinstance(inner, dict) else {}, rest, value)}
    return kept if value is None else {**kept, key: value}
