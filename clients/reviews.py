"""Questions about contacts that only a person can answer: raised, kept once, closed where they solve themselves.

A question is asked once while it is open. What was decided about a case (who said what) is remembered; only another
case is asked about again.
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from django.db import transaction
from django.db.models import Q, QuerySet

from clients import deciding, likeness, merge
from clients.deciding import Change
from clients.likeness import Person
from clients.models import Contact, FieldState, Observation, ReviewItem, SamePerson, SourceRecord
from clients.scores import standing

BY_HAND = merge.PERSON  # the source of what a person entered
NAMES = ("full_name", "first_name", "last_name", "company_name", "company_domain")
MOST_AT_A_COMPANY = 2000
MOST_TWINS = 3  # of one record
Kind, State = ReviewItem.Kind, ReviewItem.State


@dataclass(frozen=True)
class Asked:
    """A question to put, before anybody looked whether it stands or was decided."""

    kind: str
    contact: Contact
    question: str
    case: str = ""
    field: str = ""
    record: SourceRecord | None = None
    other_record: SourceRecord | None = None
    observations: tuple[int, ...] = ()


def look(changes: Sequence[Change], told_of: Iterable[int], *, at: datetime) -> list[ReviewItem]:
    """Put what has to be asked after a delivery, and close what it solved. `told_of`: ids of its events' contacts."""
    touched = {number for number in told_of if number} | {change.contact.pk for change in changes}
    people = list(standing().filter(pk__in=touched).select_related("client"))
    close_solved(ReviewItem.objects.filter(contact__in=touched), at=at)
    return put([*_conflicts(changes), *_two_records(people), *_flapping(people, at)], at=at)


def look_for_twins(contacts: Sequence[Contact], *, at: datetime) -> list[ReviewItem]:
    """Ask where another contact's record has a like name at the same company."""
    records = SourceRecord.objects.filter(contact__in=[contact.pk for contact in contacts]).exclude(source=BY_HAND)
    return put(_similar(list(records.select_related("contact"))), at=at)


def look_at_nameless(*, since: datetime, at: datetime) -> list[ReviewItem]:
    """Ask where a record that no address belongs to is like a contact: records that are new, or told of, since then."""
    told = Observation.objects.filter(record__contact=None, event__delivery__received_at__gte=since).values("record")
    fresh = Q(created_at__gte=since) | Q(pk__in=told)
    records = SourceRecord.objects.filter(fresh, contact=None, erased_at=None).select_related("contact").order_by("pk")
    return put(_similar(list(records[:MOST_AT_A_COMPANY])), at=at)


@transaction.atomic
def put(asked: Sequence[Asked], *, at: datetime) -> list[ReviewItem]:
    """Those that neither stand nor were decided, as items; a standing one takes over what is said now."""
    wanted = {(each.contact.client_id, each.question): each for each in asked}
    if not wanted:
        return []
    rows = ReviewItem.objects.filter(question__in={question for _, question in wanted}).order_by("pk")
    stands = {(row.client_id, row.question): row for row in rows if row.state == State.OPEN}
    decided = {(row.client_id, row.question, row.case) for row in rows if row.state == State.DECIDED}
    for key, row in stands.items():
        if key in wanted and row.case != wanted[key].case:
            row.case, row.observations = wanted[key].case, list(wanted[key].observations)
            row.save(update_fields=["case", "observations"])
    fresh = [_item(each, at) for key, each in wanted.items() if key not in stands and (*key, each.case) not in decided]
    ReviewItem.objects.bulk_create(fresh, ignore_conflicts=True)
    questions = [row.question for row in fresh]
    return list(ReviewItem.objects.filter(question__in=questions, state=State.OPEN, opened_at=at).order_by("pk"))


def close_solved(items: QuerySet[ReviewItem], *, at: datetime) -> int:
    """Close the open ones of them whose question does not stand any more, with the reason. How many it were."""
    closed = 0
    for item in items.filter(state=State.OPEN).select_related("client", "contact", "record", "other_record"):
        if why := why_solved(item):
            closed += ReviewItem.objects.filter(pk=item.pk, state=State.OPEN).update(
                state=State.CLOSED, decided_at=at, reason=why
            )
    return closed


def why_solved(item: ReviewItem) -> str:
    """Why nobody has to decide any more; "" where somebody has to."""
    contact = item.contact
    if contact.erased_at or contact.deleted_at:
        return "The contact is gone."
    if contact.merged_into_id:
        return "The contact was merged into another one."
    return _SOLVED[Kind(item.kind)](item)


def _conflict_solved(item: ReviewItem) -> str:
    rows = Observation.objects.filter(record__contact=item.contact, field=item.field).select_related("record", "event")
    seen = [_seen(row) for row in rows]
    verdict = merge.resolve(seen, merge.rule_of(item.field, deciding.rules_of(item.client)))
    if verdict is None or not verdict.disputed:
        return "The sources agree now, or the client's rule for the field decides."
    return _field_is_locked(item)


def _seen(row: Observation) -> merge.Seen:
    key = row.event.event_key if row.event else ""
    return merge.Seen(row.pk, row.value, row.occurred_at, key, row.record.source, row.record.connection_id or 0)


def _field_is_locked(item: ReviewItem) -> str:
    locked = FieldState.objects.filter(contact=item.contact, field=item.field).exclude(locked_by=None)
    return "The field was locked." if locked.exists() else ""


def _pair_solved(item: ReviewItem) -> str:
    pair = [record for record in (item.record, item.other_record) if record]
    if any(record.erased_at for record in pair):
        return "One of the records was erased."
    if item.kind == Kind.TWO_RECORDS and any(record.contact_id != item.contact_id for record in pair):
        return "They do not have the same address any more."
    if item.kind == Kind.SIMILAR and item.record and item.record.contact_id == item.contact_id:
        return "They became one contact by their address."
    return "They were merged." if len(pair) == 2 and _are_one(*pair) else ""


_SOLVED = {
    Kind.CONFLICT: _conflict_solved,
    Kind.FLAPPING: _field_is_locked,
    Kind.TWO_RECORDS: _pair_solved,
    Kind.SIMILAR: _pair_solved,
}


def _are_one(one: SourceRecord, other: SourceRecord) -> bool:
    return SamePerson.objects.filter(Q(one=one, other=other) | Q(one=other, other=one)).exists()


def _conflicts(changes: Sequence[Change]) -> list[Asked]:
    return [
        _about_field(Kind.CONFLICT, change.contact, name, [(each.id, each.value) for each in _newest_first(words)])
        for change in changes
        for name, words in change.disputed.items()
    ]


def _newest_first(words: Iterable[merge.Seen]) -> list[merge.Seen]:
    return sorted(words, key=lambda each: each.order, reverse=True)


def _about_field(kind: str, contact: Contact, name: str, words: Sequence[tuple[int, str]]) -> Asked:
    """`words`: (observation, value), the newest first."""
    case = hashlib.sha256("\x1f".join(sorted({value for _, value in words})).encode()).hexdigest()
    ids = tuple(number for number, _ in words)
    return Asked(kind, contact, f"{kind}:{contact.pk}:{name}", case, name, observations=ids)


def _two_records(people: Sequence[Contact]) -> list[Asked]:
    """Two records of one connection at one address."""
    rows = SourceRecord.objects.filter(contact__in=[each.pk for each in people], erased_at=None)
    records: dict[tuple[int, int | None, str], list[SourceRecord]] = defaultdict(list)
    for record in rows.exclude(source=BY_HAND).exclude(ext_id__startswith="address:").order_by("pk"):
        records[record.contact_id or 0, record.connection_id, record.object_type].append(record)
    pairs = [pair for group in records.values() for pair in combinations(group, 2)]
    merged = _merged({record.pk for pair in pairs for record in pair})
    by_id = {each.pk: each for each in people}
    return [
        Asked(
            Kind.TWO_RECORDS,
            by_id[one.contact_id or 0],
            f"records:{one.pk}:{other.pk}",
            record=one,
            other_record=other,
        )
        for one, other in pairs
        if frozenset((one.pk, other.pk)) not in merged
    ]


def _merged(records: set[int]) -> set[frozenset[int]]:
    if not records:
        return set()
    edges = SamePerson.objects.filter(one__in=records, other__in=records).values_list("one", "other")
    return {frozenset(edge) for edge in edges}


def _flapping(people: Sequence[Contact], at: datetime) -> list[Asked]:
    recent = Observation.objects.filter(
        record__contact__in=[each.pk for each in people], occurred_at__gte=at - likeness.WITHIN, occurred_at__lte=at
    ).exclude(record__source=BY_HAND)
    words: dict[tuple[int, str], list[Observation]] = defaultdict(list)
    for each in recent.exclude(field=Observation.GONE).select_related("record").order_by("occurred_at", "pk"):
        words[each.record.contact_id or 0, each.field].append(each)
    by_id = {each.pk: each for each in people}
    return [
        _about_field(Kind.FLAPPING, by_id[contact], name, _newest_of_each_value(said))
        for (contact, name), said in words.items()
        if likeness.is_flapping([(each.occurred_at, each.value) for each in said], at)
    ]


def _newest_of_each_value(said: Sequence[Observation]) -> list[tuple[int, str]]:
    newest = {each.value: each.pk for each in said}
    return sorted(((number, value) for value, number in newest.items()), reverse=True)


def _similar(records: Sequence[SourceRecord]) -> list[Asked]:
    """Each record beside the contacts of its client at the same company that it does not belong to already."""
    told = _told(records)
    found: list[Asked] = []
    for client in {record.client_id for record in records}:
        own = [record for record in records if record.client_id == client]
        people = [(each, _as_person(_fields(each))) for each in _at_companies(client, [told[row.pk] for row in own])]
        for record in own:
            found += _twins(record, _as_person(told[record.pk]), people)
    return found


def _twins(record: SourceRecord, mine: Person, people: Sequence[tuple[Contact, Person]]) -> list[Asked]:
    """Of many the most alike: who is like everybody is a habit of the source, and no question."""
    alike = [
        (likeness.names_alike(mine, theirs), -other.pk, other)
        for other, theirs in people
        if _may_be_twin(record, other) and likeness.is_similar(mine, theirs)
    ]
    return [
        Asked(Kind.SIMILAR, other, f"similar:{other.pk}:{record.pk}", record=record)
        for _, _, other in heapq.nlargest(MOST_TWINS, alike)
    ]


def _may_be_twin(record: SourceRecord, other: Contact) -> bool:
    """Of two contacts the older one is asked about, with the newer one's record, so that a pair is one question."""
    return record.contact_id is None or other.pk < record.contact_id


def _told(records: Sequence[SourceRecord]) -> Mapping[int, Mapping[str, str]]:
    """What each record says of the person's name and company, as of late."""
    found: dict[int, dict[str, str]] = {record.pk: {} for record in records}
    rows = Observation.objects.filter(record__in=found, field__in=NAMES).order_by("occurred_at", "pk")
    for each in rows:
        found[each.record_id][each.field] = each.value
    for record in records:
        if record.contact:
            found[record.pk] = {name: value for name, value in _fields(record.contact).items() if value} | found[
                record.pk
            ]
    return found


def _at_companies(client: int, told: Iterable[Mapping[str, str]]) -> list[Contact]:
    domains = {said.get("company_domain", "") for said in told} - {""}
    names = {said.get("company_name", "") for said in told} - {""}
    fits = Q(company_domain__in=domains) | Q(company_name__in=names)
    return list(standing().filter(fits, client=client).order_by("pk")[:MOST_AT_A_COMPANY])


def _fields(contact: Contact) -> dict[str, str]:
    return {name: getattr(contact, name) for name in NAMES}


def _as_person(said: Mapping[str, str]) -> Person:
    whole = said.get("full_name") or f"{said.get('first_name', '')} {said.get('last_name', '')}".strip()
    return likeness.person(whole, said.get("company_domain", ""), said.get("company_name", ""))


def _item(asked: Asked, at: datetime) -> ReviewItem:
    return ReviewItem(
        client_id=asked.contact.client_id,
        kind=asked.kind,
        contact=asked.contact,
        record=asked.record,
        other_record=asked.other_record,
        field=asked.field,
        observations=list(asked.observations),
        question=asked.question,
        case=asked.case,
        opened_at=at,
    )
