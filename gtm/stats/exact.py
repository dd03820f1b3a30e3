"""Exact tests of counts, for samples too small for a normal approximation. No library is needed for them."""

from math import exp, lgamma, log

from gtm.stats.proportions import ImpossibleCounts

ALIKE = 1e-7  # two tables are equally likely within this, relatively: the sums are of floats


def binomial_p(successes: int, n: int, rate: float) -> float:
    """How often chance brings `successes` of `n` or more where the true rate is `rate` (0 < rate < 1): one-sided.

    1 with n = 0.
    """
    if not 0 <= successes <= n:
        raise ImpossibleCounts(f"{successes} of {n} cannot be: count people once, and successes among them.")
    whole = (exp(_choose(n, k) + k * log(rate) + (n - k) * log(1 - rate)) for k in range(successes, n + 1))
    return min(1.0, sum(whole))


def fisher_p(s1: int, n1: int, s2: int, n2: int) -> float | None:
    """Fisher's exact test of two rates, two-sided: the tables that are no more likely than the one seen, together.

    None when an arm is empty.
    """
    if not (0 <= s1 <= n1 and 0 <= s2 <= n2):
        raise ImpossibleCounts("An arm has more successes than people, or a count below 0.")
    if n1 == 0 or n2 == 0:
        return None
    successes = s1 + s2
    among = _choose(n1 + n2, successes)
    chances = {
        first: exp(_choose(n1, first) + _choose(n2, successes - first) - among)
        for first in range(max(0, successes - n2), min(n1, successes) + 1)
    }
    seen = chances[s1] * (1 + ALIKE)
    return min(1.0, sum(chance for chance in chances.values() if chance <= seen))


def mcnemar_p(worsened: int, mended: int) -> float:
    """The exact McNemar test of paired outcomes, two-sided: how often chance splits the pairs that changed at least so
    unevenly, where either direction is as likely (McNemar 1947, Psychometrika 12:153; binomial with 1/2).

    1 where no pair changed.
    """
    if worsened < 0 or mended < 0:
        raise ImpossibleCounts("Pairs are counted from 0 on.")
    changed = worsened + mended
    return min(1.0, 2 * binomial_p(max(worsened, mended), changed, 0.5)) if changed else 1.0


def _choose(n: int, k: int) -> float:
    """The logarithm of the binomial coefficient."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
