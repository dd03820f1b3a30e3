"""Events about contacts → observations → the winner of each field → the contact."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from clients import contacts, merge
from clients.canonical import CONTACT_CHANGED
from clients.models import Contact, ContactField, Event, FieldState, Observation

LIMITS = {name: Contact._meta.get_field(name).max_length for name in ContactField.values}  # type: ignore[union-attr]

BY_HAND = "person"  # the source of what a person entered


@dataclass(frozen=True)
class Change:
    """What an event did to a contact: field -> (before, after)."""

    contact: Contact
    created: bool
    fields: dict[str, tuple[str, str]]


class _Won(NamedTuple):
    value: str
    seen: merge.Seen
    rule: str


Seen = Mapping[str, merge.Seen]  # field -> the latest word on it


def apply(events: Sequence[Event], *, at: datetime) -> list[Change]:
    """Every event of one delivery that no contact has yet, in a dozen queries however many there are.

    Call it inside a transaction: it locks the contacts it touches, all in one order.
    """
    fresh = [event for event in events if event.kind == CONTACT_CHANGED and event.contact_id is None]
    if not fresh:
        return []
    people, made = _people(fresh, at)
    said = _observe(fresh)
    standing = _standing(people)
    seen = {contact.pk: _seen_before(standing[contact.pk]) for contact in people}
    changes, unwritten = [], set(made)
    for event in fresh:
        contact = _contact_of(event)
        seen[contact.pk] = _latest(seen[contact.pk], said[event.pk])
        changes.append(Change(contact, contact.pk in unwritten, _put(contact, _winners(seen[contact.pk]))))
        unwritten.discard(contact.pk)
    _write_states(standing, {pk: _winners(latest) for pk, latest in seen.items()}, at)
    _write_contacts({_contact_of(event) for event in fresh}, made, changes, at)
    Event.objects.bulk_update(fresh, ["contact"])
    return [change for change in changes if change.created or change.fields]


def by_hand(
    contact: Contact, values: Mapping[str, str], *, by: User | None, at: datetime
) -> dict[str, tuple[str, str]]:
    """What a person says of the contact, observed like anything else. Returns field -> (before, after)."""
    with transaction.atomic():
        stored = Contact.objects.select_for_update().get(pk=contact.pk)
        basis = {"contact": stored, "source": BY_HAND, "occurred_at": at}
        said = {name: value for name, value in values.items() if value and name in LIMITS}
        rows = [Observation(field=name, value=value[: LIMITS[name]], **basis) for name, value in said.items()]
        standing = _standing([stored])
        won = _winners(_latest(_seen_before(standing[stored.pk]), Observation.objects.bulk_create(rows)))
        _write_states(standing, {stored.pk: won}, at)
        fields = _put(stored, won)
        if fields:
            stored.updated_at = stored._history_date = at  # type: ignore[attr-defined]
            stored._history_user = by  # type: ignore[attr-defined]
            stored.save()
        return fields


def _people(fresh: Sequence[Event], at: datetime) -> tuple[list[Contact], set[int]]:
    """The contacts that the events speak of, tied to them, and the ids of those made for it."""
    keys = {event.pk: contacts.normalise_email(event.payload["email"]) for event in fresh}
    told = {keys[event.pk]: event.payload["email"].strip() for event in reversed(fresh)}
    found, made = contacts.at_addresses(fresh[0].client, told, source=fresh[0].source, at=at)
    for event in fresh:
        event.contact = found[keys[event.pk]]
        event.contact.client = event.client
    return list(found.values()), {found[key].pk for key in made}


def _contact_of(event: Event) -> Contact:
    assert event.contact is not None, "_people ties a contact to every event"
    return event.contact


def _observe(fresh: Sequence[Event]) -> Mapping[int, list[Observation]]:
    """What each event says, a row a field, by the event's id. Blanks say nothing."""
    rows = [
        Observation(
            contact=_contact_of(event),
            source=event.source,
            occurred_at=event.occurred_at,
            event=event,
            field=name,
            value=event.payload[name][: LIMITS[name]],
        )
        for event in fresh
        for name in ContactField.values
        if event.payload.get(name)
    ]
    said = defaultdict(list)
    for row in Observation.objects.bulk_create(rows):
        said[_event_id(row)].append(row)
    return said


def _event_id(row: Observation) -> int:
    assert row.event_id is not None
    return row.event_id


def _standing(people: Iterable[Contact]) -> Mapping[int, list[FieldState]]:
    """The stored states of each contact, by its id."""
    states = defaultdict(list)
    for state in FieldState.objects.filter(contact__in=list(people)).select_related("observation__event"):
        states[state.contact_id].append(state)
    return states


def _seen_before(states: Iterable[FieldState]) -> Seen:
    return {state.field: _seen(state.observation) for state in states if state.rule == merge.LATEST}


def _latest(seen: Seen, observed: Iterable[Observation]) -> Seen:
    found = dict(seen)
    for observation in observed:
        winner = merge.winner(found.get(observation.field), _seen(observation))
        found |= {observation.field: winner} if winner else {}
    return found


def _winners(seen: Seen) -> dict[str, _Won]:
    won = {name: _Won(each.value, each, merge.LATEST) for name, each in seen.items()}
    name, rests_on, rule = merge.full_name(*(seen.get(each) for each in ("full_name", "first_name", "last_name")))
    return won | ({ContactField.FULL_NAME.value: _Won(name, rests_on, rule)} if rests_on else {})


def _write_states(
    standing: Mapping[int, Sequence[FieldState]], won: Mapping[int, Mapping[str, _Won]], at: datetime
) -> None:
    """Only what differs from what stands is written."""
    stands = {(pk, each.field, each.observation_id, each.rule) for pk, rows in standing.items() for each in rows}
    FieldState.objects.bulk_create(
        [
            FieldState(contact_id=pk, field=name, observation_id=each.seen.id, rule=each.rule, decided_at=at)
            for pk, fields in won.items()
            for name, each in fields.items()
            if (pk, name, each.seen.id, each.rule) not in stands
        ],
        update_conflicts=True,
        unique_fields=["contact", "field"],
        update_fields=["observation", "rule", "decided_at"],
    )


def _put(contact: Contact, won: Mapping[str, _Won]) -> dict[str, tuple[str, str]]:
    """Put the winners on the contact, unsaved; returns what that changed."""
    values = {name: each.value[: LIMITS[name]] for name, each in won.items()}
    fields = {
        name: (getattr(contact, name), value) for name, value in values.items() if getattr(contact, name) != value
    }
    for name, (_, value) in fields.items():
        setattr(contact, name, value)
    return fields


def _write_contacts(touched: Set[Contact], made: Set[int], changes: Iterable[Change], at: datetime) -> None:
    """Save the contacts that changed, each with one entry in its history."""
    changed = {change.contact.pk for change in changes if change.fields}
    rows = sorted((contact for contact in touched if contact.pk in changed | made), key=lambda contact: contact.pk)
    for contact in rows:
        contact.updated_at = at
    Contact.objects.bulk_update(rows, [*ContactField.values, "updated_at"])
    old, new = [row for row in rows if row.pk not in made], [row for row in rows if row.pk in made]
    Contact.history.bulk_history_create(new, default_date=at)
    Contact.history.bulk_history_create(old, update=True, default_date=at)


def _seen(observation: Observation) -> merge.Seen:
    key = observation.event.event_key if observation.event else ""
    return merge.Seen(observation.pk, observation.value, observation.occurred_at, key)
