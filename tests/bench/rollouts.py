"""How rollouts behave: whom they touch, how often they roll back for nothing, and how soon for a reason.

The rules of `agents_app/rollout_rules.py` as they stand, on simulated outcomes, asked after every outcome of the
candidate. A rollout of nothing (A/A) ends when its stages are through; one of a candidate whose answers keep their
contracts in 80 instead of 98 of 100 cases goes on until it is caught. No database.
"""

import math
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import _measure
from _measure import say

from agents_app import rollout_rules as rules

SEED = 20261129
UNITS = 10_000
RATES = {"contracts": 0.98, "errors": 0.99, "edits": 0.6, "bounces": 0.98}
HARMED = 0.80
COST_MU, COST_SIGMA = math.log(0.012), 0.4  # US dollars of an answer, log-normal
PAST = rules.Past(rates=RATES, caps={"cost": 0.04})
NOTHING_KNOWN = rules.Past(caps={"cost": 0.04})
MOST = 1_000  # outcomes of the candidate after which a stage is given up
TARGETS: dict[str, _measure.Target] = {
    "moved_out": ("<=", 0), "share_off_points": ("<=", 1.0), "false_rollbacks": ("<=", 0.05),
    "caught_p90_per_arm": ("<=", 100), "caught_p90_per_arm_unguessed": ("<=", 100), "uneven_false": ("<=", 0.01),
    "uneven_found": (">=", 0.9),
}  # fmt: skip

Outcomes = dict[str, tuple[list[float], list[float]]]


@dataclass
class Stage:
    """One stage as it fills: a candidate's outcome and the controls that come meanwhile."""

    share: int
    outcomes: Outcomes = field(default_factory=lambda: {guard.key: ([], []) for guard in rules.GUARDS})
    units: list[int] = field(default_factory=lambda: [0, 0])

    def turn(self, rng: random.Random, harmed: dict[str, float]) -> None:
        """Units until one of them got the candidate."""
        while True:
            is_candidate = rng.random() * 100 < self.share
            self.units[is_candidate] += 1
            for key, rate in RATES.items():
                rate = harmed.get(key, rate) if is_candidate else rate
                self.outcomes[key][is_candidate].append(float(rng.random() < rate))
            self.outcomes["cost"][is_candidate].append(rng.lognormvariate(COST_MU, COST_SIGMA))
            if is_candidate:
                return

    def period(self) -> rules.Period:
        return rules.Period(self.share, *self.units, self.outcomes)


def rolled_out(rng: random.Random, harmed: dict[str, float], past: rules.Past) -> tuple[str, int, int]:
    """(how it ended, the share it ended at, outcomes of the candidate)."""
    stages = [Stage(rules.SHARES[0])]
    while True:
        stages[-1].turn(rng, harmed)
        verdict = rules.judge([stage.period() for stage in stages], past)
        seen = sum(stage.units[1] for stage in stages)
        if verdict.step in ("roll_back", "finish") or stages[-1].units[1] >= MOST:
            return verdict.step, stages[-1].share, seen
        if verdict.step == "go_on" and verdict.share is not None:
            stages.append(Stage(verdict.share))


def caught(rng: random.Random, past: rules.Past) -> int:
    """Outcomes at 50 % until it is rolled back, of the arm that has more: chance fills them unevenly."""
    stage = Stage(50)
    while stage.units[1] < MOST:
        stage.turn(rng, {"contracts": HARMED})
        if rules.judge([stage.period()], past).step == "roll_back":
            break
    return max(stage.units)


def touched() -> dict[str, float]:
    seed = f"{SEED}"
    inside = {share: {unit for unit in range(UNITS) if rules.is_in(seed, f"c{unit}", share)} for share in rules.SHARES}
    pairs = zip(rules.SHARES, rules.SHARES[1:], strict=False)
    return {
        "moved_out": sum(len(inside[one] - inside[other]) for one, other in pairs),
        "share_off_points": max(abs(100 * len(inside[share]) / UNITS - share) for share in rules.SHARES),
    }


def uneven(rng: random.Random, count: int, share: float) -> float:
    """The share of rollouts at 50 % of 500 units whose candidate really gets `share` that are alarmed, asked after each
    unit."""
    return sum(_is_alarmed(rng, share) for _ in range(count)) / count


def _is_alarmed(rng: random.Random, share: float) -> bool:
    units = [0, 0]
    for _ in range(500):
        units[rng.random() < share] += 1
        p = rules.uneven_p([rules.Period(50, *units)])
        if p is not None and p < rules.UNEVEN:
            return True
    return False


def p90(values: list[int]) -> float:
    return statistics.quantiles(values, n=10)[-1]


def many(count: int, run: Callable[[random.Random], int], salt: int) -> list[int]:
    return [run(random.Random(SEED + salt + number)) for number in range(count)]


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    count = 60 if quick else 1_000
    alike = [rolled_out(random.Random(SEED + number), {}, PAST) for number in range(count)]
    ended = {step: sum(one == step for one, _, _ in alike) / count for step in ("finish", "roll_back", "hold", "wait")}
    say(f"{count} rollouts of nothing: {ended}")
    guessed, unguessed = (
        many(count // 2, lambda rng, past=past: caught(rng, past), 10**6) for past in (PAST, NOTHING_KNOWN)
    )
    harmed = [rolled_out(random.Random(SEED + 2 * 10**6 + n), {"contracts": HARMED}, PAST) for n in range(count // 2)]
    at_first = [seen for step, _, seen in harmed if step == "roll_back"]
    figures = touched() | {
        "false_rollbacks": ended["roll_back"],
        "finished": ended["finish"],
        "held_for_doubt": ended["hold"],
        "caught_median_per_arm": statistics.median(guessed),
        "caught_p90_per_arm": p90(guessed),
        "caught_p90_per_arm_unguessed": p90(unguessed),
        "caught_from_the_first_stage": len(at_first) / len(harmed),
        "candidate_outcomes_p90_from_the_first_stage": p90(at_first),
        "uneven_false": uneven(random.Random(SEED), count, 0.5),
        "uneven_found": uneven(random.Random(SEED + 1), count, 0.35),
        "rollouts": count,
    }
    _measure.report("rollouts", figures, TARGETS, peer={}, machine=_measure.machine_alone())


if __name__ == "__main__":
    main()
