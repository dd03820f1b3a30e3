"""How the mapping in force reads a delivery, entry by entry and row by row. Nothing is written."""

from typing import NamedTuple

from clients import bodies, mapping, mappings
from clients.contact_fields import label
from clients.mapping import Traced
from clients.mappings import reading
from clients.models import Delivery, Mapping

MOST = 10  # entries that are shown


class Line(NamedTuple):
    """One row of the mapping. `raw` is what stood at `place`; `said` what becomes of it, None: nothing."""

    label: str
    place: str
    raw: str
    said: str | None
    warning: str


class Entry(NamedTuple):
    """`problem` says why it cannot be used, `note` why nothing follows from it."""

    name: str
    lines: list[Line]
    problem: str
    note: str

    @property
    def told(self) -> list[Line]:
        return [line for line in self.lines if line.said is not None or line.warning or line.raw]

    @property
    def silent(self) -> list[Line]:
        """Nothing stood where they look."""
        return [line for line in self.lines if line not in self.told]


class Trace(NamedTuple):
    """`version` is None where nobody made one for the connection; `more`: entries that are not shown."""

    version: Mapping | None
    entries: list[Entry]
    more: int


def of(delivery: Delivery) -> Trace | None:
    """None where the connection's party is read without a mapping."""
    connection = delivery.connection
    if not mappings.maps(connection):
        return None
    rows, version = mappings.in_force(connection)
    readings = mappings.read(connection, bytes(delivery.body), delivery.headers, rows)
    shown = [
        Entry(each.entry.ext_id, [_line(row) for row in each.mapped.trace], each.problem, each.note)
        for each in readings[:MOST]
    ]
    return Trace(version, shown, max(0, len(readings) - MOST))


def _line(traced: Traced) -> Line:
    is_secret = any(name.casefold() in bodies.SECRET for name in mapping.names_in(traced.place))
    raw = bodies.HIDDEN if is_secret else reading.shown(traced.raw)
    return Line(label(traced.row.field), traced.place or traced.row.path, raw, traced.value, traced.warning)
