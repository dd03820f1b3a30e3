"""Improvements that somebody took on: from a suggestion or from a person's own idea, with an owner and a day."""

from datetime import date, datetime, timedelta
from typing import NotRequired, TypedDict, Unpack

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from agents_app.models import FlowRun, Rollout, RolloutDecision
from clients import access
from clients.models import Client
from gtm import roles
from insights.models import Suggestion, Ticket, WeeklyReport
from insights.weeks import spoken

Status = Ticket.Status
MOST_WORDS = 300  # characters of a reason
DAYS_FOR_DEAD_RUNS = 2
DAYS_FOR_ROLLOUTS = 5


class TicketRefused(ValueError):
    """A step that cannot be taken, why, and what to do instead. `field` names the form's field at fault."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@transaction.atomic
def accept(
    suggestion: Suggestion, *, owner: User, due_date: date, by: User | None, at: datetime, description: str = ""
) -> Ticket:
    """The suggestion becomes a ticket with its metric, so that the effect can be measured. Raises TicketRefused."""
    suggestion = _decide(suggestion, Suggestion.Status.ACCEPTED, by)
    ticket = Ticket(
        title=suggestion.title,
        description=description.strip() or suggestion.text,
        suggestion=suggestion,
        report=suggestion.report,
        client=suggestion.client,
        metric=suggestion.metric,
    )
    return _open(ticket, owner=owner, due_date=due_date, by=by, at=at)


@transaction.atomic
def dismiss(suggestion: Suggestion, *, reason: str, by: User | None) -> Suggestion:
    """The suggestion is not followed; the same one stays away for four weeks. Raises TicketRefused."""
    return _decide(suggestion, Suggestion.Status.DISMISSED, by, _reason(reason))


class About(TypedDict):
    """What a person's own ticket is about; without a metric its effect is not measured."""

    client: NotRequired[Client | None]
    metric: NotRequired[str]
    report: NotRequired[WeeklyReport | None]


@transaction.atomic
def create(
    title: str, *, description: str, owner: User, due_date: date, by: User | None, at: datetime, **about: Unpack[About]
) -> Ticket:
    """A ticket of a person's own. Raises TicketRefused."""
    if not title.strip():
        raise TicketRefused("Say in a few words what is to be improved.", "title")
    ticket = Ticket(title=title.strip(), description=description.strip(), **about)
    return _open(ticket, owner=owner, due_date=due_date, by=by, at=at)


@transaction.atomic
def for_dead_run(run: FlowRun, *, at: datetime) -> Ticket | None:
    """Somebody has to find out why a run had to be given up: one ticket a run, for the operator who was here first.

    None while there is nobody who could own it; the run's page and the weekly review show it all the same.
    """
    FlowRun.objects.select_for_update(no_key=True).get(pk=run.pk)  # of two sweeps, the second finds the ticket
    found = Ticket.objects.filter(run=run).first()
    owner = _operator()
    if found or owner is None:
        return found
    ticket = Ticket(
        run=run,
        client=run.client,
        title=f"Find out why run {run.pk} had to be given up",
        description=f"{run.error} Its page shows which step was open each time; the log has the workers' last words.",
    )
    due_date = timezone.localtime(at).date() + timedelta(days=DAYS_FOR_DEAD_RUNS)
    return _open(ticket, owner=owner, due_date=due_date, by=None, at=at)


def dead_runs_without() -> QuerySet[FlowRun]:
    """Runs that were given up and have no ticket yet: their worker died before it could be opened."""
    with_ticket = Ticket.objects.filter(run__isnull=False).values("run")
    return FlowRun.objects.filter(status=FlowRun.Status.DEAD).exclude(pk__in=with_ticket).order_by("pk")


@transaction.atomic
def for_rollout(decision: RolloutDecision, *, at: datetime) -> Ticket | None:
    """Somebody has to find out what the candidate does worse, or why units fell as they should not: one ticket a
    decision, for who began the rollout. None while there is nobody who could own it."""
    rollout = decision.rollout
    Rollout.objects.select_for_update(no_key=True).get(pk=rollout.pk)
    found = Ticket.objects.filter(decision=decision).first()
    owner = rollout.author or _operator()
    if found or owner is None:
        return found
    if decision.step == RolloutDecision.Step.ALARM:
        title = f"Find out why the units of {rollout} fell unevenly"
        happened = f"Rollout {rollout.pk} is held: what came of both versions cannot be compared."
    else:
        title = f"Find out why {rollout.candidate} did worse than v{rollout.control.number}"
        happened = f"Rollout {rollout.pk} was rolled back by itself."
    ticket = Ticket(decision=decision, title=title[:160], description=f"{happened} {' '.join(decision.reasons)}")
    due_date = timezone.localtime(at).date() + timedelta(days=DAYS_FOR_ROLLOUTS)
    return _open(ticket, owner=owner, due_date=due_date, by=None, at=at)


def rollouts_without() -> QuerySet[RolloutDecision]:
    """Rollbacks that came by themselves, and alarms about units, that have no ticket yet."""
    asks = (RolloutDecision.Step.ROLL_BACK, RolloutDecision.Step.ALARM)
    with_ticket = Ticket.objects.filter(decision__isnull=False).values("decision")
    found = RolloutDecision.objects.filter(step__in=asks).exclude(pk__in=with_ticket)
    return found.select_related("rollout__candidate", "rollout__control", "rollout__author").order_by("pk")


def _operator() -> User | None:
    people = User.objects.filter(is_active=True).order_by("pk")
    return people.filter(groups__name=roles.OPERATOR).first() or people.filter(is_superuser=True).first()


@transaction.atomic
def drop(ticket: Ticket, *, reason: str, by: User | None, at: datetime) -> Ticket:
    """Give the ticket up, or close an applied one without waiting for its effect, in writing. Raises TicketRefused."""
    words = _reason(reason)
    ticket = locked(ticket)
    if ticket.status not in (Status.OPEN, Status.APPLIED):
        raise TicketRefused(f"This ticket is {ticket.get_status_display().lower()} already; there is nothing to drop.")
    ticket.status, ticket.closed_reason = Status.DROPPED, words
    return save(ticket, by=by, at=at, reason=words)


def locked(ticket: Ticket) -> Ticket:
    """The ticket as it stands now, held until the transaction ends."""
    return Ticket.objects.select_for_update(of=("self",)).select_related("report", "suggestion").get(pk=ticket.pk)


def save(ticket: Ticket, *, by: User | None, at: datetime, reason: str) -> Ticket:
    """With who, when and why in the ticket's history."""
    ticket._history_user, ticket._history_date, ticket._change_reason = by, at, reason[:100]  # type: ignore[attr-defined]
    ticket.save()
    return ticket


def _open(ticket: Ticket, *, owner: User, due_date: date, by: User | None, at: datetime) -> Ticket:
    today = timezone.localtime(at).date()
    if due_date < today:
        raise TicketRefused(
            f"The due date {spoken(due_date)} has passed. Choose {spoken(today)} or a later day.", "due_date"
        )
    if not owner.is_active:
        raise TicketRefused(f"{access.called(owner)} cannot sign in any more. Choose another owner.", "owner")
    ticket.owner, ticket.due_date, ticket.created_at = owner, due_date, at
    return save(ticket, by=by, at=at, reason="Opened")


def _decide(suggestion: Suggestion, status: Suggestion.Status, by: User | None, words: str = "") -> Suggestion:
    """Decided once, in every version of the week's review that holds it."""
    suggestion = (
        Suggestion.objects.select_for_update(of=("self",)).select_related("report", "client").get(pk=suggestion.pk)
    )
    if suggestion.status != Suggestion.Status.OPEN:
        raise TicketRefused(_already(suggestion))
    same = {"rule": suggestion.rule, "client_id": suggestion.client_id, "metric": suggestion.metric}
    versions = Suggestion.objects.filter(report__week=suggestion.report.week, status=Suggestion.Status.OPEN, **same)
    versions.update(status=status, dismissal=words, decided_by=by)
    suggestion.status, suggestion.dismissal, suggestion.decided_by = status, words, by
    return suggestion


def _already(suggestion: Suggestion) -> str:
    who = access.called(suggestion.decided_by, otherwise="Somebody")
    if suggestion.status == Suggestion.Status.ACCEPTED:
        return f"{who} made a ticket of this suggestion already. Open it from the list of tickets."
    return (
        f"{who} dismissed this suggestion already: “{suggestion.dismissal}” Make a ticket of your own if you disagree."
    )


def _reason(text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise TicketRefused("Say why in a few words; whoever reads the review later will want to know.", "reason")
    if len(words) > MOST_WORDS:
        raise TicketRefused(f"The reason is {len(words)} characters long; shorten it to {MOST_WORDS}.", "reason")
    return words
