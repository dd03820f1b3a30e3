"""What every agent is: what it is asked, how its answer is shaped and checked, and what its confidence rests on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from agents_app import confidence, contracts
from agents_app.confidence import Term
from agents_app.contracts import Check
from agents_app.prompts import Material

Terms = list[Term]


@dataclass(frozen=True)
class Known:
    """All that a run knows when a step begins; each agent takes from it what it needs.

    Shapes: `contact` {"first_name", "last_name", "full_name", "title"}; `persona` {"role", "pains", "angle"};
    `previous` {"subject", "sent_on"}; `peers` [{"key", "name", "domain", "industry", "headcount",
    "funding_total_usd"}].
    """

    company: Mapping[str, str]
    purpose: str
    config: Mapping[str, Any]
    facts: Sequence[Mapping[str, Any]] = ()
    contact: Mapping[str, str] | None = None
    persona: Mapping[str, Any] | None = None
    previous: Mapping[str, str] | None = None
    peers: Sequence[Mapping[str, str]] = ()
    hints: Sequence[str] = ()
    goal: str = ""
    sequence_step: int = 1


@dataclass(frozen=True)
class Agent:
    """`contexts` gives one context a question; most agents ask one question a step."""

    key: str
    schema: type[BaseModel]
    contexts: Callable[[Known], list[dict[str, Any]]]
    check: Callable[[Any, Material], list[Check]]
    terms: Callable[[Any, Material, Sequence[Check]], Terms]
    max_tokens: int = 2000
    needs: Sequence[str] = field(default=())  # parts of Known, in words, for the trace page


def start() -> Term:
    """Where every answer begins: odds of about one in eight, before any evidence."""
    return confidence.term("start", 1.0, -2.0, "Before any evidence.")


def fact_strength(facts: Sequence[Mapping[str, Any]], weight: float) -> Term:
    """The mean confidence of these facts, in which the agreement of their sources is already counted."""
    mean = sum(float(fact["confidence"]) for fact in facts) / len(facts) if facts else 0.0
    counted = "1 fact" if len(facts) == 1 else f"{len(facts)} facts"
    why = f"{counted}, {mean:.2f} sure on average." if facts else "It rests on no fact."
    return confidence.term("facts", round(mean, 4), weight, why)


def kept_promises(checks: Sequence[Check], weight: float) -> Term:
    failed = [check.check for check in checks if not check.passed]
    share = 1 - len(failed) / len(checks) if checks else 0.0
    why = f"Broken: {', '.join(failed)}." if failed else f"All {len(checks)} checks passed."
    return confidence.term("checks", round(share, 4), weight, why)


def cited(sentences: Sequence[contracts.Sentence], material: Material) -> list[Mapping[str, Any]]:
    """The facts these sentences rest on."""
    names = {name for sentence in sentences for name in sentence.rests_on}
    return [fact for fact in material.facts if fact["key"] in names]


def grounded(sentences: Sequence[contracts.Sentence], material: Material) -> list[Check]:
    """The two checks of every answer: what is said rests on something given, and says it."""
    return [contracts.rests_on_known(sentences, material), contracts.cited_values_stand(sentences, material)]
