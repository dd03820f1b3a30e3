"""The review of a week: read, composed, kept as it was shown. The page renders what is stored and counts nothing."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from agents_app.models import Anomaly
from clients.models import AgentKey
from experiments.models import Experiment
from gtm.stats.proportions import nps
from insights import charts, metrics, rollups, suggestions
from insights.models import Suggestion, WeeklyReport
from insights.payload import (
    MIN_COMPARED,
    AgentRow,
    AgentWeek,
    AnomalyRow,
    ClientRow,
    Comparison,
    DecidedRow,
    ErrorRow,
    ExperimentRow,
    InsightRow,
    Payload,
    Satisfaction,
    SuggestionRow,
    Support,
    SupportRow,
    WeekRow,
    compared,
    digest,
    rate,
    spoken_rate,
)
from insights.rollups import AgentFigures, Mails, Reading, total
from insights.weeks import Span, spoken, week, weeks

SHOWN_WEEKS = 9
SHOWN_ERRORS = 8
SHOWN_ANOMALIES = 12
_LOCK = 7_204_118  # with the week's ordinal: one builder a week at a time


class ReviewRefused(ValueError):
    """A week that cannot be reviewed, in words."""


def build(monday: date, *, at: datetime) -> WeeklyReport:
    """The week's report as its rows stand at `at`: the stored one when nothing changed, else its next version.

    Raises ReviewRefused for a day that is no Monday and for a week that is not over.
    """
    span = week(monday, timezone.get_default_timezone())
    if monday.weekday() != 0:
        raise ReviewRefused(f"{spoken(monday)} is not a Monday. Give the Monday that the week begins with.")
    if at < span.until:
        over = spoken(span.last + timedelta(days=1))
        raise ReviewRefused(f"The week from {spoken(monday)} is not over. Its review can be built from {over}.")
    payload = compose(rollups.read(span, at=at))
    return _keep(span, payload, at)


def compose(reading: Reading) -> Payload:
    """The payload, from what was read and the few rows that stand in it by name."""
    span = reading.span
    mails = _by(reading.mails, "week")
    now, before = mails[span.first], mails[span.first - timedelta(weeks=1)]
    sent = total(now, "replies").denominator
    found = suggestions.find(reading)
    shown = [_week_row(reading, monday, mails[monday]) for monday in _mondays(span, SHOWN_WEEKS)]
    replies, meetings = _agency(reading, "replies"), _agency(reading, "meetings")
    agent_weeks = _agent_weeks(reading.agents)
    return Payload(
        agency=True,
        week=span.first.isoformat(),
        until=span.last.isoformat(),
        sent=sent,
        sent_before=total(before, "replies").denominator,
        little_data=_little_data(sent),
        freshness=_freshness(reading),
        replies=replies,
        meetings=meetings,
        weeks=shown,
        clients=_clients(reading, now),
        agents=[_agent_row(reading, agent) for agent in AgentKey.values],
        agent_weeks=agent_weeks,
        satisfaction=_satisfaction(reading),
        support=_support(span),
        errors=_errors(reading),
        anomalies=_anomalies(span),
        experiments=_experiments(span),
        insights=[InsightRow(id=row.pk, pattern=row.pattern, sentence=row.sentence) for row in rollups.insights(span)],
        decided=[
            DecidedRow(ticket_id=row.pk, client_id=row.client_id, title=row.title, effect=effect)
            for row, effect in rollups.decided(span, reading.at)
        ],
        suggestions=found,
        findings={"replies": _reply_finding(shown, replies), "confidence": _confidence_finding(reading)},
    )


@transaction.atomic
def _keep(span: Span, payload: Payload, at: datetime) -> WeeklyReport:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, span.first.toordinal()])
    last = WeeklyReport.objects.filter(week=span.first).order_by("version").last()
    sha256 = digest(payload)
    if last is not None and last.sha256 == sha256:
        return last
    version = last.version + 1 if last else 1
    report = WeeklyReport.objects.create(
        week=span.first, version=version, payload=payload, charts=charts.draw(payload), sha256=sha256, built_at=at
    )
    _suggest(report, payload["suggestions"])
    return report


def _suggest(report: WeeklyReport, rows: Iterable[SuggestionRow]) -> None:
    """What people decided about the same suggestion in an earlier version of this week stays decided."""
    earlier = Suggestion.objects.filter(report__week=report.week).exclude(status=Suggestion.Status.OPEN)
    decided = {(row.rule, row.client_id, row.metric): row for row in earlier.order_by("report__version")}
    for rank, row in enumerate(rows, 1):
        suggestion = Suggestion(
            report=report,
            rank=rank,
            rule=row["rule"],
            title=row["title"],
            text=row["text"],
            evidence=row["evidence"],
            client_id=row["client_id"],
            metric=row["metric"],
            baseline={"numerator": row["numerator"], "denominator": row["denominator"], "first": row["first"]},
        )
        old = decided.get((row["rule"], row["client_id"], row["metric"]))
        if old is not None:
            suggestion.status, suggestion.dismissal, suggestion.decided_by = old.status, old.dismissal, old.decided_by
        suggestion.save()


def _agency(reading: Reading, kind: str) -> Comparison:
    return _comparison(reading, reading.mails, kind)


def _comparison(reading: Reading, rows: Iterable[Mails], kind: str) -> Comparison:
    """The newest four weeks whose answers are in against the eight before them. `kind` is "replies" or "meetings"."""
    days = metrics.REPLY_DAYS if kind == "replies" else metrics.MEETING_DAYS
    found = suggestions.windows(reading, days)
    if found is None:
        none, sentence = rate(0, 0), f"No week is old enough yet: an answer counts for {days} days."
        return Comparison(later=none, earlier=none, later_weeks=[], earlier_weeks=[], sentence=sentence)
    later, earlier = (rate(*side) for side in found.sides(rows, kind))
    return Comparison(
        later=later,
        earlier=earlier,
        later_weeks=[found.later.first.isoformat(), found.later.last.isoformat()],
        earlier_weeks=[found.earlier.first.isoformat(), found.earlier.last.isoformat()],
        sentence=compared(later, earlier),
    )


def _week_row(reading: Reading, monday: date, rows: list[Mails]) -> WeekRow:
    replies, meetings = total(rows, "replies"), total(rows, "meetings")
    return WeekRow(
        week=monday.isoformat(),
        until=(monday + timedelta(days=6)).isoformat(),
        sent=replies.denominator,
        replies=rate(*replies, mature=reading.is_mature(monday, metrics.REPLY_DAYS)),
        meetings=rate(*meetings, mature=reading.is_mature(monday, metrics.MEETING_DAYS)),
    )


def _clients(reading: Reading, now: list[Mails]) -> list[ClientRow]:
    """Clients with e-mails in the weeks looked at, the busiest of this week first."""
    this_week, all_weeks = _by(now, "client_id"), _by(reading.mails, "client_id")
    rows = [_client_row(reading, pk, this_week[pk], all_weeks[pk]) for pk in all_weeks.copy()]
    return sorted(rows, key=lambda row: (-row["sent"], row["name"], row["client_id"]))


def _client_row(reading: Reading, client_id: int, now: list[Mails], all_weeks: list[Mails]) -> ClientRow:
    row = _week_row(reading, reading.span.first, now)
    return ClientRow(
        client_id=client_id,
        name=reading.clients[client_id].name,
        sent=row["sent"],
        replies=row["replies"],
        meetings=row["meetings"],
        comparison=_comparison(reading, all_weeks, "replies"),
    )


def _agent_row(reading: Reading, agent: str) -> AgentRow:
    rows = [row for row in reading.agents if row.agent == agent]
    now = [row for row in rows if row.week == reading.span.first]
    before = [row for row in rows if row.week == reading.span.first - timedelta(weeks=1)]
    return AgentRow(
        agent=agent,
        metric=f"sure_steps:{agent}",
        name=AgentKey(agent).label,
        steps=sum(row.answers for row in now),
        confidence=_mean(now),
        cost_usd=_cost(now),
        steps_before=sum(row.answers for row in before),
        confidence_before=_mean(before),
        cost_before_usd=_cost(before),
    )


def _agent_weeks(rows: Iterable[AgentFigures]) -> list[AgentWeek]:
    return [
        AgentWeek(
            week=row.week.isoformat(), agent=AgentKey(row.agent).label, steps=row.answers, confidence=_mean([row])
        )
        for row in rows
    ]


def _mean(rows: Iterable[AgentFigures]) -> float | None:
    return next((round(row.confidence, 3) for row in rows if row.confidence is not None), None)


def _cost(rows: Iterable[AgentFigures]) -> str:
    return str(sum((row.cost_usd for row in rows), Decimal(0)).quantize(Decimal("0.0001")))


def _satisfaction(reading: Reading) -> Satisfaction:
    values = [row.score for row in reading.scores]
    up, down = sum(value >= 9 for value in values), sum(value <= 6 for value in values)
    found = nps(up, len(values) - up - down, down)
    score, low, high = (round(value, 1) for value in found) if found else (None, None, None)
    since = reading.span.first - timedelta(weeks=rollups.SCORE_WEEKS - 1)
    return Satisfaction(
        answers=len(values), promoters=up, passives=len(values) - up - down, detractors=down,
        score=score, low=low, high=high, since=since.isoformat(),
    )  # fmt: skip


def _support(span: Span) -> Support:
    opened, solved, open_at_end = rollups.support(span)
    rows = [
        SupportRow(id=row.pk, client_id=row.client_id, client=row.client.name, subject=row.subject) for row in opened
    ]
    return Support(opened=rows, solved=solved, open_at_end=open_at_end)


def _errors(reading: Reading) -> list[ErrorRow]:
    rows = []
    for group in reading.errors[:SHOWN_ERRORS]:
        before = reading.errors_before.get(group.fingerprint, 0)
        state = "new" if not before else "escalating" if group.count > before / 2 and group.count >= 3 else "ongoing"
        rows.append(
            ErrorRow(
                fingerprint=group.fingerprint,
                where=group.where,
                place=metrics.label(group.where),
                message=group.message,
                count=group.count,
                before=before,
                state=state,
            )
        )
    return rows


def _anomalies(span: Span) -> list[AnomalyRow]:
    """Of each client what is alike as one row, the commonest first."""
    alike: dict[tuple[int, str, str, str], list[Anomaly]] = defaultdict(list)
    for row in rollups.anomalies(span):
        alike[row.client_id, row.kind, row.agent, row.metric].append(row)
    shown = sorted(alike.values(), key=lambda rows: (-len(rows), -rows[-1].pk))[:SHOWN_ANOMALIES]
    return [
        AnomalyRow(
            id=rows[-1].pk,
            client_id=rows[-1].client_id,
            client=rows[-1].client.name,
            kind=rows[-1].get_kind_display(),
            words=rows[-1].words,
            count=len(rows),
            first_run=rows[0].first_run_id,
            change=rows[0].change.get("words", []),
        )
        for rows in shown
    ]


def _experiments(span: Span) -> list[ExperimentRow]:
    rows = []
    for experiment, sentence in rollups.experiments(span):
        ended = experiment.ended_at is not None and experiment.ended_at < span.until
        plan = f"No result yet; it needs {experiment.planned_per_variant:,} contacts in each variant."
        rows.append(
            ExperimentRow(
                id=experiment.pk, client_id=experiment.client_id, client=experiment.client.name, name=experiment.name,
                state="ended" if ended else "running", sentence=_result(experiment, ended=ended) or sentence or plan,
            )
        )  # fmt: skip
    return rows


def _result(experiment: Experiment, *, ended: bool) -> str:
    return str(experiment.decision.reason) if ended and hasattr(experiment, "decision") else ""


def _little_data(sent: int) -> str:
    if sent >= MIN_COMPARED:
        return ""
    return (
        f"Only {sent} e-mails this week. Rates are shown but not compared." if sent else "No e-mail was sent this week."
    )


def _freshness(reading: Reading) -> str:
    days = metrics.REPLY_DAYS
    if reading.is_mature(reading.span.first, days):
        return f"All answers are in: a reply counts for {days} days."
    until = spoken(reading.span.last + timedelta(days=days + 1))
    return f"Answers to this week's e-mails are still coming in: a reply counts for {days} days, so until {until}."


def _reply_finding(rows: list[WeekRow], replies: Comparison) -> str:
    mature = [row for row in rows if row["replies"]["mature"] and row["sent"]]
    newest = "no week has all its answers in yet"
    if mature:
        monday, said = date.fromisoformat(mature[-1]["week"]), spoken_rate(mature[-1]["replies"])
        newest = f"the newest week with all answers in, from {spoken(monday)}, had {said} answered"
    compared_weeks = f"Four weeks against the eight before: {replies['sentence']}"
    return f"E-mails sent and share answered, week by week: {newest}. {compared_weeks}"


def _confidence_finding(reading: Reading) -> str:
    now = [row for row in reading.agents if row.week == reading.span.first and row.confidence is not None]
    figures = ", ".join(f"{AgentKey(row.agent).label} {row.confidence:.2f}" for row in now)
    return f"Mean confidence of each agent, week by week. This week: {figures or 'no answers'}."


def _mondays(span: Span, count: int) -> list[date]:
    first = weeks(span.first - timedelta(weeks=count - 1), count, span.zone).first
    return [first + timedelta(weeks=number) for number in range(count)]


def _by(rows: Iterable[Mails], column: str) -> defaultdict[Any, list[Mails]]:
    found: defaultdict[Any, list[Mails]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(row)
    return found
