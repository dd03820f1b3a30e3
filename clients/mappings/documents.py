"""A mapping as JSON that people can read: out, and in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from clients.mapping import Problem, Row
from clients.mapping.checking import MOST_ROWS
from clients.mappings.stored import MappingRefused, refuse
from clients.models import Connection, FieldRule

FORMAT = "mapping/1"
LARGEST = 200_000  # characters
KEYS = ("format", "party", "rows")
TYPES: dict[str, tuple[type, str]] = {
    "field": (str, "a text"), "path": (str, "a text"), "transforms": (list, "a list of texts"),
    "on_blank": (str, "a text"), "required": (bool, "true or false"), "rule": (str, "a text"),
    "direction": (str, "a text"),
}  # fmt: skip
_DEFAULTS = {each.name: each.default for each in fields(Row)}


class Unreadable(Exception):
    """A document that is none of a mapping; the message says where and why."""


def export(connection: Connection, rows: Sequence[Row]) -> str:
    """What is usual is left out of a row."""
    said = {"format": FORMAT, "party": connection.party, "rows": [_document(row) for row in rows]}
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def read(text: str) -> tuple[Row, ...]:
    """Raises Unreadable, MappingRefused."""
    rows = tuple(_row(number, said) for number, said in enumerate(_rows(_parsed(text)), start=1))
    rules = {"", *FieldRule.Rule.values}
    wrong = [
        Problem(number, "rule", f"There is no rule “{row.rule[:30]}”. Choose one of: {', '.join(FieldRule.Rule)}.")
        for number, row in enumerate(rows)
        if row.rule not in rules
    ]
    if wrong:
        raise MappingRefused(wrong)
    refuse(rows)
    return rows


def _document(row: Row) -> dict[str, Any]:
    said = {**vars(row), "transforms": list(row.transforms)}
    usual: dict[str, Any] = {**_DEFAULTS, "transforms": []}
    return {name: value for name, value in said.items() if name in ("field", "path") or value != usual[name]}


def _parsed(text: str) -> Mapping[str, Any]:
    if len(text) > LARGEST:
        raise Unreadable(f"The text has {len(text):,} characters. A mapping has at most {LARGEST:,}.")
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"It is not JSON: {error.msg}, {place}.") from None
    except (ValueError, RecursionError):
        raise Unreadable(
            "It is not JSON that can be read: nested too deeply, or with a number that is too long."
        ) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Unreadable(f'It is no mapping. It has to begin with {{"format": "{FORMAT}", …}}, as an export does.')
    return found


def _rows(document: Mapping[str, Any]) -> list[Any]:
    strange = [name for name in document if name not in KEYS]
    if strange:
        raise Unreadable(f"“{strange[0][:40]}” does not belong there. A mapping has: {', '.join(KEYS)}.")
    rows = document.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        raise Unreadable(f"“rows” has to be a list of 1 to {MOST_ROWS} rows.")
    return rows


def _row(number: int, said: object) -> Row:
    if not isinstance(said, dict):
        raise Unreadable(f'Row {number} is no object like {{"field": "title", "path": "jobtitle"}}.')
    problem = next(_wrong(said), "")
    if problem:
        raise Unreadable(f"Row {number}: {problem}")
    return Row(**{**said, "transforms": tuple(said.get("transforms", ()))})


def _wrong(said: Mapping[str, Any]) -> Iterator[str]:
    for name in ("field", "path"):
        if name not in said:
            yield f"“{name}” is missing."
    for name, value in said.items():
        if name not in TYPES:
            yield f"“{name[:40]}” does not belong there. A row has: {', '.join(TYPES)}."
        elif not isinstance(value, TYPES[name][0]) or (
            isinstance(value, list) and not all(isinstance(each, str) for each in value)
        ):
            yield f"“{name}” has to be {TYPES[name][1]}."
