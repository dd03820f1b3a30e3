"""A version of an agent beside the one before it: windows of answers, not single ones. Pure.

Twenty answers of the newer version against up to a hundred of the older one, by the aligned rank test of Hodges and
Lehmann (1962, Annals of Mathematical Statistics 33:482) with normal scores: each client has a level of its own, so
answers are compared within their client, and only ranked together. Flagged from z > 3 on. It finds nine in ten shifts
by half of the usual within twenty runs, and one figure in some four hundred by chance (`tests/bench/anomalies.py`).
Each twenty answers are looked at once, five times at most, because whoever looks after every run finds something.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import NamedTuple

from scipy.stats import norm, rankdata

from agents_app.anomalies.baselines import SCALES
from agents_app.anomalies.seen import Figures, Found, said, spoken

WINDOW, LOOKS = 20, 5
YOUNG = (LOOKS + 1) * WINDOW - 1  # answers up to which a version is looked at
MOST_BEFORE = 100
Z = 3.0


class Aligned(NamedTuple):
    """One answer of `client`, as far as it lies from the mean of that client's answers."""

    client: int
    is_new: bool
    value: float


def shifted(label: str, before: Sequence[Figures], since: Sequence[Figures]) -> Iterator[Found]:
    """`before` are the older version's answers, `since` all of the newer one's, both in their order. Answers of clients
    that are on one side only say nothing about the version."""
    looks = len(since) // WINDOW
    if not 1 <= looks <= LOOKS:
        return
    window = since[(looks - 1) * WINDOW : looks * WINDOW]
    both = {each.client for each in window} & {each.client for each in before}
    old = [each for each in before if each.client in both][-MOST_BEFORE:]
    new = [each for each in window if each.client in both]
    if min(len(old), 2 * len(new)) >= WINDOW:  # half of the window is enough where clients came or went
        for metric in SCALES:
            yield from _differs(label, metric, old, new, since[0])


def _differs(
    label: str, metric: str, old: Sequence[Figures], new: Sequence[Figures], first: Figures
) -> Iterator[Found]:
    rows = aligned(metric, old, new)
    if abs(z_of(rows)) <= Z:
        return
    scale, last = SCALES[metric], new[-1]
    usual = median(each.values[metric] for each in old)
    moved = median(each.value for each in rows if each.is_new) - median(each.value for each in rows if not each.is_new)
    value = scale.back(scale.of(usual) + moved)
    words = (
        f"{label} now {said(metric, value)} or so, by {len(new)} answers; with the version before it was "
        f"{spoken(metric, usual)}, by {len(old)} answers to the same clients."
    )
    key = f"shift:{last.agent}:{last.version}:{metric}"
    yield Found("shift", "shift", words, key, last.step, last.agent, metric, usual, value, first.run)


def aligned(metric: str, old: Sequence[Figures], new: Sequence[Figures]) -> list[Aligned]:
    """Empty where the metric cannot be compared: it is not known of all, or nought where that says nothing."""
    of, both = SCALES[metric].of, [(each, False) for each in old] + [(each, True) for each in new]
    values = [each.values.get(metric) for each, _ in both]
    if any(value is None or (of is math.log and value <= 0) for value in values):
        return []
    seen = [(each.client, is_new, of(each.values[metric])) for each, is_new in both]
    middles = {client: fmean(value for other, _, value in seen if other == client) for client, _, _ in seen}
    return [Aligned(client, is_new, value - middles[client]) for client, is_new, value in seen]


def z_of(rows: Sequence[Aligned]) -> float:
    """How far the scores of the newer answers are from what chance makes of them within each client; positive: more."""
    ranks = rankdata([round(each.value, 9) for each in rows])
    scores = norm.ppf((ranks - 0.5) / max(1, len(rows)))
    away = spread = 0.0
    for client in {each.client for each in rows}:
        own = [(float(score), each.is_new) for score, each in zip(scores, rows, strict=True) if each.client == client]
        count, middle = len(own), fmean(score for score, _ in own)
        newer = sum(is_new for _, is_new in own)
        away += sum(score - middle for score, is_new in own if is_new)
        if count > 1:
            squares = sum((score - middle) ** 2 for score, _ in own)
            spread += newer * (count - newer) / (count * (count - 1)) * squares
    return away / math.sqrt(spread) if spread > 1e-9 else 0.0
