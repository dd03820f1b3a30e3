"""Whom a change of a lower layer reaches: each client's settings as they are, and as they would be after it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clients.config import shown
from clients.config.layers import Effective, at
from clients.config.stored import Stand
from clients.keys import AGENTS, Key
from clients.models import AgencySettings, Client, SettingsTemplate


@dataclass(frozen=True)
class Change:
    """One setting of one client, in words; of a list also the entries that go and those that come."""

    label: str
    before: str
    after: str
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.label}: {self.before or 'not set'} becomes {self.after or 'not set'}"


@dataclass(frozen=True)
class Reached:
    client: Client
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return f"{self.client}: {'; '.join(map(str, self.changes))}."


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
        Reached(client, tuple(changes(old, new, found.keys))) for client, old, new in looked if old.sha256 != new.sha256
    ]


def changes(old: Effective, new: Effective, keys: Sequence[Key]) -> Iterable[Change]:
    """What is in force differently, setting by setting, and what the layers say to each agent."""
    for key in keys:
        before, now = (at(effective.document, key.path) for effective in (old, new))
        if before != now:
            gone, come = _beyond(key, before, now), _beyond(key, now, before)
            yield Change(key.label, shown.readable(key, before), shown.readable(key, now), gone, come)
    for agent, label in AGENTS.items():
        before, now = (_words(effective, agent) for effective in (old, new))
        if before != now:
            yield Change(f"What the layers say to the {label.lower()} agent", before, now)


def _beyond(key: Key, one: Any, other: Any) -> tuple[str, ...]:  # noqa: ANN401 values of the key's type
    """The entries of a list that another has not."""
    if not key.is_list:
        return ()
    return tuple(shown.readable(key, [each]) for each in one or () if each not in (other or ()))


def _words(effective: Effective, agent: str) -> str:
    entries = effective.document["prompt_overrides"].get(agent, [])
    return " / ".join(f"{shown.how(entry)}: {entry['text'][:60]}" for entry in entries)
