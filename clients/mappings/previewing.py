"""What a body would say, row by row, beside what the contact says now. Nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clients import bodies, contact_fields, contacts, mapping
from clients.canonical import Entry, believable
from clients.contact_fields import label
from clients.mapping import Row, Traced
from clients.mappings import contest, reading
from clients.mappings.contest import Outcome
from clients.mappings.reading import Reading
from clients.models import Connection, Contact, ContactField, Delivery, SourceRecord

MOST = 10  # entries of a body that are shown


@dataclass(frozen=True)
class Line:
    """One field. `raw` is what stood at `place`, `said` what becomes of it, None: nothing; `current` is the contact's
    value, `outcome` what would hold if the entry came now."""

    label: str
    place: str
    raw: str
    said: str | None
    warning: str
    current: str
    outcome: Outcome | None = None

    @property
    def is_silent(self) -> bool:
        """Nothing stood there, so there is nothing to tell."""
        return self.said is None and not self.place and not self.warning


@dataclass(frozen=True)
class Shown:
    """One entry. `problem` says why it would be set aside, `note` why nothing follows from it."""

    entry: Entry
    contact: Contact | None
    lines: list[Line]
    problem: str
    note: str

    @property
    def told(self) -> list[Line]:
        return [each for each in self.lines if not each.is_silent]

    @property
    def silent(self) -> str:
        return ", ".join(each.label for each in self.lines if each.is_silent)


@dataclass(frozen=True)
class Sample:
    """A body to try rows on, as it came, or as it was pasted; `received_at` counts where an entry names no moment."""

    body: bytes
    headers: Mapping[str, str]
    received_at: datetime


def of_delivery(delivery: Delivery) -> Sample:
    return Sample(bytes(delivery.body), delivery.headers, delivery.received_at)


def pasted(text: str, *, at: datetime) -> Sample:
    return Sample(text.encode(errors="surrogatepass"), {}, at)


def preview(connection: Connection, sample: Sample, rows: Sequence[Row]) -> tuple[list[Shown], int]:
    """The first entries of the body, and how many more there are."""
    readings = reading.read(connection, sample.body, sample.headers, rows)
    shown = [_shown(connection, each, rows, sample.received_at) for each in readings[:MOST]]
    return shown, max(0, len(readings) - MOST)


def _shown(connection: Connection, read: Reading, rows: Sequence[Row], received_at: datetime) -> Shown:
    contact = contact_of(connection, read)
    at = believable(read.entry.occurred_at, received_at)
    told = (
        contest.outcomes(connection, contact, read.mapped.values, rows, at=at)
        if read.mapped.trace and not read.problem
        else {}
    )
    lines = [_line(each, contact, told.get(each.row.field)) for each in read.mapped.trace]
    return Shown(read.entry, contact, lines, read.problem, read.note)


def contact_of(connection: Connection, read: Reading) -> Contact | None:
    """Whom the entry is about, as far as we know them: by the CRM's id, or else by the address."""
    client, entry = connection.client, read.entry
    if entry.ext_id:
        records = SourceRecord.objects.filter(connection=connection, object_type=entry.object_type, ext_id=entry.ext_id)
        record = records.select_related("contact").first()
        if record and record.contact:
            return record.contact
    try:
        address = contacts.normalise_email(read.mapped.values.get(ContactField.EMAIL, ""))
    except contacts.InvalidEmail:
        return None
    return client.contacts.filter(email_normalised=address).first()


def _line(traced: Traced, contact: Contact | None, outcome: Outcome | None) -> Line:
    field = traced.row.field
    hidden = any(name.casefold() in bodies.SECRET for name in mapping.names_in(traced.place))
    raw = bodies.HIDDEN if hidden else reading.shown(traced.raw)
    current = contact_fields.value_of(contact, field) if contact else ""
    return Line(label(field), traced.place, raw, traced.value, traced.warning, current, outcome)
