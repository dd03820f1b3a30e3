"""One change of one setting, as it is made to many clients at once. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.config.layers import ADD, REMOVE, Effective, at, is_set, words_of
from clients.keys import PROMPTS, Key, words_to

SET, PUT, TAKE, INHERIT = "set", "put", "take", "inherit"
OF_VALUES = {SET: "Set it to", INHERIT: "Inherit it again"}
OF_LISTS = {PUT: "Add to it", TAKE: "Take out of it", SET: "Replace the own list by", INHERIT: "Inherit it again"}
OF_WORDS = {PUT: "Add", SET: "Replace the own words by", INHERIT: "Take the own words back"}

Items = dict[str, tuple[str, Any]]
"""{what an entry counts as: (what it goes by, the entry)}."""


@dataclass(frozen=True)
class Edit:
    """`key` None: words to `agent`. `how` is one of SET, PUT, TAKE, INHERIT. `value` is one of the key's type, names
    where entries are taken out, or a list of words to the agent."""

    key: Key | None
    how: str
    value: Any = None
    agent: str = ""

    @property
    def path(self) -> str:
        return self.key.path if self.key else f"{PROMPTS}{self.agent}"

    @property
    def label(self) -> str:
        return self.key.label if self.key else words_to(self.agent)


def ways(key: Key | None) -> dict[str, str]:
    """What can be done to this setting of many clients, in words."""
    if key is None:
        return OF_WORDS
    return OF_LISTS if is_many(key) else OF_VALUES


def is_many(key: Key) -> bool:
    return key.is_list or key.kind == "table"


def is_named(key: Key) -> bool:
    """Its entries have a name and a text."""
    return key.kind in ("table", "entries")


def edited(said: Mapping[str, Any], edit: Edit, inherited: Effective) -> dict[str, Any]:
    """What a client's own layer says after it, {path: said}."""
    word = _word(said.get(edit.path), edit, inherited)
    others = {path: each for path, each in said.items() if path != edit.path}
    return others if word is None else {**others, edit.path: word}


def not_heard(key: Key, old: Any, new: Any, after: Effective, names: Mapping[str, str]) -> Iterator[str]:  # noqa: ANN401
    """What a lock below keeps from being so, in words, of what a layer says anew: `old` is its word of before, `new`
    the one of `after`, which is what would be in force; None: nothing. `names` are those of layers."""
    if new is None or new == old or not (locked_by := after.origins[key.path].locked_by):
        return
    layer, value = names.get(locked_by, locked_by), at(after.document, key.path)
    if kept := _kept(key, old, new, value) if is_many(key) else []:
        yield f"{layer} locks {', '.join(f'“{name}”' for name in kept)}: it cannot be taken out."
    elif not _is_so(key, old, new, value):
        yield f"{layer} locks it: it can only be tightened."


def _kept(key: Key, old: Any, new: Any, value: Any) -> list[str]:  # noqa: ANN401 words, and a value of the key's type
    """What the new word takes out and the old one did not, and what stands there all the same."""
    (_, before, _), (_, removed, own) = words_of(old), words_of(new)
    gone = _folded(removed) - _folded(before) - _folded(name for name, _ in _items(key, own).values())
    return [name for name, _ in _items(key, value).values() if name.casefold() in gone]


def _is_so(key: Key, old: Any, new: Any, value: Any) -> bool:  # noqa: ANN401 as above
    unset, _, own = words_of(new)
    wanted = key.default if unset else own
    if not is_many(key):
        return bool(value == wanted) or not (is_set(value) or is_set(wanted))
    held, asked = _items(key, value), _items(key, wanted)
    if asked and (unset or key.merge == "replace"):
        return held == asked
    if unset:
        return not held
    said = _items(key, words_of(old)[2])
    return all(
        name in held and (not is_named(key) or held[name] == each or said.get(name) == each)
        for name, each in asked.items()
    )


def _word(own: Any, edit: Edit, inherited: Effective) -> Any:  # noqa: ANN401 a value, or a word about what is inherited
    if edit.how == INHERIT:
        return None
    if edit.how == SET:
        return edit.value
    if edit.key is None:
        return [*(own or []), *(each for each in edit.value if each not in (own or []))]
    there = _items(edit.key, at(inherited.document, edit.path))
    return _put(own, edit.key, edit.value, there) if edit.how == PUT else _taken(own, edit.key, edit.value, there)


def _put(own: Any, key: Key, more: Any, inherited: Items) -> Any:  # noqa: ANN401 as above
    """What is inherited is not said again. Where the last layer's list counts whole, the own one begins with what was
    inherited, so that adding takes nothing away."""
    unset, removed, value = words_of(own)
    items, new = _items(key, value), _items(key, more)
    gone = [name for name, _ in inherited.values()] if unset else removed
    kept = [name for name in gone if name.casefold() not in _folded(name for name, _ in new.values())]
    there = {each: item for each, item in inherited.items() if item[0] not in kept}
    if key.merge == "replace":
        return _told([], _value(key, _joined(key, items or there, new)))
    new = {each: item for each, item in new.items() if each not in there or (is_named(key) and there[each] != item)}
    return _told(kept, _value(key, _joined(key, items, new)))


def _joined(key: Key, items: Items, new: Items) -> Items:
    """Of words that count as one, the first stands; a named entry takes the new text."""
    return items | {each: item for each, item in new.items() if is_named(key) or each not in items}


def _taken(own: Any, key: Key, names: Sequence[str], inherited: Items) -> Any:  # noqa: ANN401 as above
    unset, removed, value = words_of(own)
    if unset:
        return own
    gone = _folded(names)
    items = {each: item for each, item in _items(key, value).items() if item[0].casefold() not in gone}
    if key.merge == "replace" and items:
        return _told(removed, _value(key, items))
    more = [name for name, _ in inherited.values() if name.casefold() in gone - _folded(removed)]
    return _told([*removed, *more], _value(key, items))


def _told(removed: Sequence[str], value: Any) -> Any:  # noqa: ANN401 as above
    if removed:
        return {REMOVE: list(removed), **({ADD: value} if is_set(value) else {})}
    return value if is_set(value) else None


def _items(key: Key, value: Any) -> Items:  # noqa: ANN401 a list or a table
    if isinstance(value, Mapping):
        return {name: (name, text) for name, text in value.items()}
    if key.kind == "entries":
        return {each["key"]: (each["key"], each) for each in value or ()}
    return {each.casefold(): (each, each) for each in value or ()}


def _value(key: Key, items: Items) -> Any:  # noqa: ANN401 a list or a table
    return dict(items.values()) if key.kind == "table" else [entry for _, entry in items.values()]


def _folded(names: Any) -> set[str]:  # noqa: ANN401 any names
    return {name.casefold() for name in names}
