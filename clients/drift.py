"""Where the records that CRMs hold of a contact differ from what we know of it, and what may be written there."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from clients import contact_fields, echoes, mappings, outward
from clients.crm.connectors import CONNECTORS
from clients.models import Connection, Contact, FieldState, Observation, Pushed, SourceRecord
from clients.outward import Said, There

NO_ID = "address:"  # how the id of a record begins that its party gave none

Field = tuple[int, str]  # a record's or a contact's id, and a field


@dataclass(frozen=True)
class Drift:
    """What to do about one record. `write` {our field: our value}; `hold` the same for fields that go to and fro;
    `same` are fields that need no writing, `came_back` those that hold only because we wrote them; `before` {our field:
    what the record said}, `since` {our field: when that was said which holds now}."""

    record: SourceRecord
    version: int
    write: dict[str, str] = field(default_factory=dict)
    hold: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    same: set[str] = field(default_factory=set)
    came_back: set[str] = field(default_factory=set)
    since: dict[str, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.write or self.hold or self.same)


@dataclass(frozen=True)
class Way:
    """Where the fields that go out to a connection stand there, by our field; `version` of its mapping."""

    places: Mapping[str, There]
    version: int


def way_out(connection: Connection) -> Way:
    """Empty for a party that we have no way to write to."""
    if connection.party not in CONNECTORS:
        return Way({}, 0)
    rows, version = mappings.in_force(connection)
    return Way(outward.outward(rows), version.number if version else 0)


def look(
    people: Iterable[Contact], fields: Mapping[int, Collection[str]], *, at: datetime, by_hand: bool = False
) -> list[Drift]:
    """Of these contacts, for each record that we may write to; `fields` by contact.

    What only came back from us, and what flaps, is not written; `by_hand` a person wants it all the same.
    """
    here = {contact.pk: contact for contact in people if _is_here(contact)}
    ways = _ways({contact.client_id for contact in here.values()})
    records = _records(here, ways)
    if not records:
        return []
    facts = _Facts.of(records, here, fields, at=at, by_hand=by_hand)
    return [
        _of(record, here[record.contact_id or 0], ways[record.connection_id or 0], fields, facts) for record in records
    ]


class _Winner(NamedTuple):
    """The observation that a field rests on."""

    pk: int
    record_id: int
    occurred_at: datetime


@dataclass(frozen=True)
class _Facts:
    """`said` by record and field; `winners` are who said what holds, `echoes` what holds only because we wrote it, and
    `flapping` what goes to and fro, by contact and field.

    Most of what is said comes from the only record of a contact, and then nothing else is looked up.
    """

    said: Mapping[Field, Said]
    winners: Mapping[Field, _Winner]
    echoes: Collection[Field]
    flapping: Collection[Field]

    @classmethod
    def of(
        cls,
        records: Collection[SourceRecord],
        people: Collection[int],
        fields: Mapping[int, Collection[str]],
        *,
        at: datetime,
        by_hand: bool,
    ) -> "_Facts":
        names = {name for pk in people for name in fields[pk]}
        winners = _winners(people, names)
        others = [record for record in records if not _said_it_all(record, fields, winners)]
        theirs = {record.contact_id or 0 for record in others}
        said = _said(others, names) if others else {}
        if by_hand or not others:
            return cls(said, winners, (), ())
        of_theirs = {winner.pk: spot for spot, winner in winners.items() if spot[0] in theirs}
        return cls(said, winners, _echoes(of_theirs), _flapping(theirs, names, at))


def _said_it_all(record: SourceRecord, fields: Mapping[int, Collection[str]], winners: Mapping[Field, _Winner]) -> bool:
    """Whether what holds of these fields is the record's own word."""
    pk = record.contact_id or 0
    own = (winners.get((pk, name)) for name in fields[pk])
    return all(winner and winner.record_id == record.pk for winner in own)


def _of(
    record: SourceRecord, contact: Contact, way: Way, fields: Mapping[int, Collection[str]], facts: _Facts
) -> Drift:
    drift = Drift(record, way.version)
    for name in sorted(set(fields[contact.pk]) & set(way.places)):
        spot, value = (contact.pk, name), contact_fields.value_of(contact, name)
        said, winner = facts.said.get((record.pk, name), Said()), facts.winners.get(spot)
        if winner:
            drift.since[name] = winner.occurred_at
        if (winner and winner.record_id == record.pk) or said.is_already(value, echoes.digest(value)):
            drift.same.add(name)
        elif spot in facts.echoes:
            drift.came_back.add(name)
        else:
            drift.before[name] = said.value
            (drift.hold if spot in facts.flapping else drift.write)[name] = value
    return drift


def _is_here(contact: Contact) -> bool:
    return not (contact.erased_at or contact.deleted_at or contact.merged_into_id)


def _ways(clients: Collection[int]) -> dict[int, Way]:
    """By connection: those of the clients that are in use and have a field that goes out."""
    connections = Connection.objects.filter(client__in=clients, party__in=CONNECTORS, is_active=True)
    ways = {connection.pk: way_out(connection) for connection in connections.select_related("client")}
    return {pk: way for pk, way in ways.items() if way.places}


def _records(people: Mapping[int, Contact], ways: Mapping[int, Way]) -> list[SourceRecord]:
    """The contacts' records whose party knows them by a real id and has not deleted them."""
    if not people or not ways:
        return []
    rows = SourceRecord.objects.filter(contact__in=people, connection__in=ways, erased_at=None)
    rows = rows.exclude(ext_id__startswith=NO_ID).exclude(ext_id="").select_related("connection").order_by("pk")
    gone = {pk for (pk, _), said in _latest(rows, [Observation.GONE]).items() if said.value == "true"}
    return [record for record in rows if record.pk not in gone]


def _latest(records: Iterable[SourceRecord], names: Collection[str]) -> dict[Field, Observation]:
    rows = Observation.objects.filter(record__in=[record.pk for record in records], field__in=names)
    rows = rows.order_by("record", "field", "-occurred_at", "-pk").distinct("record", "field")
    return {(row.record_id, row.field): row for row in rows}


def _said(records: Collection[SourceRecord], names: Collection[str]) -> dict[Field, Said]:
    words = {spot: Said(row.value, row.occurred_at) for spot, row in _latest(records, names).items()}
    given = Pushed.objects.filter(record__in=[record.pk for record in records], field__in=names)
    for row in given.order_by("record", "field", "-at", "-pk").distinct("record", "field"):
        word = words.get((row.record_id, row.field), Said())
        words[row.record_id, row.field] = Said(word.value, word.at, row.value_hmac, row.at)
    return words


def _winners(people: Iterable[int], names: Collection[str]) -> dict[Field, _Winner]:
    states = FieldState.objects.filter(contact__in=list(people), field__in=names)
    rows = states.values_list("contact", "field", "observation", "observation__record", "observation__occurred_at")
    return {(contact, name): _Winner(pk, record, at) for contact, name, pk, record, at in rows}


def _echoes(winners: Mapping[int, Field]) -> set[Field]:
    """What holds because a party gave us back, under our name, a value that we had written there; `winners` by their
    observation."""
    rows = Observation.objects.filter(pk__in=winners).select_related("event", "record__connection__sync")
    return {winners[pk] for pk in echoes.among(list(rows))}


def _flapping(people: Collection[int], names: Collection[str], at: datetime) -> set[Field]:
    """Fields that changed too often of late, as sources told us; in the order in which we heard of it."""
    since = at - outward.FLIPS_WITHIN
    heard = Q(event__delivery__received_at__gt=since) | Q(event=None, occurred_at__gt=since)
    rows: QuerySet[Observation] = Observation.objects.filter(heard, record__contact__in=list(people), field__in=names)
    series = defaultdict(list)
    for contact, name, value in rows.order_by("pk").values_list("record__contact", "field", "value"):
        series[contact, name].append(value)
    return {spot for spot, values in series.items() if outward.is_flapping(values)}
