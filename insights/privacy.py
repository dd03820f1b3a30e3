"""The rules by which a pattern may leave the clients it was seen at.

Exact figures under disclosure control, for staff of the agency; this is not differential privacy, and a page that shows
an insight says so.

Pure: values in, values out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

MIN_CLIENTS = 5  # distinct clients that vote the same way
MIN_CAMPAIGNS = 3  # of each of them
MIN_CONTACTS_AN_ARM = 8  # keeps out contrasts of a handful; the test over clients below carries the proof
MIN_CHANGED = 3  # clients that must have changed before a pattern is published again, or two releases would subtract
MIN_SHARE = 0.7  # of the clients that count, voting the same way
EVEN = 0.005  # half a percentage point: a smaller effect is no vote


@dataclass(frozen=True)
class Voice:
    """What one client's own campaigns say of a pattern: its vote (+1, 0, -1) and its effect, a fraction of 1."""

    vote: int
    effect: float


@dataclass(frozen=True)
class Agreement:
    """What the clients say together. `side` is +1 or -1; every client weighs the same."""

    side: int
    clients: int
    share: float
    effect: float
    p: float


def vote(effect: float | None, *, campaigns: int, on: int, off: int) -> int:
    """A client's vote: the side its own contrast points to, 0 with too little behind it."""
    if effect is None or not counts(campaigns=campaigns, on=on, off=off) or abs(effect) < EVEN:
        return 0
    return 1 if effect > 0 else -1


def counts(*, campaigns: int, on: int, off: int) -> bool:
    return campaigns >= MIN_CAMPAIGNS and min(on, off) >= MIN_CONTACTS_AN_ARM


def agreement(voices: Sequence[Voice]) -> Agreement | None:
    """The side most clients take, or None where fewer than MIN_CLIENTS take it.

    `p` is that of a one-sample t-test of the clients' effects against 0: the client is the unit, never the e-mail.
    """
    side = 1 if sum(voice.vote for voice in voices) >= 0 else -1
    agreeing = sum(voice.vote == side for voice in voices)
    if agreeing < MIN_CLIENTS or agreeing / len(voices) < MIN_SHARE:
        return None
    effects = [voice.effect for voice in voices]
    return Agreement(side, agreeing, agreeing / len(voices), sum(effects) / len(effects), _p(effects))


def changed(before: Mapping[int, int], now: Mapping[int, int]) -> int:
    """How many clients came, left or changed their vote since a release; both are {client id: vote}."""
    return sum(before.get(client) != now.get(client) for client in before.keys() | now.keys())


def rounded_clients(clients: int) -> int:
    """To the 5 below, so that the figure never says more clients than there are."""
    return clients // 5 * 5


def rounded_effect(effect: float) -> float:
    """To half a percentage point."""
    return floor(abs(effect) * 200 + 0.5) / 200 * (1 if effect >= 0 else -1)


def _p(effects: Sequence[float]) -> float:
    from scipy.stats import ttest_1samp

    if max(effects) - min(effects) < 1e-9:
        return 0.0 if effects[0] else 1.0
    return float(ttest_1samp(effects, 0.0).pvalue)
