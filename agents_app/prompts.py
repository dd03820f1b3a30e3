"""What is sent to the model: the prompt's text, the client's overrides, then the material as tagged JSON.

The order is made for prompt caching: what is the same for every contact of a client stands first, in the system blocks
(`llm` puts the cache mark on the last); what belongs to one company or person stands in the user's text. Equal input
gives equal bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LAYERS = {"agency": "the agency", "industry": "this industry", "client": "this client"}


@dataclass(frozen=True)
class Material:
    """What an agent may use, and nothing else.

    `config` is the effective document; `facts` is [{"key", "attribute", "value", "confidence", "source", "as_of"}];
    `context` is what the agent itself asked for.
    """

    config: Mapping[str, Any]
    facts: Sequence[Mapping[str, Any]]
    context: Mapping[str, Any]


@dataclass(frozen=True)
class Prompt:
    system: list[str]
    user: str

    def as_text(self) -> str:
        """The whole prompt for a person to read."""
        return "\n\n".join([*self.system, "— material —", self.user])


def build(text: str, agent: str, material: Material, *, variation: int = 0) -> Prompt:
    """`text` is a prompt version's; the overrides of `agent` come from the effective config."""
    overrides = material.config.get("prompt_overrides", {}).get(agent, [])
    config = {key: value for key, value in material.config.items() if key != "prompt_overrides"}
    parts = {"config": config, "facts": list(material.facts), "context": dict(material.context), "variation": variation}
    return Prompt(preview(text, overrides), "\n".join(f"<{tag}>{_json(value)}</{tag}>" for tag, value in parts.items()))


def preview(text: str, overrides: Sequence[Mapping[str, str]]) -> list[str]:
    """The system blocks. A replacement drops the prompt and every override of the layers below it."""
    blocks = [text.strip()]
    for override in overrides:
        if override["mode"] == "replace":
            blocks = [override["text"].strip()]
        else:
            blocks.append(f"For {LAYERS.get(override['layer'], override['layer'])}:\n{override['text'].strip()}")
    return blocks


def _json(value: object) -> str:
    """JSON in which no outside text can open or close one of our tags."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str).replace("<", "\\u003c")
