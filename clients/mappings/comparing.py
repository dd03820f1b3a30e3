"""What differs between two versions of a mapping, in words."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clients.mapping import CUSTOM, Row
from clients.mapping.checking import ON_BLANK
from clients.mapping.row import DIRECTIONS
from clients.mapping.transforms import TRANSFORMS, split
from clients.models import ContactField, FieldRule

NO_RULE = "the client's own rule"


class Difference(NamedTuple):
    field: str
    words: str


def differences(before: Sequence[Row], after: Sequence[Row]) -> list[Difference]:
    """Row by row, in the order of `after`, then what was taken out. The order of rows means nothing and is not told."""
    old, new = {row.field: row for row in before}, {row.field: row for row in after}
    changed = [Difference(label(field), words) for field, row in new.items() for words in _changes(old.get(field), row)]
    gone = [Difference(label(field), f"is not read any more (was {row.path})") for field, row in old.items()
            if field not in new]  # fmt: skip
    return changed + gone


def label(field: str) -> str:
    """A field as people see it."""
    if field.startswith(CUSTOM):
        return field.removeprefix(CUSTOM).replace("_", " ").capitalize()
    return str(ContactField(field).label) if field in ContactField.values else field


def chain(specs: Sequence[str]) -> str:
    """ "Trim, then Phone number (DE)"; "as it is" without any."""
    return ", then ".join(_step(spec) for spec in specs) or "as it is"


def _step(spec: str) -> str:
    name, argument = split(spec)
    said = TRANSFORMS[name].label if name in TRANSFORMS else name
    return f"{said} ({argument})" if argument else said


def _changes(old: Row | None, new: Row) -> Iterator[str]:
    if old is None:
        yield f"is read from {new.path}, {_lower(chain(new.transforms))}"
        return
    for name, one, other in _parts(old, new):
        if one != other:
            yield f"{name}: was {one}, is {other}"


def _parts(old: Row, new: Row) -> list[tuple[str, str, str]]:
    return [
        ("path", old.path, new.path),
        ("transforms", _lower(chain(old.transforms)), _lower(chain(new.transforms))),
        ("where it is blank", _lower(ON_BLANK[old.on_blank]), _lower(ON_BLANK[new.on_blank])),
        ("required", _yes(old.required), _yes(new.required)),
        ("rule", _rule(old.rule), _rule(new.rule)),
        ("direction", _lower(DIRECTIONS[old.direction]), _lower(DIRECTIONS[new.direction])),
    ]


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _rule(rule: str) -> str:
    return _lower(str(FieldRule.Rule(rule).label)) if rule else NO_RULE


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
