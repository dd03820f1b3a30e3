"""What is decided about a step and in it, as plain data for its own row, at the moment when it is decided.

`StepRun.decisions` holds, where there was something to decide: `condition` {"text", "holds", "values"}; `budget`
[{"model", "worst_usd", "why"}], calls that were not paid for; `answers` [{"question", "proposal", "confidence",
"broken"}], answers that were not taken, `revised` with what the next one had to mend; `values` [{"attribute", "key",
"held", "score", "others"}], values of an attribute that others outweighed (scores in nats). Which question went to
which source, and which did not, stands in the step's context with the search; the votes stand in `votes`.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from agents_app import conditions, confidence
from agents_app.conditions import Condition
from agents_app.confidence import Term
from agents_app.contracts import Check
from agents_app.models import StepRun
from agents_app.research import FactValue

MOST_REFUSALS = 20  # of one step: one that waits is refused again and again
MOST_VALUES = 20


def condition(asked: Condition, known: Mapping[str, object]) -> dict[str, Any]:
    """With the values of the names that it asks, as they were."""
    values = {name: known.get(name) for name in sorted(asked.names)}
    return {"text": asked.text, "holds": conditions.holds(asked, known), "values": values}


def not_paid(row: StepRun, model: str, worst_usd: Decimal, why: str) -> None:
    refused = row.decisions.setdefault("budget", [])
    if len(refused) < MOST_REFUSALS:
        refused.append({"model": model, "worst_usd": str(worst_usd), "why": why})


def not_taken(question: int, proposal: int, terms: Sequence[Term], checks: Iterable[Check]) -> dict[str, Any]:
    """An answer that broke promises which decide. `question` and `proposal` count from 1."""
    broken = [{"check": each.check, "detail": each.detail} for each in checks if each.must and not each.passed]
    return {
        "question": question,
        "proposal": proposal,
        "confidence": confidence.confidence(terms),
        "broken": broken,
    }


def outweighed(facts: Iterable[FactValue]) -> list[dict[str, Any]]:
    """The attributes of which sources said more than one value, with the score of each."""
    return [
        {
            "attribute": fact.attribute,
            "key": fact.key,
            "held": fact.value,
            "score": round(fact.score, 4),
            "others": [
                {"value": each.value, "score": round(each.score, 4), "sources": each.sources} for each in fact.conflicts
            ],
        }
        for fact in facts
        if fact.conflicts
    ][:MOST_VALUES]
