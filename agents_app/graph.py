"""A plan as a graph of steps: what a step says of itself, which may begin, and what is wrong with a drawing. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from keyword import iskeyword
from typing import Any

from agents_app.names import KINDS

ENDED = ("done", "skipped")  # a step that waits for these may begin
SETTLED = (*ENDED, "rejected")  # nothing more comes of the step


@dataclass(frozen=True)
class Node:
    """A step of a plan. `deadline_s` seconds; `budget_share` per cent of the run's budget; `items` a map's contact ids.

    `condition` is what is left to decide when the steps before it have ended. `model` is "" (the usual one) or
    "cheaper". `question`, `expires_hours`, `goes_on` and `may_edit` are a gate's; one that `guards` a step is a pause
    before it, and shows what that step would be given. `wants` are attributes that research is to find out beside those
    of the purpose.
    """

    key: str
    kind: str = "agent"
    agent: str = ""
    tool: str = ""
    after: tuple[str, ...] = ()
    condition: str = ""
    reason: str = ""
    otherwise: str = ""
    deadline_s: int = 120
    retry: str = "standard"
    budget_share: int = 100
    is_optional: bool = False
    proposals: int = 1
    items: tuple[int, ...] = ()
    model: str = ""
    wants: tuple[str, ...] = ()
    question: str = ""
    expires_hours: int = 72
    goes_on: bool = False
    may_edit: bool = True
    guards: str = ""

    def document(self) -> dict[str, Any]:
        """JSON-ready: what differs from a plain step, and always key, kind, agent, after and reason."""
        whole = asdict(self) | {name: list(getattr(self, name)) for name in LISTS}
        return {name: value for name, value in whole.items() if name in ALWAYS or value != PLAIN[name]}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a drawing, in a sentence. `step` is the key of the one to blame and `field` its column;
    both are empty where it is the whole that is wrong."""

    says: str
    step: str = ""
    field: str = ""


ALWAYS = ("key", "kind", "agent", "after", "reason")
LISTS = ("after", "items", "wants")
PLAIN = asdict(Node("")) | {name: [] for name in LISTS}
NAMES = frozenset(field.name for field in fields(Node))


def nodes_of(documents: Iterable[Mapping[str, Any]]) -> list[Node]:
    """Back from `Node.document`; names that a later release added are left out."""
    known = ({name: value for name, value in each.items() if name in NAMES} for each in documents)
    return [Node(**each | {name: tuple(each.get(name, ())) for name in LISTS}) for each in known]


def problems(nodes: Sequence[Node], *, agents: Collection[str], tools: Collection[str]) -> list[Problem]:
    """What is wrong with the drawing; empty when it can be walked to its end."""
    found = [problem for node in nodes for problem in _of_step(node, agents, tools)]
    return [*_names(nodes), *found, *_edges(nodes), *_unreachable(nodes)]


def blamed(node: Node, field: str, says: str) -> Problem:
    """A problem of one step, whose key begins the sentence."""
    return Problem(f"{node.key}: {says}", node.key, field)


def ready(nodes: Sequence[Node], states: Mapping[str, str]) -> list[Node]:
    """Steps not begun, for which all that they wait for is done or left out."""
    return [
        node for node in nodes if node.key not in states and all(states.get(before) in ENDED for before in node.after)
    ]


def behind(nodes: Sequence[Node], keys: Collection[str]) -> list[Node]:
    """The steps that wait, directly or through others, for one of `keys`."""
    found = set(keys)
    for level in levels(nodes):
        found |= {node.key for node in level if found & set(node.after)}
    return [node for node in nodes if node.key in found and node.key not in keys]


def levels(nodes: Sequence[Node]) -> list[list[Node]]:
    """The steps by how long the longest way to them is; those of one level need nothing from each other."""
    depth: dict[str, int] = {}
    left = list(nodes)
    while left:
        free = [node for node in left if all(before in depth for before in node.after)]
        if not free:
            break
        depth |= {node.key: 1 + max((depth[before] for before in node.after), default=-1) for node in free}
        left = [node for node in left if node.key not in depth]
    return [
        [node for node in nodes if depth.get(node.key) == level] for level in range(max(depth.values(), default=-1) + 1)
    ]


def without(nodes: Sequence[Node], key: str) -> list[Node]:
    """The plan without that step: who waited for it waits for what it waited for."""
    gone = next(node for node in nodes if node.key == key)
    kept = [node for node in nodes if node.key != key]
    return [replace(node, after=_spliced(node.after, key, gone.after)) if key in node.after else node for node in kept]


def inserted(nodes: Sequence[Node], new: Node, *, before: Collection[str]) -> list[Node]:
    """The plan with `new`, for which the steps named in `before` now wait as well, and the pauses before those."""
    waiting = [
        replace(node, after=(*node.after, new.key)) if {node.key, node.guards} & set(before) else node for node in nodes
    ]
    return [*waiting, new]


def _spliced(after: Sequence[str], key: str, instead: Sequence[str]) -> tuple[str, ...]:
    named = [name for before in after for name in (instead if before == key else [before])]
    return tuple(dict.fromkeys(named))


def _names(nodes: Sequence[Node]) -> Iterator[Problem]:
    if not nodes:
        yield Problem("The flow has no step. Add at least one.")
    keys = [node.key for node in nodes]
    for key in keys:
        if not key.isidentifier() or iskeyword(key):
            says = f"“{key}” cannot be a key: conditions name steps by it. Use letters, digits and _, a letter first."
            yield Problem(says, key, "key")
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield Problem(f"Two steps are called {key}. Give each its own key.")


def _of_step(node: Node, agents: Collection[str], tools: Collection[str]) -> Iterator[Problem]:
    if node.kind not in KINDS:
        yield blamed(node, "kind", f"there is no kind of step “{node.kind}”. Choose one of: {', '.join(KINDS)}.")
    if node.kind in ("agent", "map"):
        yield from _chosen(node, "agent", agents)
    if node.kind == "tool":
        yield from _chosen(node, "tool", tools)
    if node.kind == "gate" and not node.question:
        yield blamed(node, "question", "it asks nothing. Write the question that the person answers.")
    if node.kind == "gate" and len(set(node.after)) != 1:
        yield blamed(node, "after", "a gate decides about one step. Let it wait for exactly that step.")
    if node.kind == "join" and len(set(node.after)) < 2:
        yield blamed(node, "after", "a join brings branches together. Let it wait for two steps or more.")


def _chosen(node: Node, field: str, known: Collection[str]) -> Iterator[Problem]:
    name = getattr(node, field)
    if name not in known:
        what = f"there is no {field} “{name}”" if name else f"no {field} is chosen"
        yield blamed(node, field, f"{what}. Choose one of: {', '.join(known)}.")


def _edges(nodes: Sequence[Node]) -> Iterator[Problem]:
    keys = {node.key for node in nodes}
    known = ", ".join(sorted(keys))
    for node in nodes:
        for before in node.after:
            if before not in keys:
                says = f"{node.key} waits for {before}, which is no step of this flow. Its steps: {known}."
                yield Problem(says, node.key, "after")


def _unreachable(nodes: Sequence[Node]) -> Iterator[Problem]:
    """Steps on a circle, and those behind one, never begin. Steps that are not drawn are `_edges`' to tell."""
    keys = {node.key for node in nodes}
    drawn = [replace(node, after=tuple(before for before in node.after if before in keys)) for node in nodes]
    reached = {node.key for level in levels(drawn) for node in level}
    stuck = [node for node in nodes if node.key not in reached]
    if stuck:
        names = ", ".join(node.key for node in stuck)
        says = f"These steps wait for each other in a circle, or stand behind one, and could never begin: {names}."
        yield Problem(says)
