"""From stored rows to a result, and once, at the planned size, to a decision.

The denominator is people: contacts whose first e-mail of the experiment was sent at least `window_days` ago. A success
is one of them with a qualifying outcome inside that window. An outcome row counts nobody twice and brings nobody in.
"""

from datetime import datetime, timedelta
from typing import cast

from django.db import transaction
from django.db.models import Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.db.models.fields import DateTimeField

from experiments import lifecycle
from experiments.models import AnalysisSnapshot, Assignment, Decision, Experiment, OutcomeEvent, OutcomeKind
from experiments.results import Arm, Plan, Result, judge

LEAVING = (OutcomeKind.UNSUBSCRIBED, OutcomeKind.COMPLAINED)
DECIDED = {"winner": Decision.Outcome.WINNER, "": Decision.Outcome.INVALID}


def measure(experiment: Experiment, *, at: datetime) -> Result:
    """The result as it stood at `at`, from two queries; nothing is stored."""
    variants = experiment.variants.select_related("prompt_version").order_by("-is_control", "key")
    counts = {row["variant_id"]: row for row in _counts(experiment, at)}
    nobody = dict.fromkeys(("assigned", "exposed", "mature", "successes", "harmed"), 0)
    arms = [
        Arm(
            key=variant.key,
            version=variant.prompt_version_id,
            label=str(variant.prompt_version),
            is_control=variant.is_control,
            weight=variant.weight,
            **{name: counts.get(variant.pk, nobody)[name] for name in nobody},
        )
        for variant in variants
    ]
    control, challenger = arms
    return judge(control, challenger, _plan(experiment))


def analyse(experiment: Experiment, *, at: datetime) -> AnalysisSnapshot:
    """The result at `at`, kept as it was computed."""
    return AnalysisSnapshot.objects.create(experiment=experiment, as_of=at, result=measure(experiment, at=at))


@transaction.atomic
def decide(experiment: Experiment, *, at: datetime) -> Decision | None:
    """Conclude a running experiment that has reached its planned size; None before, and ever after.

    The size depends on who was written to and never on who answered, so looking often does not raise the error rate.
    """
    experiment = Experiment.objects.select_for_update().get(pk=experiment.pk)
    if experiment.status != Experiment.Status.RUNNING:
        return None
    result = measure(experiment, at=at)
    if result["reached"] < result["planned_per_variant"]:
        return None
    outcome = DECIDED.get(result["conclusion"], Decision.Outcome.NO_DIFFERENCE)
    won = outcome == Decision.Outcome.WINNER
    decision = Decision.objects.create(
        experiment=experiment,
        snapshot=AnalysisSnapshot.objects.create(experiment=experiment, as_of=at, result=result),
        outcome=outcome,
        winner=experiment.variants.get(is_control=False) if won else None,
        reason=result["sentence"],
        decided_at=at,
    )
    lifecycle.end(experiment, Experiment.Status.FINISHED, at=at, won=won)
    return decision


def _plan(experiment: Experiment) -> Plan:
    return Plan(
        planned_per_variant=experiment.planned_per_variant,
        alpha=experiment.alpha,
        window_days=experiment.window_days,
        counted=Experiment.Metric(experiment.metric).label.lower(),
    )


def _counts(experiment: Experiment, at: datetime) -> list[dict[str, int]]:
    """Per variant: contacts assigned, exposed and mature by `at`, and how many of the mature succeeded or left."""
    window = timedelta(days=experiment.window_days)
    mature = Q(exposed_at__lte=at - window)
    rows = Assignment.objects.filter(experiment=experiment, assigned_at__lte=at).annotate(
        succeeded=Exists(_within(window, at).filter(kind=experiment.metric)),
        left=Exists(_within(window, at).filter(kind__in=LEAVING)),
    )
    counted = rows.values("variant_id").annotate(
        assigned=Count("pk"),
        exposed=Count("pk", filter=Q(exposed_at__lte=at)),
        mature=Count("pk", filter=mature),
        successes=Count("pk", filter=mature & Q(succeeded=True)),
        harmed=Count("pk", filter=mature & Q(left=True)),
    )
    return cast(list[dict[str, int]], list(counted))


def _within(window: timedelta, at: datetime) -> QuerySet[OutcomeEvent]:
    """Outcomes of an assignment's contact inside the window after exposure, as far as they were known at `at`."""
    exposed = OuterRef("exposed_at")
    return OutcomeEvent.objects.filter(
        contact=OuterRef("contact"),
        occurred_at__gte=exposed,
        occurred_at__lte=ExpressionWrapper(exposed + window, output_field=DateTimeField()),
        received_at__lte=at,
    )
