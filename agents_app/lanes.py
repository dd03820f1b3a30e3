"""A plan as lanes for a page: one column a level, one box a step, with what became of it. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agents_app import graph
from agents_app.graph import Node
from agents_app.names import KINDS, STATES, in_words

UNDER_WAY = ("running", "waiting")


class Try(Protocol):
    """One attempt of a step, or of one contact of a map (`map_index` from 1), in the order they were begun."""

    pk: int
    key: str
    map_index: int
    status: str


@dataclass(frozen=True)
class Box:
    """One step. `state` is a step's status, empty before it begins; `notes` are short remarks in words.

    `who` works on it, empty where `name` says so already. `row` is the number of its last attempt, None before the
    first.
    """

    key: str
    name: str
    kind: str
    after: str
    reason: str
    question: str
    notes: tuple[str, ...]
    state: str = ""
    state_name: str = ""
    who: str = ""
    row: int | None = None


def draw(nodes: Sequence[Node], names: Mapping[str, str]) -> list[list[Box]]:
    """A plan that has not begun. `names` {agent or tool: its name}."""
    return [[_box(node, names) for node in level] for level in graph.levels(nodes)]


def draw_by_keys(nodes: Sequence[Node], workers: Mapping[str, str]) -> list[list[Box]]:
    """The same for who edits the plan: steps by the keys that conditions use. `workers` {agent or tool: what it is}."""
    return [[_by_key(node, workers) for node in level] for level in graph.levels(nodes)]


def draw_run(
    nodes: Sequence[Node], names: Mapping[str, str], tries: Iterable[Try], *, is_open: bool
) -> list[list[Box]]:
    """The plan of a run with what became of each step so far; in one that has ended, the rest never begins."""
    states = _states(nodes, tries)
    not_begun = "To come" if is_open else "Not begun"
    return [
        [_box(node, names, state=states[node.key], not_begun=not_begun) for node in level]
        for level in graph.levels(nodes)
    ]


def over(nodes: Sequence[Node], tries: Iterable[Try]) -> int:
    """How many steps of the plan need nothing more."""
    return sum(state.status in graph.SETTLED for state in _states(nodes, tries).values())


def changes(before: Sequence[Node], after: Sequence[Node]) -> list[str]:
    """What a revision did to a plan, a sentence each. Who waits for a step that came or went is told with that step."""
    old, new = {node.key: node for node in before}, {node.key: node for node in after}
    told = [_added(node, after) for node in after if node.key not in old]
    told += [f"{in_words(key)} is left out." for key in old if key not in new]
    for key in (key for key in new if key in old):
        told += [f"{in_words(key)} {change}." for change in _moved(old[key], new[key], kept=old.keys() & new.keys())]
    return told


def _added(node: Node, plan: Sequence[Node]) -> str:
    waiting = _list(other.key for other in plan if node.key in other.after)
    return f"{in_words(node.key)} is added{f', before {waiting}' if waiting else ''}."


def _moved(old: Node, new: Node, *, kept: Collection[str]) -> Iterator[str]:
    if old.model != new.model:
        yield "goes to the cheaper model" if new.model else "goes back to the usual model"
    if old.proposals != new.proposals:
        yield f"makes {new.proposals} proposal{'' if new.proposals == 1 else 's'} instead of {old.proposals}"
    if set(old.after) <= set(kept) and set(old.after) != set(new.after) & set(kept):
        waits = _list(new.after)
        yield f"now waits for {waits}" if waits else "now waits for nothing"


def _list(keys: Iterable[str]) -> str:
    """“research, competitive and persona”."""
    *first, last = [in_words(key).lower() for key in keys] or [""]
    return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True)
class _State:
    status: str = ""
    row: int | None = None
    note: str = ""


def _states(nodes: Iterable[Node], tries: Iterable[Try]) -> dict[str, _State]:
    found: dict[str, list[Try]] = {}
    for each in tries:
        found.setdefault(each.key, []).append(each)
    return {node.key: _state(node, found.get(node.key, [])) for node in nodes}


def _state(node: Node, tries: Sequence[Try]) -> _State:
    """Of a step its last attempt; of a map what its contacts make together."""
    last = {each.map_index: each for each in tries}
    if not last:
        return _State()
    newest = tries[-1]
    if node.kind != "map" or 0 in last:  # a map without a contact's number was left out as a whole
        return _State(newest.status, newest.pk)
    counted = Counter(each.status for each in last.values())
    note = f"{counted['done']} of {len(node.items)} contacts done"
    if any(counted[status] for status in UNDER_WAY) or len(last) < len(node.items):
        return _State("running", newest.pk, note)
    return _State("done" if counted["done"] else newest.status, newest.pk, note)


def _box(node: Node, names: Mapping[str, str], *, state: _State | None = None, not_begun: str = "") -> Box:
    state = state or _State()
    notes = [*_notes(node), state.note]
    return Box(
        key=node.key,
        name=names.get(node.agent or node.tool) or in_words(node.key),
        kind=KINDS.get(node.kind, node.kind),
        after=", ".join(in_words(key).lower() for key in node.after),
        reason=node.reason,
        question=node.question,
        notes=tuple(note for note in notes if note),
        state=state.status,
        state_name=STATES.get(state.status, state.status) or not_begun,
        row=state.row,
    )


def _by_key(node: Node, workers: Mapping[str, str]) -> Box:
    worker = node.agent or node.tool
    who = workers.get(worker, worker)
    return replace(_box(node, workers), name=node.key, who=who, after=", ".join(node.after))


def _notes(node: Node) -> Iterator[str]:
    if node.items:
        yield f"for {len(node.items)} contact{'' if len(node.items) == 1 else 's'}"
    if node.proposals > 1:
        yield f"up to {node.proposals} proposals, a vote picks one"
    if node.is_optional:
        yield "may be left out"
    if node.model == "cheaper":
        yield "by the cheaper model"
    if node.condition:
        yield f"only if {node.condition}"
    if node.kind == "gate":
        yield f"waits at most {node.expires_hours} hour{'' if node.expires_hours == 1 else 's'}"
