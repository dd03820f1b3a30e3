"""Whether the rows of a mapping can be used at all."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from clients.mapping import paths, transforms
from clients.mapping.paths import PathError
from clients.mapping.row import CUSTOM, DIRECTIONS, Row

MOST_ROWS = 100
MOST_TRANSFORMS = 4
ON_BLANK = {"ignore": "Keep what we have", "clear": "Clear the field"}
_CUSTOM_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row. `number` counts from 0; `part` is the attribute of Row."""

    number: int
    part: str
    words: str


def check(rows: Sequence[Row], fields: Collection[str]) -> list[Problem]:
    """All that is wrong with the rows; `fields` are the canonical ones that exist."""
    if len(rows) > MOST_ROWS:
        return [Problem(MOST_ROWS, "field", f"There are {len(rows)} rows. A mapping may have {MOST_ROWS}.")]
    found = [problem for number, row in enumerate(rows) for problem in _of_row(number, row, fields)]
    return found + _twice(rows)


def path_problem(path: str) -> str:
    """ "" where the path can be read."""
    try:
        paths.parse(path)
    except PathError as error:
        return str(error)
    return ""


def custom_problem(name: str) -> str:
    """What is wrong with the name of a custom field, "" where nothing is."""
    if _CUSTOM_NAME.fullmatch(name):
        return ""
    return f"“{name[:60]}” cannot name a field. Use small letters, digits and _, a letter first, at most 50."


def _of_row(number: int, row: Row, fields: Collection[str]) -> list[Problem]:
    said = {
        "field": _field_problem(row.field, fields),
        "path": path_problem(row.path),
        "transforms": _transforms_problem(row.transforms),
        "on_blank": "" if row.on_blank in ON_BLANK else f"Choose {' or '.join(ON_BLANK)}.",
        "direction": "" if row.direction in DIRECTIONS else f"Choose {', '.join(DIRECTIONS)}.",
    }
    return [Problem(number, part, words) for part, words in said.items() if words]


def _field_problem(field: str, fields: Collection[str]) -> str:
    if field.startswith(CUSTOM):
        return custom_problem(field.removeprefix(CUSTOM))
    return "" if field in fields else f"A contact has no field “{field[:60]}”."


def _transforms_problem(specs: Sequence[str]) -> str:
    if len(specs) > MOST_TRANSFORMS:
        return f"These are {len(specs)} transforms. At most {MOST_TRANSFORMS} follow one another."
    return next(filter(None, map(transforms.problem, specs)), "")


def _twice(rows: Sequence[Row]) -> list[Problem]:
    seen: set[str] = set()
    found = []
    for number, row in enumerate(rows):
        if row.field in seen:
            words = "Another row fills this field already. Put both paths into one row, parted by “ | ”."
            found.append(Problem(number, "field", words))
        seen.add(row.field)
    return found
