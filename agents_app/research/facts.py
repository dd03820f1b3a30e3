"""Claims of several sources → what we hold to be true, each with the terms of its confidence (`fusion`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol

from agents_app.confidence import Term, confidence
from agents_app.research import attributes, fusion, learning, pointers
from agents_app.research.fusion import Outcome, Side
from agents_app.research.hearing import Decided, Ear, Reliabilities, right
from agents_app.research.learning import Decision
from agents_app.research.reasons import Reasons
from agents_app.research.source import Source, SourceAnswer
from agents_app.research.sources import SOURCES

ATTRIBUTES = tuple(each.key for each in attributes.ALL)


class PointedValue(Protocol):
    attribute: str
    value: str
    pointer: str


@dataclass(frozen=True)
class Conflict:
    """Another value of the same attribute, and the keys of the sources that say so. `is_slip`: probably the same number
    in a wrong unit. `score` in nats."""

    value: str
    sources: list[str]
    is_slip: bool = False
    score: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class FactValue:
    """`claim_refs` are (question, pointer) of the claims that say so; with `attribute` they name each claim.

    `source` says the value itself, others may say it in other words; it is empty where only a person does. `voices`:
    how many say so independently of each other, `score` what they weigh, in nats.
    """

    key: str
    attribute: str
    value: str
    confidence: float
    terms: list[Term]
    claim_refs: list[tuple[str, str]]
    source: str
    as_of: date | None
    voices: int = 1
    conflicts: list[Conflict] = field(default_factory=list)
    score: float = field(default=0.0, compare=False)


def facts(
    answers: Sequence[SourceAnswer],
    *,
    at: datetime,
    reliabilities: Reliabilities | None = None,
    decided: Sequence[Decided] = (),
    sources: Mapping[str, Source] = SOURCES,
) -> list[FactValue]:
    """Keys f1, f2, … in the order of ATTRIBUTES; of those with many values, news and filings from new to old, the
    others from sure to unsure. Same answers in any order, same facts.

    `reliabilities` are learned ones; a source that has none is taken to be as right as it `tells`.
    """
    ear = Ear(at.date(), reliabilities or {}, sources)
    found = [fact for attribute in ATTRIBUTES for fact in _held(attribute, answers, ear, decided)]
    return [replace(fact, key=f"f{number}") for number, fact in enumerate(found, start=1)]


def _held(attribute: str, answers: Sequence[SourceAnswer], ear: Ear, decided: Sequence[Decided]) -> list[FactValue]:
    voices = ear.voices(attribute, answers, decided)
    if not voices:
        return []
    known = attributes.BY_KEY[attribute]
    reasons = Reasons(attribute, {key: each.name for key, each in ear.sources.items()}, ear.reliabilities)
    if not known.is_many:
        return [_fact(fusion.outcome(attribute, voices), reasons)]
    held = [_fact(fusion.weighed(side), reasons) for side in fusion.sides(attribute, voices)]
    held.sort(key=_newest if known.is_event else _surest)
    return held[: known.most]


def _newest(fact: FactValue) -> tuple[object, ...]:
    return (-(fact.as_of or date.min).toordinal(), *_surest(fact))


def _surest(fact: FactValue) -> tuple[object, ...]:
    return (-fact.confidence, -(fact.as_of or date.min).toordinal(), fact.claim_refs, fact.value)


def _fact(outcome: Outcome, reasons: Reasons) -> FactValue:
    side = outcome.side
    first, all_voices = side.first, [*side.heard, *side.repeated]
    terms = reasons.terms(outcome)
    teller = first if first.source else next((voice for voice in all_voices if voice.source), first)
    return FactValue(
        key="",
        attribute=reasons.attribute,
        value=first.value,
        confidence=confidence(terms),
        terms=terms,
        claim_refs=[(voice.asked, voice.pointer) for voice in all_voices if voice.source],
        source=teller.source,
        as_of=first.on,
        voices=len(side.heard),
        conflicts=[_conflict(each) for each in outcome.others],
        score=side.score,
    )


def _conflict(side: Side) -> Conflict:
    sources = dict.fromkeys(voice.source for voice in (*side.heard, *side.repeated) if voice.source)
    return Conflict(side.value, list(sources), is_slip=bool(side.slip_of), score=side.score)


@dataclass(frozen=True)
class Weighed:
    """One word in a vote on an attribute's value: `counts_for` is the value that it agrees with, `reliability` as it is
    by now, `group` whose data it passes on, `among` how many values are possible."""

    value: str
    counts_for: str
    source: str
    reliability: float
    group: str
    among: int


def weighed(
    attribute: str, answers: Sequence[SourceAnswer], *, at: datetime, reliabilities: Reliabilities | None = None
) -> list[Weighed]:
    """What `facts` weighs, word by word, in the order of the answers."""
    voices = Ear(at.date(), reliabilities or {}, SOURCES).voices(attribute, answers)
    sides = fusion.sides(attribute, voices)
    return [
        Weighed(
            value=voice.value,
            counts_for=next(side.value for side in sides if voice in (*side.heard, *side.repeated)),
            source=voice.source,
            reliability=voice.now,
            group=voice.group,
            among=voice.rivals + 1,
        )
        for voice in voices
    ]


def learned(decisions: Iterable[Decision]) -> Reliabilities:
    """How right sources have turned out to be, where people looked."""
    return learning.learn(learning.counted(decisions), right)


def check_pointer(claim: PointedValue, payload: object) -> bool:
    """Whether the stored payload really says so: the pointer is resolved and read again."""
    return attributes.read(claim.attribute, pointers.resolve(payload, claim.pointer)) == claim.value
