"""One answer beside those that this agent gave this client in this version: too far from what is usual? Pure.

A robust z score, 0.6745 times the distance from the median over the median absolute deviation (Iglewicz and Hoaglin,
How to Detect and Handle Outliers, 1993), of the logarithm of whatever cannot be below nought. Their limit of 3.5 is the
least. It grows where the scale rests on few answers, whose median absolute deviation is worth about 37 % of them
(Rousseeuw and Croux 1993, JASA 88:1273), and with the number of figures that are looked at in a run; so one run in some
hundred is flagged by chance, not one of the figures. Below 30 answers nothing is said: a single figure of twice the
usual is then as likely chance.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, median

from scipy.stats import poisson, t

from agents_app.anomalies.seen import Figures, Found, said, spoken

LEAST_SAMPLES, MOST_SAMPLES = 30, 100
LEAST_Z = 3.5
BY_CHANCE = 0.004  # of all figures of a run together
WORTH = 1 / 2.7  # degrees of freedom an answer brings to the scale


@dataclass(frozen=True)
class Scale:
    """How a metric is looked at: `of` makes it symmetric, `least` is the smallest deviation that says something, in the
    units of `of`; `sides` says whether both, or only more ("+") or less ("-"), is worth a word."""

    of: Callable[[float], float]
    back: Callable[[float], float]
    least: float
    sides: str = "+-"


def _logit(value: float) -> float:
    kept = min(0.995, max(0.005, value))
    return math.log(kept / (1 - kept))


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


SCALES: Mapping[str, Scale] = {
    "latency_s": Scale(math.log, math.exp, 0.15, "+"),
    "tokens": Scale(math.log, math.exp, 0.05),
    "cost_usd": Scale(math.log, math.exp, 0.05, "+"),
    "output_chars": Scale(math.log, math.exp, 0.05),
    "confidence": Scale(_logit, _logistic, 0.1, "-"),
}


def unusual(figures: Figures, label: str, before: Sequence[Figures], *, looked_at: int) -> Iterator[Found]:
    """`before` are answers of the same agent, version and client, `looked_at` the figures of the whole run."""
    for metric, value in figures.values.items():
        known = [each.values[metric] for each in before[-MOST_SAMPLES:] if metric in each.values]
        if len(known) < LEAST_SAMPLES:
            continue
        usual = _retries(value, known, looked_at) if metric == "retries" else _far(metric, value, known, looked_at)
        if usual is not None:
            yield _found(figures, label, metric, usual, len(known))


def _far(metric: str, value: float, known: Sequence[float], looked_at: int) -> float | None:
    """What is usual, where the value is too far from it."""
    scale = SCALES[metric]
    if scale.of is math.log and min(value, *known) <= 0:
        return None
    seen = [scale.of(each) for each in known]
    middle = median(seen)
    spread = max(_spread(seen, middle), scale.least)
    z = (scale.of(value) - middle) / spread
    is_asked = ("+" if z > 0 else "-") in scale.sides
    return scale.back(middle) if is_asked and abs(z) > limit(len(known), looked_at) else None


def _spread(seen: Sequence[float], middle: float) -> float:
    """The median absolute deviation as a standard deviation; where half of all are alike, the mean one."""
    away = [abs(each - middle) for each in seen]
    return median(away) / 0.6745 or fmean(away) * 1.2533


@lru_cache(maxsize=4096)
def limit(samples: int, looked_at: int) -> float:
    """From which z on a figure is worth a word."""
    rare = BY_CHANCE / max(1, looked_at) / 2
    wider = math.sqrt(1 + math.pi / 2 / samples)  # the median itself is not known exactly
    return max(LEAST_Z, float(t.isf(rare, samples * WORTH)) * wider)


def _retries(value: float, known: Sequence[float], looked_at: int) -> float | None:
    """Counts, most of them nought: by how often so many come by chance at the rate of before."""
    rate = (sum(known) + 0.5) / (len(known) + 1)
    by_chance = float(poisson.sf(value - 1, rate)) if value > 0 else 1.0
    return fmean(known) if by_chance < BY_CHANCE / max(1, looked_at) else None


def _found(figures: Figures, label: str, metric: str, usual: float, samples: int) -> Found:
    value = figures.values[metric]
    words = (
        f"{label} {said(metric, value)}, where {spoken(metric, usual)} is usual for this client and version, by "
        f"{samples} answers before."
    )
    key = f"unusual:{figures.step}:{metric}"
    return Found("baseline", "unusual", words, key, figures.step, figures.agent, metric, usual, value)
