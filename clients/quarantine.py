"""Deliveries that nobody could read, for people: counted by kind, tried again, mended, discarded. Nothing is lost.

A mended body is a delivery of its own, linked to the one it came from, which stays as it was and is discarded with it.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Min, QuerySet

from clients import bodies, inbox
from clients.models import Connection, Delivery, Mapping, Replay
from clients.troubles import MAPPING_HELPS, Named, named

Status = Delivery.Status
LONGEST_EDIT = 200_000  # signs of a body that can still be mended on a page
STEP = timedelta(seconds=50)  # a replay steps once a minute, also where two bells ring
REMEMBERED = timedelta(hours=1)  # how long after a mapping became active the clock looks for it
PACES = (10, 60, 300, 1000)  # deliveries a minute


class NotDone(Exception):
    """What a person asked for cannot be done; the text says why and what to do instead."""


class Which(NamedTuple):
    """Deliveries that stand in quarantine for one kind of problem, of one connection; perhaps of a time only."""

    connection: Connection
    error_class: str
    since: datetime | None = None
    until: datetime | None = None

    def rows(self) -> QuerySet[Delivery]:
        found = Delivery.objects.filter(
            connection=self.connection, error_class=self.error_class, status=Status.QUARANTINED
        )
        found = found.filter(received_at__gte=self.since) if self.since else found
        return found.filter(received_at__lt=self.until) if self.until else found


class Group(NamedTuple):
    """Deliveries of one connection and kind of problem. `sample` is the newest of them."""

    connection: Connection
    error_class: str
    name: Named
    waiting: int
    oldest: datetime
    newest: datetime
    sample: Delivery


def groups(rows: QuerySet[Delivery]) -> list[Group]:
    """`rows` by connection and kind, the most first; three queries."""
    counted = list(
        rows.order_by()
        .values("connection", "error_class")
        .annotate(n=Count("pk"), oldest=Min("received_at"), newest=Max("received_at"), sample=Max("pk"))
        .order_by("-n", "-sample")
    )
    connections = Connection.objects.select_related("client").in_bulk([row["connection"] for row in counted])
    samples = Delivery.objects.defer("body").in_bulk([row["sample"] for row in counted])
    return [
        Group(
            connections[row["connection"]],
            row["error_class"],
            named(row["error_class"]),
            row["n"],
            row["oldest"],
            row["newest"],
            samples[row["sample"]],
        )
        for row in counted
    ]


def retry(delivery: Delivery) -> None:
    """Back to those that wait to be applied. Raises NotDone. Whoever calls rings the bell."""
    with transaction.atomic():
        row = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
        if row.status not in (Status.QUARANTINED, Status.DISCARDED):
            raise NotDone(f"It is {row.get_status_display().lower()} by now, so there is nothing to try again.")
        row.discarded_by, row.discarded_at, row.discarded_why = None, None, ""
        row.save(update_fields=["discarded_by", "discarded_at", "discarded_why"])
        inbox.release(row)


def discard(rows: QuerySet[Delivery], *, why: str, by: User | None, at: datetime) -> int:
    """Nobody waits for them any more; they stay readable, and can be tried again. Raises NotDone. How many it were."""
    if not why.strip():
        raise NotDone("Say in a few words why they are discarded.")
    told = {"status": Status.DISCARDED, "discarded_by": by, "discarded_at": at, "discarded_why": why.strip()[:300]}
    return Delivery.objects.filter(pk__in=rows.filter(status=Status.QUARANTINED).values("pk")).update(**told)


def text_of(delivery: Delivery) -> str:
    """The body as a person may edit it, without what a sender proves itself with. Raises NotDone."""
    shown = bodies.shown(bytes(delivery.body))
    text = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)
    if len(text) > LONGEST_EDIT or (isinstance(shown, str) and len(delivery.body) > len(shown.encode())):
        raise NotDone("The body is too long to be mended on a page. Mend it at the sender, and have it sent again.")
    return text


@transaction.atomic
def mend(delivery: Delivery, text: str, *, by: User | None, at: datetime) -> Delivery:
    """The edited body as a new delivery, which whoever calls rings the bell for. Raises NotDone, and keeps nothing."""
    row = Delivery.objects.select_for_update(of=("self",)).select_related("connection").get(pk=delivery.pk)
    body = _body(text, bytes(row.body))
    if row.status == Status.RECEIVED:
        raise NotDone("It waits to be applied at this moment. Reload the page to see what became of it.")
    if row.mended.exists():
        raise NotDone("It was mended before. Open the mended one, and mend that.")
    if body == bytes(row.body):
        raise NotDone("Nothing is changed in it. Change the body, or try it again as it is.")
    made = Delivery.objects.create(
        connection=row.connection,
        way=Delivery.Way.MENDED,
        original=row,
        received_at=at,
        headers={name: value for name, value in row.headers.items() if name != inbox.SENDER_ID},
        body=body,
        body_sha256=hashlib.sha256(body).hexdigest(),
    )
    discard(Delivery.objects.filter(pk=row.pk), why=f"Mended as delivery {made.pk}.", by=by, at=at)
    return made


def ask_replay(which: Which, *, per_minute: int, at: datetime, by: User | None = None, why: str = "") -> Replay:
    """Try all of them again, so many a minute. Raises NotDone."""
    newest = which.rows().aggregate(newest=Max("pk"))["newest"]
    if newest is None:
        raise NotDone("No delivery of this kind waits in that time.")
    asked = {"upto": newest, "why": why[:200], "asked_by": by, "asked_at": at}
    try:
        with transaction.atomic():
            return Replay.objects.create(**which._asdict(), per_minute=max(1, per_minute), **asked)
    except IntegrityError:
        raise NotDone("They are being tried again already. Wait until that has ended, or stop it.") from None


def stop(replay: Replay, *, at: datetime) -> None:
    Replay.objects.filter(pk=replay.pk, ended_at=None).update(ended_at=at)


@transaction.atomic
def step(at: datetime) -> list[int]:
    """One minute's share of every replay, released. The ids, for whoever calls to ring the bell in this transaction."""
    open_ones = Replay.objects.select_for_update(of=("self",), skip_locked=True).filter(ended_at=None)
    return [pk for replay in open_ones.select_related("connection").order_by("pk") for pk in _step(replay, at)]


def after_mappings(at: datetime) -> list[Replay]:
    """Where another mapping is in force since a while ago at most, what a mapping can help is tried again by itself."""
    fresh = Mapping.objects.filter(status=Mapping.Status.ACTIVE, activated_at__gt=at - REMEMBERED)
    made = []
    for version in fresh.select_related("connection", "activated_by").order_by("pk"):
        waiting = Delivery.objects.filter(
            connection=version.connection, status=Status.QUARANTINED, error_class__in=MAPPING_HELPS
        )
        tried = version.connection.replays.filter(asked_at__gte=version.activated_at).values("error_class")
        kinds = set(waiting.exclude(error_class__in=tried).order_by().values_list("error_class", flat=True))
        made += [each for kind in sorted(kinds) if (each := _after(version, kind, at))]
    return made


def _after(version: Mapping, kind: str, at: datetime) -> Replay | None:
    why = f"{version} of the mapping became active."
    try:
        return ask_replay(Which(version.connection, kind), per_minute=PACES[2], at=at, by=version.activated_by, why=why)
    except NotDone:
        return None  # it is being tried again already, or somebody released the last one meanwhile


def _step(replay: Replay, at: datetime) -> Iterable[int]:
    if replay.stepped_at and at - replay.stepped_at < STEP:
        return []
    left = Which(replay.connection, replay.error_class, replay.since, replay.until).rows()
    share = list(
        left.filter(pk__gt=replay.reached, pk__lte=replay.upto)
        .defer("body")
        .select_for_update(of=("self",))
        .order_by("pk")[: replay.per_minute]
    )
    for delivery in share:
        inbox.release(delivery)
    replay.reached = share[-1].pk if share else replay.reached
    replay.tried += len(share)
    replay.stepped_at = at
    replay.ended_at = at if len(share) < replay.per_minute else None
    replay.save(update_fields=["reached", "tried", "stepped_at", "ended_at"])
    return [delivery.pk for delivery in share]


def _body(text: str, original: bytes) -> bytes:
    """The edited text as it would have come; of JSON, with what was hidden in it. Raises NotDone."""
    if not text.strip():
        raise NotDone("The body is empty. To give the delivery up, discard it.")
    text = text.replace("\r\n", "\n")
    edited, was = _parsed(text), _parsed(original)
    if edited is None and original.lstrip()[:1] != b"<":
        raise NotDone("This is not JSON. Nothing was kept: mend it and send it off again.")
    if edited is None or was is None:
        return text.encode(errors="replace")
    whole = bodies.unhidden(edited, was)
    return original if whole == was else json.dumps(whole, ensure_ascii=False).encode(errors="replace")


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
