"""Why a step did what it did, read from rows alone: no model is asked, and nothing is worked out that was not decided.

What was considered (with ids and hashes), which rules applied (with the values they saw), the terms whose sum is the
confidence, and what was not chosen (with its score and the reason). A step's own commit wrote all of it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from agents_app import conditions, confidence, names, routing
from agents_app.flow import results
from agents_app.graph import Node, nodes_of
from agents_app.models import FlowRun, PlanRevision, SourceRecord, StepRun
from agents_app.research import SOURCES
from agents_app.research.attributes import BY_KEY


@dataclass(frozen=True)
class Input:
    """`id` is the row's or version's, where it has one; `sha256` of its content, empty where nothing is hashed."""

    kind: str
    name: str
    said: str = ""
    id: int | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Rule:
    """`values` are what the rule saw, by name; `outcome` in words."""

    name: str
    outcome: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alternative:
    """What was not chosen. `score` counts in `unit`; None where nothing was scored."""

    what: str
    why: str
    score: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Explanation:
    """`promises` are those its answer was checked for. `total` is the sum of the terms in nats; `adds_up` whether the
    stored confidence follows from them."""

    step: int
    inputs: list[Input]
    rules: list[Rule]
    promises: list[Rule]
    terms: list[Mapping[str, Any]]
    total: float
    confidence: float | None
    adds_up: bool
    alternatives: list[Alternative]

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Around:
    """What else is read of a run, once for all of its steps."""

    run: FlowRun
    revisions: Sequence[PlanRevision]
    records: Sequence[SourceRecord]


def around(run: FlowRun) -> Around:
    """Two queries."""
    records = SourceRecord.objects.filter(run=run).defer("payload").order_by("pk")
    return Around(run, list(run.revisions.order_by("number")), list(records))


def explain(step: StepRun, known: Around | None = None) -> Explanation:
    """No query where `known` is given, its run was read with its rules, and the step with its context and prompt."""
    known = known or around(step.run)
    terms = list(step.confidence_terms)
    total = math.fsum(float(each["value"]) * float(each["weight"]) for each in terms)
    sure = step.confidence
    return Explanation(
        step=step.pk,
        inputs=list(_inputs(step, known.run)),
        rules=list(_rules(step, known)),
        promises=[_promise(check) for check in step.checks],
        terms=terms,
        total=round(total, 4),
        confidence=sure,
        adds_up=sure is None or sure == confidence.confidence(terms),
        alternatives=list(_alternatives(step, known)),
    )


# --- what was considered


def _inputs(step: StepRun, run: FlowRun) -> Iterator[Input]:
    for fact in step.input.get("facts") or []:
        label, value = _label(fact["attribute"]), fact.get("value")  # of a planner's facts no value is told
        said = f"{label}: {value}" if value is not None else label
        yield Input("fact", str(fact["key"]), said, fact.get("fact_id"), hash_of(fact))
    own = f"version {run.config_version} of the client's own part" if run.config_version else ""
    yield Input("settings", "Settings", own, run.config_version, run.config_sha256)
    if version := step.prompt_version:
        yield Input("prompt", "Prompt", str(version), version.pk, version.sha256)
    for number, hint in enumerate(run.hints if step.agent else [], start=1):
        yield Input("hint", f"Hint {number}", str(hint), None, results.digest(hint))
    if step.context_id:
        yield Input("context", "All it was given", "", None, step.context_id)
    if step.planned_sha256 and step.planned_sha256 != step.context_id:
        asked = "before its sources were asked" if "search" in step.input else ""
        yield Input("context", "What it began with", asked, None, step.planned_sha256)


def hash_of(fact: Mapping[str, Any]) -> str:
    """Of all that a step was told of a fact, but the number of its row, which differs in any two runs. It stays where
    the words were removed."""
    said = {name: value for name, value in fact.items() if name != "fact_id"}
    return str(fact.get("sha256") or results.digest(said))


# --- which rules applied


def _rules(step: StepRun, known: Around) -> Iterator[Rule]:
    run, plans = known.run, _plans(known)
    yield Rule(f"routing rule {run.route}", run.reason, _routed(run))
    node = next((node for plan in reversed(plans) for node in plan if node.key == step.key), None)
    if node is not None and node.reason:
        yield Rule("in the plan", node.reason)
    yield from (_revision(each) for each in _touching(step, known.revisions, plans))
    if condition := step.decisions.get("condition"):
        held = "It held." if condition["holds"] else "It did not hold, so the step was left out."
        yield Rule(f"condition {condition['text']}", held, condition["values"])
    yield from _floor(step, run)
    yield from _money(step, run, node)
    if variant := run.variants.get(step.agent):
        yield Rule(f"experiment {variant['experiment']}", f"The contact is in variant {variant['key']}.")


def _routed(run: FlowRun) -> dict[str, Any]:
    """What the rule's condition asked, and the values of then; of a rule that asks nothing, nothing."""
    rules = run.rules_version.document["rules"] if run.rules_version else []
    text = next((each["condition"] for each in rules if each["key"] == run.route), "")
    asked = conditions.parse(text, routing.KNOWN_NAMES).names
    values = {name: run.facts_routed.get(name) for name in sorted(asked)}
    return {"condition": text, **values} if text else {}


def _promise(check: Mapping[str, Any]) -> Rule:
    """One that nobody could judge says so itself."""
    verdict = ("Kept. " if check["passed"] else "Broken. ") if check.get("judged", True) else ""
    return Rule(check["check"], f"{verdict}{check['detail']}".strip())


def _plans(known: Around) -> list[list[Node]]:
    return [nodes_of(known.run.nodes), *(nodes_of(revision.nodes) for revision in known.revisions)]


def _touching(
    step: StepRun, revisions: Sequence[PlanRevision], plans: Sequence[Sequence[Node]]
) -> Iterator[PlanRevision]:
    """Changes of the plan that it gave rise to, or that changed it."""
    for revision, (before, after) in zip(revisions, pairwise(plans), strict=True):
        if revision.trigger == step.key or _of(before, step.key) != _of(after, step.key):
            yield revision


def _of(plan: Iterable[Node], key: str) -> Node | None:
    return next((node for node in plan if node.key == key), None)


def _revision(row: PlanRevision) -> Rule:
    return Rule(f"change of the plan {row.rule}", row.reason, {"after": row.trigger, "number": row.number})


def _floor(step: StepRun, run: FlowRun) -> Iterator[Rule]:
    used, withheld = step.input.get("facts") or [], step.input.get("withheld") or []
    if used or withheld:
        kept = f"{len(used)} fact{'' if len(used) == 1 else 's'} used, {len(withheld)} withheld."
        yield Rule("confidence floor", kept, {"confidence_floor": run.config.get("confidence_floor")})


def _money(step: StepRun, run: FlowRun, node: Node | None) -> Iterator[Rule]:
    for refused in step.decisions.get("budget", []):
        yield Rule(f"budget, for {refused['model']}", refused["why"], {"worst_usd": refused["worst_usd"]})
    if node is not None and node.model:
        yield Rule("model", "The plan gives this step the cheaper model.")
    elif step.agent and run.config.get("model_tier") == "cheaper":
        yield Rule("model", "The client's settings ask for the cheaper model.", {"model_tier": "cheaper"})


# --- what was not chosen


def _alternatives(step: StepRun, known: Around) -> Iterator[Alternative]:
    yield from _proposals(step)
    for fact in step.input.get("withheld") or []:
        yield Alternative(f"{_label(fact['attribute'])} ({fact['key']})", fact["reason"])
    for contested in step.decisions.get("values", []):
        for other in contested["others"]:
            held = f"“{contested['held']}” has {contested['score']:.2f}"
            said = f"{_named(other['sources'])} say so; {held}." if len(other["sources"]) > 1 else f"{held}."
            what = f"{_label(contested['attribute'])}: {other['value']}"
            yield Alternative(what, said, other["score"], "nats")
    for attribute, election in step.votes.get("attributes", {}).items():
        yield from _lost(election, f"{_label(attribute)}: ")
    yield from _sources(step, known.records)


def _proposals(step: StepRun) -> Iterator[Alternative]:
    if step.votes.get("proposals"):
        yield from _lost(step.votes, "")
    for answer in step.decisions.get("answers", []):
        about = f" to question {answer['question']}" if answer["question"] > 1 else ""
        broken = " ".join(each["detail"] for each in answer["broken"])
        what = f"Answer {answer['proposal']}{about}"
        yield Alternative(what, f"It broke a promise that decides. {broken}", answer["confidence"], "confidence")


def _lost(election: Mapping[str, Any], before: str) -> Iterator[Alternative]:
    """Those that were not elected, with what the voters said against them by choosing another."""
    won = next((each["total"] for each in election["totals"] if each["option"] == election["winner"]), 0.0)
    for each in election["totals"]:
        if each["option"] != election["winner"]:
            why = f"“{election['winner']}” has {won:.2f}."
            yield Alternative(f"{before}{each['option']}".capitalize(), why, each["total"], "nats")


def _sources(step: StepRun, records: Iterable[SourceRecord]) -> Iterator[Alternative]:
    for left in step.input.get("search", {}).get("not_asked", []):
        yield Alternative(f"Asking {_named([left['source']])}", left["reason"])
    for record in records:
        is_closed = not record.elapsed_ms and record.same_as_id is None
        if record.step_id == step.pk and record.status == SourceRecord.Status.FAILED and is_closed:
            yield Alternative(f"Asking {_named([record.source])}", record.reason)


def _label(attribute: str) -> str:
    return BY_KEY[attribute].label if attribute in BY_KEY else names.in_words(attribute)


def _named(sources: Iterable[str]) -> str:
    return ", ".join(SOURCES[key].name if key in SOURCES else key for key in sources)
