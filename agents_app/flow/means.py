"""With what an agent's prompt is asked: which model, how long it thinks, how long its answer may be."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from django.conf import settings

from agents_app import llm
from agents_app.agents import AGENTS
from agents_app.models import Depth

EFFORT: Mapping[str, llm.Effort] = {Depth.QUICK: "low", Depth.STANDARD: "low", Depth.COMPREHENSIVE: "medium"}


class Means(NamedTuple):
    model: str
    effort: llm.Effort
    max_tokens: int


class Said(Protocol):
    """A version, or what was planned with it; empty where it leaves the choice to others."""

    @property
    def model(self) -> str: ...
    @property
    def effort(self) -> str: ...
    @property
    def max_tokens(self) -> int | None: ...


def usual_model(tier: str) -> str:
    """Of a tier of the client's settings; empty: the usual one."""
    return settings.MODEL_CHEAPER if tier == "cheaper" else settings.MODEL


def of(said: Said, agent: str, config: Mapping[str, Any], depth: str) -> Means:
    """What a version names decides, because it was tried with that; else the client's settings; else the depth of the
    request, and the agent."""
    usual = usual_model(config.get("model_tier") or "")
    effort: Any = said.effort or config.get("effort") or EFFORT[Depth(depth)]
    return Means(said.model or usual, effort, said.max_tokens or AGENTS[agent].max_tokens)
