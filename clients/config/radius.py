"""Whom a change of a lower layer reaches: each client's settings as they are, and as they would be after it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clients.config import checks, shown
from clients.config.layers import Effective, at
from clients.config.stored import Stand
from clients.keys import AGENTS, Key
from clients.models import AgencySettings, Client, SettingsTemplate


@dataclass(frozen=True)
class Change:
    """One setting of one client, in words. Of a list `gained` and `lost` are the entries that come and go."""

    label: str
    before: str
    after: str
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.gained or self.lost:
            parts = [f"now also {', '.join(self.gained)}"] if self.gained else []
            parts += [f"no longer {', '.join(self.lost)}"] if self.lost else []
            return f"{self.label}: {'; '.join(parts)}"
        return f"{self.label}: {self.before or 'not set'} becomes {self.after or 'not set'}"


@dataclass(frozen=True)
class Reached:
    client: Client
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return f"{self.client}: {'; '.join(map(str, self.changes))}."


@dataclass(frozen=True)
class Spared:
    """A client that inherits from the edited row, and a setting of which the change is not felt; `why` is a clause."""

    client: Client
    label: str
    value: str
    why: str

    def __str__(self) -> str:
        return f"{self.client} keeps its {self.label.lower()}, {self.value}: {self.why}."


def after(found: Stand, edited: AgencySettings | SettingsTemplate) -> Stand:
    """The stand with this row in the place of its stored self."""
    if isinstance(edited, AgencySettings):
        return replace(found, agency=edited)
    others = {place: row for place, row in found.templates.items() if row.pk != edited.pk}
    return replace(found, templates={**others, (edited.kind, edited.key): edited})


def reached(found: Stand, edited: AgencySettings | SettingsTemplate, clients: Iterable[Client]) -> list[Reached]:
    """The clients whose settings in force the edited row changes, and how; those whose own layers cover it are left."""
    then = after(found, edited)
    looked = [(client, found.effective(client), then.effective(client)) for client in clients]
    return [
        Reached(client, tuple(changes_of(old, new, found.keys)))
        for client, old, new in looked
        if old.sha256 != new.sha256
    ]


def contradictions(found: Stand, edited: AgencySettings | SettingsTemplate, clients: Iterable[Client]) -> Iterator[str]:
    """What would contradict itself in the clients' settings by the edited row, and does not yet, a sentence each."""
    then = after(found, edited)
    for client in clients:
        before = set(_errors(found, client))
        yield from (f"{client}: {each}" for each in _errors(then, client) if each not in before)


def _errors(found: Stand, client: Client) -> list[str]:
    """Of what the client says on what it inherits, and of what is in force where a lock has the last word."""
    of_own = checks.errors(client.settings, found.inherited(client))
    return list(dict.fromkeys([*of_own, *checks.errors({}, found.effective(client))]))


def spared(found: Stand, edited: AgencySettings | SettingsTemplate, clients: Iterable[Client]) -> list[Spared]:
    """Who inherits from the row and does not get what it says anew, and why: another layer covers it, or a lock."""
    then = after(found, edited)
    rows = [found.agency, *found.templates.values()]
    stored = next((row for row in rows if type(row) is type(edited) and row and row.pk == edited.pk), edited)
    anew = [key for key in found.keys if stored.settings.get(key.path) != edited.settings.get(key.path)]
    return [each for client in clients for each in _spared(then, edited, client, anew)]


def _spared(then: Stand, edited: object, client: Client, anew: Sequence[Key]) -> Iterable[Spared]:
    placed = then.below(client)
    own = next((each.layer.name for each in placed if each.row is edited), None)
    if own is None or not anew:
        return
    effective, names = then.effective(client), shown.layer_names(client, placed)
    above = [each.layer.name for each in placed][[each.layer.name for each in placed].index(own) + 1 :]
    for key in anew:
        if why := _why(effective, key, own, [*above, "client"], names):
            yield Spared(client, key.label, shown.readable(key, at(effective.document, key.path)), why)


def _why(effective: Effective, key: Key, own: str, above: Sequence[str], names: Mapping[str, str]) -> str:
    """Why the word of the layer `own` is not part of the value; "" where it is, or where nothing else is either."""
    origin = effective.origins[key.path]
    if origin.locked_by and any(said.layer == own and said.effect == "not heard" for said in origin.said):
        return f"{names[origin.locked_by]} locked it"
    covering = [name for name in origin.sources if name in above]
    if not covering or own in origin.sources:
        return ""
    return "its own settings say so" if covering[-1] == "client" else f"the {names[covering[-1]]} says so"


def changes_of(old: Effective, new: Effective, keys: Sequence[Key]) -> Iterable[Change]:
    """What differs between two states of a client's settings in force."""
    for key in keys:
        before, now = (at(effective.document, key.path) for effective in (old, new))
        if before != now:
            yield Change(key.label, shown.readable(key, before), shown.readable(key, now), *_moved(key, before, now))
    for agent, label in AGENTS.items():
        before, now = (_words(effective, agent) for effective in (old, new))
        if before != now:
            yield Change(f"What the layers say to the {label.lower()} agent", before, now)


def _moved(key: Key, before: Any, now: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:  # noqa: ANN401 any value
    """(what came, what went) of a list that both have; nothing where one is empty: then it is told whole."""
    if not (key.is_list and before and now):
        return (), ()
    old, new = (shown.entries(key, value) for value in (before, now))
    return tuple(each for each in new if each not in old), tuple(each for each in old if each not in new)


def _words(effective: Effective, agent: str) -> str:
    entries = effective.document["prompt_overrides"].get(agent, [])
    return shown.words(entries, longest=60)
