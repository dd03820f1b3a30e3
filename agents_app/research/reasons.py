"""Why a fact is as sure as it is: the terms of its confidence, each with its reason in words. Pure.

Their sum is the log-odds of `fusion`; nothing else moves the confidence.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents_app.confidence import Term, log_odds, term
from agents_app.research import attributes, fusion
from agents_app.research.fusion import Outcome, Side, Voice
from agents_app.research.learning import Key, Reliability

TIMES = {3: "a thousand times that", 6: "a million times that", -3: "a thousandth of it", -6: "a millionth of it"}


def is_decided(terms: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a person decided it."""
    return any(each["term"] == "person" for each in terms)


def is_contested(terms: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a source says otherwise."""
    return any(each["term"] == "contradicts" for each in terms)


def voices(terms: Iterable[Mapping[str, Any]]) -> int:
    """How many sources say so independently of each other."""
    return sum(each["term"] in ("source", "agrees") for each in terms)


@dataclass(frozen=True)
class Reasons:
    """For the facts of one attribute. `names` {source: what people call it}."""

    attribute: str
    names: Mapping[str, str]
    reliabilities: Mapping[Key, Reliability]

    def terms(self, outcome: Outcome) -> list[Term]:
        side = outcome.side
        found = [
            self._first(side.first),
            self._age(side.first),
            *(term("agrees", voice.nats, 1.0, self._agrees(voice)) for voice in side.others),
            *(term("copies", voice.nats, 0.0, self._copies(voice, side)) for voice in side.copies),
        ]
        if outcome.others:
            why = " ".join(self._contradicts(each, side) for each in outcome.others)
            found.append(term("contradicts", outcome.against, -1.0, why))
        beyond = math.fsum(each["value"] * each["weight"] for each in found) - outcome.limit
        if beyond > 0:
            found.append(term("limit", beyond, -1.0, self._limit()))
        return found

    def _first(self, voice: Voice) -> Term:
        if voice.decided_by:
            return term("person", log_odds(voice.then), 1.0, f"{voice.decided_by} says so.")
        why = f"How often {self._name(voice)} is right about this{self._learned(voice)}."
        return term("source", log_odds(voice.then), 1.0, why)

    def _age(self, voice: Voice) -> Term:
        half_life = attributes.BY_KEY[self.attribute].half_life_days
        if half_life is None:
            return term("age", 0.0, 0.0, "This does not age.")
        half_lives, nats = round(voice.half_lives, 4), log_odds(voice.now) - log_odds(voice.then)
        return term("age", half_lives, nats / half_lives, f"{self._when(voice)}, in half-lives of {half_life} days.")

    def _when(self, voice: Voice) -> str:
        if voice.on is None:
            return f"{self._name(voice)} does not say of when this is, so it counts as rather old"
        if voice.is_dated:
            return f"As of {voice.on:%-d %B %Y}"
        return f"What happened on {voice.on:%-d %B %Y} is the last that is told of"

    def _limit(self) -> str:
        since = "" if attributes.BY_KEY[self.attribute].half_life_days is None else "It may have changed since. "
        return f"{since}All may have it from the same place, so more of them would make it no surer."

    def _agrees(self, voice: Voice) -> str:
        return f"{self._name(voice)} says {voice.value}{self._learned(voice)}."

    def _copies(self, voice: Voice, side: Side) -> str:
        speaker = next(each for each in side.heard if each.group == voice.group)
        return f"{self._name(voice)} passes on the same data as {self._name(speaker)}, so it adds nothing."

    def _contradicts(self, other: Side, side: Side) -> str:
        names = list(dict.fromkeys(self._name(voice) for voice in (*other.heard, *other.repeated)))
        said = f"{_listed(names)} {'says' if len(names) == 1 else 'say'} {other.value}"
        power = fusion.times(self.attribute, other.value, side.first.value)
        if not power:
            return f"{said}."
        slip = ": probably a slip of the unit, so it counts half" if other.slip_of else ""
        return f"{said}, {TIMES[power]}{slip}."

    def _learned(self, voice: Voice) -> str:
        learned = self.reliabilities.get((voice.source, self.attribute))
        return f": right in {learned.right} of {learned.seen} cases people looked at" if learned else ""

    def _name(self, voice: Voice) -> str:
        return voice.decided_by or self.names.get(voice.source, voice.source)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
