"""Confidence as a sum of log-odds: every part that moved it is kept with its reason, and nothing else moves it.

A term's share is value times weight, in nats; the confidence is the logistic function of their sum. A sum of 0 is 0.5:
as likely right as wrong.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypedDict


class Term(TypedDict):
    term: str
    value: float
    weight: float
    why: str


def term(name: str, value: float, weight: float, why: str) -> Term:
    return {"term": name, "value": round(value, 4), "weight": round(weight, 4), "why": why}


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def confidence(terms: Sequence[Term] | Sequence[Mapping[str, float]]) -> float:
    """Between 0 and 1, rounded to four places; no terms, no evidence: 0."""
    if not terms:
        return 0.0
    total = math.fsum(float(each["value"]) * float(each["weight"]) for each in terms)
    return round(1 / (1 + math.exp(-max(-50.0, min(50.0, total)))), 4)
