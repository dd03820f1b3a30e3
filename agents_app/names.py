"""What steps are called for people: their kinds, their states, their keys. Pure, so that models and drawings agree."""

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "agent": "Agent",
    "map": "Agent, once for each contact at the company",
    "tool": "Tool",
    "gate": "A person decides",
    "join": "Brings branches together (a join)",
    "planner": "Planner",
}
STATES: Mapping[str, str] = {
    "running": "Running",
    "waiting": "Waits for a person",
    "done": "Done",
    "skipped": "Left out",
    "rejected": "Rejected",
    "failed": "Failed",
    "lost": "Lost: its worker died",
}


def in_words(key: str) -> str:
    """A key as people read it: `founded_year` → “Founded year”."""
    return key.replace("_", " ").capitalize()
