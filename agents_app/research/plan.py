"""Which question to which source is worth most now: expected gain against time and credits. Pure.

The gain of a question is how much less uncertain it can be expected to leave what is asked for, in bits: for each
attribute the entropy of what is known, less what it will be on average once the source has spoken (the expected value
of information, Lindley 1956). Whoever agrees with what is known makes it surer, whoever contradicts makes it less sure,
and both have their probability. A voice of a group that was heard already says little that is new.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from agents_app.research.attributes import BY_KEY, IDS
from agents_app.research.facts import FactValue
from agents_app.research.source import Company, Question, Source, SourceAccess, SourceAnswer
from agents_app.research.sources import SOURCES

LEAST_GAIN = 0.02  # bits; less is not worth a call
WISHED = 0.03  # weight of an attribute that is not required, of one that is: 1
ANSWERS = 0.7  # how often a source has an answer, until its own record says
ECHO = 0.1  # of its gain: a voice of a group that was heard
ROUND = ("news", "last_funding_stage", "last_funding_date")
AROUND = timedelta(days=14)  # of a round of funding: what the news say of it
FIXED = 0.05  # of a call's cost: what it costs beside time and credits, so that free and fast is not free of cost


@dataclass(frozen=True)
class Aim:
    """What is wanted and what may be spent: an attribute is known well enough at `floor`; `credits` as the sources
    count them, None: as many as they take."""

    required: Sequence[str]
    floor: float
    seconds: float
    credits: float | None = None


@dataclass(frozen=True)
class Action:
    """One question that could be put to one source. `tells` {attribute: how often the source is right}, as far as this
    question goes; `gain` in bits, `score` is gain against cost. `is_of_owner`: it is about the company's owner."""

    access: SourceAccess
    source: Source
    question: Question
    why: str
    tells: Mapping[str, float]
    is_of_owner: bool = False
    gain: float = 0.0
    score: float = 0.0

    @property
    def key(self) -> str:
        return self.source.key_of(self.question)


@dataclass(frozen=True)
class Known:
    """What was found by now. `rates` {source: how often it had an answer, 0 to 1}."""

    company: Company
    facts: Sequence[FactValue]
    answers: Sequence[SourceAnswer]
    rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def sure(self) -> dict[str, float]:
        """attribute → confidence of its surest fact."""
        best: dict[str, float] = {}
        for fact in self.facts:
            best[fact.attribute] = max(best.get(fact.attribute, 0.0), fact.confidence)
        return best

    def value(self, attribute: str) -> str:
        return next((fact.value for fact in self.facts if fact.attribute == attribute), "")


def learned(company: Company, facts: Sequence[FactValue]) -> Company:
    """The company with the name and strong ids that are known by now; a name that was given stays."""
    found = {fact.attribute: fact.value for fact in facts if fact.attribute in IDS}
    name = company.name or next((fact.value for fact in facts if fact.attribute == "name"), "")
    return replace(company, name=name, ids={**found, **company.ids})


def missing(aim: Aim, sure: Mapping[str, float]) -> list[str]:
    """Required attributes that are not known well enough, in the order in which they are required; those that do not
    apply are not missing."""
    return [
        name
        for name in aim.required
        if sure.get(name, 0.0) < aim.floor and (not BY_KEY[name].only_with or BY_KEY[name].only_with in sure)
    ]


def hoped(known: Known, pending: Iterable[Action]) -> dict[str, float]:
    """How sure one may be soon, should all that are being asked answer: enough reason to pay nobody else yet."""
    sure = known.sure
    for action in pending:
        for attribute, right in action.tells.items():
            sure[attribute] = max(sure.get(attribute, 0.0), right)
    return sure


def actions(
    aim: Aim, known: Known, accesses: Iterable[SourceAccess], *, at: datetime, taken: Collection[str]
) -> list[Action]:
    """Every question worth asking now, best first; `taken` are keys of questions that were or are being asked."""
    failed = _failed(known)
    found = [
        action
        for access in accesses
        if access.key in SOURCES and access.key not in failed
        for action in _open(SOURCES[access.key], access, known, at)
        if action.key not in taken and not action.source.lacks(action.question)
    ]
    scored = (_scored(action, aim, known) for action in found)
    return sorted((each for each in scored if each.gain >= LEAST_GAIN), key=lambda each: (-each.score, each.key))


def _failed(known: Known) -> set[str]:
    """Sources that could not answer just now: another question would meet the same trouble."""
    last = {answer.source: answer for answer in known.answers}
    return {key for key, answer in last.items() if answer.status == "failed"}


def _open(source: Source, access: SourceAccess, known: Known, at: datetime) -> Iterable[Action]:
    yield Action(access, source, Question(known.company, at), _why(source, known), source.tells)
    if "since" not in source.asked_by or source.key not in {answer.source for answer in known.answers}:
        return  # what it says of the company as a whole comes first
    on, owner = _funded_on(known.answers), known.value("parent")
    if on:
        around = Question(known.company, at, since=on - AROUND, until=min(on + AROUND, at.date()))
        tells = {name: source.tells[name] for name in ROUND if name in source.tells}
        yield Action(access, source, around, f"A round is dated {on:%-d %B %Y}: what was written around it.", tells)
    if owner:
        question, tells = Question(Company("", owner), at), {"parent_news": source.tells["news"]}
        yield Action(
            access, source, question, f"It belongs to {owner}: what is written of its owner.", tells, is_of_owner=True
        )


def _why(source: Source, known: Known) -> str:
    by = [BY_KEY[name].label for name in source.asked_by if name in IDS and known.company.ids.get(name)]
    return f"It can be asked by what is known now: {', '.join(by)}." if by else "It may know the company."


def _funded_on(answers: Iterable[SourceAnswer]) -> date | None:
    """The day of the newest round that somebody dates."""
    dated = [
        claim.as_of_date
        for answer in answers
        for claim in answer.claims
        if claim.attribute == "last_funding_date" and claim.as_of_date
    ]
    return max(dated, default=None)


def _scored(action: Action, aim: Aim, known: Known) -> Action:
    source, heard, sure = action.source, _heard(action.source, known), known.sure
    gain = known.rates.get(source.key, ANSWERS) * sum(
        _weight(attribute, aim) * _bits(sure.get(attribute), right) * (ECHO if attribute in heard else 1.0)
        for attribute, right in action.tells.items()
    )
    cost = FIXED + min(1.0, source.typical_s / max(0.1, aim.seconds))
    if aim.credits and source.credits:
        cost += source.credits / aim.credits
    return replace(action, gain=round(gain, 4), score=round(gain / cost, 4))


def _weight(attribute: str, aim: Aim) -> float:
    return 1.0 if attribute in aim.required else WISHED


def _heard(source: Source, known: Known) -> set[str]:
    """Attributes on which this source, or one that passes on the same data, has spoken."""
    alike = {
        each.source
        for each in known.answers
        if each.source == source.key or (source.group and SOURCES[each.source].group == source.group)
        if each.source in SOURCES
    }
    return {claim.attribute for answer in known.answers if answer.source in alike for claim in answer.claims}


def _bits(sure: float | None, right: float) -> float:
    """How much a source that is right with probability `right` can be expected to take from the uncertainty, in bits.
    What nobody has said yet is as uncertain as can be."""
    prior = 0.5 if sure is None else min(0.999, max(0.001, sure))
    agrees = prior * right + (1 - prior) * (1 - right)
    after_yes, after_no = prior * right / agrees, prior * (1 - right) / (1 - agrees)
    return max(0.0, _entropy(prior) - agrees * _entropy(after_yes) - (1 - agrees) * _entropy(after_no))


def _entropy(probability: float) -> float:
    if probability in (0.0, 1.0):
        return 0.0
    return -probability * math.log2(probability) - (1 - probability) * math.log2(1 - probability)
