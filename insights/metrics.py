"""The rates this app measures, each as one set of rows with a mark on those that hit.

The same rows make the figure of a review, the page that lists them, the baseline of a suggestion and the effect of a
ticket, so these cannot differ. A metric's key may name a segment after a colon: "source_failures:newsapi".
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import BooleanField, Exists, ExpressionWrapper, F, Model, OuterRef, Q, QuerySet
from django.db.models import Count as SqlCount

from agents_app import names
from agents_app.models import Anomaly, Draft, FlowRun, Send, SourceRecord, StepRun
from clients.models import AgentKey, Connection, Delivery
from experiments.models import OutcomeEvent, OutcomeKind
from insights.models import SatisfactionScore
from insights.weeks import Span

SURE = 0.7  # from this confidence on, an agent's answer counts as sure
REPLY_DAYS = 14
MEETING_DAYS = 30


class UnknownMetric(ValueError):
    """A metric's key that this release does not know."""


class Count(NamedTuple):
    numerator: int
    denominator: int

    @property
    def rate(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True)
class Metric:
    """`rows(segment, at)` are the denominator, annotated with `hit`; only what was known at `at` counts.

    A row is mature `window_days` after `moment`. `client` is the way from a row to its client.
    """

    name: str
    rows: Callable[[str, datetime], QuerySet[Any]]
    moment: str
    client: str
    higher_is_better: bool = True
    window_days: int = 0


def answered(kind: str, days: int, at: datetime) -> Exists:
    """Whether an e-mail (a row of Send) had this outcome within `days` of being sent, as known at `at`."""
    return Exists(
        OutcomeEvent.objects.filter(
            send=OuterRef("pk"),
            kind=kind,
            occurred_at__lt=OuterRef("sent_at") + timedelta(days=days),
            received_at__lte=at,
        )
    )


def sends(at: datetime) -> QuerySet[Send]:
    return Send.objects.filter(sent_at__lte=at)


def _only(field: str, segment: str) -> Q:
    """An empty segment means all of them."""
    return Q(**{field: segment}) if segment else Q()


def _replies(industry: str, at: datetime) -> QuerySet[Any]:
    inside = sends(at).filter(_only("contact__client__industry__key", industry))
    return inside.annotate(hit=answered(OutcomeKind.REPLIED, REPLY_DAYS, at))


def _meetings(industry: str, at: datetime) -> QuerySet[Any]:
    inside = sends(at).filter(_only("contact__client__industry__key", industry))
    return inside.annotate(hit=answered(OutcomeKind.MEETING_BOOKED, MEETING_DAYS, at))


def _marked(rows: QuerySet[Any], hit: Q) -> QuerySet[Any]:
    marked: QuerySet[Any] = rows.annotate(hit=ExpressionWrapper(hit, output_field=BooleanField()))
    return marked


OF_RUNS_IN_EARNEST = Q(run__request__trial_side="")  # trials of unsaved settings count nowhere
ASKED = Q(same_as=None)  # an answer that is used again says nothing new of its source


def _sure_steps(agent: str, at: datetime) -> QuerySet[Any]:
    done = StepRun.objects.filter(
        OF_RUNS_IN_EARNEST, status=StepRun.Status.DONE, confidence__isnull=False, started_at__lte=at
    )
    return _marked(done.filter(_only("agent", agent)), Q(confidence__gte=SURE))


AT_WORK = ~Q(agent="") & ~Q(status=StepRun.Status.SKIPPED)  # steps in which an agent worked


def _failed_steps(agent: str, at: datetime) -> QuerySet[Any]:
    steps = StepRun.objects.filter(AT_WORK, OF_RUNS_IN_EARNEST, _only("agent", agent), started_at__lte=at)
    return _marked(steps, Q(status=StepRun.Status.FAILED))


def _failed_sources(source: str, at: datetime) -> QuerySet[Any]:
    asked = SourceRecord.objects.filter(OF_RUNS_IN_EARNEST, ASKED, _only("source", source), fetched_at__lte=at)
    return _marked(asked, Q(status=SourceRecord.Status.FAILED))


def _rejected(reason: str, at: datetime) -> QuerySet[Any]:
    decided = Draft.objects.filter(decided_at__lte=at)
    return _marked(decided, Q(status=Draft.Status.REJECTED) & _only("rejection", reason))


def _refused(_: str, at: datetime) -> QuerySet[Any]:
    return _marked(Draft.objects.filter(decided_at__lte=at), Q(status=Draft.Status.REFUSED))


def _unfinished(_: str, at: datetime) -> QuerySet[Any]:
    runs = FlowRun.objects.filter(request__trial_side="", planned_at__lte=at)
    return _marked(runs, Q(status__in=FlowRun.WRONG))


def _unusual(kind: str, at: datetime) -> QuerySet[Any]:
    runs = FlowRun.objects.filter(request__trial_side="", planned_at__lte=at)
    found = Anomaly.objects.filter(_only("kind", kind), run=OuterRef("pk"), found_at__lte=at)
    marked: QuerySet[Any] = runs.annotate(hit=Exists(found))
    return marked


def _quarantined(party: str, at: datetime) -> QuerySet[Any]:
    deliveries = Delivery.objects.filter(_only("connection__party", party), received_at__lte=at)
    return _marked(deliveries, Q(status=Delivery.Status.QUARANTINED))


def _detractors(_: str, at: datetime) -> QuerySet[Any]:
    return _marked(SatisfactionScore.objects.filter(answered_at__lte=at), Q(score__lte=6))


def _fewer(name: str, rows: Callable[[str, datetime], QuerySet[Any]], moment: str, client: str) -> Metric:
    return Metric(name, rows, moment, client, higher_is_better=False)


METRICS: dict[str, Metric] = {
    "reply_rate": Metric("e-mails that were answered", _replies, "sent_at", "contact__client", window_days=REPLY_DAYS),
    "meeting_rate": Metric(
        "e-mails that led to a meeting", _meetings, "sent_at", "contact__client", window_days=MEETING_DAYS
    ),
    "sure_steps": Metric(f"answers with a confidence of {SURE} or more", _sure_steps, "started_at", "run__client"),
    "failed_steps": _fewer("steps that failed", _failed_steps, "started_at", "run__client"),
    "unfinished_runs": _fewer("runs that failed or need something from us", _unfinished, "planned_at", "client"),
    "unusual_runs": _fewer("runs with something unusual", _unusual, "planned_at", "client"),
    "source_failures": _fewer("questions to a source that failed", _failed_sources, "fetched_at", "run__client"),
    "quarantined": _fewer("deliveries that could not be read", _quarantined, "received_at", "connection__client"),
    "rejected": _fewer("decided drafts that were rejected", _rejected, "decided_at", "run__client"),
    "refused_drafts": _fewer("decided drafts that could not be sent", _refused, "decided_at", "run__client"),
    "detractors": _fewer("scores of 6 or less", _detractors, "answered_at", "client"),
}  # fmt: skip
SEGMENTS: dict[str, dict[str, str]] = {
    "sure_steps": dict(AgentKey.choices),
    "failed_steps": dict(AgentKey.choices),
    "unusual_runs": dict(names.ANOMALIES),
    "rejected": dict(Draft.Rejection.choices),
    "source_failures": dict(Connection.Party.choices),
    "quarantined": dict(Connection.Party.choices),
}


def find(key: str) -> tuple[Metric, str]:
    """The metric and its segment. Raises UnknownMetric."""
    name, _, segment = key.partition(":")
    if name not in METRICS:
        raise UnknownMetric(f"There is no metric “{name}”. Known: {', '.join(METRICS)}.")
    return METRICS[name], segment


def label(key: str) -> str:
    """The metric in words: "steps that failed (Research)". Raises UnknownMetric."""
    metric, segment = find(key)
    shown = segment_name(key)
    return f"{metric.name} ({shown})" if segment else metric.name


def segment_name(key: str) -> str:
    name, _, segment = key.partition(":")
    return SEGMENTS.get(name, {}).get(segment, segment.replace("_", " "))


def rows(key: str, span: Span, *, at: datetime, clients: Collection[int] | None = None) -> QuerySet[Any]:
    """The denominator's rows in the span, newest first; those with `hit` are the numerator. Raises UnknownMetric."""
    metric, segment = find(key)
    inside = {f"{metric.moment}__gte": span.since, f"{metric.moment}__lt": span.until}
    chosen: QuerySet[Model] = metric.rows(segment, at).filter(**inside)
    if clients is not None:
        chosen = chosen.filter(**{f"{metric.client}__in": clients})
    ordered: QuerySet[Any] = chosen.annotate(at=F(metric.moment)).order_by(f"-{metric.moment}", "-pk")
    return ordered


def count(key: str, span: Span, *, at: datetime, client_id: int | None = None) -> Count:
    """Raises UnknownMetric."""
    chosen = rows(key, span, at=at, clients=None if client_id is None else [client_id]).order_by()
    return Count(**chosen.aggregate(numerator=SqlCount("pk", filter=Q(hit=True)), denominator=SqlCount("pk")))
