"""Voices for the values of one attribute → how probable the best value is. Pure.

A voice is right with its reliability r, or says one of the m rivals of the truth, each as often as another. So it
moves the odds of its value against any other by log(r·m / (1 - r)) nats (naive Bayes; for votes: Nitzan & Paroush
1982). Voices of one group pass on the same data: the strongest counts in full, the others add nothing. With S(v) the
sum over the groups that say v, k values said by somebody, and the other m + 1 - k with a score of 0 each,

    P(v) = e^S(v) / (m + 1 - k + Σ e^S(u) over all u that are said)

With every half-life r loses half of what it has above chance, 1 / (m + 1): the truth may have changed since. That is
one event for all who said it before, so however many agree, P(v) is never more than that nothing changed since the
freshest of them looked; nor more than SUREST, because all may have it from where nobody looks.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from agents_app.confidence import log_odds
from agents_app.research import attributes, values

SUREST = 0.995  # neither a source nor all of them are righter than that
UNDATED = 0.5  # half-lives: how old a word counts that does not say of when it is
TOLD_LATE = 0.1  # half-lives: what has a date was so for a while before it was written down
SLIPS = (3, 6)  # powers of ten by which units are mixed up: thousands, millions
SLIP_COUNTS = 0.5  # of its own score, as a contradiction
MOST_NATS = 500.0  # e to that is still a float


@dataclass(frozen=True)
class Voice:
    """One word of one source. `reliability` when it was so; `half_lives`: how old it is, 0 where nothing ages.
    `asked`: the question that it answers; `decided_by`: the person who looked and decided, empty for sources."""

    source: str
    group: str
    value: str
    reliability: float
    rivals: int
    half_lives: float = 0.0
    on: date | None = None
    is_dated: bool = True
    pointer: str = ""
    asked: str = ""
    decided_by: str = ""

    @property
    def then(self) -> float:
        """How often such a word is right while it is fresh."""
        return aged(self.reliability, 0.0, self.rivals)

    @cached_property
    def now(self) -> float:
        """How often such a word is right by now."""
        return aged(self.reliability, self.half_lives, self.rivals)

    @cached_property
    def nats(self) -> float:
        return math.log(self.now * self.rivals / (1 - self.now))

    @cached_property
    def rank(self) -> tuple[object, ...]:
        """The strongest first; nothing in it depends on the order in which sources answered."""
        newest = -(self.on or date.min).toordinal()
        of_equals = (not self.is_dated, self.half_lives, newest, self.source, self.pointer, self.value)
        return (not self.decided_by, -self.now, *of_equals)


@dataclass(frozen=True)
class Side:
    """A value and all voices that agree with it, strongest first: one of each group in `heard`, the rest `repeated`."""

    value: str
    heard: tuple[Voice, ...]
    repeated: tuple[Voice, ...] = ()
    slip_of: str = ""

    @cached_property
    def score(self) -> float:
        """S(v), nats."""
        return math.fsum(voice.nats for voice in self.heard) * (SLIP_COUNTS if self.slip_of else 1.0)

    @property
    def first(self) -> Voice:
        """A person who decided; else the strongest that says the value itself, not only one within the tolerance."""
        if self.heard[0].decided_by:
            return self.heard[0]
        return next((voice for voice in self.heard if voice.value == self.value), self.heard[0])

    @property
    def others(self) -> list[Voice]:
        return [voice for voice in self.heard if voice is not self.first]

    @property
    def copies(self) -> list[Voice]:
        """Other sources that pass on what one of the group has said."""
        speakers = {voice.source for voice in self.heard}
        return list({voice.source: voice for voice in self.repeated if voice.source not in speakers}.values())

    @property
    def half_lives(self) -> float:
        """Since the freshest of them looked: of several who do not say when, one looked lately."""
        undated = [voice.half_lives for voice in self.heard if not voice.is_dated]
        dated = [voice.half_lives for voice in self.heard if voice.is_dated]
        return min([*dated, *([min(undated) / len(undated)] if undated else [])])


@dataclass(frozen=True)
class Outcome:
    """The side that holds and those that do not, strongest first. `against`: what the others take from it, nats.
    `limit`: the most that its log-odds can be."""

    side: Side
    others: tuple[Side, ...]
    against: float
    limit: float


def chance(rivals: int) -> float:
    """How often a guess is right."""
    return 1 / (rivals + 1)


def aged(reliability: float, half_lives: float, rivals: int) -> float:
    least = chance(rivals)
    return least + (min(max(reliability, least), SUREST) - least) * math.exp2(-half_lives)


def outcome(attribute: str, voices: Iterable[Voice]) -> Outcome:
    """Of an attribute that has one value, from one voice or more. Same voices in any order, same outcome."""
    found = _with_slips(attribute, sides(attribute, voices))
    side = min(found, key=lambda each: (not each.first.decided_by, *_strongest(each)))
    others = tuple(each for each in found if each is not side)
    heard = [_after(each, side.first) for each in others] if side.first.decided_by else others
    return weighed(side, others, [each.score for each in heard])


def weighed(side: Side, others: Sequence[Side] = (), scores: Sequence[float] = ()) -> Outcome:
    """`scores` of the others, as far as they count."""
    rivals = side.first.rivals
    gains = math.fsum(math.exp(min(score, MOST_NATS)) - 1 for score in scores)
    limit = log_odds(aged(SUREST, side.half_lives, rivals))
    return Outcome(side, tuple(others), math.log1p(gains / rivals), limit)


def sides(attribute: str, voices: Iterable[Voice]) -> list[Side]:
    """Voices by what they say, the strongest side first.

    A side is whoever agrees with the value in its middle, so that no chain of small steps joins what is far apart. A
    voice that agrees with two middles (a range often does) speaks for both. Ranges are middles only of what no number
    agrees with.
    """
    ranked = sorted(voices, key=lambda voice: voice.rank)
    said: dict[str, list[Voice]] = {}
    for voice in ranked:
        said.setdefault(attributes.BY_KEY[attribute].folded(voice.value), []).append(voice)
    if attributes.BY_KEY[attribute].near:
        return _around(attribute, ranked, said)
    return sorted((_side(group[0].value, group) for group in said.values()), key=_strongest)


def _around(attribute: str, ranked: Sequence[Voice], said: dict[str, list[Voice]]) -> list[Side]:
    possible = [
        _side(value, [voice for voice in ranked if attributes.agree(attribute, value, voice.value)])
        for value in (group[0].value for group in said.values())
    ]
    possible.sort(key=lambda side: (attributes.is_range(side.value), *_strongest(side)))
    found: list[Side] = []
    for side in possible:
        if not any(attributes.agree(attribute, side.value, other.value) for other in found):
            found.append(side)
    return sorted(found, key=_strongest)


def _side(value: str, voices: Sequence[Voice]) -> Side:
    """`voices` by rank. Of one group the first speaks."""
    heard: dict[str, Voice] = {}
    for voice in voices:
        heard.setdefault(voice.group, voice)
    return Side(value, tuple(heard.values()), tuple(voice for voice in voices if voice is not heard[voice.group]))


def _strongest(side: Side) -> tuple[object, ...]:
    return (-side.score, *side.first.rank)


def _with_slips(attribute: str, found: Sequence[Side]) -> list[Side]:
    """Those marked that are a thousand or a million times what more voices say, or that part of it."""
    if not attributes.BY_KEY[attribute].near:
        return list(found)
    return [
        replace(side, slip_of=next((each.value for each in found if _is_slip(attribute, side, each)), ""))
        for side in found
    ]


def _is_slip(attribute: str, side: Side, other: Side) -> bool:
    return len(other.heard) > len(side.heard) and times(attribute, side.value, other.value) != 0


def times(attribute: str, one: str, other: str) -> int:
    """The power of ten (3, 6, -3, -6) that makes the one of the other, as near as the attribute asks; 0: none does."""
    first, second = values.number(one), values.number(other)
    if not first or not second:
        return 0
    near = 1 + attributes.BY_KEY[attribute].near
    powers = (sign * power for power in SLIPS for sign in (1, -1))
    return next((power for power in powers if 1 / near <= first / second / 10.0**power <= near), 0)


def _after(side: Side, decided: Voice) -> Side:
    """What speaks against a person's decision: only what is from later."""
    later = (voice for voice in side.heard if voice.on and decided.on and voice.on > decided.on)
    return replace(side, heard=tuple(later))
