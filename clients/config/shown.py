"""The settings in force, as a person reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clients.config.layers import Effective
from clients.models import AgentKey, Client, OverrideMode, Tone

LABELS = {
    "industry": "Industry",
    "tone": "Tone",
    "custom_fields.emphasis": "Emphasis",
    "custom_fields.avoid_terms": "Words to avoid",
    "custom_fields.max_words": "Longest e-mail",
    "custom_fields.offer": "Offer",
    "custom_fields.proof_points": "Proof points",
    "custom_fields.call_to_action": "Call to action",
    "custom_fields.sender_name": "Sender",
    "custom_fields.sender_title": "Sender's title",
    "enabled_agents": "Agents that work",
    "confidence_floor": "Confidence floor",
}


@dataclass(frozen=True)
class Setting:
    """`sources` are layer names, lowest first; none where nothing is set."""

    key: str
    label: str
    value: str | list[str]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Addition:
    """One layer's word in one agent's prompt."""

    agent: str
    how: str
    text: str
    source: str


def settings(effective: Effective) -> list[Setting]:
    return [
        Setting(path, label, _readable(path, _at(effective.document, path)), _sources(effective, path))
        for path, label in LABELS.items()
    ]


def additions(effective: Effective) -> list[Addition]:
    """What the layers say to the agents, in the order in which it reaches the prompt."""
    return [
        Addition(AgentKey(agent).label, OverrideMode(entry["mode"]).label, entry["text"], entry["layer"])
        for agent, entries in effective.document["prompt_overrides"].items()
        for entry in entries
    ]


def layer_names(client: Client) -> dict[str, str]:
    """What a layer is called on this client's pages."""
    return {
        "built in": "Built in",
        "agency": "Agency",
        "industry": f"{client.industry.name} template",
        "client": client.name,
    }


def hint(inherited: Effective, field: str, names: dict[str, str]) -> str:
    """For an empty field: what is inherited there, and from where. Empty where nothing is."""
    path = next((path for path in LABELS if path.rpartition(".")[2] == field), "")
    value = _readable(path, _at(inherited.document, path)) if path else ""
    if not value:
        return ""
    words = "; ".join(value) if isinstance(value, list) else value
    sources = " and ".join(names[source] for source in _sources(inherited, path))
    return f"inherited: {words} ({sources})"


def _at(document: dict[str, Any], path: str) -> object:
    here: Any = document
    for part in path.split("."):
        here = here[part]
    return here


def _sources(effective: Effective, path: str) -> tuple[str, ...]:
    return tuple(source for source in effective.sources[path].split(" + ") if source)


def _readable(path: str, value: object) -> str | list[str]:
    if path == "tone":
        return Tone(value).label if value in Tone.values else str(value)
    if path == "enabled_agents" and isinstance(value, Sequence):
        return ", ".join(AgentKey(agent).label for agent in value)
    if path == "custom_fields.max_words":
        return f"{value} words"
    if isinstance(value, list):
        return value if path == "custom_fields.proof_points" else ", ".join(value)
    return str(value)
