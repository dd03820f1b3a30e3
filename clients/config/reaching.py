"""What a client's own layer has to say so that certain settings hold for it, whatever the layers below say by now.

Pure: the layers below come in, the words of one layer go out. What a lock forbids cannot be reached and is named.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from clients.config.layers import ADD, REMOVE, UNSET, Layer, at, is_set, merge, without_layer
from clients.config.stored import CLIENT, made
from clients.keys import AGENTS, LEAVE_OUT, PROMPTS, Key

Document = Mapping[str, Any]


class Reach(NamedTuple):
    """{path: what the layer says}, and the paths that it cannot bring to what is wanted."""

    said: dict[str, Any]
    missed: list[str]


def reach(wanted: Document, *, base: Mapping[str, Any], below: Sequence[Layer], keys: Sequence[Key]) -> Reach:
    """`wanted` is a document of settings in force; `base` is {path: what the layer said then}.

    A path says again what it said then where that still does it, else nothing where it inherits what is wanted, else
    what the present layers need.
    """
    said: dict[str, Any] = {}
    missed = [key.path for key in keys if not _settle(key, wanted, base, below, said)]
    for agent in AGENTS:
        words = _words(wanted, agent)
        for each in _wordings(words, base.get(f"{PROMPTS}{agent}"), below, agent):
            if _told(below, agent, each) == words:
                said |= {f"{PROMPTS}{agent}": each} if each else {}
                break
    return Reach(said, missed)


def _settle(key: Key, wanted: Document, base: Mapping[str, Any], below: Sequence[Layer], said: dict[str, Any]) -> bool:
    """Put into `said` what gives the wanted value; where nothing does, what comes nearest, and False."""
    if key.sensitive:
        return True  # secrets stand elsewhere, and stay as they are
    goal, old = at(wanted, key.path), base.get(key.path)
    words = list(_candidates(key, goal, old, _value(key, below, None)))
    for word in words:
        if _same(_value(key, below, word), goal):
            said |= {} if word is None else {key.path: word}
            return True
    nearest = old if key.merge == "replace" else words[-1]
    said |= {} if nearest is None else {key.path: nearest}
    return False


def _same(one: object, other: object) -> bool:
    """As their documents tell them apart: 5 and 5.0 are two; what is not set is alike, however it is written."""
    if not is_set(one) and not is_set(other):
        return True
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _value(key: Key, below: Sequence[Layer], word: object) -> Any:  # noqa: ANN401 a value of the key's type
    own = Layer(CLIENT, {} if word is None else {key.path: word})
    return at(merge([*below, own], industry="", client_name="", keys=(key,)).document, key.path)


def _candidates(key: Key, goal: Any, old: Any, inherited: Any) -> Iterator[Any]:  # noqa: ANN401 values of any type
    yield old
    yield None
    if key.is_list or key.kind == "table":
        if is_set(goal):
            yield goal
        yield from _edits(key, goal or (), inherited or ())
    elif is_set(goal):
        yield goal
    else:
        yield {UNSET: True}


# --- lists and tables: what is taken out of the inherited entries, and what is added


def _edits(key: Key, goal: Any, inherited: Any) -> Iterator[Any]:  # noqa: ANN401 lists or tables
    """Words that keep as many of the inherited entries as they can, down to none."""
    have, want = _named(key, inherited), _named(key, goal)
    if key.merge == "union" or key.kind == "table":
        kept = {name for name in have if have[name] == want.get(name)}
        yield _edit(key, have, want, kept)
    else:
        for count in range(len(want), -1, -1):
            yield _edit(key, have, want, set(list(want)[:count]))
    yield _edit(key, have, want, set())


def _edit(key: Key, have: Mapping[str, Any], want: Mapping[str, Any], kept: set[str]) -> Any:  # noqa: ANN401
    """`kept` names what may stay of the inherited entries; the rest of them is taken out."""
    out = [name for name in have if name not in kept]
    gone = {name.casefold() for name in out}
    stays = {name: entry for name, entry in have.items() if name.casefold() not in gone}
    new = {name: entry for name, entry in want.items() if stays.get(name) != entry}
    add: Any = new if key.kind == "table" else list(new.values())
    if not out:
        return add or None
    return {REMOVE: out, **({ADD: add} if add else {})}


def _named(key: Key, value: Any) -> dict[str, Any]:  # noqa: ANN401 a list or a table
    if key.kind == "table":
        return dict(value)
    return {str(each["key"]) if key.kind == "entries" else each: each for each in value}


# --- words to agents


def _wordings(
    words: list[dict[str, str]], old: Sequence[Mapping[str, str]] | None, below: Sequence[Layer], agent: str
) -> Iterator[list[dict[str, str]]]:
    inherited = _told(below, agent, [])
    yield [dict(each) for each in old or ()]
    if words[: len(inherited)] == inherited:
        yield words[len(inherited) :]
    yield [{"mode": LEAVE_OUT, "text": ""}, *words]


def _told(below: Sequence[Layer], agent: str, own: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    layers = [*below, made(CLIENT, {f"{PROMPTS}{agent}": own})]
    return _words(merge(layers, industry="", client_name="", keys=()).document, agent)


def _words(document: Document, agent: str) -> list[dict[str, str]]:
    return [without_layer(word) for word in document.get("prompt_overrides", {}).get(agent, ())]
