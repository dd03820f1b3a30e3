"""What the rows of a mapping make of one entry. Nothing that a sender can write raises, or takes long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.mapping import paths, transforms
from clients.mapping.paths import MISSING, Constant, PathError, Place, Way
from clients.mapping.row import READ, Row, Traced
from clients.mapping.unreadable import Unreadable

LONGEST = 1000  # characters of a value, as an Observation holds it
LONGEST_READ = 20_000  # characters of what a transform is given


@dataclass(frozen=True)
class Mapped:
    """`values` {field: text, "" where it is cleared} hold only what was said. `problems` say in words what was required
    and is missing: the entry cannot be used. `trace` has a line for each row that reads."""

    values: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    trace: list[Traced] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        return [f"{words(each.row.field)}: {each.warning}" for each in self.trace if each.warning]


def apply(rows: Sequence[Row], fields: Mapping[str, Any]) -> Mapped:
    """A place that is not in the entry says nothing. One that is there, but null or blank, clears the field where the
    row says so, and says nothing otherwise. Of two rows for one field the last that says something counts."""
    trace = [_traced(row, fields) for row in rows if row.direction in READ]
    values = {each.row.field: each.value for each in trace if each.value is not None}
    missing = {each.row.field: each for each in trace if each.row.required and not values.get(each.row.field)}
    return Mapped(values, [_problem(each) for each in missing.values()], trace)


def words(name: str) -> str:
    """A field as a sentence names it: "e-mail address", "lead score" of "custom.lead_score"."""
    return {"email": "e-mail address"}.get(name, name.removeprefix("custom.").replace("_", " "))


def _problem(traced: Traced) -> str:
    stands = f" {traced.warning}" if traced.warning else f" Nothing stands at {traced.row.path}."
    return f"There is no {words(traced.row.field)} in it, which is required.{stands}"


def _traced(row: Row, fields: Mapping[str, Any]) -> Traced:
    """The first place that gives a text; else the first that is there but blank; else what kept one from being read."""
    try:
        places = paths.parse(row.path)
    except PathError as error:
        return Traced(row, warning=str(error))
    found = [each for place in places if (each := _at(row, place, fields)) is not None]
    told = next((each for each in found if each.value), None)
    blank = next((each for each in found if each.value == ""), None)
    if told is None and blank is not None and row.on_blank == "ignore":
        return Traced(row, None, blank.place, blank.raw, blank.warning)
    return told or blank or (found[0] if found else Traced(row))


def _at(row: Row, place: Place, fields: Mapping[str, Any]) -> Traced | None:
    """None where nothing stands there."""
    raw = _raw(place, fields)
    if raw is MISSING:
        return None
    if paths.is_blank(raw):
        return Traced(row, "", place.text, raw)
    try:
        value, warning = transforms.applied(_cut(raw, LONGEST_READ), row.transforms)
        found = transforms.as_text(value)
    except Unreadable as unreadable:
        return Traced(row, None, place.text, raw, str(unreadable))
    if len(found) > LONGEST:
        warning = warning or f"Only the first {LONGEST:,} of {len(found):,} characters are kept."
    return Traced(row, _cut(found, LONGEST), place.text, raw, warning)


def _raw(place: Place, fields: Mapping[str, Any]) -> Any:  # noqa: ANN401 whatever JSON holds
    """What stands there; of several terms their texts, as far as they are there, with spaces between them."""
    if len(place.terms) == 1:
        return _term(place.terms[0], fields)
    said = [_term(term, fields) for term in place.terms]
    if all(isinstance(term, Constant) or raw is MISSING for term, raw in zip(place.terms, said, strict=True)):
        return MISSING
    return " ".join(filter(None, (paths.text(raw) for raw in said if raw is not MISSING)))


def _term(term: Constant | Way, fields: Mapping[str, Any]) -> Any:  # noqa: ANN401 whatever JSON holds
    return term.text if isinstance(term, Constant) else paths.follow(term, fields)


def _cut(value: Any, most: int) -> Any:  # noqa: ANN401 whatever JSON holds
    return value[:most] if isinstance(value, str) else value
