"""What a ticket's change brought: its metric in equal spans before and after, or the experiment's own answer.

The weeks that gave rise to the ticket are left out. What was noticed because it was bad gets better by itself,
so a comparison with those weeks would call most changes a success.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from experiments.models import Decision, Experiment
from gtm.stats.proportions import newcombe
from insights import metrics, tickets
from insights.metrics import Count
from insights.models import OutcomeEvaluation, Ticket
from insights.payload import MIN_COMPARED, rate, spoken_rate
from insights.weeks import Span, monday_of

SPAN_DAYS = 28


@dataclass(frozen=True)
class Spans:
    """`due` is when the last row of the span after is old enough to be judged."""

    before: Span
    after: Span
    due: datetime


@transaction.atomic
def measure(ticket: Ticket, *, at: datetime) -> OutcomeEvaluation | None:
    """Judge an applied ticket, once, when its spans are over; None while there is nothing to judge yet or no metric."""
    ticket = tickets.locked(ticket)
    if ticket.status != Ticket.Status.APPLIED:
        return ticket.evaluations.order_by("pk").last()
    result = _result(ticket, at)
    if result is None:
        return None
    ticket.status = Ticket.Status.MEASURED
    tickets.save(ticket, by=None, at=at, reason=result["sentence"])
    return OutcomeEvaluation.objects.create(ticket=ticket, result=result, measured_at=at)


def spans(ticket: Ticket) -> Spans:
    """Equal spans: up to what gave rise to the ticket, and from the day after the change. Raises UnknownMetric."""
    zone = timezone.get_default_timezone()
    metric, _ = metrics.find(ticket.metric)
    first = timezone.localtime(ticket.change.applied_at).date() + timedelta(days=1)
    after = Span(first, first + timedelta(days=SPAN_DAYS - 1), zone)
    trigger = _trigger(ticket)
    before = Span(trigger - timedelta(days=SPAN_DAYS), trigger - timedelta(days=1), zone)
    return Spans(before, after, after.until + timedelta(days=metric.window_days))


def judged(before: Count, after: Count, *, name: str, higher_is_better: bool = True) -> dict[str, Any]:
    """The evaluation's `result`. Interval: Newcombe, 95%; the verdict asks only on which side of 0 it lies."""
    difference = newcombe(*before, *after)
    verdict = _verdict(before, after, 1 if higher_is_better else -1)
    change = f"{name}: {spoken_rate(rate(*before))} before, {spoken_rate(rate(*after))} after"
    return {
        "before": {"numerator": before.numerator, "denominator": before.denominator},
        "after": {"numerator": after.numerator, "denominator": after.denominator},
        "difference": difference and round(difference.difference, 6),
        "low": difference and round(difference.low, 6),
        "high": difference and round(difference.high, 6),
        "verdict": verdict,
        "sentence": f"{verdict}. {change[0].upper()}{change[1:]}. {_reason(verdict, before, after)}",
    }


HELPED, NO_EFFECT, HARMED, TOO_LITTLE = "Helped", "No effect seen", "Harmed", "Not enough data"


def _result(ticket: Ticket, at: datetime) -> dict[str, Any] | None:
    if isinstance(ticket.change.changed, Experiment):
        return _experiment_result(ticket.change.changed)
    if not ticket.metric:
        return None
    found = spans(ticket)
    if at < found.due:
        return None
    metric, _ = metrics.find(ticket.metric)
    before, after = (
        metrics.count(ticket.metric, span, at=at, client_id=ticket.client_id) for span in (found.before, found.after)
    )
    return judged(before, after, name=metrics.label(ticket.metric), higher_is_better=metric.higher_is_better)


def _experiment_result(experiment: Experiment) -> dict[str, Any] | None:
    """A random draw says more than before and after: the control stands for before, the challenger for after."""
    decision = Decision.objects.filter(experiment=experiment).select_related("snapshot").first()
    if decision is None:
        return None
    arms = {row["key"]: Count(row["successes"], row["mature"]) for row in decision.snapshot.result["variants"]}
    control = experiment.variants.get(is_control=True).key
    challenger = next(count for key, count in arms.items() if key != control)
    return {
        **judged(arms[control], challenger, name="the experiment, control against challenger"),
        "sentence": decision.reason,
    }


def _trigger(ticket: Ticket) -> date:
    """The first day of what the suggestion rests on; for a person's own ticket, of the week it was made in."""
    if ticket.suggestion is not None and "first" in ticket.suggestion.baseline:
        return date.fromisoformat(ticket.suggestion.baseline["first"])
    if ticket.report is not None:
        return ticket.report.week
    return monday_of(timezone.localtime(ticket.created_at).date())


def _verdict(before: Count, after: Count, better: int) -> str:
    difference = newcombe(*before, *after)
    if difference is None or min(before.denominator, after.denominator) < MIN_COMPARED:
        return TOO_LITTLE
    if difference.low <= 0 <= difference.high:
        return NO_EFFECT
    return HELPED if difference.difference * better > 0 else HARMED


def _reason(verdict: str, before: Count, after: Count) -> str:
    if verdict == TOO_LITTLE:
        return f"A judgement takes {MIN_COMPARED} on each side."
    difference = newcombe(*before, *after)
    assert difference is not None
    between = f"between {difference.low * 100:+.1f} and {difference.high * 100:+.1f}"
    if verdict == NO_EFFECT:
        return f"The difference of {difference.difference * 100:+.1f} points may be chance ({between})."
    return f"The difference is {difference.difference * 100:+.1f} points ({between}, 95% sure)."
