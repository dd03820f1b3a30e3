"""A body read by rows that need not be in force: what each of its entries would say. Nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients import contacts, mapping
from clients.canonical import CONTACT_KINDS, OF_NO_USE, Entry, Incoming, Unusable
from clients.crm import CRMS
from clients.mapping import Mapped, Row
from clients.models import Connection, ContactField, Delivery

LAST = 200  # deliveries that a trial looks at
MOST_ENTRIES = 5000  # of all of them together
MOST_BYTES = 20_000_000
THIN = "It names a record by its id; what it says will be asked for."
BY_ID = "It names a record by its id: {kind}."
NOBODY = (
    "There is no e-mail address in it and no id of the record, so nobody knows whom it is about. "
    "Add the contact's address to what is sent."
)


@dataclass(frozen=True)
class Reading:
    """One entry. `problem` says why it cannot be used, `note` why nothing follows from it; both "" where it is read."""

    entry: Entry
    mapped: Mapped = field(default_factory=Mapped)
    problem: str = ""
    note: str = ""

    def incoming(self) -> Incoming:
        """In our words, where it can be used."""
        said = self.entry
        return Incoming(
            said.kind, self.mapped.values, said.event_id, said.occurred_at, said.object_type, said.ext_id,
            said.merged, said.is_thin, said.origin,
        )  # fmt: skip


def maps(connection: Connection) -> bool:
    """Whether the connection's party sends contacts, so that there is something to map."""
    return connection.party in CRMS


def read(connection: Connection, body: bytes, headers: Mapping[str, str], rows: Sequence[Row]) -> list[Reading]:
    """An entry each; a body that nobody can read is one with a problem."""
    return [each if isinstance(each, Reading) else _reading(each, rows) for each in entries(connection, body, headers)]


def entries(connection: Connection, body: bytes, headers: Mapping[str, str]) -> list[Entry | Reading]:
    """What is in the body before the mapping; what cannot be read, as a Reading that says why."""
    try:
        found = CRMS[connection.party](body, headers)
    except Unusable as unusable:
        return [Reading(Entry(), problem=str(unusable))]
    return [Reading(Entry(), problem=str(each)) if isinstance(each, Unusable) else each for each in found]


def read_entries(found: Sequence[Entry | Reading], rows: Sequence[Row]) -> list[Reading]:
    return [each if isinstance(each, Reading) else _reading(each, rows) for each in found]


def is_read(readings: Sequence[Reading]) -> bool:
    """Whether the delivery would be applied: something in it can be used."""
    return any(not each.problem for each in readings)


def last(connection: Connection, *, status: str = "") -> Iterator[tuple[Delivery, list[Entry | Reading]]]:
    """The last LAST deliveries, newest first, each with its entries, as long as it is not too much to look at."""
    deliveries = connection.deliveries.order_by("-received_at", "-pk")
    if status:
        deliveries = deliveries.filter(status=status)
    looked_at = size = 0
    for delivery in deliveries[:LAST].iterator(chunk_size=20):
        body = bytes(delivery.body)
        size += len(body)
        if looked_at >= MOST_ENTRIES or size > MOST_BYTES:
            return
        found = entries(connection, body, delivery.headers)
        looked_at += len(found)
        yield delivery, found


def whom(reading: Reading) -> str:
    """What tells the contacts of a connection's entries apart: the CRM's id, or else the address."""
    return reading.entry.ext_id or reading.mapped.values.get(ContactField.EMAIL, "").casefold()


def _reading(entry: Entry, rows: Sequence[Row]) -> Reading:
    """What tells of no contact has been read by its own module already, a meeting for example."""
    if entry.kind == OF_NO_USE:
        return Reading(entry, note=entry.why)
    if entry.kind not in CONTACT_KINDS:
        return Reading(entry, Mapped(dict(entry.fields)))
    if not entry.fields and entry.ext_id:
        return Reading(entry, note=THIN if entry.is_thin else BY_ID.format(kind=entry.kind.replace("_", " ")))
    mapped = mapping.apply(rows, entry.fields)
    return Reading(entry, mapped, _problem(entry, mapped))


def _problem(entry: Entry, mapped: Mapped) -> str:
    """What a row requires has to stand in a whole record, not in a change of one field."""
    if mapped.problems and not entry.is_partial:
        return " ".join(mapped.problems)
    email = mapped.values.get(ContactField.EMAIL, "")
    if not email:
        return "" if entry.ext_id else NOBODY
    try:
        contacts.normalise_email(email)
    except contacts.InvalidEmail as invalid:
        return str(invalid)
    return ""


def shown(value: Any) -> str:  # noqa: ANN401 whatever JSON holds
    """What stood there, as a person reads it."""
    text = mapping.text(value)
    return (text if text is not None else str(value))[:200]
