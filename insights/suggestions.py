"""What to improve: each rule looks at one kind of figure and says what is wrong, by how much, and which rows show it.

A rule stays silent with too little data. Whatever it says is computed here from the reading; no model writes any of it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.urls import reverse

from agents_app.models import Draft
from clients.models import AgentKey
from gtm.stats.discoveries import discoveries
from gtm.stats.proportions import newcombe, two_proportion_p, wilson
from insights import metrics
from insights.evidence import Question
from insights.metrics import Count
from insights.payload import MIN_COMPARED, Evidence, SuggestionRow, percent, rate, spoken_rate
from insights.rollups import Mails, Reading, Winner, total
from insights.weeks import Span, spoken, weeks

MOST = 3
LATER, EARLIER = 4, 8  # weeks
MIN_ANSWERS = 30
MIN_ASKED = 20
TOLERATED_FAILURES = 0.05
MIN_DECIDED = 20
MIN_REJECTED = 8
MIN_ERRORS = 3


@dataclass(frozen=True)
class Candidate:
    """`reach` is how many e-mails, runs or questions of four weeks it touches, `gap` the share of them that is lost.

    `first` is the first day of what the rule looked at; its effect is measured against the time before.
    """

    rule: str
    title: str
    text: str
    evidence: tuple[Evidence, ...]
    metric: str
    baseline: Count
    reach: int
    gap: float
    first: date
    client_id: int | None = None

    @property
    def worth(self) -> float:
        return round(self.reach * self.gap, 2)

    @property
    def key(self) -> tuple[str, int | None, str]:
        return self.rule, self.client_id, self.metric


@dataclass(frozen=True)
class Windows:
    """The newest weeks whose answers are in, and the weeks before them."""

    later: Span
    earlier: Span

    def sides(self, rows: Iterable[Mails], kind: str) -> tuple[Count, Count]:
        kept = list(rows)
        later, earlier = (
            total((row for row in kept if side.first <= row.week <= side.last), kind)
            for side in (self.later, self.earlier)
        )
        return later, earlier


def windows(reading: Reading, days: int) -> Windows | None:
    """None before four weeks have had `days` for their answers."""
    mature = [row.week for row in reading.mails if reading.is_mature(row.week, days)]
    if not mature:
        return None
    first = max(mature) - timedelta(weeks=LATER - 1)
    zone = reading.span.zone
    return Windows(weeks(first, LATER, zone), weeks(first - timedelta(weeks=EARLIER), EARLIER, zone))


def find(reading: Reading) -> list[SuggestionRow]:
    """At most three, the most e-mails lost or spoiled first; none that people have decided on already."""
    candidates = [found for rule in RULES for found in rule(reading) if found.key not in reading.handled]
    ordered = sorted(candidates, key=lambda found: (-found.worth, found.rule, found.client_id or 0))
    return [_row(found) for found in ordered[:MOST]]


def replies_fell(reading: Reading) -> Iterator[Candidate]:
    """A client, or else an industry, answers less than it did, by more than chance explains."""
    found = windows(reading, metrics.REPLY_DAYS)
    if found is None:
        return
    by_client = _sides(reading, found, {pk: str(pk) for pk in reading.clients})
    fallen = {int(key): both for key, both in by_client.items()}
    for client_id, sides in fallen.items():
        yield _fell(found, reading.clients[client_id].name, sides, client_id=client_id)
    explained = {reading.clients[client_id].industry for client_id in fallen}
    by_industry = _sides(reading, found, _shared_industries(reading))
    for industry in sorted(by_industry.keys() - explained):
        metric = f"reply_rate:{industry}"
        yield _fell(found, f"the {metrics.segment_name(metric)} clients", by_industry[industry], metric=metric)


def confidence_fell(reading: Reading) -> Iterator[Candidate]:
    """An agent is sure of fewer of its answers than in the four weeks before."""
    before = reading.before(4)
    tests: dict[str, tuple[Count, Count]] = {}
    for agent in AgentKey.values:
        rows = [row for row in reading.agents if row.agent == agent]
        later = [row for row in rows if row.week == reading.span.first]
        earlier = [row for row in rows if before.first <= row.week <= before.last]
        sides = [Count(sum(row.sure for row in side), sum(row.answers for row in side)) for side in (later, earlier)]
        tests[agent] = (sides[0], sides[1])
    for agent, (now, then) in _lower(tests, MIN_ANSWERS).items():
        metric, name = f"sure_steps:{agent}", AgentKey(agent).label
        yield Candidate(
            rule="confidence_fell",
            title=f"The {name} agent is less sure than before",
            text=f"This week {_said(now)} of its answers had a confidence of {metrics.SURE} or more; in the four weeks "
            f"before it was {_said(then)}. Suggested step: open the unsure answers, see which fact or check they lack, "
            "and mend the prompt or the source.",
            evidence=(_link(metric, reading.span, now), _link(metric, before, then)),
            metric=metric,
            baseline=now,
            first=reading.span.first,
            reach=now.denominator * 4,
            gap=(then.rate or 0) - (now.rate or 0),
        )


def source_fails(reading: Reading) -> Iterator[Candidate]:
    """A source leaves more than one question in twenty unanswered, surely."""
    for row in reading.sources:
        share = Count(row.failed, row.asked)
        if row.asked < MIN_ASKED or wilson(row.failed, row.asked).low <= TOLERATED_FAILURES:
            continue
        metric = f"source_failures:{row.source}"
        name = metrics.segment_name(metric)
        yield Candidate(
            rule="source_fails",
            title=f"{name} often gives no answer",
            text=f"{_said(share)} of the questions to it failed this week, so e-mails were written without what it "
            "knows. Suggested step: look at the reasons, check the connection and its plan, and give it more time or a "
            "second source.",
            evidence=(_link(metric, reading.span, share),),
            metric=metric,
            baseline=share,
            first=reading.span.first,
            reach=row.asked * 4,
            gap=share.rate or 0,
        )


def error_repeats(reading: Reading) -> Iterator[Candidate]:
    """The commonest error, where it came up often enough to be no accident; sources have a rule of their own."""
    groups = [group for group in reading.errors if not group.where.startswith("source_failures")]
    if not groups or groups[0].count < MIN_ERRORS:
        return
    group, metric = groups[0], groups[0].where
    share = metrics.count(metric, reading.span, at=reading.at)
    question = Question(metric, reading.span, error=group.fingerprint)
    before = reading.errors_before.get(group.fingerprint, 0)
    yield Candidate(
        rule="error_repeats",
        title=f"One error came up {group.count} times",
        text=f"“{group.message}” ({metrics.label(metric)}) came up {group.count} times this week and {before} times in "
        "the four weeks before. Suggested step: open the rows, find what they have in common, and mend its cause.",
        evidence=(
            Evidence(label="Rows with this error", value=str(group.count), url=question.url),
            _link(metric, reading.span, share),
        ),
        metric=metric,
        baseline=share,
        first=reading.span.first,
        reach=share.denominator * 4,
        gap=group.count / share.denominator if share.denominator else 0,
    )


def runs_unusual(reading: Reading) -> Iterator[Candidate]:
    """The commonest anomaly of runs, where it came up often enough to be no accident."""
    if not reading.unusual or reading.unusual[0].runs < MIN_ERRORS:
        return
    metric = f"unusual_runs:{reading.unusual[0].kind}"
    share, name = metrics.count(metric, reading.span, at=reading.at), metrics.segment_name(metric)
    yield Candidate(
        rule="runs_unusual",
        title=f"{name}: {share.numerator} runs",
        text=f"{_said(share)} of this week's runs had it. Suggested step: open the runs, see what was changed before "
        "the first of them, and take that back or mend it; settle those that are as they should be.",
        evidence=(_link(metric, reading.span, share),),
        metric=metric,
        baseline=share,
        first=reading.span.first,
        reach=share.denominator * 4,
        gap=share.rate or 0,
    )


def rejections_agree(reading: Reading) -> Iterator[Candidate]:
    """People reject drafts, and most of them for one reason."""
    by_reason = {row.reason: row.drafts for row in reading.drafts}
    decided = sum(by_reason.values())
    rejected = {reason: number for reason, number in by_reason.items() if reason}
    if decided < MIN_DECIDED or sum(rejected.values()) < MIN_REJECTED:
        return
    reason = max(sorted(rejected), key=lambda key: rejected[key])
    share = Count(rejected[reason], decided)
    if share.numerator * 2 < sum(rejected.values()):
        return
    metric = f"rejected:{reason}"
    span = weeks(reading.span.first - timedelta(weeks=3), 4, reading.span.zone)
    yield Candidate(
        rule="rejections_agree",
        title=f"Most rejected drafts share one reason: {Draft.Rejection(reason).label.lower()}",
        text=f"Of {sum(rejected.values())} drafts rejected in the last four weeks, {share.numerator} were rejected for "
        f"this reason; that is {_said(share)} of all drafts decided. Suggested step: {_REMEDIES[reason]}",
        evidence=(_link(metric, span, share),),
        metric=metric,
        baseline=share,
        first=span.first,
        reach=decided,
        gap=share.rate or 0,
    )


def client_is_unhappy(reading: Reading) -> Iterator[Candidate]:
    """A client gave 6 or less this week."""
    worst: dict[int, int] = {}
    for row in reading.scores:
        if reading.span.holds(row.answered_at) and row.score <= 6:
            worst[row.client_id] = min(row.score, worst.get(row.client_id, 10))
    for client_id, score in sorted(worst.items()):
        share = metrics.count("detractors", reading.span, at=reading.at, client_id=client_id)
        yield Candidate(
            rule="client_is_unhappy",
            title=f"Talk to {reading.clients[client_id].name}: it gave us {score} out of 10",
            text=f"Asked how likely it is to recommend us, it answered {score} this week. A score of 6 or less is "
            "unhappy. Suggested step: call within the week, ask what would have made it a 9, and write the answer down "
            "here.",
            evidence=(_link("detractors", reading.span, share, client_id),),
            metric="detractors",
            baseline=share,
            first=reading.span.first,
            reach=_sent(reading, client_id),
            gap=(7 - score) / 10,
            client_id=client_id,
        )


def winner_waits(reading: Reading) -> Iterator[Candidate]:
    """An experiment found a better version and nobody made it live."""
    for row in reading.winners:
        gain = (row.winner.rate or 0) - (row.control.rate or 0)
        yield Candidate(
            rule="winner_waits",
            title=f"Make the winner of “{row.experiment[:80]}” live",
            text=f"The experiment is decided: {row.reason[:260]} Until somebody makes the winner live, most e-mails "
            "are still written the old way. Suggested step: open the experiment and press “Make the winner live”.",
            evidence=_experiment(row),
            metric=row.metric,
            baseline=row.control,
            first=reading.span.first,
            reach=_sent(reading, row.client_id),
            gap=min(1.0, gain / row.control.rate) if row.control.rate else 1.0,
            client_id=row.client_id,
        )


RULES: tuple[Callable[[Reading], Iterator[Candidate]], ...] = (
    replies_fell,
    winner_waits,
    client_is_unhappy,
    rejections_agree,
    source_fails,
    confidence_fell,
    error_repeats,
    runs_unusual,
)
_REMEDIES = {
    "fit": "agree with the client which companies fit, and filter the contacts of its campaigns accordingly.",
    "person": "look at the titles rejected, and choose the contacts of the next campaign by them.",
    "timing": "ask when it would fit, and let the campaigns wait until then.",
    "text": "read the comments, write a prompt version that answers them, and try it as an experiment.",
    "other": "read the comments; if they agree, name the reason so that it can be counted.",
}


def _sides(reading: Reading, found: Windows, segment: Mapping[int, str]) -> dict[str, tuple[Count, Count]]:
    """The segments, of those that `segment` gives the clients, where the later rate is lower by more than chance."""
    rows: dict[str, list[Mails]] = defaultdict(list)
    for row in reading.mails:
        if row.client_id in segment:
            rows[segment[row.client_id]].append(row)
    return _lower({key: found.sides(group, "replies") for key, group in rows.items()}, MIN_COMPARED)


def _lower(tests: Mapping[str, tuple[Count, Count]], least: int) -> dict[str, tuple[Count, Count]]:
    """Those of (later, earlier) where the fall stands up to having looked at all of them."""
    enough = {key: sides for key, sides in tests.items() if min(sides[0].denominator, sides[1].denominator) >= least}
    p_values = {key: two_proportion_p(*then, *now) for key, (now, then) in enough.items()}
    kept = discoveries({key: p for key, p in p_values.items() if p is not None})
    return {key: enough[key] for key in sorted(kept) if _surely_lower(*enough[key])}


def _surely_lower(later: Count, earlier: Count) -> bool:
    result = newcombe(*earlier, *later)
    return result is not None and result.high < 0


def _shared_industries(reading: Reading) -> dict[int, str]:
    """Clients of industries with more than one of them."""
    number = Counter(client.industry for client in reading.clients.values())
    return {pk: client.industry for pk, client in reading.clients.items() if number[client.industry] > 1}


def _fell(
    found: Windows, who: str, sides: tuple[Count, Count], *, metric: str = "reply_rate", client_id: int | None = None
) -> Candidate:
    later, earlier = sides
    result = newcombe(*earlier, *later)
    assert result is not None
    return Candidate(
        rule="replies_fell",
        title=f"Fewer answers: {who}",
        text=f"In the four weeks to {spoken(found.later.last)}, {_said(later)} of the e-mails were answered; in the "
        f"eight weeks before it was {_said(earlier)}. The fall is {-result.difference * 100:.1f} points (between "
        f"{-result.high * 100:.1f} and {-result.low * 100:.1f}). Suggested step: compare the e-mails of both times, "
        "and try another opening as an experiment.",
        evidence=(_link(metric, found.later, later, client_id), _link(metric, found.earlier, earlier, client_id)),
        metric=metric,
        baseline=later,
        first=found.later.first,
        reach=later.denominator,
        gap=1 - (later.rate or 0) / (earlier.rate or 1),
        client_id=client_id,
    )


def _experiment(row: Winner) -> tuple[Evidence, ...]:
    url = reverse("admin:experiments_experiment_change", args=[row.experiment_id])
    sides = (("Control", row.control), ("Winner", row.winner))
    return tuple(Evidence(label=name, value=spoken_rate(rate(*side)), url=url) for name, side in sides)


def _link(metric: str, span: Span, count: Count, client_id: int | None = None) -> Evidence:
    question = Question(metric, span, client_id)
    return Evidence(label=question.title, value=spoken_rate(rate(*count)), url=question.url)


def _said(count: Count) -> str:
    return f"{percent(count.rate)} ({count.numerator:,} of {count.denominator:,})"


def _sent(reading: Reading, client_id: int) -> int:
    since: date = reading.span.first - timedelta(weeks=3)
    return sum(row.sent for row in reading.mails if row.client_id == client_id and row.week >= since)


def _row(found: Candidate) -> SuggestionRow:
    return SuggestionRow(
        rule=found.rule,
        title=found.title[:160],
        text=found.text[:600],
        evidence=list(found.evidence),
        client_id=found.client_id,
        metric=found.metric,
        numerator=found.baseline.numerator,
        denominator=found.baseline.denominator,
        first=found.first.isoformat(),
        worth=found.worth,
    )
