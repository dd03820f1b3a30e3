"""What a plan may cost and take, from the steps that were done lately; without any, by the price of a large prompt."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median, quantiles
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Subquery

from agents_app import graph, llm, names, prices
from agents_app.agents import AGENTS
from agents_app.flow import planner
from agents_app.graph import Node
from agents_app.models import StepKind, StepRun
from clients.models import AgentKey

LOOKED_AT = 200  # newest done steps of each agent
ENOUGH = 5  # of one agent, before its past says anything
LOOKED_THROUGH = 20_000  # newest steps of all, in which those are sought: what is older says little of now
PROMPT_BYTES = 16_000  # of a large prompt; how long one really is shows when it is written
PLANNER = "planner"

Past = Mapping[str, Sequence[tuple[Decimal, float]]]  # {who: [(US dollars, seconds)]}


@dataclass(frozen=True)
class Estimate:
    """US dollars and seconds. `usd` and `usd_high` add up the median and the 90th percentile of the steps; None where
    neither the past nor prices say anything. `seconds` follows the longest way through the plan; None where nothing is
    known of a step on it. `basis` are sentences: on what that rests.
    """

    usd: Decimal | None
    usd_high: Decimal | None
    seconds: float | None
    basis: tuple[str, ...]


def of(nodes: Sequence[Node], depth: str, *, at: datetime) -> Estimate:
    """One query for the past of runs of this depth, and one for prices where an agent has none."""
    workers = list(dict.fromkeys(filter(None, map(_who, nodes))))
    past = _past(workers, depth)
    unknown = [who for who in workers if who not in past]
    table = prices.load() if unknown and not llm.is_offline() else None
    costs = [_cost(node, past, table, at) for node in nodes if _who(node)]
    known = [cost for cost in costs if cost is not None]
    complete = len(known) == len(costs)
    return Estimate(
        usd=sum((usual for usual, _ in known), Decimal(0)) if complete else None,
        usd_high=sum((high for _, high in known), Decimal(0)) if complete else None,
        seconds=_longest(nodes, past),
        basis=tuple(_basis(nodes, past, unknown, complete=complete)),
    )


def _who(node: Node) -> str:
    """Whose past tells of the step; empty for steps that ask no model."""
    return PLANNER if node.kind == StepKind.PLANNER else node.agent


def _past(workers: Iterable[str], depth: str) -> Past:
    """What steps of the same depth did, under the model that would answer now: the composer's past says nothing of the
    model's, nor the other way round."""
    slices = [_done(who, depth) for who in workers]
    if not slices:
        return {}
    found: dict[str, list[tuple[Decimal, float]]] = defaultdict(list)
    for agent, usd, began, ended in slices[0].union(*slices[1:], all=True):
        found[agent or PLANNER].append((usd, (ended - began).total_seconds()))
    return {who: rows for who, rows in found.items() if len(rows) >= ENOUGH}


def _done(who: str, depth: str) -> "QuerySet[StepRun, Any]":
    kind = {"kind": StepKind.PLANNER} if who == PLANNER else {"agent": who}
    newest = StepRun.objects.order_by("-pk").values("pk")[:1]
    done = StepRun.objects.filter(pk__gt=Subquery(newest) - LOOKED_THROUGH, run__request__depth=depth, **kind)
    done = done.filter(status=StepRun.Status.DONE, fence__gt=0)  # what was taken over was paid before
    by_composer = {"generator__startswith": names.COMPOSER}
    done = done.filter(**by_composer) if llm.is_offline() else done.exclude(**by_composer)
    return done.order_by("-pk").values_list("agent", "cost_usd", "started_at", "finished_at")[:LOOKED_AT]


def _cost(node: Node, past: Past, table: prices.PriceTable | None, at: datetime) -> tuple[Decimal, Decimal] | None:
    """(usual, high) of one step; past steps of several proposals have paid for all of them."""
    who, times = _who(node), max(1, len(node.items))
    if who in past:
        spent = [usd for usd, _ in past[who]]
        return times * median(spent), times * quantiles(spent, n=10, method="inclusive")[-1]
    if table is None:  # the offline composer costs nothing
        return Decimal(0), Decimal(0)
    model = settings.MODEL_CHEAPER if node.model == "cheaper" else settings.MODEL
    most_tokens = planner.MOST_TOKENS if who == PLANNER else AGENTS[who].max_tokens
    worst = table.worst(model, PROMPT_BYTES, most_tokens, at.date())
    return None if worst is None else (times * node.proposals * worst, times * node.proposals * worst)


def _longest(nodes: Sequence[Node], past: Past) -> float | None:
    """Along the longest way. The contacts of a map go side by side; tools and joins take no time worth counting."""
    ends: dict[str, float] = {}
    for node in (node for level in graph.levels(nodes) for node in level):
        who = _who(node)
        if who and who not in past:
            return None
        lasts = median(seconds for _, seconds in past[who]) if who else 0.0
        ends[node.key] = lasts + max((ends[before] for before in node.after), default=0.0)
    return max(ends.values(), default=None)


def _basis(nodes: Sequence[Node], past: Past, unknown: Sequence[str], *, complete: bool) -> Iterable[str]:
    if past:
        counted = " and ".join(f"{len(rows)} of {_name(who)}" for who, rows in past.items())
        yield f"From the newest steps of runs of this depth: {counted}; the median, and what nine in ten stay under."
    if unknown:
        names = ", ".join(map(_name, unknown))
        yield f"No basis yet for {names}: fewer than {ENOUGH} such steps are done.{_instead(complete=complete)}"
    if llm.is_offline():
        yield "No key for the model is set: the offline composer writes, and costs nothing."
    if any(node.kind == StepKind.GATE for node in nodes):
        yield "The time that a person takes to answer is not counted."


def _instead(*, complete: bool) -> str:
    if llm.is_offline():
        return ""
    if complete:
        return (
            " They count with one call for each answer, by the prices of today: the longest answer allowed to a prompt "
            f"of {PROMPT_BYTES:,} bytes."
        )
    return " No price of the model holds today, so their cost is not known; prices stand under Model prices."


def _name(who: str) -> str:
    return "the planner" if who == PLANNER else AgentKey(who).label
