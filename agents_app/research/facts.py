"""Claims of several sources → what we hold to be true, each with the terms of its confidence. Pure.

A fact's log-odds are the sum of: how often its best source is right about this attribute; other sources that agree;
other sources that contradict; and its age in half-lives. The reliabilities are starting assumptions (agents.md 6.2
describes how corrections by people would replace them); ageing takes 0.35 nats a half-life.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from agents_app.confidence import Term, confidence, log_odds, term
from agents_app.research import attributes, pointers
from agents_app.research.attributes import agree
from agents_app.research.source import ClaimValue, SourceAnswer
from agents_app.research.sources import SOURCES

ATTRIBUTES = tuple(each.key for each in attributes.ALL)
RIGHT_OTHERWISE = 0.65
AGEING = -0.35
UNDATED = -0.2
SECOND_SOURCE = 0.8  # of its own weight: sources copy from each other


class PointedValue(Protocol):
    attribute: str
    value: str
    pointer: str


@dataclass(frozen=True)
class FactValue:
    """`claim_refs` are (source, pointer) of the claims that say so; with `attribute` they name each claim."""

    key: str
    attribute: str
    value: str
    confidence: float
    terms: list[Term]
    claim_refs: list[tuple[str, str]]
    source: str
    as_of: date | None


@dataclass(frozen=True)
class _Said:
    source: str
    claim: ClaimValue
    on: date = field(repr=False)

    @property
    def strength(self) -> float:
        return log_odds(right(self.source, self.claim.attribute))

    @property
    def ageing(self) -> Term:
        half_life = attributes.BY_KEY[self.claim.attribute].half_life_days
        if half_life is None:
            return term("age", 0.0, AGEING, "This does not age.")
        if self.claim.as_of_date is None:
            return term("age", 1.0, UNDATED, "The source does not say of when this is.")
        days = max(0, (self.on - self.claim.as_of_date).days)
        return term("age", days / half_life, AGEING, f"{days} days old, in half-lives of {half_life} days.")

    @property
    def standing(self) -> float:
        return self.strength + self.ageing["value"] * self.ageing["weight"]


def right(source: str, attribute: str) -> float:
    """How often the source is right about the attribute, 0 to 1."""
    found = SOURCES.get(source)
    return found.tells.get(attribute, RIGHT_OTHERWISE) if found else RIGHT_OTHERWISE


def facts(answers: Sequence[SourceAnswer], *, at: datetime) -> list[FactValue]:
    """Keys f1, f2, … in the order of ATTRIBUTES, news from new to old. Same answers, same facts."""
    said = [_Said(answer.source, claim, at.date()) for answer in answers for claim in answer.claims]
    held = [weighed for attribute in ATTRIBUTES for weighed in _held(attribute, said)]
    return [_fact(f"f{number}", ours, others) for number, (ours, others) in enumerate(held, start=1)]


def _held(attribute: str, said: Iterable[_Said]) -> list[tuple[list[_Said], list[_Said]]]:
    """For each fact of this attribute: who says it, strongest first, and who says otherwise."""
    mine = [each for each in said if each.claim.attribute == attribute]
    mine.sort(key=lambda each: (-each.standing, each.source, each.claim.pointer))
    known = attributes.BY_KEY[attribute]
    groups: list[list[_Said]] = []
    for each in mine:
        group = next((found for found in groups if agree(attribute, found[0].claim.value, each.claim.value)), None)
        groups.append([each]) if group is None else group.append(each)
    if not groups:
        return []
    if known.is_many:
        groups.sort(key=lambda group: max(each.claim.as_of_date or date.min for each in group), reverse=True)
        return [(group, []) for group in groups[: known.most]]
    best = max(groups, key=lambda group: sum(each.standing for each in _one_a_source(group)))
    return [(best, [each for group in groups if group is not best for each in group])]


def _one_a_source(group: Iterable[_Said]) -> list[_Said]:
    """A source that repeats itself counts once."""
    return list({each.source: each for each in reversed(list(group))}.values())[::-1]


def _fact(key: str, ours: list[_Said], others: list[_Said]) -> FactValue:
    best = ours[0]
    terms = [
        term("source", best.strength, 1.0, f"How often {_name(best)} is right about this."),
        best.ageing,
        *(
            term("agrees", each.strength, SECOND_SOURCE, f"{_name(each)} says {each.claim.value}.")
            for each in _one_a_source(ours)
            if each.source != best.source
        ),
        *(
            term("contradicts", each.strength, -SECOND_SOURCE, f"{_name(each)} says {each.claim.value}.")
            for each in _one_a_source(others)
            if each.source != best.source
        ),
    ]
    return FactValue(
        key=key,
        attribute=best.claim.attribute,
        value=best.claim.value,
        confidence=confidence(terms),
        terms=terms,
        claim_refs=[(each.source, each.claim.pointer) for each in ours],
        source=best.source,
        as_of=best.claim.as_of_date,
    )


def _name(said: _Said) -> str:
    return SOURCES[said.source].name if said.source in SOURCES else said.source


def check_pointer(claim: PointedValue, payload: object) -> bool:
    """Whether the stored payload really says so: the pointer is resolved and read again."""
    return attributes.read(claim.attribute, pointers.resolve(payload, claim.pointer)) == claim.value
