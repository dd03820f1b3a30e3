"""Which values of an entry no row reads, so that a person can be asked about them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from clients.mapping import paths, transforms
from clients.mapping.paths import Constant, Index, Key, PathError, Pick, Way
from clients.mapping.row import READ, Row

MOST = 500  # values of one entry that are told
MOST_LOOKED_AT = 5000
DEEPEST = 12


def unread(rows: Sequence[Row], fields: Mapping[str, Any]) -> dict[str, object]:
    """{path: value} of the values in the entry that no row reads, in the order of the entry. Blank ones are left out;
    of a list the first entry stands for all, unless it is a table of keys and values."""
    read = [way for row in rows for way in _ways(row)]
    found: dict[str, object] = {}
    for way, value in islice(_leaves(fields, ()), MOST_LOOKED_AT):
        if len(found) == MOST:
            break
        if not paths.is_blank(value) and not any(_covers(each, way, takes_groups=groups) for each, groups in read):
            path = paths.written(way)
            found |= {path: value} if len(path) <= paths.LONGEST else {}
    return found


def _ways(row: Row) -> list[tuple[Way, bool]]:
    """The ways that a row looks along, each with whether it reads all that is below."""
    takes_groups = any(transforms.split(spec)[0] in transforms.TAKES_GROUPS for spec in row.transforms)
    try:
        places = paths.parse(row.path) if row.direction in READ else ()
    except PathError:
        return []
    return [(term, takes_groups) for place in places for term in place.terms if not isinstance(term, Constant)]


def _leaves(value: object, way: Way) -> Iterator[tuple[Way, object]]:
    if len(way) > DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _leaves(each, (*way, Key(str(name))))
    elif isinstance(value, list) and value and all(map(_is_pair, value)):
        for each in value[:MOST]:
            yield from _leaves(each["value"], (*way, Pick("key", str(paths.text(each["key"]))), Key("value")))
    elif isinstance(value, list) and value:
        yield from _leaves(value[0], (*way, Index(0)))
    elif way:
        yield way, value


def _is_pair(entry: object) -> bool:
    return isinstance(entry, Mapping) and "value" in entry and bool(paths.text(entry.get("key")))


def _covers(read: Way, leaf: Way, *, takes_groups: bool) -> bool:
    if len(read) != len(leaf) and not (takes_groups and len(read) < len(leaf)):
        return False
    return all(_same(one, other) for one, other in zip(read, leaf, strict=False))


def _same(read: object, leaf: object) -> bool:
    """A list's first entry stands for all of them, so whatever is picked of it reads it."""
    return read == leaf or (isinstance(leaf, Index) and not isinstance(read, Key)) or _is_index_of_pick(read, leaf)


def _is_index_of_pick(read: object, leaf: object) -> bool:
    return isinstance(read, Index) and isinstance(leaf, Pick)
