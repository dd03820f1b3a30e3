"""What a client's work says about its settings: counts in, proposed values with their statistics out. Pure.

Every rule (`tuning_rules.py`) names each hypothesis that it looked at, with an exact p-value, also where it says
nothing: `choose` corrects for all of them together. A rule speaks only where its interval excludes chance as well, and
always of one client's own work. Nothing was drawn by lot, and every sentence says what was seen, not what caused it.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple, TypeVar

from clients.keys import Key
from experiments.figures import Count
from gtm.stats.discoveries import discoveries
from gtm.stats.exact import fisher_p
from gtm.stats.proportions import Difference, newcombe

FALSE_SHARE = 0.05  # of what one look proposes, at most so much may be chance
MOST_ENTRIES = 5  # of a list in one proposal: a person has to think about each
MOST_ROWS = 200  # ids kept with a proposal, the newest

MAX_WORDS, AVOID, FLOOR = "custom_fields.max_words", "custom_fields.avoid_terms", "confidence_floor"
BUDGET, SEND_DAYS, FROM, UNTIL = "run_budget_usd", "send_window.days", "send_window.from_hour", "send_window.to_hour"
CHOICES = ("tone", "call_to_action_style", "model_tier", "effort")
VALUES = (MAX_WORDS, FLOOR, BUDGET, *CHOICES)
"""Paths whose value at the time has to be known of each row."""

Client = TypeVar("Client", bound=Hashable)


@dataclass(frozen=True)
class InForce:
    """What holds for the client now: {path: value}, and the keys by their paths."""

    values: Mapping[str, Any]
    keys: Mapping[str, Key]


@dataclass(frozen=True)
class Finding:
    """A proposed change. `how`: "set" the value, "add" its entries to a list, "leave_out" its entries of the list.

    `counts` are {what: Count}; `low` and `high` bound the share or the difference that the sentence states; `drafts`
    and `runs` are ids of the rows behind it. `then` is what was counted where the proposed value would have held, None
    where nobody knows.
    """

    rule: str
    path: str
    how: str
    value: Any
    n: int
    counts: Mapping[str, Count]
    low: float
    high: float
    sentence: str
    metric: str
    now: Count
    then: Count | None
    expects: str
    risk: str
    caveat: str = ""
    drafts: tuple[int, ...] = ()
    runs: tuple[int, ...] = ()


class Hypothesis(NamedTuple):
    """A hypothesis that was looked at. Without a finding it only counts among those that chance could have brought."""

    p_value: float
    finding: Finding | None = None


def choose(tested: Mapping[Client, Sequence[Hypothesis]], *, share: float = FALSE_SHARE) -> dict[Client, list[Finding]]:
    """What stays when at most `share` of all that is kept may be chance, over all clients and rules; one a path."""
    p_values = {(client, at): one.p_value for client, them in tested.items() for at, one in enumerate(them)}
    kept = sorted(discoveries(p_values, share), key=lambda key: (p_values[key], key[1]))
    found: dict[Client, dict[str, list[Finding]]] = {}
    for client, at in kept:
        if finding := tested[client][at].finding:
            found.setdefault(client, {}).setdefault(finding.path, []).append(finding)
    return {client: [_together(each) for each in by_path.values()] for client, by_path in found.items()}


def _together(findings: Sequence[Finding]) -> Finding:
    """The surest of a path; entries of one list that were found by the same rule come as one."""
    first = findings[0]
    if first.how == "set":
        return first
    alike = [each for each in findings if each.rule == first.rule][:MOST_ENTRIES]
    return replace(
        first,
        value=[entry for each in alike for entry in each.value],
        n=max(each.n for each in alike),
        counts={name: count for each in alike for name, count in each.counts.items()},
        low=min(each.low for each in alike),
        high=max(each.high for each in alike),
        sentence=" ".join(each.sentence for each in alike),
        drafts=newest(row for each in alike for row in each.drafts),
    )


# --- arithmetic and words


def percentile(numbers: Sequence[float], share: float) -> float:
    """The smallest of them that at least `share` of them do not exceed (nearest rank)."""
    return sorted(numbers)[max(0, ceil(share * len(numbers)) - 1)]


def spoken(count: Count) -> str:
    """3 of 40 (8%; between 3% and 20%, 95% sure)"""
    low, high = map(_percent, count.interval)
    return f"{count.part} of {count.whole} ({_percent(count.rate or 0.0)}; between {low} and {high}, 95% sure)"


def compared(old: Count, new: Count) -> tuple[float, Difference]:
    """The p-value, and the second rate minus the first. Both sides have somebody."""
    difference, p_value = newcombe(*old, *new), fisher_p(*old, *new)
    assert difference is not None
    assert p_value is not None
    return p_value, difference


def is_less(old: Count, new: Count) -> bool:
    """The second rate is lower, by more than chance explains."""
    difference = newcombe(*old, *new)
    return difference is not None and difference.high < 0


def points(difference: Difference) -> str:
    each = (100 * value for value in difference)
    return "{:+.1f} points (between {:+.1f} and {:+.1f}, 95% sure)".format(*each)


def _percent(rate: float) -> str:
    return f"{100 * rate:.0f}%"


def tens(number: float) -> int:
    return 10 * ceil(number / 10)


def newest(ids: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(ids), reverse=True)[:MOST_ROWS])
