"""What a body would say, row by row, beside what the contact says now. Nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clients import bodies, contacts, mapping
from clients.canonical import Entry
from clients.mapping import Row, Traced
from clients.mappings import reading
from clients.mappings.comparing import label
from clients.mappings.reading import Reading
from clients.models import Connection, Contact, ContactField, Delivery, SourceRecord

MOST = 10  # entries of a body that are shown


@dataclass(frozen=True)
class Line:
    """One field. `raw` is what stood at `place`, `said` what becomes of it, None: nothing; `current` the contact's."""

    label: str
    place: str
    raw: str
    said: str | None
    warning: str
    current: str

    @property
    def clears(self) -> bool:
        return self.said == ""


@dataclass(frozen=True)
class Shown:
    """One entry. `problem` says why it would be set aside, `note` why nothing follows from it."""

    entry: Entry
    contact: Contact | None
    lines: list[Line]
    problem: str
    note: str


@dataclass(frozen=True)
class Sample:
    """A body to try rows on, as it came, or as it was pasted."""

    body: bytes
    headers: Mapping[str, str]


def of_delivery(delivery: Delivery) -> Sample:
    return Sample(bytes(delivery.body), delivery.headers)


def pasted(text: str) -> Sample:
    return Sample(text.encode(errors="surrogatepass"), {})


def preview(connection: Connection, sample: Sample, rows: Sequence[Row]) -> tuple[list[Shown], int]:
    """The first entries of the body, and how many more there are."""
    readings = reading.read(connection, sample.body, sample.headers, rows)
    return [_shown(connection, each) for each in readings[:MOST]], max(0, len(readings) - MOST)


def _shown(connection: Connection, read: Reading) -> Shown:
    contact = contact_of(connection, read)
    lines = [_line(each, contact) for each in read.mapped.trace]
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


def _line(traced: Traced, contact: Contact | None) -> Line:
    field = traced.row.field
    hidden = any(name.casefold() in bodies.SECRET for name in mapping.names_in(traced.place))
    raw = bodies.HIDDEN if hidden else reading.shown(traced.raw)
    return Line(label(field), traced.place, raw, traced.value, traced.warning, current(contact, field))


def current(contact: Contact | None, field: str) -> str:
    if contact is None:
        return ""
    if field.startswith(mapping.CUSTOM):
        return str(contact.custom.get(field.removeprefix(mapping.CUSTOM), ""))
    return str(getattr(contact, field, ""))
