"""Events about contacts → records and observations → who is one person → the winner of each field → the contact.

Nothing is decided from what stands already: a person's fields follow from everything that their records' sources ever
said. So any order of events, and any repetition, ends at the same contacts with the same origins.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from clients import contact_fields, contacts, deciding, forgotten, identity, merge
from clients.canonical import (
    CONTACT_DELETED,
    CONTACT_ERASED,
    CONTACT_KINDS,
    CONTACT_MERGED,
    CONTACT_RESTORED,
    Incoming,
)
from clients.deciding import Change
from clients.models import Client, Contact, ContactField, Event, Observation, SamePerson, SourceRecord

BY_HAND = merge.PERSON  # the source of what a person entered
LOOK_UP_AFTER = timedelta(seconds=5)  # thin events of one record come in bunches: one look-up answers them all
EMAIL, OTHERS = ContactField.EMAIL.value, ContactField.OTHER_EMAILS.value

Told = tuple[Event, Incoming]


def apply(told: Sequence[Told], *, at: datetime) -> list[Change]:
    """Every event of one delivery that no record has yet, in a few dozen queries however many there are.

    Call it inside a transaction: it holds the client's lock until that ends.
    """
    fresh = [(event, said) for event, said in told if said.kind in CONTACT_KINDS and event.record_id is None]
    if not fresh:
        return []
    client = fresh[0][0].client
    contacts.lock(client)
    touched = _tie(client, fresh, at)
    _observe(fresh)
    _ask_for_thin(fresh, at)
    calls = defaultdict(set)
    for event, said in fresh:
        calls[_number(event.record_id)].add(event.delivery_id)
        if said.kind == CONTACT_ERASED:
            assert event.record is not None
            forgotten.ask(event.record, event.delivery, at=at)
    changes = deciding.recompute(client, touched, at=at, told=calls)
    _tie_contacts([event for event, _ in fresh])
    return changes


def by_hand(
    contact: Contact, values: Mapping[str, str], *, by: User | None, at: datetime
) -> dict[str, tuple[str, str]]:
    """What a person says of the contact, observed like anything else. Returns field -> (before, after)."""
    with transaction.atomic():
        contacts.lock(contact.client)
        said = {name: value for name, value in values.items() if value and contact_fields.is_known(name)}
        record = _own_record(contact, by=by, at=at)
        rows = [
            Observation(record=record, field=name, value=contact_fields.cut(name, value), occurred_at=at)
            for name, value in said.items()
        ]
        Observation.objects.bulk_create(rows)
        changes = deciding.recompute(contact.client, [record], at=at, by=by)
        return next((change.fields for change in changes if change.contact.pk == contact.pk), {})


def _own_record(contact: Contact, *, by: User | None, at: datetime) -> SourceRecord:
    """The record that holds what people say of this contact; one with the contact's other records."""
    key = (None, "contact", f"contact:{contact.pk}")
    record = identity.records_for(contact.client, {key: BY_HAND}, at=at)[key]
    if record.contact_id is None:
        record.contact = contact
        mate = contact.source_records.exclude(source=BY_HAND).order_by("pk").first()
        if mate is None:
            record.addresses = [contact.email_normalised]
            Observation.objects.create(record=record, field=EMAIL, value=contact.email, occurred_at=at)
            identity.remember_addresses({record.pk: record.addresses})
        else:
            SamePerson.objects.create(one=mate, other=record, since=at, said_by=by)
        record.save()
    return record


def _tie(client: Client, fresh: Sequence[Told], at: datetime) -> list[SourceRecord]:
    """Each event's record, and the records that it merged; answers all of them."""
    wanted: dict[identity.Key, str] = {}
    keys = {event.pk: _keys(event, said) for event, said in fresh}
    for event, _ in fresh:
        wanted |= dict.fromkeys(keys[event.pk], event.source)
    records = identity.records_for(client, wanted, at=at)
    same = []
    for event, said in fresh:
        event.record, *others = (records[key] for key in keys[event.pk])
        if said.kind == CONTACT_MERGED:
            same += [SamePerson(one=event.record, other=other, since=event.occurred_at) for other in others]
    SamePerson.objects.bulk_create(same, ignore_conflicts=True)
    return list(records.values())


def _keys(event: Event, said: Incoming) -> list[identity.Key]:
    """The record that the event is about, and those that it stands for from now on."""
    place = (event.delivery.connection_id, said.object_type)
    own = said.ext_id or f"address:{contacts.normalise_email(said.payload[EMAIL])}"
    return [(*place, each) for each in (own, *(other for other in said.merged if other != own))]


def _observe(fresh: Sequence[Told]) -> None:
    """What each event says, a row a field. Whatever it does not name, it says nothing of."""
    rows: list[Observation] = []
    told: dict[int, set[str]] = defaultdict(set)
    for event, said in fresh:
        basis = {"record_id": event.record_id, "event": event, "occurred_at": event.occurred_at}
        for name, value in _words(said).items():
            rows.append(Observation(field=name, value=contact_fields.cut(name, value), **basis))
        told[_number(event.record_id)] |= contacts.addresses(said.payload.get(EMAIL, ""), said.payload.get(OTHERS, ""))
    Observation.objects.bulk_create(rows, ignore_conflicts=True)
    identity.remember_addresses(told)


def _words(said: Incoming) -> dict[str, str]:
    """An address is never cleared: without one the person would be nobody."""
    words = {name: value for name, value in said.payload.items() if contact_fields.is_known(name)}
    if not words.get(EMAIL):
        words.pop(EMAIL, None)
    if said.kind in (CONTACT_DELETED, CONTACT_RESTORED):
        words[Observation.GONE] = "true" if said.kind == CONTACT_DELETED else "false"
    return words


def _ask_for_thin(fresh: Sequence[Told], at: datetime) -> None:
    numbers = {_number(event.record_id) for event, said in fresh if said.is_thin}
    if numbers:
        waiting = SourceRecord.objects.filter(pk__in=numbers, look_up_at=None, connection__isnull=False)
        waiting.update(look_up_at=at + LOOK_UP_AFTER)


def _tie_contacts(events: Sequence[Event]) -> None:
    """Each event's record, and the contact that it is of at this moment."""
    records = SourceRecord.objects.in_bulk({_number(event.record_id) for event in events})
    for event in events:
        event.contact_id = records[_number(event.record_id)].contact_id
    Event.objects.bulk_update(events, ["record", "contact"])


def _number(record_id: int | None) -> int:
    assert record_id is not None, "_tie gives every event its record"
    return record_id
