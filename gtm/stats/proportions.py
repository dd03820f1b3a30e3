"""Rates and their differences: intervals, tests and sizes. Rates are fractions of 1, never per cent."""

from collections.abc import Sequence
from math import ceil, erfc, sqrt
from statistics import NormalDist
from typing import NamedTuple


class ImpossibleCounts(ValueError):
    """Numbers that no sample can have: negative, or more successes than trials."""


class ImpossiblePlan(ValueError):
    """A comparison that no sample size can settle: a rate outside 0 to 1, no difference to find."""


class Interval(NamedTuple):
    low: float
    high: float


class Difference(NamedTuple):
    """`difference` is the second rate minus the first, with its interval."""

    difference: float
    low: float
    high: float


class Score(NamedTuple):
    """A Net Promoter Score in points, -100 to 100, with its interval."""

    score: float
    low: float
    high: float


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """The score interval of one rate (Wilson 1927, JASA 22:209). With n = 0 nothing is known: 0 to 1."""
    _check(successes, n)
    if n == 0:
        return Interval(0.0, 1.0)
    z = quantile(confidence)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def newcombe(s1: int, n1: int, s2: int, n2: int, confidence: float = 0.95) -> Difference | None:
    """The second rate minus the first, by the hybrid score method (Newcombe 1998, Stat. Med. 17:873, method 10).

    None when an arm is empty.
    """
    first, second = wilson(s1, n1, confidence), wilson(s2, n2, confidence)
    if n1 == 0 or n2 == 0:
        return None
    p1, p2 = s1 / n1, s2 / n2
    difference = p2 - p1
    below = sqrt((p2 - second.low) ** 2 + (first.high - p1) ** 2)
    above = sqrt((second.high - p2) ** 2 + (p1 - first.low) ** 2)
    return Difference(difference, max(-1.0, difference - below), min(1.0, difference + above))


def paired_difference(worsened: int, mended: int, n: int, confidence: float = 0.95) -> Difference | None:
    """The change of a rate between two looks at the same `n` cases: on so many it was lost, on so many won.

    Interval: adjusted Wald for paired proportions, one added to each count of changes and two cases (Bonett and Price
    2012, J. Educ. Behav. Stat. 37:479); it is centred on the adjusted difference, which is given. None with no case.
    """
    _check(worsened + mended, n)
    _check(min(worsened, mended), n)
    if n == 0:
        return None
    lost, won = (worsened + 1) / (n + 2), (mended + 1) / (n + 2)
    half = quantile(confidence) * sqrt((lost + won - (won - lost) ** 2) / (n + 2))
    return Difference(won - lost, max(-1.0, won - lost - half), min(1.0, won - lost + half))


def two_proportion_p(s1: int, n1: int, s2: int, n2: int) -> float | None:
    """The two-sided p-value of the pooled z-test, which equals Pearson's chi-square without correction.

    None when an arm is empty; 1 when both rates are 0 or both are 1.
    """
    _check(s1, n1)
    _check(s2, n2)
    if n1 == 0 or n2 == 0:
        return None
    pooled = (s1 + s2) / (n1 + n2)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2)
    if variance == 0:
        return 1.0
    return erfc(abs(s2 / n2 - s1 / n1) / sqrt(variance) / sqrt(2))


def sample_size(base: float, lift: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many people each of two variants needs to find `base` against `base + lift`, two-sided, both of one size.

    Formula: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd ed., eq. 4.14, without
    continuity correction. Raises ImpossiblePlan.
    """
    _check_plan(base, lift, alpha, power)
    other = base + lift
    mean = (base + other) / 2
    spread_alike = quantile(1 - alpha) * sqrt(2 * mean * (1 - mean))
    spread_apart = NormalDist().inv_cdf(power) * sqrt(base * (1 - base) + other * (1 - other))
    return ceil(((spread_alike + spread_apart) / lift) ** 2)


def srm_p(observed: Sequence[int], weights: Sequence[float]) -> float | None:
    """Whether people fell into the variants as the weights say (sample ratio mismatch): chi-square, goodness of fit.

    Variants of weight 0 do not count as degrees of freedom; anybody in one makes the p-value 0. None with nobody in,
    or fewer than two variants of weight.
    """
    if len(observed) != len(weights) or min([*observed, *weights], default=0) < 0:
        raise ImpossibleCounts("Give one weight a variant; neither counts nor weights are below 0.")
    if any(count and not weight for count, weight in zip(observed, weights, strict=True)):
        return 0.0
    arms = [(count, weight) for count, weight in zip(observed, weights, strict=True) if weight]
    total, whole = sum(observed), sum(weights)
    if total == 0 or len(arms) < 2:
        return None
    statistic = sum((count - total * weight / whole) ** 2 / (total * weight / whole) for count, weight in arms)
    return _chi_square_above(statistic, len(arms) - 1)


def nps(promoters: int, passives: int, detractors: int, confidence: float = 0.95) -> Score | None:
    """The Net Promoter Score: per cent of promoters (9, 10) minus per cent of detractors (0 to 6).

    Interval: adjusted Wald with three answers added, 3/4 promoters, 3/4 detractors and 3/2 passives (Rocks 2016, The
    American Statistician 70:365); it is centred on the adjusted score, so the score need not lie in its middle. None
    when nobody answered.
    """
    _check(min(promoters, passives, detractors), promoters + passives + detractors)
    n = promoters + passives + detractors
    if n == 0:
        return None
    up, down = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
    half = quantile(confidence) * sqrt((up + down - (up - down) ** 2) / (n + 3))
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Score(100 * (promoters - detractors) / n, 100 * low, 100 * high)


def quantile(confidence: float) -> float:
    """How many standard deviations either side hold `confidence` of a normal distribution: 1.96 for .95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _check(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise ImpossibleCounts(f"{successes} of {n} cannot be: count people once, and successes among them.")


def _check_plan(base: float, lift: float, alpha: float, power: float) -> None:
    if not 0 < base < 1:
        raise ImpossiblePlan(f"The expected rate lies between 0 and 1, for example 0.05 for 5 %; {base:g} does not.")
    if lift == 0 or not 0 < base + lift < 1:
        raise ImpossiblePlan(f"{base:g} and a difference of {lift:g} make {base + lift:g}: choose another difference.")
    if not 0 < alpha < 1 or not alpha / 2 < power < 1:
        raise ImpossiblePlan(
            "Alpha lies between 0 and 1 (usual: 0.05), power between half of alpha and 1 (usual: 0.8)."
        )


def _chi_square_above(statistic: float, degrees: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(degrees, statistic))
