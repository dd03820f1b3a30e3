"""The shape of a stored review: all that its page shows, as plain JSON. Rates are fractions of 1, days ISO dates. Pure.

Nothing here may depend on the moment of building, so that the same rows give the same bytes; whoever adds a key keeps
to that.
"""

import hashlib
import json
from collections.abc import Collection
from typing import Any, TypedDict, cast

from gtm.stats.proportions import newcombe, wilson


class Rate(TypedDict):
    """A share with its Wilson interval; `rate` is None when nothing was counted. Not mature: answers still come in."""

    numerator: int
    denominator: int
    rate: float | None
    low: float
    high: float
    mature: bool


class Comparison(TypedDict):
    """A later rate against an earlier one; `sentence` says it in words, also when there is too little to compare."""

    later: Rate
    earlier: Rate
    later_weeks: list[str]
    earlier_weeks: list[str]
    sentence: str


class WeekRow(TypedDict):
    week: str
    until: str
    sent: int
    replies: Rate
    meetings: Rate


class ClientRow(TypedDict):
    client_id: int
    name: str
    sent: int
    replies: Rate
    meetings: Rate
    comparison: Comparison


class AgentRow(TypedDict):
    """`confidence` is the mean over `steps` answers; costs are US dollars of all attempts, as decimal text."""

    agent: str
    metric: str
    name: str
    steps: int
    confidence: float | None
    cost_usd: str
    steps_before: int
    confidence_before: float | None
    cost_before_usd: str


class AgentWeek(TypedDict):
    week: str
    agent: str
    steps: int
    confidence: float | None


class Satisfaction(TypedDict):
    """`score` is the Net Promoter Score of the last 13 weeks in points, -100 to 100; None when nobody answered."""

    answers: int
    promoters: int
    passives: int
    detractors: int
    score: float | None
    low: float | None
    high: float | None
    since: str


class SupportRow(TypedDict):
    id: int
    client_id: int
    client: str
    subject: str


class Support(TypedDict):
    opened: list[SupportRow]
    solved: int
    open_at_end: int


class ErrorRow(TypedDict):
    """`before` is the number in the four weeks before; `state` is new, ongoing or escalating."""

    fingerprint: str
    where: str
    place: str
    message: str
    count: int
    before: int
    state: str


class AnomalyRow(TypedDict):
    """Alike ones of one client: `count` of the week, `words` of the newest, whose id it is, `first_run` where they
    began, and what was changed before."""

    id: int
    client_id: int
    client: str
    kind: str
    words: str
    count: int
    first_run: int
    change: list[str]


class ExperimentRow(TypedDict):
    id: int
    client_id: int
    client: str
    name: str
    state: str
    sentence: str


class InsightRow(TypedDict):
    id: int
    pattern: str
    sentence: str


class DecidedRow(TypedDict):
    """A ticket of last week's review, or one whose effect was measured in the week; `effect` is empty until then."""

    ticket_id: int
    client_id: int | None
    title: str
    effect: str


class Evidence(TypedDict):
    label: str
    value: str
    url: str


class SuggestionRow(TypedDict):
    """`first` is the first day of what the rule looked at; `worth` ranks: e-mails or runs lost in four weeks."""

    rule: str
    title: str
    text: str
    evidence: list[Evidence]
    client_id: int | None
    metric: str
    numerator: int
    denominator: int
    first: str
    worth: float


class Payload(TypedDict):
    """`agency` is False in the part of a review that an account manager sees: then the agency's totals are empty."""

    agency: bool
    week: str
    until: str
    sent: int
    sent_before: int
    little_data: str
    freshness: str
    replies: Comparison | None
    meetings: Comparison | None
    weeks: list[WeekRow]
    clients: list[ClientRow]
    agents: list[AgentRow]
    agent_weeks: list[AgentWeek]
    satisfaction: Satisfaction | None
    support: Support | None
    errors: list[ErrorRow]
    anomalies: list[AnomalyRow]
    experiments: list[ExperimentRow]
    insights: list[InsightRow]
    decided: list[DecidedRow]
    suggestions: list[SuggestionRow]
    findings: dict[str, str]


MIN_COMPARED = 50  # e-mails on each side, below which two rates are shown but not compared


def rate(numerator: int, denominator: int, *, mature: bool = True) -> Rate:
    low, high = wilson(numerator, denominator)
    share = round(numerator / denominator, 6) if denominator else None
    return Rate(
        numerator=numerator,
        denominator=denominator,
        rate=share,
        low=round(low, 6),
        high=round(high, 6),
        mature=mature,
    )


def compared(later: Rate, earlier: Rate) -> str:
    """What the difference says, in words. `later` and `earlier` are of weeks whose answers are in."""
    if min(later["denominator"], earlier["denominator"]) < MIN_COMPARED:
        return f"Shown but not compared: that takes {MIN_COMPARED} e-mails on each side."
    result = newcombe(earlier["numerator"], earlier["denominator"], later["numerator"], later["denominator"])
    if result is None or result.low <= 0 <= result.high:
        return "No clear change: the difference may be chance."
    points = f"{abs(result.difference) * 100:.1f} points"
    inside = " to ".join(f"{side * 100:+.1f}" for side in (result.low, result.high))
    return f"{'Higher' if result.difference > 0 else 'Lower'} by {points} (between {inside}, 95% sure)."


def percent(share: float | None, digits: int = 1) -> str:
    return "no data" if share is None else f"{share * 100:.{digits}f}%"


def spoken_rate(value: Rate) -> str:
    """12 of 310 (3.9%)."""
    return f"{value['numerator']:,} of {value['denominator']:,} ({percent(value['rate'])})"


def digest(payload: Payload) -> str:
    """SHA-256 of the canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def narrow(payload: Payload, clients: Collection[int]) -> Payload:
    """The part of a review that may be shown to somebody who looks after these clients alone.

    Agency totals go as well: with few clients, a total less one's own figures is somebody else's figures. What an older
    report has no key for counts as empty.
    """
    own: dict[str, Any] = {
        key: [row for row in cast("dict[str, Any]", payload).get(key, []) if row["client_id"] in clients]
        for key in ("clients", "anomalies", "experiments", "decided", "suggestions")
    }
    none: dict[str, Any] = {
        "agents": [],
        "agent_weeks": [],
        "errors": [],
        "weeks": [],
        "findings": {},
        "sent_before": 0,
    }
    totals: dict[str, Any] = {
        "replies": None,
        "meetings": None,
        "satisfaction": None,
        "support": None,
        "little_data": "",
    }
    sent = sum(row["sent"] for row in own["clients"])
    return cast("Payload", {**payload, **own, **none, **totals, "agency": False, "sent": sent})
