"""How often a source is right about an attribute, from what people decided. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from agents_app.research import attributes

ASSUMED_SEEN = 20  # what is assumed of a source counts as much as so many cases that people looked at
TOO_OLD = 0.5  # half-lives: what was said so long before a decision may have been right then
Key = tuple[str, str]  # source, attribute
Counts = Mapping[Key, tuple[int, int]]  # right, looked at


class Reliability(NamedTuple):
    """`share` of cases, 0 to 1; people looked at `seen` of them, and the source was right in `right`."""

    share: float
    right: int
    seen: int


class Said(NamedTuple):
    """One word of a source about a company."""

    source: str
    attribute: str
    value: str
    on: date | None


@dataclass(frozen=True)
class Decision:
    """A person was shown that an attribute of a company has the value `before`, and left it at `value`."""

    company: str
    attribute: str
    before: str
    value: str
    on: date
    said: tuple[Said, ...]


def learn(counts: Counts, assumed: Callable[[str, str], float]) -> dict[Key, Reliability]:
    """Posterior means, under Beta priors of the weight ASSUMED_SEEN with `assumed(source, attribute)` for a mean."""
    return {
        (source, attribute): Reliability(
            (assumed(source, attribute) * ASSUMED_SEEN + right) / (ASSUMED_SEEN + seen), right, seen
        )
        for (source, attribute), (right, seen) in counts.items()
        if seen
    }


def counted(decisions: Iterable[Decision]) -> dict[Key, tuple[int, int]]:
    """{(source, attribute): (right, looked at)}. A source counts once for what was decided of a company, however often
    it said so and in however many runs it was asked; its last word counts."""
    verdicts: dict[tuple[str, str, str, str], bool] = {}
    for decision in (each for each in decisions if each.attribute in attributes.BY_KEY):
        for source, value in _last_words(decision).items():
            case = (decision.company, decision.attribute, decision.value, source)
            verdicts.setdefault(case, attributes.agree(decision.attribute, value, decision.value))
    counts: dict[Key, tuple[int, int]] = {}
    for (_, attribute, _, source), is_right in verdicts.items():
        right, seen = counts.get((source, attribute), (0, 0))
        counts[source, attribute] = (right + is_right, seen + 1)
    return counts


def _last_words(decision: Decision) -> dict[str, str]:
    """{source: value}; of an attribute with many values only of who said the one that was shown."""
    known = attributes.BY_KEY[decision.attribute]
    said = [each for each in decision.said if each.attribute == decision.attribute and not _is_old(each, decision.on)]
    if known.is_many:
        said = [each for each in said if attributes.agree(decision.attribute, each.value, decision.before)]
    said.sort(key=lambda each: each.on or date.min)
    return {each.source: each.value for each in said}


def _is_old(said: Said, decided_on: date) -> bool:
    known = attributes.BY_KEY[said.attribute]
    if said.on is None or known.half_life_days is None or known.is_event:
        return False
    return (decided_on - said.on).days > TOO_OLD * known.half_life_days
