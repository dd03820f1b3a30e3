"""What a candidate is expected to change, on which basis, and how that came out. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from gtm.stats.proportions import newcombe, paired_difference

CONFIDENCE = 0.9


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


def expected(basis: str, *, worsened: int, mended: int, cases: int, cost_usd: float | None) -> Expected:
    """From the cases that both versions answered: on so many the candidate lost, or won, the keeping of all
    contracts."""
    found = paired_difference(worsened, mended, cases, CONFIDENCE)
    if found is None:
        return Expected()
    half = (found.high - found.low) / 2
    spread = half / NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    chance = 1 - NormalDist(found.difference, spread).cdf(0.0)
    difference, low, high = (round(each, 4) for each in found)
    return Expected(basis, difference, low, high, round(chance, 4), cost_usd)


def observed(control: tuple[int, int], candidate: tuple[int, int]) -> dict[str, float]:
    """{"difference", "low", "high"} (90 %) of the share that kept all contracts; {} with an empty arm. An arm is (kept,
    of)."""
    found = newcombe(*control, *candidate, CONFIDENCE)
    return {} if found is None else {name: round(value, 4) for name, value in found._asdict().items()}


def scores(told: Mapping[str, Any], seen: Mapping[str, float], *, went_live: bool) -> dict[str, float]:
    """How good the expectation was, smaller is better; {} without one.

    `brier`: the squared distance of the chance from what came, 0 to 1 (Brier 1950). `interval`: the interval's width,
    and 2 / alpha times the distance by which it missed (Gneiting and Raftery 2007, JASA 102:359, eq. 43). `covered`: 1
    where what came lies inside.
    """
    if not told.get("basis"):
        return {}
    found = {"brier": round((float(told["chance"]) - went_live) ** 2, 4)}
    if seen:
        low, high, came = float(told["low"]), float(told["high"]), seen["difference"]
        missed = max(low - came, came - high, 0.0)
        found["interval"] = round(high - low + 2 / (1 - CONFIDENCE) * missed, 4)
        found["covered"] = float(missed == 0)
    return found
