"""What a person decided about a company, over what sources say. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agents_app.confidence import confidence, log_odds, term
from agents_app.research.attributes import BY_KEY, agree
from agents_app.research.facts import ATTRIBUTES, FactValue
from agents_app.research.source import SourceAnswer

RIGHT = 0.97  # how far a person who looked is believed


@dataclass(frozen=True)
class Settled:
    """`who` in words."""

    value: str
    who: str
    at: datetime


def holds(attribute: str, settled: Settled, *, at: datetime) -> bool:
    """Until it is as old as what is worth half: after that sources are asked again."""
    half_life = BY_KEY[attribute].half_life_days
    return half_life is None or at < settled.at + timedelta(days=half_life)


def settle(
    facts: Sequence[FactValue], answers: Iterable[SourceAnswer], decided: Mapping[str, Settled], *, at: datetime
) -> list[FactValue]:
    """The facts with what a person decided in the place of what was weighed; keys are given anew."""
    standing = {name: each for name, each in decided.items() if holds(name, each, at=at)}
    if not standing:
        return list(facts)
    heard = list(answers)
    found = [fact for fact in facts if fact.attribute not in standing]
    found += [_fact(name, each, heard) for name, each in standing.items()]
    found.sort(key=lambda fact: ATTRIBUTES.index(fact.attribute))
    return [replace(fact, key=f"f{number}") for number, fact in enumerate(found, start=1)]


def _fact(attribute: str, settled: Settled, answers: Iterable[SourceAnswer]) -> FactValue:
    """It cites the claims that say the same, if any do."""
    refs = [
        (answer.source, claim.pointer)
        for answer in answers
        for claim in answer.claims
        if claim.attribute == attribute and agree(attribute, claim.value, settled.value)
    ]
    terms = [term("person", log_odds(RIGHT), 1.0, f"{settled.who} decided so on {settled.at:%-d %B %Y}.")]
    return FactValue(
        key="",
        attribute=attribute,
        value=settled.value,
        confidence=confidence(terms),
        terms=terms,
        claim_refs=refs,
        source="person",
        as_of=settled.at.date(),
    )
