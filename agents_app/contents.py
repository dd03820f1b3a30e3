"""What a prompt version holds, as `change_levels` compares it: words, settings, what its agent gives and is given."""

import hashlib
import json
from collections.abc import Sequence
from typing import TypedDict

from django.conf import settings

from agents_app import change_levels
from agents_app.agents import AGENTS
from agents_app.change_levels import Change, Content
from agents_app.models import PromptVersion

INTERFACE = ("inputs", "tools", "contracts")


class Settings(TypedDict, total=False):
    """What a version decides beside its text. Left out, or empty: others decide (`flow.means`)."""

    model: str
    effort: str
    max_tokens: int | None


def of(version: PromptVersion) -> Content:
    return Content(
        text=version.text,
        model=version.model,
        effort=version.effort,
        max_tokens=version.max_tokens,
        schema=version.output_schema,
        **{name: tuple(version.interface.get(name, ())) for name in INTERFACE},
    )


def written(agent: str, text: str, said: Settings, *, contracts: Sequence[str] = ()) -> Content:
    """What a version made now would hold; the agent's answer and needs are those of the code that runs, `contracts` the
    names of what its answers must keep."""
    known = AGENTS.get(agent)
    return Content(
        text=text,
        model=said.get("model", ""),
        effort=said.get("effort", ""),
        max_tokens=said.get("max_tokens"),
        schema=known.schema.model_json_schema() if known else {},
        inputs=known.needed() if known else (),
        contracts=contracts,
    )


def put(content: Content, version: PromptVersion) -> None:
    """Sets what `version` records of it."""
    version.text, version.sha256 = content.text, sha256(content.text)
    version.model, version.effort, version.max_tokens = content.model, content.effort, content.max_tokens
    version.output_schema = dict(content.schema)
    known = {name: list(getattr(content, name)) for name in INTERFACE}
    version.interface = {name: names for name, names in known.items() if names}
    version.digest = digest(version)


def between(old: PromptVersion, new: PromptVersion) -> Change:
    return measured(of(old), of(new))


def measured(old: Content, new: Content) -> Change:
    return change_levels.between(old, new, usual_model=settings.MODEL)


def tidy(text: str) -> str:
    """Line ends and space at the end of lines do not count as a change."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest(version: PromptVersion) -> str:
    """SHA-256 (hex) of all that decides what the version makes an agent answer."""
    names = ("text", "model", "effort", "max_tokens", "output_schema", "interface")
    return sha256(json.dumps({name: getattr(version, name) for name in names}, sort_keys=True, ensure_ascii=False))
