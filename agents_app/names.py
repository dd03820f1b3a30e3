"""What steps, who writes for them, and what is unusual, are called. Pure, so that models and drawings agree."""

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

ANOMALIES: Mapping[str, str] = {
    "repeated": "The same work twice",
    "empty": "An empty or unfinished answer",
    "repaired": "An answer that had to be repaired",
    "broken": "A broken promise",
    "no_tokens": "An answer without tokens",
    "missing": "A planned step is missing",
    "costly": "Far dearer than usual",
    "no_price": "A model without a price",
    "unusual": "Unusual for this client",
    "shift": "Other than the version before",
}

COMPOSER = "offline-composer"  # its versions' names begin like this


def is_composer(generator: str) -> bool:
    return generator.startswith(COMPOSER)


def in_words(key: str) -> str:
    """A key as people read it: `founded_year` → “Founded year”."""
    return key.replace("_", " ").capitalize()
