"""Layers of settings, merged in a fixed order: built in → agency → industry → company size → sales motion → client →
campaign → run. Pure.

A layer says a value for a path, or a word about what it inherits: `{"$unset": true}` takes it back, `{"$remove": […],
"$add": …}` takes single entries out. How values come together stands on their key (`clients/keys.py`). A path that a
layer locks may be tightened by the layers above it, never loosened: what would loosen it is not heard, and its origin
says so.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clients.keys import AGENTS, BUILT_IN, LEAVE_OUT, Key

UNSET, REMOVE, ADD = "$unset", "$remove", "$add"
WORDS = frozenset((UNSET, REMOVE, ADD))
BUILT_IN_LAYER = "built in"
NO_LAYER = ""


@dataclass(frozen=True)
class Override:
    """Text for one agent's prompt; `mode` is one of MODES. `slot` names a component of the prompt; "" is all of it. A
    layer that says LEAVE_OUT takes back what the layers below it say to the agent."""

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


class Origin(NamedTuple):
    """Where a value comes from: the layers that it is made of, the layer of each of its entries (of a list by the
    entry, of a table by the name), what every layer said, and which layer locked it."""

    sources: tuple[str, ...] = ()
    entries: Mapping[str, str] = {}
    words: tuple[tuple[str, Any, str], ...] = ()
    locked_by: str = NO_LAYER

    @property
    def said(self) -> tuple[Said, ...]:
        return tuple(Said(*word) for word in self.words)


@dataclass(frozen=True)
class Effective:
    """The settings in force. `sources` maps a dotted path to its layers ("agency + client"); "": not set. `places`
    {agent: of each word to it, which word of its layer that is, from 0}."""

    document: dict[str, Any]
    sources: dict[str, str]
    sha256: str
    origins: Mapping[str, Origin] = field(default_factory=dict)
    places: Mapping[str, Sequence[int]] = field(default_factory=dict)


def merge(layers: Sequence[Layer], *, industry: str, client_name: str, keys: Sequence[Key] = BUILT_IN) -> Effective:
    """`layers` from the lowest to the highest, without the built-in one."""
    document: dict[str, Any] = {"industry": industry}
    origins = {"industry": Origin(("client",)), "client_name": Origin(("client",))}
    for key in keys:
        value, origins[key.path] = _merged(key, layers)
        _put(document, key.path, _shown(key, value))
    placed = {agent: _stacked(layers, agent) for agent in AGENTS}
    stacked = {agent: [entry for _, entry in words] for agent, words in placed.items()}
    document["prompt_overrides"] = {agent: entries for agent, entries in stacked.items() if entries}
    document["client_name"] = client_name
    told = {agent: [key.path for key in keys if agent in key.agents and not key.sensitive] for agent in AGENTS}
    if any(told.values()):
        document["told"] = told
    sources = {path: " + ".join(origin.sources) for path, origin in origins.items()}
    sources |= {f"prompt_overrides.{agent}": _layers_of(entries) for agent, entries in stacked.items()}
    places = {agent: [place for place, _ in words] for agent, words in placed.items()}
    return Effective(document, sources, sha256(document), origins, places)


def sha256(document: Mapping[str, Any]) -> str:
    """Hex digest of the canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def content_sha256(document: Mapping[str, Any]) -> str:
    """The same for two documents that differ only in which layer says a word to an agent."""
    words = document.get("prompt_overrides", {})
    told = {agent: [without_layer(word) for word in said] for agent, said in words.items()}
    return sha256({**document, "prompt_overrides": told})


def without_layer(word: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in word.items() if name != "layer"}


def is_set(value: object) -> bool:
    """Zero and False are values; an empty text, list or table is none."""
    return bool(value) or (value is not None and isinstance(value, int | float))


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


def words_of(value: Any) -> tuple[bool, Sequence[str], Any]:  # noqa: ANN401 a value, or a word about what is inherited
    """(whether it takes back what is inherited, the entries it takes out, what it sets itself)."""
    if type(value) is dict and not WORDS.isdisjoint(value):
        return bool(value.get(UNSET)), value.get(REMOVE, ()), value.get(ADD)
    return False, (), value


# --- one path: a plain value


def _merged(key: Key, layers: Sequence[Layer]) -> tuple[Any, Origin]:
    return _items(key, layers) if key.is_list or key.kind == "table" else _plain(key, layers)


def _plain(key: Key, layers: Sequence[Layer]) -> tuple[Any, Origin]:
    value, source, locked_by, floor = key.default, BUILT_IN_LAYER, NO_LAYER, None
    said: list[tuple[str, Any, str]] = []
    path = key.path
    for layer in layers:
        if (word := layer.values.get(path)) or is_set(word):
            unset, _, own = words_of(word)
            new = key.default if unset else own
            heard = is_set(new) or unset
            if locked_by:
                heard = is_set(new) and not unset and (not is_set(floor) or _is_tighter(key, floor, new))
            if heard:
                value, source = new, BUILT_IN_LAYER if unset else layer.name
            said.append((layer.name, word, ("unset" if unset else "set") if heard else "not heard"))
        if not locked_by and path in layer.locks:
            locked_by, floor = layer.name, value
    return value, Origin((source,) if is_set(value) else (), {}, tuple(said), locked_by)


def _is_tighter(key: Key, floor: Any, value: Any) -> bool:  # noqa: ANN401 a value of any type
    if value == floor:
        return True
    if isinstance(floor, int | float) and isinstance(value, int | float):
        return value >= floor if key.tightens == "up" else key.tightens == "down" and value <= floor
    return False


# --- one path: entries of a list or table

Items = dict[str, tuple[str, Any, str]]
"""{what an entry counts as: (what it goes by, the entry, the layer that says it)}."""


def _items(key: Key, layers: Sequence[Layer]) -> tuple[Any, Origin]:
    start = _of_layer(key, key.default or (), BUILT_IN_LAYER)
    items, floor, locked_by, path = dict(start), Items(), NO_LAYER, key.path
    said: list[tuple[str, Any, str]] = []
    for layer in layers:
        if (word := layer.values.get(path)) or is_set(word):
            items, effect = _heard(key, items, floor if locked_by else None, layer.name, word, start)
            said.append((layer.name, word, effect))
        if not locked_by and path in layer.locks:
            locked_by, floor = layer.name, dict(items)
    if key.merge == "union":
        items = dict(sorted(items.items(), key=lambda item: _place(key, item[1][0])))
    entries = {name: layer for name, _, layer in items.values()}
    made_of = set(entries.values())
    sources = [layer.name for layer in layers if layer.name in made_of]
    if BUILT_IN_LAYER in made_of:
        sources.insert(0, BUILT_IN_LAYER)
    return _together(key, items), Origin(tuple(sources), entries, tuple(said), locked_by)


def _heard(key: Key, items: Items, floor: Items | None, layer: str, word: object, start: Items) -> tuple[Items, str]:
    """What a layer's word makes of the entries, which may be changed in place, and what that was. `floor` are those of
    the lock, None: none yet."""
    unset, removed, own = words_of(word)
    if unset:
        return (items, "not heard") if floor is not None else (dict(start), "unset")
    kept = _without(items, removed, floor) if removed else items
    effect = "removed" if len(kept) < len(items) else "not heard"
    if not own:
        return kept, effect
    if key.merge == "replace":
        new = _of_layer(key, own, layer)
        return (new, "set") if not floor or _may_replace(key, floor, new) else (kept, effect)
    effect = "added" if kept else "set"
    _add(key, kept, own, layer, floor or {})
    return kept, effect


def _of_layer(key: Key, value: Any, layer: str) -> Items:  # noqa: ANN401 a list or a table
    items: Items = {}
    _add(key, items, value, layer, {})
    return items


def _add(key: Key, items: Items, value: Any, layer: str, fixed: Items) -> None:  # noqa: ANN401 a list or a table
    """Words are added where they do not stand yet; a table takes the new text, a keyed entry what is new of it, what is
    locked apart."""
    if key.kind == "table":
        items |= {name: (name, text, layer) for name, text in dict(value).items() if name not in fixed}
    elif key.kind == "entries":
        for each in value:
            if (name := each["key"]) not in fixed:
                items[name] = (name, {**items[name][1], **each} if name in items else each, layer)
    else:
        for each in value:
            items.setdefault(each.casefold(), (each, each, layer))


def _without(items: Items, names: Iterable[str], floor: Items | None) -> Items:
    """Case makes no difference; what is locked stays."""
    gone = {name.casefold() for name in names} - {name.casefold() for name in floor or ()}
    return {each: item for each, item in items.items() if each.casefold() not in gone}


def _may_replace(key: Key, floor: Items, new: Items) -> bool:
    if {each: item[1] for each, item in floor.items()} == {each: item[1] for each, item in new.items()}:
        return True
    if key.kind in ("table", "entries") or not key.tightens:
        return False
    return floor.keys() <= new.keys() if key.tightens == "up" else new.keys() <= floor.keys()


def _place(key: Key, name: str) -> tuple[int, str]:
    """In a union choices stand in their own order, words by the alphabet."""
    order = list(key.choices or ())
    return (order.index(name) if name in order else len(order), name.casefold())


def _together(key: Key, items: Items) -> Any:  # noqa: ANN401 a list or a table
    if key.kind == "table":
        return {name: text for name, text, _ in items.values()}
    return [entry for _, entry, _ in items.values()]


# --- the document


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[name] = value


def _shown(key: Key, value: Any) -> Any:  # noqa: ANN401 a value of the key's type
    """What the document holds: of a text that nobody set, the empty one. A secret stays out of documents."""
    if key.sensitive:
        return bool(value)
    return "" if value is None and key.kind in ("text", "choice") else value


def _stacked(layers: Sequence[Layer], agent: str) -> list[tuple[int, dict[str, str]]]:
    """The words that hold, each with its place among those of its layer."""
    found: list[tuple[int, dict[str, str]]] = []
    for layer in layers:
        words = layer.overrides.get(agent, ())
        if any(each.mode == LEAVE_OUT for each in words):
            found = []
        found += [
            (place, {"mode": each.mode, "text": each.text, "layer": layer.name, **_slot(each)})
            for place, each in enumerate(words)
            if each.mode != LEAVE_OUT
        ]
    return found


def _slot(word: Override) -> dict[str, str]:
    return {"slot": word.slot} if word.slot else {}


def _layers_of(entries: Sequence[Mapping[str, str]]) -> str:
    return " + ".join(dict.fromkeys(entry["layer"] for entry in entries))
