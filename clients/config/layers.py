"""Layers of settings, merged in a fixed order: built in → agency → industry → company size → sales motion → client →
campaign → run. Pure.

A layer says a value for a path, or a word about what it inherits: `{"$unset": true}` takes it back, `{"$remove": […],
"$add": …}` takes single entries out. How values come together stands on their key (`clients/keys.py`). A path that a
layer locks may be tightened by the layers above it, never loosened: what would loosen it is not heard, and its origin
says so.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clients.keys import AGENTS, BUILT_IN, Key

UNSET, REMOVE, ADD = "$unset", "$remove", "$add"
BUILT_IN_LAYER = "built in"
NO_LAYER = ""


@dataclass(frozen=True)
class Override:
    """Text for one agent's prompt; `mode` is "prepend", "add" or "replace". `slot` names a component of the prompt; ""
    is all of it."""

    mode: str
    text: str
    slot: str = ""


@dataclass(frozen=True)
class Layer:
    """What one layer sets, by path; blank is: not set. `locks` are paths that layers above may only tighten."""

    name: str
    values: Mapping[str, Any]
    overrides: Mapping[str, Sequence[Override]] = field(default_factory=dict)
    locks: frozenset[str] = frozenset()


class Said(NamedTuple):
    """What one layer said of a path, and what became of it: set, added to, removed from, unset, not heard."""

    layer: str
    value: Any
    effect: str


@dataclass(frozen=True)
class Origin:
    """Where a value comes from: the layers that it is made of, the layer of each of its entries (of a list by the
    entry, of a table by the name), what every layer said, and which layer locked it."""

    sources: tuple[str, ...] = ()
    entries: Mapping[str, str] = field(default_factory=dict)
    said: tuple[Said, ...] = ()
    locked_by: str = NO_LAYER


@dataclass(frozen=True)
class Effective:
    """The settings in force. `sources` maps a dotted path to its layers ("agency + client"); "": not set."""

    document: dict[str, Any]
    sources: dict[str, str]
    sha256: str
    origins: Mapping[str, Origin] = field(default_factory=dict)


def merge(layers: Sequence[Layer], *, industry: str, client_name: str, keys: Sequence[Key] = BUILT_IN) -> Effective:
    """`layers` from the lowest to the highest, without the built-in one."""
    document: dict[str, Any] = {"industry": industry}
    origins = {"industry": Origin(("client",)), "client_name": Origin(("client",))}
    for key in keys:
        value, origins[key.path] = _merged(key, layers)
        _put(document, key.path, _shown(key, value))
    stacked = {agent: _stacked(layers, agent) for agent in AGENTS}
    document["prompt_overrides"] = {agent: entries for agent, entries in stacked.items() if entries}
    document["client_name"] = client_name
    told = {agent: [key.path for key in keys if agent in key.agents and not key.sensitive] for agent in AGENTS}
    if any(told.values()):
        document["told"] = told
    sources = {path: " + ".join(origin.sources) for path, origin in origins.items()}
    sources |= {f"prompt_overrides.{agent}": _layers_of(entries) for agent, entries in stacked.items()}
    return Effective(document, sources, sha256(document), origins)


def sha256(document: Mapping[str, Any]) -> str:
    """Hex digest of the canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def is_set(value: object) -> bool:
    return value is not None and value not in ("", [], {})


def joined(lists: Iterable[Iterable[str]]) -> list[str]:
    """Every entry once, where it first stands. Case makes no difference: "Disruptive" and "disruptive" are one word."""
    found: dict[str, str] = {}
    for entries in lists:
        for entry in entries:
            found.setdefault(entry.casefold(), entry)
    return list(found.values())


def at(document: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 a setting of any type
    """What stands under a dotted path; None where nothing does."""
    here: Any = document
    for part in path.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def words_of(value: object) -> tuple[bool, list[str], Any]:
    """(whether it takes back what is inherited, the entries it takes out, what it sets itself)."""
    if isinstance(value, Mapping) and value.keys() & {UNSET, REMOVE, ADD}:
        return bool(value.get(UNSET)), list(value.get(REMOVE, ())), value.get(ADD)
    return False, [], value


# --- one path


@dataclass
class _State:
    """A value on its way up. `floor` is the value at the moment of the lock."""

    value: Any
    sources: list[str]
    entries: dict[str, str]
    said: list[Said] = field(default_factory=list)
    locked_by: str = NO_LAYER
    floor: Any = None


def _merged(key: Key, layers: Sequence[Layer]) -> tuple[Any, Origin]:
    state = _State(None, [], {})
    if key.default is not None:
        _take(key, state, BUILT_IN_LAYER, key.default)
    for layer in layers:
        if is_set(said := layer.values.get(key.path)):
            state.said.append(Said(layer.name, said, _hear(key, state, layer.name, said)))
        if key.path in layer.locks and not state.locked_by:
            state.locked_by, state.floor = layer.name, state.value
    return state.value, Origin(tuple(state.sources), state.entries, tuple(state.said), state.locked_by)


def _hear(key: Key, state: _State, layer: str, said: object) -> str:
    """What the layer's word did."""
    unset, removed, value = words_of(said)
    if unset:
        if state.locked_by:
            return "not heard"
        _forget(key, state)
        return "unset"
    gone = _remove(key, state, removed)
    if not is_set(value):
        return "removed" if gone else "not heard"
    if not _may_take(key, state, value):
        return "removed" if gone else "not heard"
    return _take(key, state, layer, value)


def _forget(key: Key, state: _State) -> None:
    """Back to what is built in."""
    state.value, state.sources, state.entries = None, [], {}
    if key.default is not None:
        _take(key, state, BUILT_IN_LAYER, key.default)


def _remove(key: Key, state: _State, names: Sequence[str]) -> bool:
    """Take these entries out, those apart that are locked."""
    if not names or not isinstance(state.value, list | dict):
        return False
    fixed = set(_names(key, state.floor)) if state.locked_by else set[str]()
    gone = {_folded(name) for name in names} - {_folded(name) for name in fixed}
    kept = _kept(key, state.value, gone)
    if len(kept) == len(state.value):
        return False
    state.value = kept
    state.entries = {name: layer for name, layer in state.entries.items() if _folded(name) not in gone}
    state.sources = [layer for layer in state.sources if layer in state.entries.values()]
    return True


def _kept(key: Key, value: Any, gone: set[str]) -> Any:  # noqa: ANN401 a list or a table
    if isinstance(value, Mapping):
        return {name: each for name, each in value.items() if _folded(name) not in gone}
    return [each for each in value if _folded(_name(key, each)) not in gone]


def _may_take(key: Key, state: _State, value: object) -> bool:
    """Whether a locked value may become this one, or be joined with it."""
    if not state.locked_by or not is_set(state.floor) or key.merge in ("append_unique", "union"):
        return True
    if key.merge == "replace":
        return _is_tighter(key, state.floor, value)
    return True  # tables and keyed entries: what was there at the lock is kept by `_take`


def _is_tighter(key: Key, floor: Any, value: Any) -> bool:  # noqa: ANN401 numbers or lists
    if value == floor:
        return True
    if isinstance(floor, list) and isinstance(value, list):
        less, more = (floor, value) if key.tightens == "up" else (value, floor)
        return bool(key.tightens) and set(map(str, less)) <= set(map(str, more))
    if isinstance(floor, int | float) and isinstance(value, int | float):
        return value >= floor if key.tightens == "up" else key.tightens == "down" and value <= floor
    return False


def _take(key: Key, state: _State, layer: str, value: Any) -> str:  # noqa: ANN401 a value of the key's type
    """Put the value, or join it with what is there."""
    join = JOINS.get(key.merge)
    if join is None:
        state.value, state.sources = value, [layer]
        state.entries = dict.fromkeys(_names(key, value), layer)
        return "set"
    below = state.value if is_set(state.value) else type(value)()
    fixed = set(_names(key, state.floor)) if state.locked_by else set[str]()
    state.value = join(key, below, value, fixed)
    for name in _names(key, value):
        if name not in fixed and _is_new(key, state.entries, name):
            state.entries[name] = layer
    state.sources = [name for name in dict.fromkeys([*state.sources, layer]) if name in state.entries.values()]
    return "added" if below else "set"


def _is_new(key: Key, entries: Mapping[str, str], name: str) -> bool:
    """In lists of words the first who says a word is its origin; in tables and keyed entries the last one."""
    return key.merge in ("deep", "keyed") or _folded(name) not in {_folded(each) for each in entries}


Join = Callable[[Key, Any, Any, set[str]], Any]


def _append(key: Key, below: list[str], own: list[str], fixed: set[str]) -> list[str]:
    return joined([below, own])


def _unite(key: Key, below: list[str], own: list[str], fixed: set[str]) -> list[str]:
    both = joined([below, own])
    order = list(key.choices or ())
    return sorted(both, key=lambda each: (order.index(each) if each in order else len(order), _folded(each)))


def _deepen(key: Key, below: Mapping[str, Any], own: Mapping[str, Any], fixed: set[str]) -> dict[str, Any]:
    return {**below, **{name: value for name, value in own.items() if name not in fixed}}


def _by_key(
    key: Key, below: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]], fixed: set[str]
) -> list[dict[str, Any]]:
    """An entry whose key is there already takes its place, with what it does not say itself."""
    found = {str(each["key"]): dict(each) for each in below}
    for each in own:
        if each["key"] not in fixed:
            found[str(each["key"])] = {**found.get(str(each["key"]), {}), **each}
    return list(found.values())


JOINS: Mapping[str, Join] = {"append_unique": _append, "union": _unite, "deep": _deepen, "keyed": _by_key}


def _names(key: Key, value: object) -> list[str]:
    """What the entries of a list or table go by; of a plain value none."""
    if isinstance(value, Mapping):
        return [str(name) for name in value]
    return [_name(key, each) for each in value] if isinstance(value, list) else []


def _name(key: Key, entry: Any) -> str:  # noqa: ANN401 a word, or a keyed entry
    return str(entry["key"]) if key.kind == "entries" else str(entry)


def _folded(name: str) -> str:
    return name.casefold()


# --- the document


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[name] = value


def _shown(key: Key, value: Any) -> Any:  # noqa: ANN401 a value of the key's type
    """What the document holds: of what nobody set, the empty value of its type. A secret stays out of documents."""
    if key.sensitive:
        return bool(value)
    if value is None:
        return {"text": "", "choice": "", "terms": [], "choices": [], "table": {}, "entries": []}.get(key.kind)
    return value


def _stacked(layers: Sequence[Layer], agent: str) -> list[dict[str, str]]:
    return [
        {"mode": each.mode, "text": each.text, "layer": layer.name, **({"slot": each.slot} if each.slot else {})}
        for layer in layers
        for each in layer.overrides.get(agent, ())
    ]


def _layers_of(entries: Sequence[Mapping[str, str]]) -> str:
    return " + ".join(dict.fromkeys(entry["layer"] for entry in entries))
