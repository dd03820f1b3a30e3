"""Claims as voices: how right their sources are, whose data they pass on, and how old they count."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from agents_app.research import attributes, fusion
from agents_app.research.fusion import Voice
from agents_app.research.learning import Key, Reliability
from agents_app.research.source import ClaimValue, Source, SourceAnswer
from agents_app.research.sources import SOURCES

RIGHT_OTHERWISE = 0.65
PERSON_IS_RIGHT = 0.97  # how far a person who looked is believed about a fact
Reliabilities = Mapping[Key, Reliability]


@dataclass(frozen=True)
class Decided:
    """What a person decided that an attribute is; `by` is what the person is called."""

    attribute: str
    value: str
    by: str
    on: date


@dataclass(frozen=True)
class Ear:
    """What all claims are heard with: the day, and what is known of their sources."""

    on: date
    reliabilities: Reliabilities
    sources: Mapping[str, Source]

    def voices(self, attribute: str, answers: Iterable[SourceAnswer], decided: Iterable[Decided] = ()) -> list[Voice]:
        said = [(answer, claim) for answer in answers for claim in answer.claims if claim.attribute == attribute]
        known = attributes.BY_KEY[attribute]
        is_event = known.is_event and not known.is_many
        newest = max((claim.as_of_date for _, claim in said if claim.as_of_date), default=None) if is_event else None
        voices = [self._voice(answer, claim, newest) for answer, claim in said]
        return voices + [self._decision(each) for each in decided if each.attribute == attribute and not known.is_many]

    def _voice(self, answer: SourceAnswer, claim: ClaimValue, newest: date | None) -> Voice:
        source = answer.source
        known = attributes.BY_KEY[claim.attribute]
        on = claim.as_of_date
        return Voice(
            source=source,
            group=(self.sources[source].group if source in self.sources else "") or source,
            value=claim.value,
            reliability=right(source, claim.attribute, self.reliabilities, sources=self.sources),
            rivals=1 if known.is_many else known.rivals,
            half_lives=_half_lives(known.half_life_days, on, newest or self.on, is_event=newest is not None),
            on=on,
            is_dated=known.half_life_days is None or on not in (None, newest),
            pointer=claim.pointer,
            asked=answer.question or source,
        )

    def _decision(self, decided: Decided) -> Voice:
        known = attributes.BY_KEY[decided.attribute]
        age = _half_lives(known.half_life_days, decided.on, self.on)
        return Voice("", "person", decided.value, PERSON_IS_RIGHT, known.rivals, age, decided.on, decided_by=decided.by)


def right(
    source: str,
    attribute: str,
    reliabilities: Reliabilities | None = None,
    *,
    sources: Mapping[str, Source] = SOURCES,
) -> float:
    """How often the source is right about the attribute, 0 to 1: learned, or else assumed."""
    found = (reliabilities or {}).get((source, attribute))
    if found:
        return found.share
    return sources[source].tells.get(attribute, RIGHT_OTHERWISE) if source in sources else RIGHT_OTHERWISE


def _half_lives(half_life: int | None, on: date | None, last: date, *, is_event: bool = False) -> float:
    """How old a word counts, `last` being the day of now. Of events, whose dates do not tell when somebody looked,
    `last` is that of the newest: it counts as a word without a date, and earlier ones as so much older."""
    if half_life is None:
        return 0.0
    if on is None:
        return fusion.UNDATED
    return max(0, (last - on).days) / half_life + (fusion.UNDATED if is_event else fusion.TOLD_LATE)
