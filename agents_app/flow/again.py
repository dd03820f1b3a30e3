"""A run that is done again from a step: what its steps are given, so that nothing differs but what was meant to.

A step is given what it was given in the original, in every part that no step of this run has made anew. What somebody
edited stands in its place, for the step that was chosen and for those behind it.
"""

from collections.abc import Mapping
from typing import Any

from agents_app import graph, routing
from agents_app.agents import AGENTS
from agents_app.evidence import is_emptied
from agents_app.flow import inputs, knowledge, planner, tools
from agents_app.flow.hand import Hand
from agents_app.flow.inputs import HELD
from agents_app.flow.knowledge import Given
from agents_app.graph import Node
from agents_app.models import Fact, Rerun, StepKind, StepRun
from clients.models import Contact

OF_FACTS = frozenset({"facts", "company", "peers"})  # what a step is given that follows from facts
OF_RESEARCH = ("sources", "search")  # how research came by its facts


def given(hand: Hand, node: Node, contact: Contact | None, number: int) -> Given:
    """As `knowledge.given`; raises pydantic's ValidationError where a part has another shape."""
    agent, rerun, then = AGENTS[node.agent], _rerun(hand), given_then(_rerun(hand), node.key, number)
    made = _made(hand)
    if asks_sources(hand, node, number):
        made |= OF_FACTS
    fresh = knowledge.given(hand.run, agent, contact, hand.recalled)
    parts = {name: getattr(fresh.needs, name) for name in agent.needed()} | _goal(rerun, agent.needed())
    kept = {name: then[name] for name in parts if name in then and name not in made}
    if _is_meant(hand, node):
        kept |= {name: value for name, value in rerun.edited.items() if name in parts and name not in made}
    needs = agent.given({**parts, **kept, **_as_left(hand, node, number)})
    if "facts" not in kept:
        return Given(needs, fresh.facts_from, fresh.withheld)
    return Given(needs, then.get("facts_from"), then.get("withheld") or ())


def worked_on(hand: Hand, node: Node) -> dict[str, Any]:
    """What a tool, or the planner, is given: the chosen step what it was given then, those behind it what they find."""
    rerun, parts = _rerun(hand), _found(hand, node)
    if node.key == rerun.step.key:
        then = {**given_then(rerun, node.key, 0), **rerun.edited}
        parts |= {name: then[name] for name in inputs.parts(node) if name in then}
    return parts | _as_left(hand, node, 0)


def shown(hand: Hand, node: Node) -> dict[str, Any]:
    """What a person is shown before the step begins: all it would be given, but its settings; of a map {number of the
    contact: that}."""
    if not node.agent:
        return inputs.of(node, worked_on(hand, node))
    if node.kind != StepKind.MAP:
        return _shown(hand, node, hand.run.request.contact, 0)
    people = Contact.objects.in_bulk(list(node.items))
    left = {number: people[node.items[number - 1]] for number in hand.items_left(node)}
    lost = hand.lost_contacts(node)
    return {str(number): _shown(hand, node, each, number) for number, each in left.items() if each.pk not in lost}


def asks_sources(hand: Hand, node: Node, number: int) -> bool:
    """Whether research asks its sources: where it was wanted, or where nothing is known of what they said then."""
    if node.agent != routing.RESEARCH:
        return False
    return _rerun(hand).asks_sources or not given_then(_rerun(hand), node.key, number).get("facts")


def beside(hand: Hand, node: Node, number: int) -> dict[str, Any]:
    """How the facts were found that research is given, for its context."""
    then = given_then(_rerun(hand), node.key, number)
    return {name: then[name] for name in OF_RESEARCH if name in then}


def given_then(rerun: Rerun, key: str, number: int) -> Mapping[str, Any]:
    """What the step was given in the original, of several tries the one that counted; empty where it never began, or
    where the words were removed since."""
    rows = StepRun.objects.filter(run=rerun.original_id, key=key, map_index=number, context__isnull=False)
    row = rows.select_related("context").order_by("is_void", "-attempt").first()
    return row.input if row and not is_emptied(row.input) else {}


def _found(hand: Hand, node: Node) -> dict[str, Any]:
    return planner.context(hand) if node.kind == StepKind.PLANNER else tools.TOOLS[node.tool].given(hand, node)


def _shown(hand: Hand, node: Node, contact: Contact | None, number: int) -> dict[str, Any]:
    needs = given(hand, node, contact, number).needs
    return {name: getattr(needs, name) for name in inputs.parts(node)}


def _rerun(hand: Hand) -> Rerun:
    return hand.run.request.rerun


def _made(hand: Hand) -> frozenset[str]:
    """Parts that steps of this run have made anew. Rows that were taken over have no fence."""
    rerun = _rerun(hand)
    made: set[str] = set()
    if hand.run.config_sha256 != rerun.original.config_sha256:
        made.add(HELD)
    if Fact.objects.filter(run=hand.run, step__fence__gt=0).exists():
        made |= OF_FACTS
    own = [row for row in hand.rows if not row.is_taken_over and row.status == StepRun.Status.DONE]
    if any(row.agent == routing.PERSONA or _decides(hand, row) for row in own):
        made.add("persona")
    return frozenset(made)


def _decides(hand: Hand, row: StepRun) -> bool:
    return row.kind == StepKind.GATE and not hand.node(row.key).guards


def _is_meant(hand: Hand, node: Node) -> bool:
    """Whether what was edited is for this step."""
    chosen = _rerun(hand).step.key
    return node.key == chosen or node in graph.behind(hand.nodes, {chosen})


def _as_left(hand: Hand, node: Node, number: int) -> dict[str, Any]:
    """What a person left of it at the pause before the step, where there was one."""
    done = [row for row in hand.rows if row.kind == StepKind.GATE and row.status == StepRun.Status.DONE]
    paused = [row for row in done if hand.node(row.key).guards == node.key]
    left: dict[str, Any] = (paused[-1].output or {}) if paused else {}
    return left.get(str(number), {}) if number else left


def _goal(rerun: Rerun, needed: tuple[str, ...]) -> dict[str, str]:
    """A campaign has one request a mail, so the run's own names none."""
    campaign = rerun.original.request.campaign
    return {"goal": campaign.goal} if campaign and "goal" in needed else {}
