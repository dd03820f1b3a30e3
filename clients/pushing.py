"""What waits for a CRM is written there, batch by batch: claimed, sent, and noted down with what became of it.

A worker may die anywhere. What it had claimed waits again when its lease ends, and is sent a second time only where the
record does not say so itself by then; a value written twice is the same value.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from clients import backoff, drift, echoes, outbox
from clients.crm.asking import Fate, Write, door_of, fate_of
from clients.crm.connectors import CONNECTORS
from clients.models import Connection, Push, Pushed, SourceRecord, SyncSettings
from gtm import http

State = Push.State
BATCH = {Connection.Party.HUBSPOT: 100, Connection.Party.SALESFORCE: 200}  # records that one call takes
LEASE = timedelta(minutes=5)  # longer than the calls for a batch may take
RESERVE = 10  # a tenth of the day's writes is kept for what a person sends
DRY_RUN = "Dry run: nothing was sent. Once it is switched off on the connection's sync page, send this again."
CAPPED = "The {cap:,} writes of the day are used up; it goes on after midnight."
NOT_THERE = "The contact or the record is gone, or the mapping no longer sends these fields there."
LOST = "The worker that sent it did not come back; whether it arrived is not known."


@dataclass(frozen=True)
class Sent:
    """How many pushes were taken up, by how they went; `may_go_on`: more may be due."""

    fates: Mapping[str, int]
    may_go_on: bool = False


@dataclass(frozen=True)
class _Claimed:
    """`writes` and `pushes` in the same order; `since` {push: {field: when that was said which it writes}}."""

    connection: Connection
    pushes: list[Push]
    writes: list[Write]
    since: dict[int, dict[str, datetime]]
    at: datetime


def due(at: datetime) -> list[int]:
    """The connections for which something is due and may be sent."""
    rows = Push.objects.filter(state=State.WAITING, due_at__lte=at, connection__is_active=True)
    return sorted(
        rows.exclude(connection__sync__paused_at__isnull=False).values_list("connection", flat=True).distinct()
    )


def send(connection_id: int, *, rng: Random, clock: Callable[[], datetime] = timezone.now) -> Sent:
    """One batch of what is due. What the party does not take now is tried again later, never before it allows."""
    claimed = _claim(connection_id, at=clock())
    if claimed is None or not claimed.pushes:
        return Sent({})
    fates = _ask(claimed, clock)
    if refused := next((fate for fate in fates if fate.kind == "auth"), None):
        pause(claimed.connection, refused.why, at=clock())
    counts = Counter("held" if fate.is_held else fate.kind for fate in fates)
    _note_done(claimed, fates, at=clock())
    for push, fate in zip(claimed.pushes, fates, strict=True):
        if fate.kind != "done":
            _note_failed(push, fate, rng=rng, at=clock())
    return Sent(counts, may_go_on=set(counts) == {"done"})


def take_back(*, at: datetime, rng: Random) -> int:
    """What a worker claimed and never told of waits again, or is given up like anything that failed."""
    lost = Push.objects.filter(state=State.SENDING, lease_until__lt=at)
    rows = list(lost.order_by("pk")[:500])
    for push in rows:
        push.sent_at = push.sent_at or at
        _note_failed(push, Fate(str(push.pk), "transient", LOST), rng=rng, at=at)
    return len(rows)


def learn_own_id(connection_id: int) -> str:
    """Ask the party who we are there, where nobody said, so that our own changes are known when they come back. The
    ids, parted by spaces, or why they are not known."""
    connection = Connection.objects.select_related("client").get(pk=connection_id)
    try:
        found = CONNECTORS[connection.party].identify(door_of(connection)).origins
    except (http.Unavailable, http.Refused) as error:
        return error.reason
    SyncSettings.objects.filter(connection=connection, own_id="").update(own_id=" ".join(found)[:120])
    return " ".join(found)


def hurry(connection: Connection, *, at: datetime) -> int:
    """A person does not want to wait: what waits for its time alone is due now, and a pause ends. How many wait."""
    resume(connection)
    waiting = connection.pushes.filter(state=State.WAITING)
    waiting.filter(attempts=0, due_at__gt=at).update(due_at=at)
    return waiting.count()


def pause(connection: Connection, why: str, *, at: datetime) -> None:
    """Nothing more is asked of the party until a person did something about it."""
    settings = SyncSettings.objects.get_or_create(connection=connection)[0]
    SyncSettings.objects.filter(pk=settings.pk, paused_at=None).update(paused_at=at, paused_why=why[:300])


def resume(connection: Connection) -> None:
    SyncSettings.objects.filter(connection=connection).update(paused_at=None, paused_why="")


def paused() -> list[SyncSettings]:
    """Of connections in use."""
    rows = SyncSettings.objects.filter(paused_at__isnull=False, connection__is_active=True)
    return list(rows.select_related("connection__client").order_by("paused_at"))


def written_today(connection: Connection, *, at: datetime) -> int:
    """Records that were sent there since midnight in the agency's time zone, or are being sent."""
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    sending = connection.pushes.filter(state=State.SENDING).count()
    return connection.pushes.filter(sent_at__gte=midnight).exclude(state=State.SENDING).count() + sending


# --- claim


@transaction.atomic
def _claim(connection_id: int, *, at: datetime) -> _Claimed | None:
    """Due pushes of one connection, under a lease. The connection's row is locked, so that the day's writes are counted
    by one worker at a time; None where nothing may be sent."""
    connections = Connection.objects.select_for_update(no_key=True, of=("self",)).select_related("client")
    connection = connections.get(pk=connection_id)
    settings = echoes.settings_of(connection)
    if not connection.is_active or settings.paused_at or connection.party not in CONNECTORS:
        return None
    if settings.is_dry_run:
        _show_only(connection, at)
        return None
    rows = _free(connection, settings, at)
    looked_at = _looked_at(rows, at=at)
    kept = [push for push, _ in looked_at]
    for push in kept:
        push.state, push.lease_until, push.fence = State.SENDING, at + LEASE, push.fence + 1
    Push.objects.bulk_update(rows, ["state", "lease_until", "fence", "fields", "before", "why", "ended_at"])
    places = drift.way_out(connection).places
    writes = [
        Write(
            str(push.pk),
            push.record.ext_id,
            {places[name].name: places[name].value(value) for name, value in push.fields.items()},
            push.record.object_type,
        )
        for push in kept
    ]
    return _Claimed(connection, kept, writes, {push.pk: found.since for push, found in looked_at}, at)


def _free(connection: Connection, settings: SyncSettings, at: datetime) -> list[Push]:
    """What is due and may still be sent today: what persons wait for first, in a batch of its own."""
    of_same = Push.objects.filter(record=OuterRef("record"), state=State.SENDING)
    waiting = connection.pushes.filter(~Exists(of_same), state=State.WAITING, due_at__lte=at)
    by_person = waiting.filter(asked_by__isnull=False).exists()
    most = settings.daily_writes if by_person else settings.daily_writes - settings.daily_writes // RESERVE
    room = min(most - written_today(connection, at=at), BATCH[Connection.Party(connection.party)])
    rows = waiting.filter(asked_by__isnull=not by_person).order_by("due_at", "pk")
    if room <= 0:
        tomorrow = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        rows.update(due_at=tomorrow, why=CAPPED.format(cap=most))
        return []
    locked = rows.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("record__contact")
    return list(locked[:room])


def _show_only(connection: Connection, at: datetime) -> None:
    waiting = connection.pushes.filter(state=State.WAITING, due_at__lte=at)
    rows = list(
        waiting.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("record__contact")
    )
    for push, _ in _looked_at(rows, at=at):
        push.state, push.why, push.ended_at = State.SKIPPED, DRY_RUN, at
    Push.objects.bulk_update(rows, ["state", "why", "ended_at", "fields", "before"])


def _looked_at(rows: Sequence[Push], *, at: datetime) -> list[tuple[Push, drift.Drift]]:
    """Those that still have something to write, with the values that hold now; the others have ended, unsaved."""
    fields: dict[int, set[str]] = defaultdict(set)
    people = {}
    for push in rows:
        if push.record.contact:
            people[push.record.contact.pk] = push.record.contact
            fields[push.record.contact.pk] |= set(push.fields)
    by_hand = any(push.asked_by_id for push in rows)
    found = {each.record.pk: each for each in drift.look(people.values(), fields, at=at, by_hand=by_hand)}
    pairs = [(push, found.get(push.record_id) or drift.Drift(push.record, push.mapping_version)) for push in rows]
    return [(push, each) for push, each in pairs if _refreshed(push, each, at)]


def _refreshed(push: Push, found: drift.Drift, at: datetime) -> bool:
    """The push with the values of now; False where nothing is left of it, and it has ended."""
    values = {**found.write, **found.hold}
    left = {name: values.get(name, value) for name, value in push.fields.items() if name in {*values, *found.came_back}}
    if left:
        push.fields, push.before = left, push.before | {name: found.before[name] for name in left if name in values}
        return True
    push.state, push.why, push.ended_at = State.SKIPPED, outbox.KNOWN_THERE if found.same else NOT_THERE, at
    return False


# --- send


def _ask(claimed: _Claimed, clock: Callable[[], datetime]) -> list[Fate]:
    by_person = any(push.asked_by_id for push in claimed.pushes)
    try:
        door = door_of(claimed.connection, by_person=by_person, clock=clock)
    except http.Refused as refused:
        return [fate_of(write, refused) for write in claimed.writes]
    return CONNECTORS[claimed.connection.party].push(door, claimed.writes)


# --- note what became of it


def _note_done(claimed: _Claimed, fates: Sequence[Fate], *, at: datetime) -> None:
    """What the record was given is noted in any case, also where another worker owns the push by now."""
    done = [push for push, fate in zip(claimed.pushes, fates, strict=True) if fate.kind == "done"]
    given = [
        Pushed(
            record=push.record,
            field=name,
            value_hmac=echoes.digest(value),
            at=claimed.at,
            said_at=claimed.since[push.pk].get(name, claimed.at),
        )
        for push in done
        for name, value in push.fields.items()
    ]
    with transaction.atomic():
        rows = {row.pk: row for row in Push.objects.select_for_update(no_key=True).filter(pk__in=[p.pk for p in done])}
        owned = [push for push in done if (rows[push.pk].state, rows[push.pk].fence) == (State.SENDING, push.fence)]
        for push in owned:
            push.state, push.why, push.lease_until = State.DONE, "", None
            push.sent_at = push.ended_at = at
            push.attempts += 1
        Push.objects.bulk_update(owned, ["state", "why", "lease_until", "sent_at", "ended_at", "attempts"])
        Pushed.objects.bulk_create(
            given,
            update_conflicts=True,
            unique_fields=["record", "field", "value_hmac"],
            update_fields=["at", "said_at"],
        )


def _note_failed(push: Push, fate: Fate, *, rng: Random, at: datetime) -> None:
    if fate.is_held or fate.kind == "auth":
        outbox.back(push, due_at=at + timedelta(seconds=fate.retry_after_s or 0), why=fate.why, at=at)
    elif fate.kind == "transient":
        _note_transient(push, fate, rng=rng, at=at)
    else:
        _note_dead(push, push.attempts + 1, fate.why, at=at)
        if fate.kind == "conflict":
            SourceRecord.objects.filter(pk=push.record_id, look_up_at=None).update(look_up_at=at)


def _note_transient(push: Push, fate: Fate, *, rng: Random, at: datetime) -> None:
    tries, first_at = push.attempts + 1, push.tries_from or at
    again = backoff.next_try(tries, first_at=first_at, at=at, rng=rng, retry_after_s=fate.retry_after_s)
    if again is None:
        _note_dead(push, tries, backoff.given_up(tries, fate.why), at=at)
    else:
        outbox.back(push, due_at=again, why=fate.why, at=at, attempts=tries, tries_from=first_at, sent_at=at)


def _note_dead(push: Push, tries: int, why: str, *, at: datetime) -> None:
    own = Push.objects.filter(pk=push.pk, fence=push.fence, state=State.SENDING)
    own.update(state=State.DEAD, why=why, attempts=tries, sent_at=at, ended_at=at, lease_until=None)
