"""The agents. To add one, copy the nearest module with its prompt text, and name it here."""

from collections.abc import Mapping
from pathlib import Path

from agents_app.agents import competitive, email, persona, research
from agents_app.agents.agent import Agent, chosen

AGENTS: Mapping[str, Agent] = {module.AGENT.key: module.AGENT for module in (research, competitive, persona, email)}


def first_prompt(key: str) -> str:
    """The text an agent starts with, before anybody made a version of it."""
    return Path(__file__).with_name(f"{key.removesuffix('_agent')}.md").read_text(encoding="utf-8")


__all__ = ["AGENTS", "Agent", "chosen", "first_prompt"]
