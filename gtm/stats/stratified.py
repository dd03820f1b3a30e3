"""A difference of two rates over several groups that differ in their base rate and their mix (campaigns, weeks)."""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from gtm.stats.proportions import Difference, ImpossibleCounts, quantile


class Stratum(NamedTuple):
    """One group: successes and people of the first arm, then of the second."""

    s1: int
    n1: int
    s2: int
    n2: int


def mantel_haenszel_difference(
    strata: Iterable[tuple[int, int, int, int]], confidence: float = 0.95
) -> Difference | None:
    """The common difference of rates (second minus first) over `strata` of (s1, n1, s2, n2), by Mantel and Haenszel.

    Variance: Sato, Greenland and Robins (1989), good for many small strata as well as a few large ones. A stratum with
    an empty arm tells nothing and is left out; None when none remains.
    """
    rows = [Stratum(*row) for row in strata]
    if any(not (0 <= row.s1 <= row.n1 and 0 <= row.s2 <= row.n2) for row in rows):
        raise ImpossibleCounts("A stratum has more successes than people, or a count below 0.")
    rows = [row for row in rows if row.n1 and row.n2]
    if not rows:
        return None
    weight = sum(row.n1 * row.n2 / (row.n1 + row.n2) for row in rows)
    difference = sum((row.s2 * row.n1 - row.s1 * row.n2) / (row.n1 + row.n2) for row in rows) / weight
    half = quantile(confidence) * sqrt(max(0.0, _variance(rows, difference))) / weight
    return Difference(difference, max(-1.0, difference - half), min(1.0, difference + half))


def _variance(rows: list[Stratum], difference: float) -> float:
    """Sato's variance, times the squared sum of the weights."""
    slope = sum(
        (row.n2**2 * row.s1 - row.n1**2 * row.s2 + row.n1 * row.n2 * (row.n1 - row.n2) / 2) / (row.n1 + row.n2) ** 2
        for row in rows
    )
    rest = sum((row.s2 * (row.n1 - row.s1) + row.s1 * (row.n2 - row.s2)) / (2 * (row.n1 + row.n2)) for row in rows)
    return difference * slope + rest
