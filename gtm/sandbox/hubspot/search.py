"""HubSpot's search: groups of filters, sorted, 200 a page and never more than 10,000 of one question."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.hubspot.contacts import Refused, shown
from gtm.sandbox.memory import Account

MOST_A_PAGE = 200
MOST_OF_A_QUESTION = 10_000
MOMENTS = ("lastmodifieddate", "createdate")
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "GT": lambda value, wanted: value > wanted,
    "GTE": lambda value, wanted: value >= wanted,
    "LT": lambda value, wanted: value < wanted,
    "LTE": lambda value, wanted: value <= wanted,
}


def search(account: Account, question: Mapping[str, Any]) -> dict[str, Any]:
    """Raises Refused."""
    limit, after = int(question.get("limit", 10)), int(question.get("after") or 0)
    if not 0 < limit <= MOST_A_PAGE:
        raise Refused(400, "VALIDATION_ERROR", f"Limit must be between 1 and {MOST_A_PAGE}")
    if after + limit > MOST_OF_A_QUESTION:
        raise Refused(400, "VALIDATION_ERROR", f"The search cannot page beyond {MOST_OF_A_QUESTION} results")
    groups = question.get("filterGroups") or [{"filters": []}]
    rows = memory.records(account, "contact").filter(is_deleted=False)
    found = [row for row in rows if any(_all(row, group.get("filters", [])) for group in groups)]
    for sort in reversed(question.get("sorts") or []):
        name = sort["propertyName"]
        found.sort(key=partial(_ordered, name=name), reverse=sort.get("direction") == "DESCENDING")
    page = [shown(row, question.get("properties") or ()) for row in found[after : after + limit]]
    more = {"paging": {"next": {"after": str(after + limit)}}} if after + limit < len(found) else {}
    return {"total": len(found), "results": page, **more}


def _all(row: SandboxRecord, filters: list[Mapping[str, Any]]) -> bool:
    return all(_fits(row, each) for each in filters)


def _fits(row: SandboxRecord, asked: Mapping[str, Any]) -> bool:
    name, operator = str(asked.get("propertyName")), str(asked.get("operator"))
    value = _value(row, name)
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return (value in (None, "")) == (operator == "NOT_HAS_PROPERTY")
    if operator == "IN":
        return str(value).lower() in [str(each).lower() for each in asked.get("values", [])]
    wanted = _wanted(name, asked.get("value"))
    if operator == "BETWEEN":
        high = _wanted(name, asked.get("highValue"))
        return value is not None and COMPARED["GTE"](value, wanted) and COMPARED["LTE"](value, high)
    if operator in ("EQ", "NEQ"):
        return (value == wanted) == (operator == "EQ")
    if operator not in COMPARED:
        raise Refused(400, "VALIDATION_ERROR", f"Invalid operator {operator}")
    return value is not None and COMPARED[operator](value, wanted)


def _value(row: SandboxRecord, name: str) -> int | str | None:
    """Numbers for moments (milliseconds since 1970) and ids, else the text in small letters."""
    if name in MOMENTS:
        return _ms(row.changed_at if name == "lastmodifieddate" else row.created_at)
    if name == "hs_object_id":
        return int(row.ext_id)
    value = row.values.get(name)
    return None if value in (None, "") else str(value).lower()


def _wanted(name: str, value: object) -> int | str:
    text = str(value)
    if name in MOMENTS and not text.lstrip("-").isdigit():
        return _ms(datetime.fromisoformat(text))
    return int(text) if name in (*MOMENTS, "hs_object_id") else text.lower()


def _ordered(row: SandboxRecord, name: str) -> tuple[bool, Any]:
    value = _value(row, name)
    return value is not None, value if value is not None else 0


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
