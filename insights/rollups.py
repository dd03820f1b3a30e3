"""The rows of the weeks up to a review, counted once and held as values. About a dozen queries, however many rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Avg, Count, DateField, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncWeek

from agents_app.models import Anomaly, Draft, SourceRecord, StepRun
from clients.models import Client
from experiments.models import AnalysisSnapshot, Decision, Experiment, OutcomeKind
from insights import errors, metrics
from insights.error_groups import Group
from insights.models import SatisfactionScore, SharedInsight, Suggestion, SupportTicket, Ticket
from insights.weeks import Span, week, weeks

MAIL_WEEKS = 17  # enough for 4 weeks against the 8 before, once meetings of the newest have had their 30 days
AGENT_WEEKS = 9
SCORE_WEEKS = 13


class ClientInfo(NamedTuple):
    """`industry` is its key."""

    name: str
    industry: str


class Mails(NamedTuple):
    """One client's e-mails sent in one week, and how many of them were answered or led to a meeting in time."""

    week: date
    client_id: int
    sent: int
    replies: int
    meetings: int


class AgentFigures(NamedTuple):
    """One agent's week: attempts, failed ones, answers with a confidence, sure ones, their mean, costs in dollars."""

    week: date
    agent: str
    steps: int
    failed: int
    answers: int
    sure: int
    confidence: float | None
    cost_usd: Decimal


class SourceFigures(NamedTuple):
    source: str
    asked: int
    failed: int


class UnusualFigures(NamedTuple):
    """Runs of the week in which one kind of anomaly was found."""

    kind: str
    runs: int


class DraftFigures(NamedTuple):
    """Decided drafts by the reason of their rejection; "" where they were not rejected."""

    reason: str
    drafts: int


class Score(NamedTuple):
    row: int
    client_id: int
    score: int
    answered_at: datetime


class Winner(NamedTuple):
    """An experiment's challenger that won and is not live yet: its control, then itself, as (successes, contacts)."""

    experiment_id: int
    experiment: str
    client_id: int
    metric: str
    control: metrics.Count
    winner: metrics.Count
    reason: str


@dataclass(frozen=True)
class Reading:
    """All a review is made of. `handled` are (rule, client, metric) that people decided on in earlier reviews."""

    span: Span
    at: datetime
    clients: dict[int, ClientInfo]
    mails: list[Mails]
    agents: list[AgentFigures]
    sources: list[SourceFigures]
    drafts: list[DraftFigures]
    scores: list[Score]
    errors: list[Group]
    errors_before: dict[str, int]
    winners: list[Winner]
    handled: frozenset[tuple[str, int | None, str]]
    unusual: list[UnusualFigures] = field(default_factory=list)

    def is_mature(self, monday: date, days: int) -> bool:
        return week(monday, self.span.zone).until + timedelta(days=days) <= self.at

    def before(self, count: int) -> Span:
        """The `count` weeks before the reviewed one."""
        return weeks(self.span.first - timedelta(weeks=count), count, self.span.zone)


def read(span: Span, *, at: datetime) -> Reading:
    before = weeks(span.first - timedelta(weeks=4), 4, span.zone)
    return Reading(
        span=span,
        at=at,
        clients=clients(),
        mails=mails(_back(span, MAIL_WEEKS), at),
        agents=agents(_back(span, AGENT_WEEKS), at),
        sources=sources(span, at),
        drafts=drafts(_back(span, 4), at),
        scores=scores(_back(span, SCORE_WEEKS)),
        errors=errors.groups(span, at=at),
        errors_before={group.fingerprint: group.count for group in errors.groups(before, at=at)},
        winners=list(winners(span)),
        handled=handled(span),
        unusual=unusual(span, at),
    )


def clients() -> dict[int, ClientInfo]:
    rows = Client.objects.values_list("pk", "name", "industry__key")
    return {pk: ClientInfo(name, industry) for pk, name, industry in rows}


def mails(span: Span, at: datetime) -> list[Mails]:
    marked = metrics.rows("reply_rate", span, at=at).annotate(
        met=metrics.answered(OutcomeKind.MEETING_BOOKED, metrics.MEETING_DAYS, at), week=_week("sent_at", span)
    )
    rows = marked.order_by().values("week", client_id=F("contact__client")).annotate(
        sent=Count("pk"), replies=Count("pk", filter=Q(hit=True)), meetings=Count("pk", filter=Q(met=True))
    )  # fmt: skip
    return sorted(Mails(**row) for row in rows)


def agents(span: Span, at: datetime) -> list[AgentFigures]:
    answered = Q(status=StepRun.Status.DONE, confidence__isnull=False)
    inside = StepRun.objects.filter(
        metrics.AT_WORK,
        metrics.OF_RUNS_IN_EARNEST,
        started_at__gte=span.since,
        started_at__lt=span.until,
        started_at__lte=at,
    )
    rows = inside.annotate(week=_week("started_at", span)).values("week", "agent").annotate(
        steps=Count("pk"),
        failed=Count("pk", filter=Q(status=StepRun.Status.FAILED)),
        answers=Count("pk", filter=answered),
        sure=Count("pk", filter=answered & Q(confidence__gte=metrics.SURE)),
        mean=Avg("confidence", filter=answered),
        cost=Sum("cost_usd"),
    )  # fmt: skip
    return sorted((_agent(row) for row in rows), key=lambda row: (row.week, row.agent))


def sources(span: Span, at: datetime) -> list[SourceFigures]:
    inside = SourceRecord.objects.filter(
        metrics.OF_RUNS_IN_EARNEST,
        metrics.ASKED,
        fetched_at__gte=span.since,
        fetched_at__lt=span.until,
        fetched_at__lte=at,
    )
    failed = Count("pk", filter=Q(status=SourceRecord.Status.FAILED))
    rows = inside.values("source").annotate(asked=Count("pk"), failed=failed)
    return sorted(SourceFigures(**row) for row in rows)


def unusual(span: Span, at: datetime) -> list[UnusualFigures]:
    """The commonest first; counted by when a run was planned, as the metric has it."""
    inside = Anomaly.objects.filter(
        run__planned_at__gte=span.since, run__planned_at__lt=span.until, run__planned_at__lte=at, found_at__lte=at
    )
    rows = inside.values_list("kind").annotate(runs=Count("run", distinct=True)).order_by("-runs", "kind")
    return [UnusualFigures(*row) for row in rows]


def drafts(span: Span, at: datetime) -> list[DraftFigures]:
    decided = Draft.objects.filter(decided_at__gte=span.since, decided_at__lt=span.until, decided_at__lte=at)
    rejected = decided.filter(status=Draft.Status.REJECTED).values("rejection").annotate(number=Count("pk"))
    found = [DraftFigures(row["rejection"], row["number"]) for row in rejected.order_by("rejection")]
    return [DraftFigures("", decided.exclude(status=Draft.Status.REJECTED).count()), *found]


def scores(span: Span) -> list[Score]:
    inside = SatisfactionScore.objects.filter(answered_at__gte=span.since, answered_at__lt=span.until)
    rows = inside.order_by("answered_at", "pk").values_list("pk", "client_id", "score", "answered_at")
    return [Score(*row) for row in rows]


def support(span: Span) -> tuple[list[SupportTicket], int, int]:
    """Tickets opened in the span, the number solved in it, and the number open at its end."""
    known = SupportTicket.objects.filter(opened_at__lt=span.until)
    opened = known.filter(opened_at__gte=span.since).select_related("client").order_by("opened_at", "pk")
    solved = known.filter(solved_at__gte=span.since, solved_at__lt=span.until).count()
    return list(opened), solved, known.filter(Q(solved_at__isnull=True) | Q(solved_at__gte=span.until)).count()


def experiments(span: Span) -> list[tuple[Experiment, str]]:
    """Those that ended in the span or ran at its end, with the last result in words ("" before the first analysis)."""
    last = AnalysisSnapshot.objects.filter(experiment=OuterRef("pk"), as_of__lt=span.until).order_by("-as_of", "-pk")
    started = Experiment.objects.filter(started_at__lt=span.until).filter(
        Q(ended_at__isnull=True) | Q(ended_at__gte=span.since)
    )
    found = started.select_related("client", "decision").annotate(last_result=Subquery(last.values("result")[:1]))
    return [(row, str((row.last_result or {}).get("sentence", ""))) for row in found.order_by("started_at", "pk")]


def anomalies(span: Span) -> list[Anomaly]:
    """What was found unusual in the span, in the order in which it was found; also what is settled by now."""
    inside = Anomaly.objects.filter(found_at__gte=span.since, found_at__lt=span.until)
    return list(inside.select_related("client").order_by("found_at", "pk"))


def winners(span: Span) -> Iterator[Winner]:
    """Decided in the twelve weeks up to the span's end, and still waiting for a person to make the winner live."""
    rows = Decision.objects.filter(
        Q(promoted_at__isnull=True) | Q(promoted_at__gte=span.until),
        outcome=Decision.Outcome.WINNER,
        winner__is_control=False,
        decided_at__lt=span.until,
        decided_at__gte=span.until - timedelta(weeks=12),
    )
    for row in rows.select_related("experiment", "winner", "snapshot").order_by("pk"):
        found = {
            item["key"]: metrics.Count(item["successes"], item["mature"]) for item in row.snapshot.result["variants"]
        }
        assert row.winner is not None
        control = next(count for key, count in found.items() if key != row.winner.key)
        metric = "reply_rate" if row.experiment.metric == Experiment.Metric.REPLIED else "meeting_rate"
        trial = row.experiment
        yield Winner(trial.pk, trial.name, trial.client_id, metric, control, found[row.winner.key], row.reason)


def insights(span: Span) -> list[SharedInsight]:
    return list(SharedInsight.objects.filter(week=span.first).order_by("-effect_rounded", "pattern"))


def decided(span: Span, at: datetime) -> list[tuple[Ticket, str]]:
    """Tickets made in the span, when last week's review was read, and those measured by the day this one is read."""
    known = min(at, span.until + timedelta(days=1))
    made = Q(created_at__gte=span.since, created_at__lt=span.until)
    measured = Q(evaluations__measured_at__gte=span.since, evaluations__measured_at__lte=known)
    rows = (
        Ticket.objects.filter(made | measured).distinct().order_by("created_at", "pk").prefetch_related("evaluations")
    )
    return [(row, _effect(row, known)) for row in rows]


def handled(span: Span) -> frozenset[tuple[str, int | None, str]]:
    """What need not be suggested again: worked on since an earlier review, or dismissed in the last four weeks."""
    earlier = Suggestion.objects.filter(report__week__lt=span.first, report__week__gte=span.first - timedelta(weeks=12))
    closed = Q(ticket__status=Ticket.Status.DROPPED) | Q(ticket__evaluations__measured_at__lt=span.until)
    worked_on = earlier.filter(status=Suggestion.Status.ACCEPTED).exclude(closed)
    since = span.first - timedelta(weeks=4)
    dismissed = earlier.filter(status=Suggestion.Status.DISMISSED, report__week__gte=since)
    columns = ("rule", "client_id", "metric")
    return frozenset(worked_on.values_list(*columns)) | frozenset(dismissed.values_list(*columns))


def total(rows: Iterable[Mails], kind: str) -> metrics.Count:
    """`kind` is "replies" or "meetings"."""
    kept = list(rows)
    return metrics.Count(sum(getattr(row, kind) for row in kept), sum(row.sent for row in kept))


def _effect(ticket: Ticket, known: datetime) -> str:
    return next((str(row) for row in ticket.evaluations.all() if row.measured_at <= known), "")


def _agent(row: Mapping[str, Any]) -> AgentFigures:
    shared = {name: row[name] for name in ("week", "agent", "steps", "failed", "answers", "sure")}
    return AgentFigures(**shared, confidence=row["mean"], cost_usd=row["cost"] or Decimal(0))


def _back(span: Span, count: int) -> Span:
    """The reviewed week and the weeks before it, `count` in all."""
    return weeks(span.first - timedelta(weeks=count - 1), count, span.zone)


def _week(moment: str, span: Span) -> TruncWeek:
    return TruncWeek(moment, output_field=DateField(), tzinfo=span.zone)
