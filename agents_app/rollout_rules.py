"""A rollout's rules: who is in its share, what the guards say, and whether it goes on. Pure.

A unit's place never changes, and the share only grows, so nobody who got the candidate gets the old version back but by
a rollback. The guards are anytime-valid tests (gtm/stats/eprocess.py), so they may be asked after every answer.

A unit is a company at its client, or the contact where no company is known: outcomes of different units are taken for
independent of each other, which those of one unit are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, sqrt
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

from gtm.stats import eprocess, sampling

SHARES = (10, 25, 50, 100)  # per cent of the units
CONTROLS = {10: 9, 25: 3, 50: 1}  # control outcomes to one of the candidate, as they come in each stage
LEAST = {10: 20, 25: 40, 50: 80}  # outcomes of the candidate in a stage before the next one
ALPHA = 0.05  # the chance that a candidate which is no worse in anything is rolled back, of the whole rollout
UNEVEN = 0.001  # the chance of an alarm about units that fell as the shares say, however often one looks
MARGIN, SURE = 0.05, {10: 0.6, 25: 0.7, 50: 0.8}
"""A stage is left once it is so likely that drafts go out as they stand at most MARGIN less often than before."""
LEARNS = 20  # amounts of the control that say how large they are, where nothing was known before
DOUBT = 0.25  # of the wealth that rolls back: from there on the share does not grow

Step = Literal["go_on", "wait", "hold", "alarm", "roll_back", "finish"]


class Guard(NamedTuple):
    """`weight` is its part of ALPHA; all of them sum to 1. `is_rate`: its outcomes are kept or not (worse: fewer),
    otherwise amounts (worse: more). `is_needed`: without outcomes of it nothing goes on."""

    key: str
    label: str
    weight: float
    is_rate: bool = True
    is_needed: bool = False


GUARDS = (
    Guard("contracts", "Answers that keep their contracts", 0.6, is_needed=True),
    Guard("errors", "Steps that end with an answer", 0.15, is_needed=True),
    Guard("edits", "Drafts approved as they stand", 0.1),
    Guard("bounces", "E-mails that did not bounce", 0.075),
    Guard("cost", "Cost of an answer", 0.075, is_rate=False),
)


PRIMARY = "edits"  # what the pace goes by beside the guards: a draft that can go out as it is


@dataclass(frozen=True)
class Period:
    """What came in one stage, in the order in which it came: {guard: outcomes of the control, of the candidate}.

    `control` and `candidate` count the distinct units that were planned in it; `pending` {guard: outcomes of the
    candidate that are worth waiting for}.
    """

    share: int
    control: int = 0
    candidate: int = 0
    outcomes: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    pending: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Past:
    """What was known of the control before the rollout began: {guard: its rate}, and {guard: the amount beyond which
    all amounts count alike}."""

    rates: Mapping[str, float] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """`wealth` is the e-value against “no worse”, `needed` what rolls back; means are of all stages, `seen` counts the
    outcomes of the control and of the candidate. One that is `is_blind` guards nothing: it is not known how large the
    amounts are."""

    guard: Guard
    wealth: float
    needed: float
    control: float | None
    candidate: float | None
    seen: tuple[int, int]
    is_blind: bool = False

    @property
    def counts(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of a rate: (kept, of) of the control, and of the candidate."""
        kept = [
            round((mean or 0.0) * seen) for mean, seen in zip((self.control, self.candidate), self.seen, strict=True)
        ]
        return (kept[0], self.seen[0]), (kept[1], self.seen[1])

    def document(self) -> dict[str, Any]:
        return {
            "guard": self.guard.key,
            "label": self.guard.label,
            "is_rate": self.guard.is_rate,
            "wealth": round(self.wealth, 4),
            "needed": round(self.needed, 4),
            "control": self.control,
            "candidate": self.candidate,
            "seen": list(self.seen),
            "is_blind": self.is_blind,
        }

    @property
    def is_worse(self) -> bool:
        return self.wealth >= self.needed

    @property
    def is_in_doubt(self) -> bool:
        return self.wealth >= DOUBT * self.needed


@dataclass(frozen=True)
class Verdict:
    """`share` is that of the next stage where it goes on."""

    step: Step
    reasons: tuple[str, ...]
    found: tuple[Found, ...]
    share: int | None = None


def is_in(seed: str, unit: str, share: int) -> bool:
    """Whether the unit gets the candidate while the rollout has this share, in per cent."""
    return sampling.place(seed, unit) * 100 < share


def judge(periods: Sequence[Period], past: Past) -> Verdict:
    """What to do after these stages, the present one last. Raises ValueError for a share that is no stage."""
    present = periods[-1]
    if present.share not in CONTROLS:
        raise ValueError(f"{present.share} % is no stage of a rollout; its stages are {SHARES}.")
    found = tuple(_found(guard, periods, past) for guard in GUARDS)
    if worse := [each for each in found if each.is_worse]:
        return Verdict("roll_back", tuple(_told(each) for each in worse), found)
    uneven = uneven_p(periods)
    if uneven is not None and uneven < UNEVEN:
        return Verdict("alarm", (_uneven(present, uneven),), found)
    if doubts := [each for each in found if each.is_in_doubt]:
        reasons = tuple(f"{_told(each)} That is not yet enough to roll back, and too much to go on." for each in doubts)
        return Verdict("hold", reasons, found)
    lacking = [each for each in (_lacking(guard, present) for guard in GUARDS) if each] or _unsure(present, found)
    return Verdict("wait", tuple(lacking), found) if lacking else _further(present, found)


def uneven_p(periods: Sequence[Period]) -> float | None:
    """An anytime-valid p of “in every stage units fell as its share says”; None before any did."""
    drawn = [(each.control, each.candidate, each.share / 100) for each in periods if each.control + each.candidate]
    return min(1.0, exp(-eprocess.uneven(drawn))) if drawn else None


def _unsure(present: Period, found: Sequence[Found]) -> list[str]:
    """Whether the pace waits for more decisions of people about drafts; agents that write none go by the guards."""
    edits = next(each for each in found if each.guard.key == PRIMARY)
    if not any(edits.seen):
        return []
    (kept, of), (candidate_kept, candidate_of) = edits.counts
    sure = not_worse((kept, of), (candidate_kept, candidate_of))
    if sure >= SURE[present.share]:
        return []
    counts = f"{candidate_kept} of {candidate_of} with the candidate, {kept} of {of} without"
    needed = f"{SURE[present.share]:.0%} are needed at {present.share} %"
    return [f"{edits.guard.label}: {counts}. That it is not worse is likely by {sure:.0%}; {needed}."]


def not_worse(control: tuple[int, int], candidate: tuple[int, int]) -> float:
    """The probability that the candidate's rate is at most MARGIN below the control's; each is (kept, of), and any rate
    was possible before (Jeffreys' prior, Beta(1/2, 1/2)). By the normal approximation of the posteriors' difference."""
    posteriors = [(kept + 0.5, of - kept + 0.5) for kept, of in (control, candidate)]
    means = [a / (a + b) for a, b in posteriors]
    variance = sum(a * b / ((a + b) ** 2 * (a + b + 1)) for a, b in posteriors)
    return 1.0 - NormalDist(means[1] - means[0], sqrt(variance)).cdf(-MARGIN)


def _further(present: Period, found: tuple[Found, ...]) -> Verdict:
    following = SHARES[SHARES.index(present.share) + 1]
    said = f"{_count(present)} of {LEAST[present.share]} wanted outcomes at {present.share} %, and no guard objects."
    return Verdict("finish" if following == 100 else "go_on", (said,), found, following)


def _found(guard: Guard, periods: Sequence[Period], past: Past) -> Found:
    streams = [(*each.outcomes.get(guard.key, ((), ())), CONTROLS[each.share]) for each in periods]
    log_wealth = (_rate if guard.is_rate else _amount)(guard, streams, past)
    control = [value for stream in streams for value in stream[0]]
    candidate = [value for stream in streams for value in stream[1]]
    return Found(
        guard=guard,
        wealth=exp(min(log_wealth or 0.0, 700.0)),
        needed=exp(eprocess.needed(ALPHA, guard.weight)),
        control=_mean(control),
        candidate=_mean(candidate),
        seen=(len(control), len(candidate)),
        is_blind=log_wealth is None,
    )


Streams = Sequence[tuple[Sequence[float], Sequence[float], int]]


def _rate(guard: Guard, streams: Streams, past: Past) -> float:
    blocks = [
        eprocess.blocks([bool(each) for each in control], [bool(each) for each in candidate], ratio)
        for control, candidate, ratio in streams
    ]
    return eprocess.worse_rate(blocks, past.rates.get(guard.key))


def _amount(guard: Guard, streams: Streams, past: Past) -> float | None:
    """Where the past does not say how large the amounts are, the first LEARNS of the control do, and no bet is made on
    them or on what came beside them. None until they have come, and where nothing costs anything."""
    if cap := past.caps.get(guard.key):
        return eprocess.higher_mean(streams, cap)
    (control, candidate, ratio), *others = streams
    used = -(-LEARNS // ratio)
    if min(len(control) // ratio, len(candidate)) < used or not (cap := cap_of(control[: used * ratio])):
        return None
    return eprocess.higher_mean([(control[used * ratio :], candidate[used:], ratio), *others], cap)


def cap_of(amounts: Sequence[float]) -> float:
    """Three times the 99th percentile: what is ten times as dear has to look dear."""
    return 3 * sorted(amounts)[min(len(amounts) - 1, int(0.99 * len(amounts)))]


def _lacking(guard: Guard, present: Period) -> str:
    """Of a guard that is not needed, what is on its way is waited for, as far as it would be enough."""
    seen, least = len(present.outcomes.get(guard.key, ((), ()))[1]), LEAST[present.share]
    pending = present.pending.get(guard.key, 0)
    if seen >= least or not (guard.is_needed or pending):
        return ""
    more = f" {pending} more may still come." if pending else ""
    return f"{guard.label}: {seen} of {least} outcomes of the candidate at {present.share} %.{more}"


def _count(present: Period) -> int:
    return min(len(present.outcomes[guard.key][1]) for guard in GUARDS if guard.is_needed)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _told(found: Found) -> str:
    guard = found.guard
    control, candidate = (_shown(guard, each) for each in (found.control, found.candidate))
    return (
        f"{guard.label}: {candidate} with the candidate, {control} without, of {found.seen[1]}; the evidence that it "
        f"is worse stands at {found.wealth:.3g}, and {found.needed:.3g} rolls back."
    )


def _shown(guard: Guard, value: float | None) -> str:
    if value is None:
        return "nothing"
    return f"{value:.1%}" if guard.is_rate else f"${value:.4f}"


def _uneven(present: Period, p: float) -> str:
    return (
        f"Of {present.control + present.candidate} units {present.candidate} got the candidate where {present.share} % "
        f"should have (p = {p:.2g}), so what is compared may not be alike. Find out who was left out, then start anew."
    )
