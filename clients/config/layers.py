"""Layers of settings, merged: built in → agency → industry template → client.

One value: the last layer that sets it wins. A list: the layers' entries joined, without duplicates, in order. Enabled
agents: the last layer that names any. Prompt overrides: stacked per agent, each with its layer. Every value of the
result has a source.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AGENTS = ("research_agent", "competitive_agent", "persona_agent", "email_agent")
CUSTOM_VALUES = ("emphasis", "offer", "call_to_action", "sender_name", "sender_title", "max_words")
CUSTOM_LISTS = ("avoid_terms", "proof_points")
CUSTOM_FIELDS = (
    "emphasis", "avoid_terms", "offer", "proof_points", "call_to_action", "sender_name", "sender_title", "max_words",
)  # fmt: skip
VALUES = ("tone", "confidence_floor", *CUSTOM_VALUES)


@dataclass(frozen=True)
class Override:
    """Text for one agent's prompt; `mode` is "add" or "replace"."""

    mode: str
    text: str


@dataclass(frozen=True)
class Layer:
    """What one layer sets. `values` maps names of VALUES and CUSTOM_LISTS and "enabled_agents"; blank is: not set."""

    name: str
    values: Mapping[str, Any]
    overrides: Mapping[str, Override] = field(default_factory=dict)


@dataclass(frozen=True)
class Effective:
    """The settings in force. `sources` maps a dotted path to its layers ("agency + client"); "": not set."""

    document: dict[str, Any]
    sources: dict[str, str]
    sha256: str


BUILT_IN = Layer(
    "built in", {"tone": "friendly", "confidence_floor": 0.5, "max_words": 150, "enabled_agents": list(AGENTS)}
)


def merge(layers: Sequence[Layer], *, industry: str, client_name: str) -> Effective:
    """`layers` from the lowest to the highest, without the built-in one."""
    stack = (BUILT_IN, *layers)
    sources = {"industry": "client", "client_name": "client"}
    found = {name: _last(stack, name) for name in (*VALUES, "enabled_agents")}
    found |= {name: _joined(stack, name) for name in CUSTOM_LISTS}
    sources |= {_path(name): source for name, (_, source) in found.items()}
    stacked = {agent: _stacked(stack, agent) for agent in AGENTS}
    sources |= {f"prompt_overrides.{agent}": _sources(entry["layer"] for entry in stacked[agent]) for agent in AGENTS}
    document = {
        "industry": industry,
        "tone": found["tone"][0],
        "prompt_overrides": {agent: entries for agent, entries in stacked.items() if entries},
        "custom_fields": {name: _or_empty(found[name][0]) for name in CUSTOM_FIELDS},
        "enabled_agents": [agent for agent in AGENTS if agent in found["enabled_agents"][0]],
        "confidence_floor": found["confidence_floor"][0],
        "client_name": client_name,
    }
    return Effective(document, sources, sha256(document))


def sha256(document: Mapping[str, Any]) -> str:
    """Hex digest of the canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def is_set(value: object) -> bool:
    return value not in (None, "", [])


def joined(lists: Iterable[Iterable[str]]) -> list[str]:
    """Every entry once, where it first stands. Case makes no difference: "Disruptive" and "disruptive" are one word."""
    found: dict[str, str] = {}
    for entries in lists:
        for entry in entries:
            found.setdefault(entry.casefold(), entry)
    return list(found.values())


def _path(name: str) -> str:
    return f"custom_fields.{name}" if name in CUSTOM_FIELDS else name


def _last(stack: Sequence[Layer], name: str) -> tuple[Any, str]:
    for layer in reversed(stack):
        if is_set(layer.values.get(name)):
            return layer.values[name], layer.name
    return None, ""


def _joined(stack: Sequence[Layer], name: str) -> tuple[list[str], str]:
    holding = [layer for layer in stack if is_set(layer.values.get(name))]
    return joined(layer.values[name] for layer in holding), _sources(layer.name for layer in holding)


def _stacked(stack: Sequence[Layer], agent: str) -> list[dict[str, str]]:
    pairs = [(layer, layer.overrides[agent]) for layer in stack if agent in layer.overrides]
    return [{"mode": override.mode, "text": override.text, "layer": layer.name} for layer, override in pairs]


def _sources(names: Iterable[str]) -> str:
    return " + ".join(names)


def _or_empty(value: object) -> object:
    return "" if value is None else value
