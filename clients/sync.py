"""What a party's calls did not tell is asked for: records that an event only named, and once a day all that changed.

Every answer is stored as a delivery that we asked for, and applied like a call of the party. Comparing also tells how
much of what changed the party's calls had kept from us.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from clients import backoff, losses, mappings, outward, pushing
from clients.crm.asking import OBJECTS, Answered, Door, Held, Page, door_of
from clients.crm.connectors import CONNECTORS
from clients.models import Connection, Delivery, Reconciliation, SourceRecord
from gtm import http

ASKING = timedelta(minutes=10)  # longer than a call with all its waiting may take
AGAIN = timedelta(minutes=1)  # when a look-up that failed is tried again, at the earliest
EVERY = timedelta(hours=23)
COMPARED = tuple(kind for kind in OBJECTS if kind != "meeting")  # meetings come by webhook and are read one by one
UNKNOWN = "{party} does not know these records (any more), so what its call announced could not be read: {ids}."
REFUSED = "{party} refused to tell of record {ids}: {why}"

Clock = Callable[[], datetime]


def to_look_up(at: datetime) -> list[int]:
    """The connections with records whose time to be looked up has come."""
    rows = SourceRecord.objects.filter(look_up_at__lte=at, erased_at=None, connection__in=_askable())
    return sorted({pk for pk in rows.values_list("connection", flat=True) if pk})


def look_up(connection_id: int, *, rng: Random, clock: Clock = timezone.now) -> list[int]:
    """One batch of what is due; the ids of the deliveries that came of it. Nothing is lost where the party cannot
    answer: it is asked again."""
    connection = Connection.objects.select_related("client").get(pk=connection_id)
    until, records = _claim(connection, at=clock())
    if not records:
        return []
    try:
        return _looked_up(connection, door_of(connection, clock=clock), records, until)
    except http.Unavailable as error:
        wait_s = max(error.retry_after_s or 0.0, AGAIN.total_seconds() * (1 + rng.random()))
        _of(records, until).update(look_up_at=clock() + timedelta(seconds=wait_s))
    except http.Refused as refused:  # the party no longer knows us
        pushing.pause(connection, refused.reason, at=clock())
        _of(records, until).update(look_up_at=clock())
    return []


def start(connection: Connection, *, at: datetime, by: User | None = None) -> Reconciliation:
    """The comparison that goes on, or a new one from where the last complete one ended."""
    last = connection.reconciliations.filter(ended_at__isnull=False, error="").aggregate(until=Max("until_at"))["until"]
    since = min(last or connection.created_at, at)
    fresh = Reconciliation(
        connection=connection,
        from_at=since,
        until_at=at,
        cursor=f"{_kinds(connection)[0]}:",
        started_at=at,
        asked_by=by,
        again_at=at,
    )
    try:
        with transaction.atomic():
            fresh.save()
    except IntegrityError:  # one is open
        Reconciliation.objects.filter(connection=connection, ended_at=None).update(again_at=at, asked_by=by)
        return Reconciliation.objects.get(connection=connection, ended_at=None)
    return fresh


def start_due(at: datetime) -> list[Reconciliation]:
    """A new comparison for each connection that has had none for a day."""
    recent = Reconciliation.objects.filter(Q(started_at__gt=at - EVERY) | Q(ended_at=None))
    connections = _askable().exclude(pk__in=recent.values("connection")).order_by("pk")
    return [start(connection, at=at) for connection in connections]


def going_on(at: datetime) -> list[int]:
    """Comparisons that wait for their time, or whose worker did not come back."""
    rows = Reconciliation.objects.filter(ended_at=None, again_at__lte=at, connection__in=_askable())
    return list(rows.order_by("again_at").values_list("pk", flat=True))


@dataclass(frozen=True)
class Turned:
    """One page of a comparison. `delivery_id`: what the party said, to be applied; `wait_s`: before the next page.
    `goes_on` is False where it ended, or goes on another time."""

    goes_on: bool
    delivery_id: int | None = None
    wait_s: float = 0.0


PATIENT_S = 5.0  # a longer wait is not slept through


def turn(reconciliation_id: int, *, rng: Random, clock: Clock = timezone.now) -> Turned:
    """Ask for the next page and keep it, with the place where the one after it begins."""
    at = clock()
    run = Reconciliation.objects.select_related("connection__client").get(pk=reconciliation_id)
    free = Reconciliation.objects.filter(pk=run.pk, ended_at=None, again_at=run.again_at)
    if run.again_at is None or run.again_at > at or not free.update(again_at=at + ASKING):
        return Turned(goes_on=False)
    if not run.cursor:  # every page is kept, and applied by now
        return finish(run, at=at)
    try:
        page = _page(run, clock)
    except Held as held:
        return _wait(run, held.retry_after_s or AGAIN.total_seconds(), held.reason, at=clock())
    except http.Unavailable as error:
        return _failed(run, error, rng=rng, at=clock())
    except http.Refused as refused:
        if refused.kind == "auth":
            pushing.pause(run.connection, refused.reason, at=clock())
        return finish(run, at=clock(), error=refused.reason)
    return _turned(run, page, at=clock())


def finish(run: Reconciliation, *, at: datetime, error: str = "") -> Turned:
    found = losses.count(run)
    Reconciliation.objects.filter(pk=run.pk, ended_at=None).update(
        ended_at=at, again_at=None, error=error, records_seen=found.seen, found_only_here=found.lost
    )
    return Turned(goes_on=False)


# --- look-ups


@transaction.atomic
def _claim(connection: Connection, *, at: datetime) -> tuple[datetime, list[SourceRecord]]:
    """Due records of one kind, and until when no other worker takes them."""
    due = SourceRecord.objects.filter(connection=connection, look_up_at__lte=at, erased_at=None)
    first = due.order_by("look_up_at", "pk").first()
    if first is None or not (most := CONNECTORS[connection.party].read_batch(first.object_type)):
        due.update(look_up_at=None)
        return at, []
    rows = due.filter(object_type=first.object_type).order_by("look_up_at", "pk")
    records = list(rows.select_for_update(skip_locked=True, no_key=True)[:most])
    SourceRecord.objects.filter(pk__in=[record.pk for record in records]).update(look_up_at=at + ASKING)
    return at + ASKING, records


def _looked_up(connection: Connection, door: Door, records: Sequence[SourceRecord], until: datetime) -> list[int]:
    """A batch that the party refuses is asked in halves, so that one bad id does not keep the others from us."""
    ids = [record.ext_id for record in records]
    try:
        found = CONNECTORS[connection.party].read(door, ids, names_of(connection), records[0].object_type)
    except http.Refused as refused:
        if refused.kind == "auth":
            raise
        if len(records) == 1:
            words = REFUSED.format(party=connection.get_party_display(), ids=ids[0], why=refused.reason)
            return [_told(connection, words, records, until, at=door.clock()).pk]
        half = len(records) // 2
        return _looked_up(connection, door, records[:half], until) + _looked_up(connection, door, records[half:], until)
    return _kept(connection, found, records, until, at=door.clock())


@transaction.atomic
def _kept(
    connection: Connection, found: Answered, records: Sequence[SourceRecord], until: datetime, *, at: datetime
) -> list[int]:
    made = []
    if found.body and len(found.missing) < len(records):
        made.append(keep(connection, found.body, at=at))
    if found.missing:
        words = UNKNOWN.format(party=connection.get_party_display(), ids=", ".join(found.missing))
        made.append(_told(connection, words, records, until, at=at))
    _of(records, until).update(look_up_at=None)
    return [delivery.pk for delivery in made]


def _told(
    connection: Connection, words: str, records: Sequence[SourceRecord], until: datetime, *, at: datetime
) -> Delivery:
    """A delivery with nothing in it but the words, for whoever looks why a change never came."""
    _of(records, until).update(look_up_at=None)
    delivery = keep(connection, b"", at=at)
    delivery.status, delivery.error, delivery.applied_at = Delivery.Status.APPLIED, words, at
    delivery.save(update_fields=["status", "error", "applied_at"])
    return delivery


def _of(records: Sequence[SourceRecord], until: datetime) -> QuerySet[SourceRecord]:
    return SourceRecord.objects.filter(pk__in=[record.pk for record in records], look_up_at=until)


def keep(connection: Connection, body: bytes, *, at: datetime) -> Delivery:
    """What the party answered, as a delivery."""
    digest = hashlib.sha256(body).hexdigest()
    return Delivery.objects.create(
        connection=connection, way=Delivery.Way.ASKED, received_at=at, body=body, body_sha256=digest
    )


# --- comparing


def names_of(connection: Connection) -> list[str]:
    """The party's names of the fields that the mapping in force reads."""
    return outward.names_of(mappings.in_force(connection)[0])


def _askable() -> QuerySet[Connection]:
    there = Connection.objects.filter(party__in=CONNECTORS, is_active=True)
    return there.exclude(sync__paused_at__isnull=False)


def _kinds(connection: Connection) -> list[str]:
    connector = CONNECTORS[connection.party]
    return [kind for kind in COMPARED if connector.read_batch(kind)]


def _page(run: Reconciliation, clock: Clock) -> Page:
    kind, _, cursor = run.cursor.partition(":")
    door = door_of(run.connection, by_person=run.asked_by_id is not None, clock=clock)
    names = names_of(run.connection)
    return CONNECTORS[run.connection.party].changed_since(door, run.from_at, run.until_at, cursor, names, kind)


@transaction.atomic
def _turned(run: Reconciliation, page: Page, *, at: datetime) -> Turned:
    """The answer and the next place are kept together: so nothing is left out, whatever happens next."""
    delivery = keep(run.connection, page.body, at=at) if page.body else None
    if delivery:
        run.answers.add(delivery)
    following = _following(run, page)
    open_still = Reconciliation.objects.filter(pk=run.pk, ended_at=None)
    open_still.update(cursor=following, again_at=at, attempts=0, error="")
    return Turned(goes_on=True, delivery_id=delivery.pk if delivery else None)


def _following(run: Reconciliation, page: Page) -> str:
    """ "" after the last page of the last kind."""
    kind = run.cursor.partition(":")[0]
    if page.next_cursor:
        return f"{kind}:{page.next_cursor}"
    kinds = _kinds(run.connection)
    later = kinds[kinds.index(kind) + 1 :]
    return f"{later[0]}:" if later else ""


def _wait(run: Reconciliation, wait_s: float, why: str, *, at: datetime) -> Turned:
    again_at = at + timedelta(seconds=wait_s)
    Reconciliation.objects.filter(pk=run.pk, ended_at=None).update(again_at=again_at, error=why)
    return Turned(goes_on=wait_s <= PATIENT_S, wait_s=wait_s)


def _failed(run: Reconciliation, error: http.Unavailable, *, rng: Random, at: datetime) -> Turned:
    """It goes on where it stopped, never before the party allows."""
    tries = run.attempts + 1
    again_at = backoff.next_try(tries, first_at=run.started_at, at=at, rng=rng, retry_after_s=error.retry_after_s)
    if again_at is None:
        return finish(run, at=at, error=backoff.given_up(tries, error.reason))
    Reconciliation.objects.filter(pk=run.pk, ended_at=None).update(
        again_at=again_at, error=error.reason, attempts=tries
    )
    return Turned(goes_on=False)
