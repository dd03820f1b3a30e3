"""What a candidate is expected to change, on which basis, and how that came out. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import NormalDist, fmean
from typing import Any, NamedTuple

from gtm.stats.proportions import Difference, newcombe, paired_difference, quantile

CONFIDENCE = 0.9
LEAST = 5  # rollouts of a kind before what they did says something about the next one
WIDTHS = 2 * quantile(CONFIDENCE)  # standard deviations in an interval of that confidence


class Estimate(NamedTuple):
    """A change of the share of answers that keep all contracts, with its standard deviation."""

    difference: float
    deviation: float


@dataclass(frozen=True)
class Expected:
    """`difference` is the change of the share of answers that keep all their contracts, with its interval (90 %);
    `chance` that it does not fall; `cost_usd` the change of an answer's cost. Without a `basis` nothing is known."""

    basis: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    cost_usd: float | None = None

    def document(self) -> dict[str, Any]:
        return asdict(self)


def rehearsed(*, worsened: int, mended: int, cases: int) -> Estimate | None:
    """From the cases that both versions answered: on so many the candidate lost, or won, the keeping of all contracts.
    None with no case."""
    found = paired_difference(worsened, mended, cases, CONFIDENCE)
    return None if found is None else _estimate(found)


def usual(seen: Sequence[Mapping[str, float]]) -> Estimate | None:
    """What the next change of a kind does, going by what earlier ones did (as `observed` tells it).

    Their effects differ by more than chance: random effects by DerSimonian and Laird (1986, Control. Clin. Trials
    7:177); the deviation is that of one more, so it holds their spread and the doubt about their mean (Higgins,
    Thompson and Spiegelhalter 2009, JRSS A 172:137). None of fewer than LEAST.
    """
    found = [_estimate(Difference(each["difference"], each["low"], each["high"])) for each in seen]
    if len(found) < LEAST:
        return None
    between = _between(found)
    weights = [1 / (each.deviation**2 + between) for each in found]
    return Estimate(_mean(found, weights), sqrt(between + 1 / sum(weights)))


def _between(found: Sequence[Estimate]) -> float:
    """The variance of the effects themselves, beyond that of their measurement."""
    weights = [1 / each.deviation**2 for each in found]
    mean, total = _mean(found, weights), sum(weights)
    q = sum(weight * (each.difference - mean) ** 2 for each, weight in zip(found, weights, strict=True))
    return max(0.0, (q - (len(found) - 1)) / (total - sum(weight**2 for weight in weights) / total))


def _mean(found: Sequence[Estimate], weights: Sequence[float]) -> float:
    return fmean([each.difference for each in found], weights)


def expected(basis: str, known: Sequence[Estimate], *, cost_usd: float | None = None) -> Expected:
    """All that is `known` put together, each counting by its precision: so what a few test cases say shrinks towards
    what such changes usually do. Nothing known is no basis."""
    if not known:
        return Expected()
    weights = [1 / each.deviation**2 for each in known]
    mean, deviation = _mean(known, weights), sqrt(1 / sum(weights))
    half = deviation * WIDTHS / 2
    chance = 1 - NormalDist(mean, deviation).cdf(0.0)
    difference, low, high = (round(each, 4) for each in (mean, max(-1.0, mean - half), min(1.0, mean + half)))
    return Expected(basis, difference, low, high, round(chance, 4), cost_usd)


def _estimate(found: Difference) -> Estimate:
    return Estimate(found.difference, (found.high - found.low) / WIDTHS)


def observed(control: tuple[int, int], candidate: tuple[int, int]) -> dict[str, float]:
    """{"difference", "low", "high"} (90 %) of the share that kept all contracts; {} with an empty arm. An arm is (kept,
    of)."""
    found = newcombe(*control, *candidate, CONFIDENCE)
    return {} if found is None else {name: round(value, 4) for name, value in found._asdict().items()}


def scores(told: Mapping[str, Any], seen: Mapping[str, float]) -> dict[str, float]:
    """How good the expectation was, smaller is better; {} without one, or where nothing was observed.

    `brier`: the squared distance of the chance that the share does not fall from whether it fell, 0 to 1 (Brier 1950).
    `interval`: the interval's width, and 2 / alpha times the distance by which it missed (Gneiting and Raftery 2007,
    JASA 102:359, eq. 43). `covered`: 1 where what came lies inside.
    """
    if not told.get("basis") or not seen:
        return {}
    low, high, came = float(told["low"]), float(told["high"]), seen["difference"]
    missed = max(low - came, came - high, 0.0)
    return {
        "brier": round((float(told["chance"]) - (came >= 0)) ** 2, 4),
        "interval": round(high - low + 2 / (1 - CONFIDENCE) * missed, 4),
        "covered": float(missed == 0),
    }
