"""Our changes of contacts, on their way to the CRMs that hold a record of them; written with what changed.

One row waits for a record at a time: what is new goes into it. A field that goes to and fro is held, until a person
decides.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, Min, QuerySet

from clients import access, contact_fields, drift
from clients.deciding import Change
from clients.drift import Drift
from clients.models import Connection, Push

State = Push.State
GATHERS = timedelta(seconds=5)  # in which further changes of the record join a push
MOST_SHOWN = 50  # connections
TRIES = 5  # to get hold of a row that others take at the same time
KNOWN_THERE = "By now the CRM says so itself."
FLAPS = (
    "{fields}: changed more than four times within ten minutes, so it is not written any more. Find out who changes it "
    "back, then send it or discard it."
)


class Busy(Exception):
    """Others take the rows of a record as fast as we make them; trying again helps."""


def note(changes: Iterable[Change], *, at: datetime, by: User | None = None) -> set[int]:
    """What changed of contacts → what waits for each CRM. The ids of the connections that something waits for.

    Call it in the transaction that wrote the changes. `by`: the person who made them.
    """
    fields: dict[int, set[str]] = defaultdict(set)
    people = {}
    for change in changes:
        people[change.contact.pk] = change.contact
        fields[change.contact.pk] |= set(change.fields)
    return write(drift.look(people.values(), fields, at=at), at=at, by=by)


def again(pushes: Iterable[Push], *, by: User, at: datetime) -> set[int]:
    """A person wants these written after all, with what holds of their fields now. The ids of the records that
    something waits for; the others stand there as they should."""
    asked = [push for push in pushes if push.state in (State.DEAD, State.SKIPPED, State.HELD)]
    people = {push.record.contact.pk: push.record.contact for push in asked if push.record.contact}
    fields: dict[int, set[str]] = defaultdict(set)
    for push in asked:
        fields[push.record.contact_id or 0] |= set(push.fields)
    records = {push.record_id for push in asked}
    found = [each for each in drift.look(people.values(), fields, at=at, by_hand=True) if each.record.pk in records]
    with transaction.atomic():
        held = Push.objects.filter(pk__in=[push.pk for push in asked], state=State.HELD)
        held.update(state=State.SKIPPED, why=f"{access.called(by)} wants it written all the same.", ended_at=at)
        write(found, at=at, by=by)
    return {each.record.pk for each in found if each.write}


def discard(push: Push, reason: str, *, by: User, at: datetime) -> bool:
    """It is not to be written. False where it is being sent at this moment, or has ended."""
    stands = Push.objects.filter(pk=push.pk, state__in=(State.WAITING, State.HELD, State.DEAD))
    return bool(stands.update(state=State.SKIPPED, why=f"{access.called(by)}: {reason}", ended_at=at))


def back(push: Push, *, due_at: datetime, why: str, at: datetime, **also: Any) -> None:
    """What was being sent waits again, with what came meanwhile, which is the newer. `also`: further columns."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                _put_back(push, due_at=due_at, why=why, at=at, also=also)
            return
        except IntegrityError:  # a row came in between
            continue
    raise Busy(f"push {push.pk} finds no place to wait")


def flapping(user: User | None = None) -> QuerySet[Push]:
    """What is held because a field goes to and fro; of the clients that `user` may see."""
    held = Push.objects.filter(state=State.HELD).select_related("record__contact", "connection__client")
    return (access.scope(held, user, "connection__client") if user else held).order_by("made_at", "pk")


def given_up(user: User, client: str = "") -> list[dict[str, Any]]:
    """What no CRM took, of the clients that the user may see (of one, by its slug): how often and since when for each
    connection, as rows of "connection", "count", "oldest"."""
    rows = access.scope(Push.objects.filter(state=State.DEAD), user, "connection__client")
    rows = rows.filter(connection__client__slug=client) if client else rows
    told = (
        rows.values("connection").annotate(count=Count("pk"), oldest=Min("ended_at")).order_by("-count", "connection")
    )
    found = list(told[:MOST_SHOWN])
    named = Connection.objects.select_related("client").in_bulk([row["connection"] for row in found])
    return [{**row, "connection": named[row["connection"]]} for row in found]


def on_its_way(contact_id: int) -> QuerySet[Push]:
    """What has not ended yet, of every record of the contact."""
    open_still = Push.objects.filter(state__in=(State.WAITING, State.SENDING, State.HELD))
    return open_still.filter(record__contact=contact_id).select_related("connection").order_by("pk")


def write(found: Iterable[Drift], *, at: datetime, by: User | None = None) -> set[int]:
    """Drift → rows that wait or are held. Returns the ids of the connections that something waits for."""
    told = {each.record.pk: each for each in found if each}
    if not told:
        return set()
    with transaction.atomic():
        held = {push.record_id: set(push.fields) for push in Push.objects.filter(record__in=told, state=State.HELD)}
        flap = {pk: _flapping(each, held.get(pk, set())) for pk, each in told.items()}
        waits = {pk: _without(each.write, flap[pk]) for pk, each in told.items()}
        _take_out({pk: each.same | set(flap[pk]) for pk, each in told.items()}, State.WAITING, at)
        _take_out({pk: each.same for pk, each in told.items()}, State.HELD, at)
        _put(told, flap, State.HELD, at=at, by=by)
        _put(told, waits, State.WAITING, at=at, by=by)
    return {told[pk].record.connection_id or 0 for pk, values in waits.items() if values}


def _flapping(each: Drift, held: Collection[str]) -> dict[str, str]:
    """What goes to and fro now, and new values of what a person was asked about before."""
    return {**each.hold, **{name: value for name, value in each.write.items() if name in held}}


def _without(values: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in names}


def _put(
    told: Mapping[int, Drift], news: Mapping[int, Mapping[str, str]], state: State, *, at: datetime, by: User | None
) -> None:
    """Into the row of each record that is in `state`, which is made where there is none."""
    wanted = {pk: values for pk, values in news.items() if values}
    rows = _locked([told[pk] for pk in wanted], state, at=at)
    for push in rows:
        each = told[push.record_id]
        push.fields |= wanted[push.record_id]
        push.before |= {name: each.before[name] for name in wanted[push.record_id]}
        push.asked_by, push.mapping_version = by or push.asked_by, each.version
        push.why = _held_why(push) if state == State.HELD else push.why
        push.due_at = at if by and not push.attempts else push.due_at
    Push.objects.bulk_update(rows, ["fields", "before", "asked_by", "mapping_version", "why", "due_at"])


def _held_why(push: Push) -> str:
    return FLAPS.format(fields=" and ".join(contact_fields.label(name) for name in sorted(push.fields)))


def _locked(told: Collection[Drift], state: State, *, at: datetime) -> list[Push]:
    wanted = {each.record.pk: each.record for each in told}
    for _ in range(TRIES if wanted else 0):
        stand = Push.objects.filter(record__in=wanted, state=state).order_by("pk")
        missing = set(wanted) - set(stand.values_list("record", flat=True))
        fresh = {"state": state, "made_at": at, "due_at": at + GATHERS}
        made = [Push(record=wanted[pk], connection=wanted[pk].connection, **fresh) for pk in sorted(missing)]
        Push.objects.bulk_create(made, ignore_conflicts=True)
        rows = list(stand.select_for_update(no_key=True))
        if len(rows) == len(wanted):
            return rows
    if wanted:
        raise Busy(f"the pushes of {len(wanted)} records are taken as they are made")
    return []


def _take_out(names: Mapping[int, Collection[str]], state: State, at: datetime) -> None:
    """What need not be written any more leaves the rows; a row with nothing left has ended."""
    wanted = [pk for pk, gone in names.items() if gone]
    rows = list(Push.objects.filter(record__in=wanted, state=state).order_by("pk").select_for_update(no_key=True))
    changed = [push for push in rows if set(push.fields) & set(names[push.record_id])]
    for push in changed:
        push.fields = _without(push.fields, names[push.record_id])
        if not push.fields:
            push.state, push.why, push.ended_at = State.SKIPPED, KNOWN_THERE, at
    Push.objects.bulk_update(changed, ["fields", "state", "why", "ended_at"])


def _put_back(push: Push, *, due_at: datetime, why: str, at: datetime, also: Mapping[str, Any]) -> None:
    own = Push.objects.filter(pk=push.pk, fence=push.fence, state=State.SENDING)
    newer = Push.objects.filter(record=push.record_id, state=State.WAITING).select_for_update(no_key=True).first()
    if newer is None:
        own.update(state=State.WAITING, due_at=due_at, why=why, lease_until=None, **also)
    elif own.update(state=State.SKIPPED, why=f"It goes on as push {newer.pk}.", ended_at=at, lease_until=None):
        newer.fields, newer.before = push.fields | newer.fields, push.before | newer.before
        newer.attempts, newer.tries_from = also.get("attempts", push.attempts), push.tries_from
        newer.due_at, newer.why = max(due_at, newer.due_at), why
        newer.asked_by = newer.asked_by or push.asked_by
        newer.save(update_fields=["fields", "before", "attempts", "tries_from", "due_at", "why", "asked_by"])
