"""Events about contacts → observations → the winner of each field → the contact."""

from collections.abc import Mapping, Sequence
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


def apply(events: Sequence[Event], *, at: datetime) -> list[Change]:
    """Every event that no contact has yet. Call it inside a transaction: it locks the contacts it touches."""
    fresh = [event for event in events if event.kind == CONTACT_CHANGED and event.contact_id is None]
    fresh.sort(key=lambda event: contacts.normalise_email(event.payload["email"]))  # one locking order for everybody
    changes = [_apply(event, at) for event in fresh]
    Event.objects.bulk_update(fresh, ["contact"])
    return [change for change in changes if change.created or change.fields]


def by_hand(
    contact: Contact, values: Mapping[str, str], *, by: User | None, at: datetime
) -> dict[str, tuple[str, str]]:
    """What a person says of the contact, observed like anything else. Returns field -> (before, after)."""
    with transaction.atomic():
        stored = Contact.objects.select_for_update().get(pk=contact.pk)
        states = list(stored.field_states.select_related("observation__event"))
        basis = {"contact": stored, "source": BY_HAND, "occurred_at": at}
        said = {name: value for name, value in values.items() if value and name in LIMITS}
        rows = [Observation(field=name, value=value[: LIMITS[name]], **basis) for name, value in said.items()]
        won = _winners(states, Observation.objects.bulk_create(rows))
        _write_states(stored, states, won, at)
        stored._history_user = by  # type: ignore[attr-defined]
        return _show(stored, won, at)


def _apply(event: Event, at: datetime) -> Change:
    contact, created = contacts.at_address(event.client, event.payload["email"], source=event.source, at=at)
    if not created:
        contact = Contact.objects.select_for_update().get(pk=contact.pk)
    contact.client, event.contact = event.client, contact
    states = [] if created else list(contact.field_states.select_related("observation__event"))
    won = _winners(states, _observe(event, contact))
    _write_states(contact, states, won, at)
    return Change(contact, created, _show(contact, won, at))


def _observe(event: Event, contact: Contact) -> list[Observation]:
    """What the event says, a row a field. Blanks say nothing."""
    said = {name: event.payload[name] for name in ContactField.values if event.payload.get(name)}
    basis = {"contact": contact, "source": event.source, "occurred_at": event.occurred_at, "event": event}
    rows = [Observation(field=name, value=value[: LIMITS[name]], **basis) for name, value in said.items()]
    return Observation.objects.bulk_create(rows)


def _winners(states: Sequence[FieldState], observed: Sequence[Observation]) -> dict[str, _Won]:
    seen = {state.field: _seen(state.observation) for state in states if state.rule == merge.LATEST}
    for observation in observed:
        winner = merge.winner(seen.get(observation.field), _seen(observation))
        seen |= {observation.field: winner} if winner else {}
    won = {name: _Won(each.value, each, merge.LATEST) for name, each in seen.items()}
    name, rests_on, rule = merge.full_name(*(seen.get(each) for each in ("full_name", "first_name", "last_name")))
    return won | ({ContactField.FULL_NAME.value: _Won(name, rests_on, rule)} if rests_on else {})


def _write_states(contact: Contact, before: Sequence[FieldState], won: Mapping[str, _Won], at: datetime) -> None:
    stands = {(state.field, state.observation_id, state.rule) for state in before}
    FieldState.objects.bulk_create(
        [
            FieldState(contact=contact, field=name, observation_id=each.seen.id, rule=each.rule, decided_at=at)
            for name, each in won.items()
            if (name, each.seen.id, each.rule) not in stands
        ],
        update_conflicts=True,
        unique_fields=["contact", "field"],
        update_fields=["observation", "rule", "decided_at"],
    )


def _show(contact: Contact, won: Mapping[str, _Won], at: datetime) -> dict[str, tuple[str, str]]:
    """Put the winners on the contact itself; returns what that changed."""
    values = {name: each.value[: LIMITS[name]] for name, each in won.items()}
    fields = {
        name: (getattr(contact, name), value) for name, value in values.items() if getattr(contact, name) != value
    }
    for name, (_, value) in fields.items():
        setattr(contact, name, value)
    if fields:
        contact.updated_at = contact._history_date = at  # type: ignore[attr-defined]
        contact.save()
    return fields


def _seen(observation: Observation) -> merge.Seen:
    key = observation.event.event_key if observation.event else ""
    return merge.Seen(observation.pk, observation.value, observation.occurred_at, key)
