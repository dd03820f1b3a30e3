"""What a run may change of its own plan, and when: rules over the state after a step ended. Pure.

Each rule looks at one thing and answers with a changed plan and the reason in words, or with nothing. A model's
proposals (`proposed`) pass through the same door: only steps not begun, only what stands on the menu.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents_app import graph
from agents_app.graph import Node
from agents_app.routing import RESEARCH

MOST_REVISIONS = 10  # of one run; agents that repeat themselves were the most common failure in the field
DEEPEN_NEEDS_S = 2.0  # a source that is asked again deserves that much
NEARLY_SPENT = 0.2  # of the budget


@dataclass(frozen=True)
class State:
    """A run after `ended` (a step's key) ended. `states` {key: "done", "skipped", "running", "waiting", "failed"…}.

    `found` {attribute: confidence}; `again` are sources worth another question; `conflicts` attributes on which sources
    disagree; `close` {step key: what a person is asked} of votes too close to call; `invalid` {step key: what was
    wrong} of steps whose answer stayed invalid.
    """

    nodes: tuple[Node, ...]
    states: Mapping[str, str]
    ended: str
    required: tuple[str, ...] = ()
    found: Mapping[str, float] = field(default_factory=dict)
    floor: float = 0.5
    conflicts: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    close: "Mapping[str, CloseCall]" = field(default_factory=dict)
    invalid: Mapping[str, str] = field(default_factory=dict)
    seconds_left: float = 30.0
    budget_usd: float = 0.0
    budget_left_usd: float = 0.0
    asks_people: bool = False
    revised: int = 0

    def node(self, key: str) -> Node | None:
        return next((node for node in self.nodes if node.key == key), None)

    def holds(self, name: str) -> bool:
        """Whether a step of this name, or with this tool, is in the plan already."""
        return any(name in (node.key, node.tool) for node in self.nodes)

    @property
    def weak(self) -> list[str]:
        """Wanted attributes that are missing or not sure enough."""
        return [name for name in self.required if self.found.get(name, 0.0) < self.floor]

    def waiting_for(self, key: str) -> list[str]:
        """Steps not begun that wait directly for `key`."""
        return [node.key for node in self.nodes if key in node.after and node.key not in self.states]

    def not_begun(self) -> list[Node]:
        return [node for node in self.nodes if node.key not in self.states]


@dataclass(frozen=True)
class CloseCall:
    """A vote that no side clearly won: what a person is asked about it, and why."""

    question: str
    reason: str

    @classmethod
    def on_facts(cls, attributes: Sequence[str]) -> "CloseCall":
        names = " and ".join(name.replace("_", " ") for name in attributes)
        which = "Which value is right?" if len(attributes) == 1 else "Which values are right?"
        question = f"Sources disagree about {names}, and none is clearly better. {which}"
        return cls(question, f"The vote on {names} was too close, so a person is asked.")

    @classmethod
    def on_proposals(cls, step: str) -> "CloseCall":
        question = f"Of the answers of the step {step} none was clearly better. Is the chosen one right?"
        return cls(question, f"The vote on the answers of the step {step} was too close, so a person is asked.")


@dataclass(frozen=True)
class Change:
    rule: str
    reason: str
    nodes: tuple[Node, ...]


Rule = Callable[[State], Change | None]


def changes(state: State) -> list[Change]:
    """Every rule's answer, each on the plan that the one before left; never more than MOST_REVISIONS in one run."""
    made: list[Change] = []
    for rule in RULES:
        if state.revised + len(made) >= MOST_REVISIONS:
            break
        change = rule(replace(state, nodes=made[-1].nodes) if made else state)
        if change is not None:
            made.append(change)
    return made


def deepen(state: State) -> Change | None:
    """A wanted attribute is weak, a source is worth asking again, and there is time."""
    ended = state.node(state.ended)
    if ended is None or ended.agent != RESEARCH or state.holds("deepen"):
        return None
    if not state.weak or not state.again or state.seconds_left < DEEPEN_NEEDS_S:
        return None
    weak, again = ", ".join(state.weak), ", ".join(state.again)
    reason = f"Missing or not sure enough: {weak}. {state.seconds_left:.0f} s are left, so {again} is asked again."
    node = Node("deepen", kind="tool", tool="deepen", after=(ended.key,), is_optional=True, reason=reason)
    return _inserting(state, "deepen", reason, node, before=state.waiting_for(ended.key))


def adjudicate(state: State) -> Change | None:
    """Sources disagree about something; it is weighed before anything is built on it."""
    ended = state.node(state.ended)
    if ended is None or not (ended.agent == RESEARCH or ended.tool == "deepen") or not state.conflicts:
        return None
    if state.holds("adjudicate"):
        return None
    reason = f"Sources disagree about {', '.join(state.conflicts)}; the disagreement is weighed first."
    last = "deepen" if state.node("deepen") else ended.key
    node = Node("adjudicate", kind="tool", tool="adjudicate", after=(last,), is_optional=True, reason=reason)
    return _inserting(state, "adjudicate", reason, node, before=state.waiting_for(last))


def ask_person(state: State) -> Change | None:
    """A vote came out too close; in runs that have the time for it a person decides."""
    call = state.close.get(state.ended)
    key = "settle" if state.ended == "adjudicate" else f"settle_{state.ended}"
    if call is None or not state.asks_people or state.node(key):
        return None
    gate = Node(key, kind="gate", after=(state.ended,), question=call.question, goes_on=True, reason=call.reason)
    return _inserting(state, "ask_person", call.reason, gate, before=state.waiting_for(state.ended))


def ask_again(state: State) -> Change | None:
    """An answer stayed invalid after its correction; a person says whether the step is tried once more."""
    problem = state.invalid.get(state.ended)
    node = state.node(state.ended)
    if not problem or node is None:
        return None
    number = sum(other.key.startswith(f"{node.key}_again_") for other in state.nodes) + 1
    gate = Node(
        key=f"{node.key}_again_{number}",
        kind="gate",
        after=node.after[:1],
        question=f"The model's answer to the step {node.key} was invalid twice. Ask it once more?",
        may_edit=False,
        reason=f"The answer was invalid after its correction: {problem}"[:300],
    )
    return _inserting(state, "ask_again", gate.reason, gate, before=[node.key])


def save_money(state: State) -> Change | None:
    """The budget is nearly spent: what is left is written by the cheaper model, in one proposal."""
    if not state.budget_usd or state.budget_left_usd > NEARLY_SPENT * state.budget_usd:
        return None
    dear = {node.key for node in state.not_begun() if node.agent and (node.model == "" or node.proposals > 1)}
    if not dear:
        return None
    nodes = tuple(replace(node, model="cheaper", proposals=1) if node.key in dear else node for node in state.nodes)
    reason = (
        f"${state.budget_left_usd:.3f} of ${state.budget_usd:.3f} are left: {', '.join(sorted(dear))} goes to the "
        "cheaper model, with one proposal."
    )
    return Change("save_money", reason, nodes)


def save_time(state: State) -> Change | None:
    """The run's time is over: optional steps that have not begun are left out."""
    late = [node.key for node in state.not_begun() if node.is_optional and node.kind != "gate"]
    if state.seconds_left > 0 or not late:
        return None
    return Change("save_time", f"The run's time is over: {', '.join(late)} is left out.", _without(state, late))


RULES: tuple[Rule, ...] = (ask_again, deepen, adjudicate, ask_person, save_money, save_time)


@dataclass(frozen=True)
class Edit:
    """What a planner model asks for. `action`: insert, skip or replace; `step` a key of the plan."""

    action: str
    step: str
    reason: str
    tool: str = ""
    model: str = ""


def proposed(state: State, edits: Sequence[Edit]) -> tuple[list[Change], list[str]]:
    """The edits that may be made, and why the others may not, in words."""
    made: list[Change] = []
    refused: list[str] = []
    for edit in edits:
        now = replace(state, nodes=made[-1].nodes) if made else state
        if state.revised + len(made) >= MOST_REVISIONS:
            refused.append(f"A plan is changed {MOST_REVISIONS} times at most.")
            break
        act = EDITS.get(edit.action)
        outcome = act(now, edit) if act else f"“{edit.action}” is no change of a plan."
        if isinstance(outcome, Change):
            made.append(outcome)
        else:
            refused.append(outcome)
    return made, refused


def _insert(state: State, edit: Edit) -> Change | str:
    if edit.tool not in ("deepen", "adjudicate"):
        return f"“{edit.tool}” cannot be inserted; deepen and adjudicate can."
    if state.holds(edit.tool):
        return f"{edit.tool} is in the plan already."
    if edit.tool == "deepen" and not state.again:
        return "No source is worth asking again."
    if edit.tool == "adjudicate" and not state.conflicts:
        return "The sources agree."
    node = Node(edit.tool, kind="tool", tool=edit.tool, after=(state.ended,), is_optional=True, reason=edit.reason)
    return _inserting(state, "planner", edit.reason, node, before=state.waiting_for(state.ended))


def _skip(state: State, edit: Edit) -> Change | str:
    node = state.node(edit.step)
    if node is None or node.key in state.states:
        return f"{edit.step} is not in the plan, or has begun."
    if not node.is_optional:
        return f"{edit.step} is not optional in this flow."
    if node.kind == "gate":
        return f"{edit.step} is a person's to decide; no model leaves it out."
    return Change("planner", edit.reason, _without(state, [node.key]))


def _replace(state: State, edit: Edit) -> Change | str:
    node = state.node(edit.step)
    if node is None or node.key in state.states or not node.agent:
        return f"{edit.step} is not an agent's step, or has begun."
    if edit.model != "cheaper":
        return "A step can be moved to the cheaper model only."
    if node.model == "cheaper":
        return f"{edit.step} goes to the cheaper model already."
    moved = replace(node, model="cheaper")
    return Change("planner", edit.reason, tuple(moved if each.key == node.key else each for each in state.nodes))


EDITS: Mapping[str, Callable[[State, Edit], Change | str]] = {"insert": _insert, "skip": _skip, "replace": _replace}


def _inserting(state: State, rule: str, reason: str, node: Node, *, before: Sequence[str]) -> Change:
    return Change(rule, reason[:500], tuple(graph.inserted(state.nodes, node, before=before)))


def _without(state: State, keys: Sequence[str]) -> tuple[Node, ...]:
    """The plan without these steps, and without the gates that would have decided about them."""
    gone = list(keys)
    for level in graph.levels(state.nodes):
        gone += [node.key for node in level if node.kind == "gate" and set(node.after) & set(gone)]
    nodes: Sequence[Node] = state.nodes
    for key in dict.fromkeys(gone):
        nodes = graph.without(nodes, key)
    return tuple(nodes)
