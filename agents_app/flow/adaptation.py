"""After a step ended: what the rules may look at, and the plan that they leave, each change a row with its reason."""

from collections.abc import Iterable, Mapping
from typing import Any

from agents_app import adapting, conditions, llm, research, routing
from agents_app.adapting import Change, CloseCall, State
from agents_app.flow import knowledge, noting, planner, tools
from agents_app.flow.hand import TRIES, Hand, tries
from agents_app.graph import Node
from agents_app.models import Depth, PlanRevision, StepKind, StepRun


def after(hand: Hand, ended: Iterable[StepRun]) -> None:
    """Change the plan where a rule, or the planner's answer, asks for it."""
    for row in ended:
        state = _state(hand, row)
        if row.kind == StepKind.PLANNER and row.status == StepRun.Status.DONE:
            made, refused = adapting.proposed(state, planner.edits(row.output or {}))
            if refused:
                row.error = f"Not done: {' '.join(refused)}"[:1000]
        else:
            made = adapting.changes(state)
        for change in made:
            _revise(hand, row, change)


def values(hand: Hand) -> dict[str, Any]:
    """What late conditions may ask: by the names of `routing.LATE`, and what was known when the run was planned."""
    run = hand.run
    found = _found(hand)
    floor = float(run.config["confidence_floor"])
    sure = tuple(sorted(name for name, confidence in found.items() if confidence >= floor))
    known: dict[str, Any] = {
        **run.facts_routed,
        "run.found": sure,
        "run.missing": tuple(name for name in knowledge.required(run) if name not in sure),
        "run.conflicts": tuple(tools.conflicts(run)),
        "run.seconds_left": hand.seconds_left(),
        "run.budget_left_usd": float(run.left_usd),
    }
    for key, state in hand.states().items():
        last = hand.rows_of(key)[-1]
        known |= {f"step.{key}.status": state, f"step.{key}.confidence": last.confidence}
        if last.kind == StepKind.GATE and state in ("done", "rejected"):
            known[f"step.{key}.decision"] = last.gate.decision
    return known


def unwanted(hand: Hand, node: Node) -> str:
    """Why a step that could begin is left out: its condition does not hold; empty when it is to begin. What its
    condition saw is noted for its row."""
    if _has_nothing_to_decide(hand, node):
        return "There is nothing to decide: the step before it was left out."
    if not node.condition:
        return ""
    condition, known = conditions.parse(node.condition, routing.KNOWN_NAMES), values(hand)
    hand.weighed[node.key] = noting.condition(condition, known)
    if conditions.holds(condition, known):
        return ""
    return conditions.fill(node.otherwise, known) or f"Left out because {conditions.explain(condition, known)}."


def _has_nothing_to_decide(hand: Hand, node: Node) -> bool:
    """Gates that ask for no more than a yes (whether a step is tried again) decide about what comes, not what was."""
    if node.kind != StepKind.GATE or not node.may_edit or node.guards:
        return False
    return hand.states().get(node.after[0]) == "skipped"


def _state(hand: Hand, row: StepRun) -> State:
    run = hand.run
    looks_at_facts = row.agent == routing.RESEARCH or row.tool == "deepen" or row.kind == StepKind.PLANNER
    facts: Mapping[str, Any] = _research(hand) if looks_at_facts and row.status == StepRun.Status.DONE else {}
    return State(
        nodes=hand.nodes,
        states=hand.states(),
        ended=row.key,
        required=knowledge.required(run),
        floor=float(run.config["confidence_floor"]),
        close=_close(row),
        invalid=_invalid(hand, row),
        seconds_left=hand.seconds_left(),
        budget_usd=0.0 if llm.is_offline() else float(run.budget_usd),
        budget_left_usd=float(run.left_usd),
        asks_people=run.request.depth == Depth.COMPREHENSIVE,
        revised=run.revised,
        **facts,
    )


def _research(hand: Hand) -> dict[str, Any]:
    request = hand.run.request
    may_ask = not request.is_again or request.rerun.asks_sources
    again = research.again(tools.asked(hand.run), tools.known_company(hand), at=hand.clock()) if may_ask else ()
    return {"found": _found(hand), "conflicts": tuple(tools.conflicts(hand.run)), "again": tuple(again)}


def _found(hand: Hand) -> dict[str, float]:
    """{attribute: confidence} of the surest fact of each."""
    found: dict[str, float] = {}
    for fact in knowledge.known_facts(hand.run, hand.recalled):
        found[fact["attribute"]] = max(found.get(fact["attribute"], 0.0), fact["confidence"])
    return found


def _close(row: StepRun) -> dict[str, CloseCall]:
    """An e-mail comes before a person in any case, with its votes."""
    if row.tool == "adjudicate" and (attributes := (row.output or {}).get("close")):
        return {row.key: CloseCall.on_facts(attributes)}
    if row.kind == StepKind.AGENT and row.agent != routing.EMAIL and row.votes.get("is_close"):
        return {row.key: CloseCall.on_proposals(row.key)}
    return {}


def _invalid(hand: Hand, row: StepRun) -> dict[str, str]:
    """A step of a map has no gate of its own: its contact is left out, the others go on. Nor has an optional one."""
    node = hand.node(row.key)
    if row.error_class != llm.AnswerInvalid.__name__ or node.kind != StepKind.AGENT or node.is_optional:
        return {}
    return {row.key: row.error} if tries(hand.rows_of(row.key)) < TRIES[node.retry] else {}


def _revise(hand: Hand, row: StepRun, change: Change) -> None:
    hand.nodes = change.nodes
    hand.run.seq += 1
    hand.run.revised += 1
    PlanRevision.objects.create(
        run=hand.run,
        number=hand.run.revised,
        trigger=row.key,
        rule=change.rule,
        reason=change.reason[:500],
        nodes=[node.document() for node in change.nodes],
        seq=hand.run.seq,
        at=hand.clock(),
    )
