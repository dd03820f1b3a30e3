"""A draft tried on the last deliveries: what would be read, what set aside, which fields change. Nothing is written."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clients.mapping import Row
from clients.mappings import reading
from clients.mappings.comparing import label
from clients.mappings.reading import Reading
from clients.models import Connection, ContactField

MOST_EXAMPLES = 3
MOST_PROBLEMS = 5
Said = dict[str, dict[str, str]]  # whom -> field -> the last that was said


@dataclass(frozen=True)
class Example:
    whom: str
    before: str
    after: str


@dataclass(frozen=True)
class FieldChange:
    """`contacts` of the connection for whom the deliveries say something else of this field than before."""

    label: str
    contacts: int
    examples: tuple[Example, ...]


@dataclass
class Side:
    """How many deliveries were read or would stand in quarantine, and why."""

    read: int = 0
    quarantined: int = 0
    problems: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    said: Said = field(default_factory=lambda: defaultdict(dict))

    def take(self, readings: Sequence[Reading]) -> None:
        if reading.is_read(readings):
            self.read += 1
        else:
            self.quarantined += 1
            self.problems[next((each.problem for each in readings if each.problem), "")] += 1
        for each in readings:
            if not each.problem and each.mapped.values:
                self.said[reading.whom(each)] = {**each.mapped.values, **self.said[reading.whom(each)]}

    @property
    def why(self) -> list[tuple[str, int]]:
        """The problems, the most frequent first."""
        return sorted(self.problems.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_PROBLEMS]


@dataclass(frozen=True)
class Trial:
    deliveries: int
    before: Side
    after: Side
    changes: list[FieldChange]
    newly_read: int
    newly_set_aside: int
    warnings: list[tuple[str, int]]

    @property
    def contacts(self) -> int:
        return len(self.before.said.keys() | self.after.said.keys())


def run(connection: Connection, rows: Sequence[Row], *, instead_of: Sequence[Row]) -> Trial:
    """The connection's last deliveries read by `rows` and by what is in force."""
    before, after, warnings = Side(), Side(), defaultdict[str, int](int)
    deliveries = newly_read = newly_set_aside = 0
    for _, found in reading.last(connection):  # the newest first, so what is said first counts
        old, new = reading.read_entries(found, instead_of), reading.read_entries(found, rows)
        before.take(old)
        after.take(new)
        was, will_be = reading.is_read(old), reading.is_read(new)
        deliveries, newly_read = deliveries + 1, newly_read + (will_be and not was)
        newly_set_aside += was and not will_be
        for words in {words for each in new for words in each.mapped.warnings}:
            warnings[words] += 1
    told = sorted(warnings.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_PROBLEMS]
    return Trial(deliveries, before, after, _changes(before.said, after.said), newly_read, newly_set_aside, told)


def _changes(before: Said, after: Said) -> list[FieldChange]:
    found: dict[str, list[Example]] = defaultdict(list)
    for whom in after.keys() | before.keys():
        old, new = before.get(whom, {}), after.get(whom, {})
        for name in _fields(old, new):
            if old.get(name) != new.get(name):
                found[name].append(Example(_name(whom, new, old), _told(old, name), _told(new, name)))
    ordered = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [FieldChange(label(name), len(all_of), _first(all_of)) for name, all_of in ordered]


def _fields(*said: Mapping[str, str]) -> Iterable[str]:
    return dict.fromkeys(name for each in said for name in each)


def _told(said: Mapping[str, str], name: str) -> str:
    return "not said" if name not in said else said[name] or "cleared"


def _name(whom: str, *said: Mapping[str, str]) -> str:
    names = (each.get(name) for name in (ContactField.FULL_NAME, ContactField.EMAIL) for each in said)
    return next(filter(None, names), whom) or "somebody unknown"


def _first(examples: Sequence[Example]) -> tuple[Example, ...]:
    return tuple(sorted(examples, key=lambda each: each.whom)[:MOST_EXAMPLES])
