"""CRMs for tests of what goes to them and back: contacts with records, words of a party, and a connector by script."""

from collections import defaultdict

from clients import contact_fields
from clients.crm.asking import Answered, Fate, Identity, Page
from clients.deciding import Change
from clients.mapping import Row
from clients.models import Delivery, Event, FieldState, Observation, SourceRecord, SyncSettings
from tests.factories import AT, make_client, make_connection, make_contact

ROWS = {
    "hubspot": (
        Row("first_name", "properties.firstname.value | properties.firstname", direction="both"),
        Row("title", "properties.jobtitle", direction="both"),
        Row("phone", "properties.phone", direction="out"),
        Row("company_name", "properties.company"),
        Row("custom.tier", "properties.tier", ("trim", "picklist:a=Gold; b=Silver"), direction="both"),
    ),
    "salesforce": (
        Row("first_name", "FirstName", direction="both"),
        Row("title", "Title", direction="both"),
        Row("company_name", "Account.Name", direction="both"),
    ),
}


def make_two_crms():
    """One contact, known to HubSpot as 101 and to Salesforce as 003A: (contact, HubSpot's record, Salesforce's)."""
    contact = make_contact(make_client())
    hubspot, salesforce = (make_connection(contact.client, party) for party in ("hubspot", "salesforce"))
    return contact, make_record(contact, hubspot, "101"), make_record(contact, salesforce, "003A")


def make_record(contact, connection, ext_id, **values):
    basis = {"client": contact.client, "connection": connection, "source": connection.party, "created_at": AT}
    basis["addresses"] = [contact.email_normalised]
    return SourceRecord.objects.create(contact=contact, ext_id=ext_id, **basis | values)


def write_in_earnest(connection, **values):
    return SyncSettings.objects.create(connection=connection, **{"is_dry_run": False, **values})


def say(record, field, value, *, at=AT, heard=None, origin="", wins=True):
    """The record's party says this of the field, as of `at`, and it wins, unless it does not. We heard of it then, or
    when `heard` says."""
    delivery = Delivery.objects.create(
        connection=record.connection, received_at=heard or at, body=b"{}", body_sha256="0" * 64, status="applied"
    )
    key = f"e{Event.objects.count()}"
    basis = {"client": record.client, "delivery": delivery, "source": record.source, "record": record, "origin": origin}
    event = Event.objects.create(kind="contact_changed", event_key=key, occurred_at=at, payload={field: value}, **basis)
    seen = Observation.objects.create(record=record, field=field, value=value, occurred_at=at, event=event)
    return won(record.contact, seen) if wins else None


def correct(contact, field, value, *, at=AT):
    """A person says this of the field."""
    record = SourceRecord.objects.get_or_create(
        client=contact.client, source="person", ext_id=f"contact:{contact.pk}", contact=contact, defaults={"created_at": AT}
    )[0]  # fmt: skip
    return won(contact, Observation.objects.create(record=record, field=field, value=value, occurred_at=at))


def won(contact, seen):
    FieldState.objects.update_or_create(
        contact=contact, field=seen.field, defaults={"observation": seen, "rule": "latest", "decided_at": seen.occurred_at}
    )  # fmt: skip
    before = contact_fields.value_of(contact, seen.field)
    if seen.field.startswith("custom."):
        contact.custom[seen.field.removeprefix("custom.")] = seen.value
    else:
        setattr(contact, seen.field, seen.value)
    contact.save()
    return Change(contact, created=False, fields={seen.field: (before, seen.value)})


class ScriptedCrm:
    """A connector that answers as a test says: `fates` by a record's id, one after the other, the last again and again.

    `written` are the fields of each record, `calls` what each call carried, `pages` what comparing finds.
    """

    def __init__(self, *pages):
        self.fates = defaultdict(lambda: [{"kind": "done"}])
        self.written = {}
        self.calls = []
        self.pages = list(pages)
        self.known = {}
        self.during = lambda: None

    def push(self, door, writes):
        self.calls.append([write.ext_id for write in writes])
        self.during()
        return [self._fate(write) for write in writes]

    def _fate(self, write):
        script = self.fates[write.ext_id]
        said = script.pop(0) if len(script) > 1 else script[0]
        if said["kind"] == "done":
            self.written.setdefault(write.ext_id, {}).update(write.fields)
        return Fate(write.key, ext_id=write.ext_id, **said)

    def read_batch(self, object_type):
        return {"contact": 3}.get(object_type, 0)

    def read(self, door, ids, names, object_type="contact"):
        self.calls.append((tuple(ids), tuple(names)))
        answer = self.known["body"]
        if isinstance(answer, Exception):
            raise answer
        return Answered(answer, tuple(each for each in ids if each not in self.known["ids"]))

    def changed_since(self, door, since, until, cursor, names, object_type="contact"):
        self.calls.append((since, until, cursor))
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return Page(*page)

    def identify(self, door):
        return Identity("7", ("4711",))
