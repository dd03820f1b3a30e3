"""How often a normal run is flagged as unusual, and how often a version that is slower by half is found.

Invented runs of three agents for eight clients, each client with a level of its own: durations, tokens, costs and lengths
are lognormal (standard deviation of the logarithm 0.35, 0.2 and 0.25, lengths and costs going along with tokens), the
confidence is normal in log-odds, one attempt in a hundred is repeated. Versions change, mostly for nothing. What judges
is the product's own code. Beside it: the mean and three standard deviations, without a least number of answers. No database.
"""

import os
import secrets
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import _measure
import numpy as np
from _measure import say

if TYPE_CHECKING:
    from agents_app.anomalies.seen import Figures

SEEDS = (20261116, 2, 3, 4, 5)
AGENTS = ("research_agent", "persona_agent", "email_agent")
CLIENTS = 8
BEGIN = datetime(2026, 11, 16, tzinfo=UTC)
RUNS = 1000  # normal ones that are judged
BEFORE = 240  # that nobody judges: 30 of each client
VERSION_LASTS = 250  # runs
SHIFT = 1.5
TARGETS: dict[str, _measure.Target] = {
    "normal_runs_flagged": ("<=", 0.01), "shifts_found_within_20": (">=", 0.9),
    "worst_normal_runs_flagged": ("<=", 0.01), "worst_shifts_found_within_20": (">=", 0.9),
}  # fmt: skip


def set_up() -> None:
    """The product's settings, as on a server; no database is asked."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "gtm.settings", "DEBUG": "0", "SECRET_KEY": secrets.token_urlsafe(50)}
    os.environ.setdefault("DATABASE_URL", "postgres://nobody@127.0.0.1:9/none")
    import django

    django.setup()


@dataclass
class World:
    """`levels` {(client, agent): how long, how many tokens}; `times` is what a version multiplies them with."""

    rng: np.random.Generator
    levels: dict[tuple[int, str], tuple[float, float]] = field(default_factory=dict)
    count: int = 0

    def run(self, versions: Mapping[str, int], times: Mapping[str, float]) -> "list[Figures]":
        """One run of a client by chance: an answer of each agent."""
        self.count += 1
        client = int(self.rng.integers(CLIENTS))
        return [self._answer(client, agent, versions[agent], times.get(agent, 1.0)) for agent in AGENTS]

    def _answer(self, client: int, agent: str, version: int, times: float) -> "Figures":
        from agents_app.anomalies.seen import Figures

        seconds, tokens = self.levels.setdefault((client, agent), self._level())
        length = self.rng.normal(0, 0.2)
        spent = tokens * times * float(np.exp(length))
        values = {
            "latency_s": seconds * times * float(np.exp(self.rng.normal(0, 0.35))),
            "tokens": float(round(spent)),
            "cost_usd": spent * 3e-6,
            "output_chars": float(round(spent * 1.2 * np.exp(self.rng.normal(0, 0.15)))),
            "confidence": round(float(1 / (1 + np.exp(-self.rng.normal(1.2, 0.4)))), 4),
            "retries": float(self.rng.random() < 0.01),
        }
        number = self.count * 10 + AGENTS.index(agent)
        return Figures(number, self.count, agent, version, client, BEGIN + timedelta(minutes=self.count), values)

    def _level(self) -> tuple[float, float]:
        return float(np.exp(self.rng.normal(1.5, 0.5))), float(np.exp(self.rng.normal(8, 0.4)))


# --- what judges


def flagged(run: "Sequence[Figures]", before: "Mapping[tuple[object, ...], list[Figures]]") -> bool:
    from agents_app.anomalies import baselines
    from agents_app.anomalies.seen import METRICS

    looked_at = len(run) * len(METRICS)
    return any(list(baselines.unusual(each, each.agent, before[_place(each)], looked_at=looked_at)) for each in run)


def flagged_by_three_deviations(run: "Sequence[Figures]", before: "Mapping[tuple[object, ...], list[Figures]]") -> bool:
    return any(
        len(known) > 1 and abs(value - statistics.mean(known)) > 3 * statistics.stdev(known)
        for each in run
        for metric, value in each.values.items()
        for known in [[other.values[metric] for other in before[_place(each)]]]
    )


def shifts(answers: "Sequence[Figures]") -> Iterator[str]:
    """The metrics that the version of the last answer is found to have shifted."""
    from agents_app.anomalies import shifts

    newest = answers[-1].version
    since = [each for each in answers if each.version == newest]
    before = [each for each in answers if each.version != newest]
    return (found.metric for found in shifts.shifted("", before, since))


def _place(figures: "Figures") -> tuple[object, ...]:
    return figures.agent, figures.version, figures.client


# --- how good they are


def normal(seed: int, runs: int) -> dict[str, float]:
    """Versions of one agent after the other change, and change nothing."""
    world, versions = World(np.random.default_rng(seed)), dict.fromkeys(AGENTS, 1)
    before: dict[tuple[object, ...], list[Figures]] = defaultdict(list)
    answers: dict[str, list[Figures]] = defaultdict(list)
    ours = peer = 0
    for number in range(BEFORE + runs):
        if number > BEFORE and number % VERSION_LASTS == 0:
            versions[AGENTS[number // VERSION_LASTS % 3]] += 1
        run = world.run(versions, {})
        for each in run:
            answers[each.agent].append(each)
        if number >= BEFORE:
            ours += flagged(run, before) or any(list(_looked(answers[each.agent])) for each in run)
            peer += flagged_by_three_deviations(run, before)
        for each in run:
            before[_place(each)].append(each)
    return {"ours": ours / runs, "three_deviations": peer / runs}


def _looked(answers: "Sequence[Figures]") -> Iterator[str]:
    """As the job looks: at the newest runs, once for each twenty answers of a version."""
    newest = answers[-400:]
    since = sum(each.version == newest[-1].version for each in newest)
    return shifts(newest) if newest[0].version != newest[-1].version and since % 20 == 0 else iter(())


def slower(seed: int, times: int) -> float:
    """How often a version that takes half as long again, and as many tokens again, is found by its twentieth run."""
    found = 0
    for trial in range(times):
        world, agent = World(np.random.default_rng([seed, trial])), AGENTS[trial % 3]
        old, new = dict.fromkeys(AGENTS, 1), dict.fromkeys(AGENTS, 1) | {agent: 2}
        runs = [world.run(old, {}) for _ in range(120)] + [world.run(new, {agent: SHIFT}) for _ in range(20)]
        answers = [each for run in runs for each in run if each.agent == agent]
        found += "latency_s" in set(shifts(answers))
    return found / times


def measure(seed: int, *, quick: bool) -> dict[str, float]:
    flagged_runs = normal(seed, RUNS)
    found = slower(seed, 50 if quick else 300)
    say(
        f"seed {seed}: {flagged_runs['ours']:.2%} of {RUNS} normal runs flagged (mean and three deviations: "
        f"{flagged_runs['three_deviations']:.1%}), {found:.1%} of {SHIFT:g}-fold shifts found within 20 runs"
    )
    return {
        "normal_runs_flagged": flagged_runs["ours"],
        "shifts_found_within_20": found,
        "three_deviations": flagged_runs["three_deviations"],
    }


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    set_up()
    found = [measure(seed, quick=quick) for seed in (SEEDS[:1] if quick else SEEDS)]
    ours = {name: statistics.mean(each[name] for each in found) for name in found[0]}
    peer = {"three_deviations": {"normal_runs_flagged": ours.pop("three_deviations")}}
    ours |= {
        f"worst_{name}": (max if sign == "<=" else min)(each[name] for each in found)
        for name, (sign, _) in TARGETS.items()
        if not name.startswith("worst_")
    }
    figures = ours | {"seeds": len(found)}
    _measure.report("anomalies", figures, TARGETS, peer=peer, machine=_measure.machine_alone())


if __name__ == "__main__":
    main()
