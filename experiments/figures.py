"""The work done for one client in a span of time, as the tuning of its settings counts it. Pure.

Whatever is proposed, and whatever is measured after a proposal was approved, is a count of this file: so evidence and
effect have the same denominator.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gtm.stats.proportions import Interval, wilson

MORE, LESS = 1, -1
SHORTER = 0.9  # an edit shortens where it leaves at most this share of the words

Values = Mapping[str, Any]
"""{path: what was in force when the run was planned}."""


@dataclass(frozen=True)
class Drafted:
    """A draft that a person decided on: "unchanged", "edited" or "rejected".

    `known` holds the words of names and facts in it, in small letters; `weakest` is the confidence of the least certain
    fact that it rests on.
    """

    id: int
    decision: str
    body: str = ""
    final: str = ""
    by: int | None = None
    values: Values = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    weakest: float | None = None

    @property
    def words(self) -> int:
        return len(self.body.split())

    @property
    def final_words(self) -> int:
        return len(self.final.split())

    @property
    def is_shortened(self) -> bool:
        return self.decision == "edited" and self.final_words <= SHORTER * self.words


@dataclass(frozen=True)
class Mailed:
    """The first e-mail that a contact ever got, old enough to judge. `id` is that of its draft; `day` as in DAYS."""

    id: int
    day: str
    hour: int
    replied: bool
    harmed: bool = False
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """An e-mail as an agent wrote it, whether or not it became a draft. `id` is that of its run."""

    id: int
    words: int
    fits: bool
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """A run that succeeded, or ended because it could not pay for its next call out of `budget`. US dollars."""

    id: int
    cost: float
    budget: float
    ran_out: bool
    values: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    drafts: Sequence[Drafted] = ()
    mails: Sequence[Mailed] = ()
    written: Sequence[Written] = ()
    runs: Sequence[Ran] = ()

    @property
    def approved(self) -> list[Drafted]:
        return [draft for draft in self.drafts if draft.decision != "rejected"]


class Count(NamedTuple):
    part: int
    whole: int

    @property
    def rate(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> Interval:
        return wilson(self.part, self.whole)

    def document(self) -> dict[str, Any]:
        """As it is kept: counts, rate and its interval as fractions of 1."""
        rate = None if self.rate is None else round(self.rate, 4)
        low, high = (round(each, 4) for each in self.interval)
        return {"part": self.part, "whole": self.whole, "rate": rate, "low": low, "high": high}


class Metric(NamedTuple):
    """`label` completes "share of …"; `better` is MORE or LESS."""

    label: str
    better: int
    counted: Callable[[Work], Count]

    @property
    def heading(self) -> str:
        return f"{self.label[0].upper()}{self.label[1:]}"


def of(rows: Iterable[Any], holds: Callable[[Any], bool]) -> Count:
    found = [holds(row) for row in rows]
    return Count(sum(found), len(found))


METRICS: Mapping[str, Metric] = {
    "shortened": Metric(
        "approved drafts that people shortened by a tenth or more",
        LESS,
        lambda work: of(work.approved, lambda draft: draft.is_shortened),
    ),
    "edited": Metric(
        "approved drafts that people edited",
        LESS,
        lambda work: of(work.approved, lambda draft: draft.decision == "edited"),
    ),
    "unchanged": Metric(
        "drafts approved as they stood",
        MORE,
        lambda work: of(work.drafts, lambda draft: draft.decision == "unchanged"),
    ),
    "replied": Metric(
        "contacts who replied to their first e-mail within 14 days",
        MORE,
        lambda work: of(work.mails, lambda mail: mail.replied),
    ),
    "too_long": Metric(
        "e-mails written longer than allowed",
        LESS,
        lambda work: of(work.written, lambda each: not each.fits),
    ),
    "ran_out": Metric(
        "runs that ended because their budget was spent",
        LESS,
        lambda work: of(work.runs, lambda run: run.ran_out),
    ),
}
