"""What a Wikidata item says by its statements: which of them hold, of when they are, which items they name. Pure.

A statement is `{"mainsnak": {"snaktype", "datavalue": {"value"}}, "qualifiers": {property: [snak]}, "rank"}`.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from agents_app.research import values

SEAT, COUNTRY = "P159", "P17"
POINT_IN_TIME, START, END = "P585", "P580", "P582"
Entity = Mapping[str, Any]


def in_force(entity: Entity, number: str) -> list[tuple[int, Any]]:
    """[(index, value)] of the statements that hold: the preferred ones where there are any, none that is deprecated or
    has ended, the newest first."""
    listed = _claims(entity).get(number)
    rows = [each for each in enumerate(listed) if _holds(each[1])] if isinstance(listed, list) else []
    preferred = [each for each in rows if each[1].get("rank") == "preferred"]
    dated = sorted(preferred or rows, key=lambda each: of_when(each[1]) or date.min, reverse=True)
    return [(index, _value(each["mainsnak"])) for index, each in dated]


def of_when(statement: Mapping[str, Any]) -> date | None:
    """Its point in time, else its start."""
    for number in (POINT_IN_TIME, START):
        for value in _qualified(statement, number):
            if on := _day(value):
                return on
    return None


def items(entity: Entity, number: str) -> list[str]:
    """Numbers of the items that its statements name."""
    return _numbers([value for _, value in in_force(entity, number)])


def place(entity: Entity) -> tuple[str, str]:
    """Numbers of its town, and of the country: as the statement of its seat says, else as the item itself does; empty
    where there is none."""
    for index, value in in_force(entity, SEAT):
        for town in _numbers([value]):
            beside = _numbers(_qualified(_claims(entity)[SEAT][index], COUNTRY))
            return town, next(iter([*beside, *items(entity, COUNTRY)]), "")
    return "", ""


def english(item: object) -> Any:  # noqa: ANN401 as it came
    """Its English label, `{"language", "value"}`; None where there is none."""
    labels = item.get("labels") if isinstance(item, Mapping) else None
    return labels.get("en") if isinstance(labels, Mapping) else None


def only(entity: Entity, numbers: tuple[str, ...]) -> dict[str, Any]:
    """The item with statements of these properties alone."""
    claims = _claims(entity)
    return {**entity, "claims": {number: claims[number] for number in numbers if number in claims}}


def _claims(entity: Entity) -> Mapping[str, Any]:
    """An empty map may come as an empty list."""
    claims = entity.get("claims")
    return claims if isinstance(claims, Mapping) else {}


def _holds(statement: object) -> bool:
    if not isinstance(statement, Mapping) or statement.get("rank") == "deprecated":
        return False
    return _value(statement.get("mainsnak")) is not None and END not in _qualifiers(statement)


def _value(snak: object) -> Any:  # noqa: ANN401 text or an object
    """None where it says that there is a value that nobody knows, or no value."""
    data = snak.get("datavalue") if isinstance(snak, Mapping) else None
    return data.get("value") if isinstance(data, Mapping) else None


def _qualifiers(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    found = statement.get("qualifiers")
    return found if isinstance(found, Mapping) else {}


def _qualified(statement: Mapping[str, Any], number: str) -> list[Any]:
    snaks = _qualifiers(statement).get(number)
    return [_value(snak) for snak in snaks] if isinstance(snaks, list) else []


def _numbers(named: list[Any]) -> list[str]:
    return [value["id"] for value in named if isinstance(value, Mapping) and values.wikidata_id(value.get("id"))]


def _day(time: object) -> date | None:
    """`+2023-00-00T00:00:00Z` means the year 2023: its first day, so that nothing looks newer than it is."""
    said = time.get("time") if isinstance(time, Mapping) else None
    found = re.match(r"\+(\d{4})-(\d\d)-(\d\d)T", said) if isinstance(said, str) else None
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]) or 1, int(found[3]) or 1)
    except ValueError:
        return None
