"""Anytime-valid tests of “the candidate is no worse than the control”: look as often as you like, stop when you like.

An e-process is the wealth of somebody who bets against that claim, starting from 1. While the claim is true the wealth
grows to x or more at any time, ever, with a chance of at most 1/x (Ville's inequality); so wealth of 20 is evidence at
alpha 0.05 however often one looked. E-values of several claims are spent by weights: the claim that has the weight w is
given up at 1 / (alpha * w), and with weights that sum to 1 all of them together err with a chance of at most alpha.

Outcomes come in blocks: `ratio` control outcomes and one of the candidate, in the order in which they came in their
arms. What has not filled a block yet waits. All wealth is told as its natural logarithm, which does not overflow.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, inf, lgamma, log, log1p
from typing import NamedTuple

from gtm.stats.proportions import ImpossibleCounts

ODDS_RATIOS = (2.0, 6.0)  # how much worse the candidate's odds of success may be, in the bets
BASES = (0.6, 0.85, 0.95, 0.985)
AROUND = (0.5, 1.0, 2.0)  # odds of the control's rate, where a guess of it is known: times these
FIRM = 10.0  # in bets on shares: how many draws the guess that a share is as it should be is worth
STAKES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)  # of the wealth, in bets on means


class Blocks(NamedTuple):
    """Successes in full blocks: `control_kept` of `ratio * blocks`, `candidate_kept` of `blocks`."""

    blocks: int
    ratio: int
    control_kept: int
    candidate_kept: int


def blocks(control: Sequence[bool], candidate: Sequence[bool], ratio: int = 1) -> Blocks:
    """The full blocks of two streams of outcomes, True for a success: `ratio` of the control, one of the candidate."""
    full = _full(len(control), len(candidate), ratio)
    return Blocks(full, ratio, sum(control[: full * ratio]), sum(candidate[:full]))


def worse_rate(periods: Sequence[Blocks], base: float | None = None) -> float:
    """The log wealth against “the candidate succeeds at least as often as the control”.

    Each bet is on one pair of rates, p of the control and q < p of the candidate. A block multiplies its wealth by the
    likelihood under (p, q) over that under the mean rate r = (ratio p + q) / (ratio + 1) for both: the E-variable of
    Turner, Ly and Grünwald (2024, J. Stat. Plan. Inference 230:106116), which holds for equal rates. Its expectation
    grows with the control's rate and falls with the candidate's, so it holds where the candidate is better too. The
    wealth is spread evenly over a grid of pairs. `base` is a guess, made before the first block, of the control's rate:
    near it the bets are better; it does not have to be right.

    Each period has a ratio of its own. 0 with no block. Raises ImpossibleCounts.
    """
    for each in periods:
        if not (0 <= each.control_kept <= each.ratio * each.blocks and 0 <= each.candidate_kept <= each.blocks):
            raise ImpossibleCounts("More successes than outcomes in a block, or a count below 0.")
    pairs = _pairs(None if base is None else round(min(max(base, 0.01), 0.995), 3))
    wealth = [sum(_bet(pair, each) for each in periods) for pair in pairs]
    return _mean(wealth)


def higher_mean(periods: Sequence[tuple[Sequence[float], Sequence[float], int]], cap: float) -> float:
    """The log wealth against “the candidate's mean is not above the control's”, of amounts cut to 0 ... `cap`.

    A period is (control amounts, candidate amounts, ratio). A block gives d = (candidate - mean of the controls) / cap,
    between -1 and 1 and with a mean of at most 0 while the claim is true, so a stake of the fraction s of the wealth
    multiplies it by 1 + s d (betting on bounded means: Waudby-Smith and Ramdas 2024, JRSS B 86:1; on two samples:
    Shekhar and Ramdas 2021, arXiv 2112.09162). Spread evenly over STAKES. What lies beyond `cap` counts
    as `cap`, so the claim is about winsorised means: choose it before the first block, for example the 99th percentile
    of the past. 0 with no block, or where nothing can differ (a cap of 0).
    """
    if cap <= 0:
        return 0.0
    gains = [gain for each in periods for gain in _gains(*each, cap)]
    return _mean([sum(log1p(stake * gain) for gain in gains) for stake in STAKES])


def uneven(periods: Sequence[tuple[int, int, float]]) -> float:
    """The log wealth against “every draw fell to the candidate with the chance that it should have”.

    A period is (draws of the control, of the candidate, that chance). The bet on the next draw is the mean of
    Beta(FIRM * chance, FIRM * (1 - chance)) after those before it, so the wealth of a period is the beta-binomial
    likelihood over the binomial one (Lindon and Malek 2022, NeurIPS 35:29316, for two outcomes). 0 with no draw. Raises
    ImpossibleCounts.
    """
    return sum(_drawn(*each) for each in periods)


def needed(alpha: float, weight: float = 1.0) -> float:
    """The log wealth at which a claim of this weight is given up."""
    return -log(alpha * weight)


# --- the bets


def _full(control: int, candidate: int, ratio: int) -> int:
    if ratio < 1:
        raise ImpossibleCounts("A block has at least one control outcome.")
    return min(control // ratio, candidate)


def _gains(control: Sequence[float], candidate: Sequence[float], ratio: int, cap: float) -> list[float]:
    cut = [min(max(each, 0.0), cap) / cap for each in control]
    full = _full(len(control), len(candidate), ratio)
    return [
        min(max(candidate[number], 0.0), cap) / cap - sum(cut[number * ratio : (number + 1) * ratio]) / ratio
        for number in range(full)
    ]


def _drawn(control: int, candidate: int, chance: float) -> float:
    if control < 0 or candidate < 0 or not 0 < chance < 1:
        raise ImpossibleCounts("A number of draws below 0, or a chance that leaves nothing to draw.")
    a, b = FIRM * chance, FIRM * (1 - chance)
    even = candidate * log(chance) + control * log(1 - chance)
    return _log_beta(a + candidate, b + control) - _log_beta(a, b) - even


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


@lru_cache
def _pairs(base: float | None) -> tuple[tuple[float, float], ...]:
    """(rate of the control, rate of the candidate) of each bet."""
    odds = [each / (1 - each) for each in BASES] if base is None else [base / (1 - base) * near for near in AROUND]
    return tuple((_rate(each), _rate(each / worse)) for each in odds for worse in ODDS_RATIOS)


def _rate(odds: float) -> float:
    return odds / (1 + odds)


@lru_cache(maxsize=4096)
def _logs(pair: tuple[float, float], ratio: int) -> tuple[float, float, float, float]:
    """What a success and a failure of the control, and of the candidate, add to the log wealth of a bet."""
    p, q = pair
    mean = (ratio * p + q) / (ratio + 1)
    return log(p / mean), log((1 - p) / (1 - mean)), log(q / mean), log((1 - q) / (1 - mean))


def _bet(pair: tuple[float, float], seen: Blocks) -> float:
    kept, failed, candidate_kept, candidate_failed = _logs(pair, seen.ratio)
    controls = seen.ratio * seen.blocks
    return (
        seen.control_kept * kept
        + (controls - seen.control_kept) * failed
        + seen.candidate_kept * candidate_kept
        + (seen.blocks - seen.candidate_kept) * candidate_failed
    )


def _mean(logs: Sequence[float]) -> float:
    """The logarithm of the mean of e to the power of each."""
    most = max(logs, default=-inf)
    return most + log(sum(exp(each - most) for each in logs) / len(logs)) if most > -inf else 0.0
