"""Records and what they said → who is one person → the winner of each field → the contact.

Nothing is decided from what stands already: a person's fields follow from everything that their records' sources ever
said. So any order of events, and any repetition, ends at the same contacts with the same origins.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Case, CharField, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Concat

from clients import contact_fields, contacts, forgotten, identity, merge, suppression
from clients.identity import Closure
from clients.models import (
    Client,
    Contact,
    ContactField,
    FieldRule,
    FieldState,
    Observation,
    RecordAddress,
    SourceRecord,
    Suppression,
)

EMAIL, OTHERS = ContactField.EMAIL.value, ContactField.OTHER_EMAILS.value
FULL, FIRST, LAST = ContactField.FULL_NAME.value, ContactField.FIRST_NAME.value, ContactField.LAST_NAME.value
OPT_OUT, DOMAIN = ContactField.DO_NOT_CONTACT.value, ContactField.COMPANY_DOMAIN.value
WRITTEN = [*ContactField.values, "custom", "email_normalised", "deleted_at", "merged_into", "updated_at"]

Rules = Mapping[str, merge.Rule]
Verdicts = Mapping[str, merge.Verdict]


@dataclass(frozen=True)
class Change:
    """What events did to a contact: field -> (before, after). `disputed`: words that a person has to choose from."""

    contact: Contact
    created: bool
    fields: dict[str, tuple[str, str]]
    disputed: Mapping[str, tuple[merge.Seen, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Person:
    """A person's records and contact, and what the records said: the words on each field; which are gone since when."""

    records: frozenset[int]
    contact: Contact
    words: Mapping[str, Sequence[merge.Seen]]
    gone: Mapping[int, datetime]


@dataclass(frozen=True)
class _Decided:
    """`is_dirty`: the row has to be written; `has_moved`: to another address."""

    change: Change
    verdicts: Verdicts
    is_dirty: bool
    has_moved: bool


def recompute(
    client: Client,
    records: Iterable[SourceRecord],
    *,
    at: datetime,
    told: Mapping[int, set[int]] | None = None,
    by: User | None = None,
) -> list[Change]:
    """Decide anew who these records' people are and what holds of them. Call it under the client's lock.

    `told`: by which deliveries each record was told of just now; `by`: who is named in the contacts' history.
    """
    rules, begun = rules_of(client), list(records)
    _readdress(begun)
    closure, out = forgotten.within(client, identity.together(client, begun), told or {}, at=at)
    theirs, merged = identity.contacts_for(client, closure.people(leaving_out=out), closure, at=at)
    people = _listen(theirs, closure, rules)
    standing = _standing([person.contact for person in people])
    decided = [_decide(person, rules, closure, standing.get(person.contact.pk or 0, [])) for person in people]
    _write_contacts(decided, merged, at, by)
    _write_states(decided, standing, merged, at)
    _move(theirs, closure)
    forgotten.mark_contacts(closure, out, at=at)
    _keep_opt_outs(client, closure, at)
    changes = [each.change for each in decided]
    return [change for change in changes if change.created or change.fields or change.disputed]


def rules_of(client: Client) -> Rules:
    """The client's own rules by field."""
    rows = FieldRule.objects.filter(client=client)
    return {row.field: merge.Rule(row.rule, tuple(row.sources), row.days or 0) for row in rows}


def _readdress(records: Sequence[SourceRecord]) -> None:
    """Give each record the addresses that it has by its latest word."""
    numbers = [record.pk for record in records if record.erased_at is None]
    latest: dict[int, dict[str, str]] = defaultdict(dict)
    for row in _latest(numbers, {}).filter(field__in=(EMAIL, OTHERS)):
        latest[row.record_id][row.field] = row.value
    changed = []
    for record in records:
        said = latest.get(record.pk, {})
        addresses = sorted(contacts.addresses(said.get(EMAIL, ""), said.get(OTHERS, "")))
        if said and addresses != record.addresses:
            record.addresses = addresses
            changed.append(record)
    SourceRecord.objects.bulk_update(changed, ["addresses"])


def _latest(numbers: Iterable[int], rules: Rules) -> QuerySet[Observation]:
    """Each record's last word on each field; its last “true” where that is never taken back."""
    lasting = {OPT_OUT, *(name for name, rule in rules.items() if rule.name == "monotone")}
    kept = When(field__in=lasting, value=merge.TRUE, then=Value(0))
    rows = Observation.objects.filter(record__in=list(numbers)).select_related("event")
    return rows.order_by(
        "record", "field", Case(kept, default=Value(1), output_field=IntegerField()),
        "-occurred_at", "-event__event_key", "-value", "-pk",
    ).distinct("record", "field")  # fmt: skip


def _listen(theirs: Mapping[frozenset[int], Contact], closure: Closure, rules: Rules) -> list[_Person]:
    words: dict[int, dict[str, list[merge.Seen]]] = defaultdict(lambda: defaultdict(list))
    gone: dict[int, datetime] = {}
    person_of = {number: min(person) for person in theirs for number in person}
    for row in _latest(person_of, rules):
        if row.field != Observation.GONE:
            words[person_of[row.record_id]][row.field].append(_seen(row, closure.records[row.record_id]))
        elif row.value == merge.TRUE:
            gone[row.record_id] = row.occurred_at
    return [
        _Person(person, contact, words[min(person)], {each: gone[each] for each in person if each in gone})
        for person, contact in theirs.items()
    ]


def _seen(row: Observation, record: SourceRecord) -> merge.Seen:
    key = row.event.event_key if row.event else ""
    return merge.Seen(row.pk, row.value, row.occurred_at, key, record.source, record.connection_id or 0)


def _verdicts(person: _Person, rules: Rules) -> dict[str, merge.Verdict]:
    found = {
        name: verdict
        for name, seen in sorted(person.words.items())
        if (verdict := merge.resolve(seen, merge.rule_of(name, rules))) is not None
    }
    whole = merge.full_name(found.get(FULL), found.get(FIRST), found.get(LAST))
    return found | ({FULL: whole} if whole else {})


def _decide(person: _Person, rules: Rules, closure: Closure, standing: Sequence[FieldState]) -> _Decided:
    """Put the winners on the contact, unsaved. What no source says any longer is blank again; what is locked stays."""
    contact, verdicts = person.contact, _verdicts(person, rules)
    before = (contact.email_normalised, contact.deleted_at, contact.merged_into_id)
    contact.merged_into = None
    locked = {state.field for state in standing if state.locked_by_id}
    values = _values(person, verdicts, [state.field for state in standing], closure)
    fields = {name: _put(contact, name, value) for name, value in values.items() if name not in locked}
    fields = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
    contact.email_normalised = contacts.normalise_email(contact.email)
    contact.deleted_at = _gone_since(person, closure)
    after = (contact.email_normalised, contact.deleted_at, None)
    disputed = {name: each.disputed for name, each in verdicts.items() if each.disputed and name not in locked}
    change = Change(contact, contact.pk is None, fields, disputed)
    return _Decided(change, verdicts, bool(fields) or before != after, has_moved=before[0] != after[0])


def _values(person: _Person, verdicts: Verdicts, stood: Iterable[str], closure: Closure) -> dict[str, str]:
    """field -> what holds now, for every field that was said or stood."""
    values = dict.fromkeys(stood, "")
    values |= {name: contact_fields.cut(name, verdict.value) for name, verdict in verdicts.items()}
    values |= _addresses(person, values.get(EMAIL, ""), closure)
    if not values.get(DOMAIN) and (DOMAIN in values or not person.contact.company_domain):
        values[DOMAIN] = contacts.work_domain(contacts.normalise_email(values[EMAIL]))
    return values


def _put(contact: Contact, name: str, value: str) -> tuple[str, str]:
    """(before, after)."""
    before = contact_fields.value_of(contact, name)
    if before != value:
        contact_fields.put(contact, name, value)
    return before, value


def _addresses(person: _Person, told: str, closure: Closure) -> dict[str, str]:
    """The address to write to, as it was written, and the further ones."""
    known = {address for number in person.records for address in closure.records[number].addresses}
    first = next(iter(contacts.addresses(told, "")), "") if told else ""
    email = told if first in known else min(known)
    rest = sorted(known - contacts.addresses(email, ""))
    return {EMAIL: email, OTHERS: contact_fields.cut(OTHERS, ", ".join(rest))}


def _gone_since(person: _Person, closure: Closure) -> datetime | None:
    """When the last party let go of the person; a record that was merged into another does not count."""
    counted = [
        number
        for number in person.records
        if number not in closure.lost and closure.records[number].connection_id is not None
    ]
    gone = [person.gone.get(number) for number in counted]
    moments = [moment for moment in gone if moment is not None]
    return max(moments) if moments and len(moments) == len(gone) else None


def _standing(people: Iterable[Contact]) -> dict[int, list[FieldState]]:
    """The stored states of each contact, by its id."""
    states = defaultdict(list)
    for state in FieldState.objects.filter(contact__in=[each.pk for each in people if each.pk]):
        states[state.contact_id].append(state)
    return states


def _write_contacts(decided: Sequence[_Decided], merged: Sequence[Contact], at: datetime, by: User | None) -> None:
    """Save the contacts that changed, each with one entry in its history."""
    new = [each.change.contact for each in decided if each.change.created]
    old = [each.change.contact for each in decided if each.is_dirty and not each.change.created]
    for contact in (*new, *old):
        contact.updated_at = at
    moved = [each.change.contact.pk for each in decided if each.has_moved and not each.change.created]
    if moved:  # two may change places, and no two rows may have one address in between
        away = Concat(Value("~"), Cast("pk", CharField()))
        Contact.objects.filter(pk__in=moved).update(email_normalised=away)
    Contact.objects.bulk_create(
        sorted(old, key=lambda contact: contact.pk), update_conflicts=True, unique_fields=["id"], update_fields=WRITTEN
    )
    Contact.objects.bulk_create(new)
    Contact.history.bulk_history_create(new, default_date=at, default_user=by)
    Contact.history.bulk_history_create([*old, *merged], update=True, default_date=at, default_user=by)


def _write_states(
    decided: Sequence[_Decided], standing: Mapping[int, Sequence[FieldState]], merged: Sequence[Contact], at: datetime
) -> None:
    """Only what differs from what stands is written."""
    stands = {(pk, row.field): row for pk, rows in standing.items() for row in rows}
    wanted = {(each.change.contact.pk, name): verdict for each in decided for name, verdict in each.verdicts.items()}
    stale = [row.pk for key, row in stands.items() if key not in wanted and not row.locked_by_id]
    FieldState.objects.filter(Q(pk__in=stale) | Q(contact__in=merged)).delete()
    FieldState.objects.bulk_create(
        [
            FieldState(contact_id=pk, field=name, observation_id=each.rests_on.id, rule=each.rule, decided_at=at)
            for (pk, name), each in wanted.items()
            if not _stands(stands.get((pk, name)), each)
        ],
        update_conflicts=True,
        unique_fields=["contact", "field"],
        update_fields=["observation", "rule", "decided_at"],
    )


def _stands(row: FieldState | None, verdict: merge.Verdict) -> bool:
    return row is not None and bool(
        row.locked_by_id or (row.observation_id == verdict.rests_on.id and row.rule == verdict.rule)
    )


def _move(theirs: Mapping[frozenset[int], Contact], closure: Closure) -> None:
    """Every record to its person's contact."""
    moved = []
    for person, contact in theirs.items():
        for record in (closure.records[number] for number in person):
            if record.contact_id != contact.pk:
                record.contact = contact
                moved.append(record)
    SourceRecord.objects.bulk_update(moved, ["contact"])


def _keep_opt_outs(client: Client, closure: Closure, at: datetime) -> None:
    """Whoever opted out is never written to again, at no address that the record which says so ever had."""
    said = Observation.objects.filter(record__in=closure.records.keys(), field=OPT_OUT, value=merge.TRUE)
    hashes = RecordAddress.objects.filter(record__in=said.values("record")).values_list("address_hmac", flat=True)
    suppression.suppress_hashes(client, set(hashes), reason=Suppression.Reason.OPTED_OUT, at=at)
