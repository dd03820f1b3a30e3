"""The settings in force, as a person reads them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clients.config.layers import ADD, BUILT_IN_LAYER, REMOVE, UNSET, Effective, Origin, at, is_set
from clients.config.stored import Placed
from clients.keys import LEAVE_OUT, Key, grouped
from clients.models import Client, SettingsTemplate


@dataclass(frozen=True)
class Word:
    """What one layer said of a setting, what became of it, and who said it last, when; "" where nobody knows."""

    layer: str
    words: str
    effect: str
    who: str = ""
    when: datetime | None = None


@dataclass(frozen=True)
class Setting:
    """`sources` are layer names, lowest first; none where nothing is set. `entries` are those of a list or table, each
    with its layer. `overrode` is what lower layers said and does not hold."""

    path: str
    label: str
    group: str
    value: str
    sources: tuple[str, ...]
    entries: tuple[tuple[str, str], ...] = ()
    said: tuple[Word, ...] = ()
    overrode: tuple[Word, ...] = ()
    locked_by: str = ""

    @property
    def last(self) -> Word | None:
        """The word that made the value what it is."""
        return next((each for each in reversed(self.said) if each.layer in self.sources[-1:]), None)


@dataclass(frozen=True)
class Addition:
    """One layer's word in one agent's prompt. `place` counts all that the layer says to the agent from 0, what leaves
    out the layers below among it; `slot` is the component that it goes to, "" the whole."""

    agent: str
    how: str
    text: str
    source: str
    place: int
    slot: str = ""


Touched = Mapping[str, Mapping[str, Sequence[str]]]
"""{layer: {path: [who, when]}}, as the layers' rows keep it."""


def settings(effective: Effective, keys: Sequence[Key], touched: Touched | None = None) -> list[Setting]:
    in_groups = [key for group in grouped(keys).values() for key in group]
    return [_setting(key, effective, touched or {}) for key in in_groups]


def touched_of(placed: Sequence[Placed], client: Client) -> Touched:
    lower = {each.layer.name: each.row.touched for each in placed if each.row is not None}
    return lower | {"client": client.touched}


def additions(effective: Effective) -> list[Addition]:
    """What the layers say to the agents, in the order in which it reaches the prompt."""
    return [
        Addition(agent, how(entry), entry["text"], entry["layer"], place, entry.get("slot", ""))
        for agent, entries in effective.document["prompt_overrides"].items()
        for place, entry in zip(effective.places[agent], entries, strict=True)
    ]


def how(entry: Mapping[str, str]) -> str:
    """Where a word to an agent goes, or that it takes back those of the layers below."""
    if entry["mode"] == LEAVE_OUT:
        return "What the layers below say is left out"
    slot = entry.get("slot")
    place = f"the component “{slot.replace('_', ' ')}”" if slot else "the agent's prompt"
    return {"prepend": f"Before {place}", "add": f"Added to {place}", "replace": f"Instead of {place}"}[entry["mode"]]


def word(entry: Mapping[str, str], longest: int | None = None) -> str:
    """A word to an agent: where it goes, and its text up to `longest` characters."""
    return f"{how(entry)}: {entry['text'][:longest]}" if entry["text"] else how(entry)


def words(entries: Iterable[Mapping[str, str]], longest: int | None = None) -> str:
    """All that a layer, or several, say to an agent, in one line."""
    return " / ".join(word(each, longest) for each in entries)


def layer_names(client: Client, placed: Sequence[Placed]) -> dict[str, str]:
    """What a layer is called on this client's pages."""
    templates = {each.layer.name: _named(each.row) for each in placed if isinstance(each.row, SettingsTemplate)}
    return {BUILT_IN_LAYER: "Built in", "agency": "Agency", **templates, "client": client.name}


def hint(inherited: Effective, key: Key, names: Mapping[str, str]) -> str:
    """For an empty field: what is inherited there, and from where. Empty where nothing is."""
    value = at(inherited.document, key.path)
    if not is_set(value):
        return ""
    told = "; ".join(_entry(key, each) for each in value) if key.kind == "terms" else readable(key, value)
    sources = " and ".join(names.get(source, source) for source in inherited.origins[key.path].sources)
    return f"inherited: {told} ({sources})"


def readable(key: Key, value: Any) -> str:  # noqa: ANN401 a value of the key's type
    """In words; a secret is only said to be kept."""
    if key.sensitive:
        return "Kept, not shown" if value else ""
    if not is_set(value):
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {text}" for name, text in value.items())
    if isinstance(value, list):
        return ", ".join(entries(key, value))
    plain = (key.choices or {}).get(str(value), str(value))
    return f"{plain} {key.unit}".strip() if key.unit else plain


def entries(key: Key, value: Sequence[Any]) -> list[str]:
    """Those of a list, each in words."""
    return [_entry(key, each) for each in value]


def said(key: Key, value: Any) -> str:  # noqa: ANN401 a value, or a word about what is inherited
    """What a layer said, in words."""
    if not isinstance(value, Mapping) or not value.keys() & {UNSET, REMOVE, ADD}:
        return readable(key, value)
    if value.get(UNSET):
        return "Takes back what is inherited"
    removed = f"Takes out {', '.join(_choice(key, each) for each in value[REMOVE])}"
    return f"{removed}; adds {readable(key, value[ADD])}" if value.get(ADD) else removed


def _setting(key: Key, effective: Effective, touched: Touched) -> Setting:
    value, origin = at(effective.document, key.path), effective.origins[key.path]
    told = tuple(_word(key, layer, each, effect, touched) for layer, each, effect in origin.said)
    return Setting(
        key.path,
        key.label,
        key.group,
        readable(key, value),
        origin.sources,
        _entries(key, value, origin),
        told,
        tuple(each for each in told if not _holds(each, origin)),
        origin.locked_by,
    )


def _word(key: Key, layer: str, value: object, effect: str, touched: Touched) -> Word:
    who, when = touched.get(layer, {}).get(key.path, ("", ""))
    return Word(layer, said(key, value), effect, who, datetime.fromisoformat(when) if when else None)


def _holds(word: Word, origin: Origin) -> bool:
    """Something of what it said is part of the value, or has taken something out of it."""
    return word.effect != "not heard" and (word.layer in origin.sources or word.effect in ("removed", "unset"))


def _entries(key: Key, value: Any, origin: Origin) -> tuple[tuple[str, str], ...]:  # noqa: ANN401
    if isinstance(value, Mapping):
        return tuple((f"{name}: {text}", origin.entries.get(name, "")) for name, text in value.items())
    if not isinstance(value, list):
        return ()
    names = [each["key"] if isinstance(each, Mapping) else each for each in value]
    return tuple((_entry(key, each), origin.entries.get(name, "")) for each, name in zip(value, names, strict=True))


def _entry(key: Key, entry: Any) -> str:  # noqa: ANN401 a word, or a keyed entry
    return f"{entry['key']}: {entry['text']}" if isinstance(entry, Mapping) else _choice(key, str(entry))


def _choice(key: Key, name: str) -> str:
    return (key.choices or {}).get(name, name)


def _named(template: SettingsTemplate) -> str:
    kind = {"industry": "template", "size": "size template", "motion": "sales template"}[template.kind]
    return f"{template.name} {kind}"
