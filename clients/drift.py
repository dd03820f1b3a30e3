"""Where the records that CRMs hold of a contact differ from what we know of it, and what may be written there."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

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
    names = {name for pk in here for name in fields[pk]}
    facts = _Facts.of(records, here, names, at=at, by_hand=by_hand)
    return [
        _of(record, here[record.contact_id or 0], ways[record.connection_id or 0], fields, facts) for record in records
    ]


@dataclass(frozen=True)
class _Facts:
    """`said` by record and field; `winners` are who said what holds, `echoes` what holds only because we wrote it, and
    `flapping` what goes to and fro, by contact and field."""

    said: Mapping[Field, Said]
    winners: Mapping[Field, Observation]
    echoes: Collection[Field]
    flapping: Collection[Field]

    @classmethod
    def of(
        cls,
        records: Collection[SourceRecord],
        people: Mapping[int, Contact],
        names: Collection[str],
        *,
        at: datetime,
        by_hand: bool,
    ) -> "_Facts":
        winners = _winners(people, names)
        if by_hand:
            return cls(_said(records, names), winners, (), ())
        return cls(_said(records, names), winners, _echoes(winners), _flapping(people, names, at))


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


def _winners(people: Iterable[int], names: Collection[str]) -> dict[Field, Observation]:
    states = FieldState.objects.filter(contact__in=list(people), field__in=names)
    states = states.select_related("observation__event", "observation__record__connection__sync")
    return {(state.contact_id, state.field): state.observation for state in states}


def _echoes(winners: Mapping[Field, Observation]) -> set[Field]:
    """What holds because a party gave us back, under our name, a value that we had written there."""
    ours = echoes.among(list(winners.values()))
    return {spot for spot, row in winners.items() if row.pk in ours}


def _flapping(people: Iterable[int], names: Collection[str], at: datetime) -> set[Field]:
    """Fields that changed too often of late, as sources told us; in the order in which we heard of it."""
    since = at - outward.FLIPS_WITHIN
    heard = Q(event__delivery__received_at__gt=since) | Q(event=None, occurred_at__gt=since)
    rows: QuerySet[Observation] = Observation.objects.filter(heard, record__contact__in=list(people), field__in=names)
    series = defaultdict(list)
    for contact, name, value in rows.order_by("pk").values_list("record__contact", "field", "value"):
        series[contact, name].append(value)
    return {spot for spot, values in series.items() if outward.is_flapping(values)}
