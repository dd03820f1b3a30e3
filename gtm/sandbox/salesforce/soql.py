"""Enough of SOQL for a connector: SELECT fields FROM one object, WHERE conditions joined by AND, ORDER BY, LIMIT."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

QUERY = re.compile(
    r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<kind>\w+)(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+ORDER\s+BY\s+(?P<order>.+?))?"
    r"(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
Value = str | bool | datetime | None | list[Any]
LITERAL = r"'(?:[^'\\]|\\.)*'|[\w:.+-]+"
CONDITION = re.compile(
    rf"\s*(?P<field>[\w.]+)\s*(?P<operator>>=|<=|!=|=|<|>|\bIN\b)\s*(?P<value>\((?:[^()']|'(?:[^'\\]|\\.)*')*\)|{LITERAL})\s*",
    re.IGNORECASE,
)
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "<": lambda value, wanted: value is not None and value < wanted,
    "<=": lambda value, wanted: value is not None and value <= wanted,
    ">": lambda value, wanted: value is not None and value > wanted,
    ">=": lambda value, wanted: value is not None and value >= wanted,
    "IN": lambda value, wanted: value in wanted,
}


class Malformed(Exception):
    """A query that Salesforce would not take; the message is as Salesforce says it."""


@dataclass(frozen=True)
class Condition:
    field: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Query:
    kind: str
    fields: tuple[str, ...]
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]  # field, whether descending
    limit: int | None

    def fits(self, value_of: Callable[[str], Any]) -> bool:
        """Texts are compared without regard to capitals."""
        return all(
            COMPARED[each.operator](_folded(value_of(each.field)), _folded(each.value)) for each in self.conditions
        )


def _folded(value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    if isinstance(value, list):
        return [_folded(each) for each in value]
    return value.casefold() if isinstance(value, str) else value


def parsed(text: str) -> Query:
    """Raises Malformed."""
    found = QUERY.fullmatch(text)
    if not found:
        raise Malformed(f"unexpected token: {text.strip()[:40]!r}")
    fields = tuple(each.strip() for each in found["fields"].split(","))
    if any(not re.fullmatch(r"\w+(\.\w+)*", each) for each in fields):
        raise Malformed(f"unexpected token: {found['fields'][:40]!r}")
    limit = int(found["limit"]) if found["limit"] else None
    return Query(found["kind"].title(), fields, _conditions(found["where"] or ""), _order(found["order"] or ""), limit)


def _conditions(text: str) -> tuple[Condition, ...]:
    made, rest = [], text
    while rest.strip():
        found = CONDITION.match(rest)
        if not found:
            raise Malformed(f"unexpected token: {rest.strip()[:40]!r}")
        made.append(Condition(found["field"], found["operator"].upper(), _value(found["value"])))
        rest = rest[found.end() :]
        joined = re.match(r"AND\b", rest, re.IGNORECASE)
        if rest.strip() and not joined:
            raise Malformed(f"unexpected token: {rest.strip()[:40]!r}")
        rest = rest[joined.end() :] if joined else ""
    return tuple(made)


def _value(text: str) -> Value:
    if text.startswith("("):
        return [_value(each) for each in re.findall(LITERAL, text[1:-1])]
    if text.startswith("'"):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    known = {"true": True, "false": False, "null": None}
    if text.lower() in known:
        return known[text.lower()]
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"Bind variables only allowed in Apex code: {text[:40]!r}") from None


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    parts = [each.split() for each in text.split(",") if each.strip()]
    return tuple((part[0], len(part) > 1 and part[1].upper() == "DESC") for part in parts)
