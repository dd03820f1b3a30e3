"""What a person decides about a question on contacts.

Each decision is one conditional update, so of two people who decide at once the second is told who was first.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from clients import access, contacts, deciding, observations
from clients.models import FieldState, Observation, ReviewItem, SamePerson, SourceRecord
from clients.reviews import BY_HAND

Decision, Kind, State = ReviewItem.Decision, ReviewItem.Kind, ReviewItem.State
OF_FIELDS = (Kind.CONFLICT, Kind.FLAPPING)


class ReviewRefused(Exception):
    """The decision was not taken; the text says why and what to do."""


@transaction.atomic
def take(item: ReviewItem, observation: Observation, *, by: User, at: datetime, reason: str = "") -> None:
    """What one source says holds, as this person's word."""
    _decide(item, Decision.TAKEN, by=by, at=at, reason=reason or f"As {observation.record.source} says.")
    observations.by_hand(item.contact, {item.field: observation.value}, by=by, at=at)


@transaction.atomic
def edit(item: ReviewItem, value: str, *, by: User, at: datetime, reason: str = "") -> None:
    """Neither is right: another value holds, as this person's word."""
    if not value.strip():
        raise ReviewRefused("Write the right value. A field cannot be emptied by hand.")
    _decide(item, Decision.EDITED, by=by, at=at, reason=reason)
    observations.by_hand(item.contact, {item.field: value.strip()}, by=by, at=at)


@transaction.atomic
def lock(item: ReviewItem, *, by: User, at: datetime, reason: str = "") -> None:
    """What the contact shows now holds, whatever sources say later."""
    state = FieldState.objects.select_for_update(of=("self",)).filter(contact=item.contact, field=item.field).first()
    if state is None:
        raise ReviewRefused("The contact shows nothing here yet, so there is nothing to lock. Take or enter a value.")
    _decide(item, Decision.LOCKED, by=by, at=at, reason=reason)
    state.locked_by = by
    state.save(update_fields=["locked_by"])


@transaction.atomic
def merge(item: ReviewItem, *, by: User, at: datetime, reason: str = "") -> None:
    """The two are one person, for good."""
    contacts.lock(item.client)
    one, other = _pair(item)
    _decide(item, Decision.MERGED, by=by, at=at, reason=reason)
    first, second = sorted((one, other), key=lambda record: record.pk)
    SamePerson.objects.get_or_create(one=first, other=second, defaults={"since": at, "said_by": by})
    deciding.recompute(item.client, [first, second], at=at, by=by)


@transaction.atomic
def keep_apart(item: ReviewItem, *, by: User, at: datetime, reason: str = "") -> None:
    """Two people. It is remembered, and never asked again."""
    if item.kind in OF_FIELDS:
        raise ReviewRefused("It is about one contact. Take a value, enter one, or lock the field.")
    _decide(item, Decision.APART, by=by, at=at, reason=reason)


def _pair(item: ReviewItem) -> tuple[SourceRecord, SourceRecord]:
    """The two records that a merge ties together: the item's own, or its record and one of the contact's."""
    if item.kind in OF_FIELDS or item.record is None:
        raise ReviewRefused("It is about one contact, so there is nothing to merge.")
    if item.other_record is not None:
        return item.record, item.other_record
    own = SourceRecord.objects.filter(contact=item.contact).exclude(pk=item.record.pk)
    anchor = own.exclude(source=BY_HAND).order_by("pk").first() or own.order_by("pk").first()
    if anchor is None:
        raise ReviewRefused("No source has a record of this contact. Enter its details by hand once, then merge.")
    return item.record, anchor


def _decide(item: ReviewItem, decision: str, *, by: User, at: datetime, reason: str) -> None:
    told = {"state": State.DECIDED, "decision": decision, "decided_by": by, "decided_at": at, "reason": reason[:300]}
    if not ReviewItem.objects.filter(pk=item.pk, state=State.OPEN).update(**told):
        raise ReviewRefused(_too_late(ReviewItem.objects.select_related("decided_by").get(pk=item.pk)))
    item.refresh_from_db()


def _too_late(item: ReviewItem) -> str:
    if item.state == State.CLOSED:
        return f"Nobody has to decide this any more. {item.reason}"
    at = timezone.localtime(item.decided_at or item.opened_at)
    who = access.called(item.decided_by, otherwise="Somebody")
    return f"{who} decided this on {at.day} {at:%B at %H:%M}: {item.get_decision_display().lower()}."
