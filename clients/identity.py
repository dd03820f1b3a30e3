"""Which records of which sources are one person, and which contact that is.

Records belong together where a party merged them or a person said so (`SamePerson`), and where they have an address in
common at present. Names never join anybody. Everything here runs under the client's lock (`contacts.lock`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from clients import contacts, merge
from clients.models import Client, Contact, RecordAddress, SamePerson, SourceRecord
from clients.suppression import hashes

Key = tuple[int | None, str, str]  # connection (None: a person), object type, id
Edge = tuple[int, int, bool]  # survivor, other, whether the party merged them (else a person said so)


@dataclass(frozen=True)
class Closure:
    """Records by their number, and the edges between them: all that hangs together with where one began."""

    records: dict[int, SourceRecord]
    edges: frozenset[Edge]

    @property
    def lost(self) -> set[int]:
        """Those that their party merged into others: they are gone there, which says nothing about the person."""
        return {other for _, other, is_merge in self.edges if is_merge}

    def classes(self) -> list[frozenset[int]]:
        """The records by edges alone."""
        return merge.components(self.records, ((one, other) for one, other, _ in self.edges))

    def people(self, leaving_out: Iterable[int] = ()) -> list[frozenset[int]]:
        """The records by edges and by the addresses they have at present."""
        out = set(leaving_out)
        kept = {number: record for number, record in self.records.items() if number not in out}
        joined = [(one, other) for one, other, _ in self.edges if one in kept and other in kept]
        first: dict[str, int] = {}
        for number, record in kept.items():
            joined += [(number, first.setdefault(address, number)) for address in record.addresses]
        return merge.components(kept, joined)


def records_for(client: Client, wanted: Mapping[Key, str], *, at: datetime) -> dict[Key, SourceRecord]:
    """The records with these keys, made where they are new; `wanted` names the source of each."""
    ids = {ext_id for _, _, ext_id in wanted}
    found = {_key(row): row for row in SourceRecord.objects.filter(client=client, ext_id__in=ids)}
    fresh = [
        SourceRecord(
            client=client, connection_id=key[0], object_type=key[1], ext_id=key[2], source=wanted[key], created_at=at
        )
        for key in sorted(wanted.keys() - found.keys(), key=str)
    ]
    made = SourceRecord.objects.bulk_create(fresh)
    return {key: row for key, row in found.items() if key in wanted} | {_key(row): row for row in made}


def remember_addresses(told: Mapping[int, Iterable[str]]) -> None:
    """Keep the keyed hash of every address that a record (by its number) ever had."""
    RecordAddress.objects.bulk_create(
        [
            RecordAddress(record_id=number, address_hmac=each)
            for number, addresses in told.items()
            for address in set(addresses)
            for each in hashes(address)
        ],
        ignore_conflicts=True,
    )


def together(client: Client, begun: Iterable[SourceRecord]) -> Closure:
    """All that hangs together with these records, their contacts' other records included, which they may have left."""
    start = {record.pk: record for record in begun}
    mates = {record.contact_id for record in start.values() if record.contact_id}
    for record in SourceRecord.objects.filter(contact__in=mates).exclude(pk__in=start) if mates else ():
        start[record.pk] = record
    found, edges, frontier = dict(start), set[Edge](), dict(start)
    while frontier:
        here = {(one, other, said_by is None) for one, other, said_by in _edges(frontier)}
        edges |= here
        numbers = {number for one, other, _ in here for number in (one, other)} - found.keys()
        addresses = sorted({address for record in frontier.values() for address in record.addresses})
        frontier = {row.pk: row for row in _next(client, numbers, addresses, found)}
        found |= frontier
    return Closure(found, frozenset(edges))


def contacts_for(
    client: Client, people: Sequence[frozenset[int]], closure: Closure, *, at: datetime
) -> tuple[dict[frozenset[int], Contact], list[Contact]]:
    """(each person's contact, the contacts that went into others). Only the latter are saved: what becomes of the
    others is for the caller to decide. Somebody without any address has no contact."""
    known = [person for person in people if _addresses(person, closure)]
    given = _given(known, closure, _rows(client, closure))
    found: dict[frozenset[int], Contact] = {}
    merged: list[Contact] = []
    for person in known:
        standing, *others = given[min(person)] or [_new(client, person, closure, at)]
        found[person] = standing
        merged += [_into(other, standing, at) for other in others if other.merged_into_id is None]
    Contact.objects.bulk_update(merged, ["merged_into", "updated_at"])  # first: no two rows may have one address
    return found, merged


def _key(row: SourceRecord) -> Key:
    return (row.connection_id, row.object_type, row.ext_id)


def _edges(frontier: Iterable[int]) -> list[tuple[int, int, int | None]]:
    numbers = list(frontier)
    rows = SamePerson.objects.filter(Q(one__in=numbers) | Q(other__in=numbers))
    return list(rows.values_list("one_id", "other_id", "said_by_id"))


def _next(
    client: Client, numbers: set[int], addresses: Sequence[str], found: Mapping[int, SourceRecord]
) -> list[SourceRecord]:
    if not numbers and not addresses:
        return []
    near = Q(pk__in=numbers) | Q(addresses__overlap=list(addresses)) if addresses else Q(pk__in=numbers)
    return list(SourceRecord.objects.filter(near, client=client).exclude(pk__in=list(found)))


def _addresses(person: Iterable[int], closure: Closure) -> set[str]:
    return {address for number in person for address in closure.records[number].addresses}


def _rows(client: Client, closure: Closure) -> list[Contact]:
    """The contacts that the records belong to, or that have one of their addresses; locked, the oldest first."""
    numbers = {record.contact_id for record in closure.records.values() if record.contact_id}
    addresses = _addresses(closure.records, closure)
    near = Q(pk__in=numbers) | Q(email_normalised__in=addresses)
    rows = Contact.objects.filter(near, client=client, erased_at=None).order_by("pk").select_for_update()
    found = list(rows)
    for row in found:
        row.client = client
    return found


def _given(people: Sequence[frozenset[int]], closure: Closure, rows: Sequence[Contact]) -> dict[int, list[Contact]]:
    """The rows of each person (by the smallest record), the one that stays first. A row that several could have goes to
    whoever has its address now."""
    given: dict[int, list[Contact]] = {min(person): [] for person in people}
    theirs = {min(person): _addresses(person, closure) for person in people}
    held = defaultdict(set)
    for person in people:
        for number in person:
            held[closure.records[number].contact_id].add(min(person))
    for row in rows:
        by_address = [first for first in given if row.email_normalised in theirs[first]]
        takers = by_address or sorted(held[row.pk])
        if takers:
            given[min(takers)].append(row)
    return {
        first: sorted(each, key=lambda row: (row.merged_into_id is not None, row.pk)) for first, each in given.items()
    }


def _new(client: Client, person: frozenset[int], closure: Closure, at: datetime) -> Contact:
    first = closure.records[min(person)]
    address = min(_addresses(person, closure))
    return Contact(
        client=client,
        email=address,
        email_normalised=address,
        company_domain=contacts.work_domain(address),
        source=first.source,
        created_at=at,
        updated_at=at,
    )


def _into(row: Contact, standing: Contact, at: datetime) -> Contact:
    row.merged_into, row.updated_at = standing, at
    return row
