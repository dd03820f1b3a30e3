"""A webhook call is stored as it came, acknowledged, and applied later; what cannot be read waits in quarantine.

Whatever is authenticated is kept. Applying is idempotent: a second time finds its events applied and changes nothing.
"""

import hashlib
from collections.abc import Mapping as Headers
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Length

from clients import bodies, mappings, observations
from clients.canonical import CONTACT_ID, CONTACT_KINDS, OF_NO_USE, Incoming, Unusable, believable
from clients.crm.connectors import CONNECTORS
from clients.deciding import Change as Change
from clients.events import SERVICES
from clients.models import Connection, Delivery, Event, Mapping
from clients.troubles import Trouble

MOST_FAULTS = 5
TOGETHER, TOGETHER_BYTES = 50, 64 * 1024  # deliveries that are applied at once, and what they may weigh
FAULT = "It was tried {times} times, and each time the system met a fault of its own. Retry it once that is mended."
CANNOT_ASK = (
    "It names records by their ids alone, and this version cannot ask {party} for them. Have a workflow there send the "
    "fields as well; until then nothing else is known of them."
)
KEPT_HEADERS = (  # never a key, token or cookie
    "content-type", "user-agent", "webhook-id", "webhook-timestamp", "idempotency-key",
    "x-ms-dynamics-msg-size-exceeded",
)  # fmt: skip
SENDER_ID = "webhook-id"  # the header of Standard Webhooks


@dataclass(frozen=True)
class Stored:
    delivery: Delivery
    is_new: bool


@dataclass(frozen=True)
class Applied:
    changes: list[Change] = field(default_factory=list)
    outcomes: list[Event] = field(default_factory=list)


def store(
    connection: Connection, *, headers: Headers[str, str], body: bytes, at: datetime, receipt: UUID | None = None
) -> Stored:
    """Keep the call. The sender's id, where it sends one, makes a repetition of the same body one delivery.

    `receipt`: the number that we gave the call.
    """
    kept, digest = kept_headers(headers), hashlib.sha256(body).hexdigest()
    call = {"connection": connection, "received_at": at, "headers": kept, "body": body, "body_sha256": digest,
            "receipt": receipt}  # fmt: skip
    sender_event_id = kept.get(SENDER_ID, "")
    if sender_event_id:
        delivery, is_new = Delivery.objects.get_or_create(
            connection=connection, sender_event_id=sender_event_id, defaults=call
        )
        if is_new or delivery.body_sha256 == digest:
            return Stored(delivery, is_new)
    return Stored(Delivery.objects.create(**call), is_new=True)


def kept_headers(headers: Headers[str, str]) -> dict[str, str]:
    """What we keep of a call's headers: never a key, a token or a cookie."""
    return {name.lower(): _clean(value) for name, value in headers.items() if name.lower() in KEPT_HEADERS}


def with_waiting(delivery_id: int) -> list[int]:
    """The delivery, and small ones of its connection that wait as well: together they cost hardly more than one. None
    where it is applied already. Call it in the transaction that applies them; what another worker holds is its own."""
    own = Delivery.objects.select_for_update().only("connection", "status").get(pk=delivery_id)
    if own.status == Delivery.Status.APPLIED:
        return []
    others = Delivery.objects.filter(connection=own.connection_id, status=Delivery.Status.RECEIVED, attempts=0)
    waiting = others.exclude(pk=delivery_id).order_by("pk").select_for_update(skip_locked=True)
    sizes = list(waiting.values_list("pk", Length("body"))[: TOGETHER - 1])
    reached = accumulate(size for _, size in sizes)
    return [delivery_id, *(pk for (pk, _), size in zip(sizes, reached, strict=True) if size <= TOGETHER_BYTES)]


@transaction.atomic
def apply(*delivery_ids: int, at: datetime) -> Applied:
    """Deliveries of one connection → events → contacts. One with nothing readable in it is quarantined, with words, and
    nothing else comes of it."""
    held = Delivery.objects.select_for_update(of=("self",)).select_related("connection__client")
    deliveries = list(held.filter(pk__in=delivery_ids).exclude(status=Delivery.Status.APPLIED).order_by("pk"))
    usable = [(delivery, read) for delivery in deliveries if (read := _usable(delivery)) is not None]
    if not usable:
        return Applied()
    told = _write_events([(delivery, read.incoming) for delivery, read in usable])
    outcomes = [event for event, said in told if said.kind not in CONTACT_KINDS]
    applied = Applied(observations.apply(told, at=at), outcomes)
    for delivery, read in usable:
        delivery.status, delivery.applied_at = Delivery.Status.APPLIED, at
        delivery.error = _in_words([*(each.words for each in read.problems), *dict.fromkeys(read.notes)])
        delivery.error_class = read.problems[0].kind if read.problems else ""
    Delivery.objects.bulk_update(
        [delivery for delivery, _ in usable],
        ["status", "applied_at", "error", "error_class", "attempts", "mapping"],
    )
    return applied


def _usable(delivery: Delivery) -> "_Read | None":
    """What stands in it; None where that is nothing, and it was quarantined."""
    delivery.attempts += 1
    read = _read(delivery)
    delivery.mapping = read.version
    if read.incoming or read.notes:
        return read
    quarantine(delivery, _in_words([each.words for each in read.problems]), read.problems[0].kind)
    return None


def quarantine(delivery: Delivery, words: str, kind: str = Trouble.OTHER) -> None:
    """Set the delivery aside, for a person who reads the words; `kind` (a Trouble) is what it is counted under."""
    delivery.status, delivery.error, delivery.error_class = Delivery.Status.QUARANTINED, words, kind
    delivery.save(update_fields=["status", "error", "error_class", "attempts", "mapping"])


def told_of(*delivery_ids: int) -> set[int]:
    """The ids of the contacts that the deliveries' events are about."""
    about = Event.objects.filter(delivery__in=delivery_ids, contact__isnull=False)
    return set(about.values_list("contact_id", flat=True))


def note_fault(delivery_id: int) -> None:
    """Applying it met a fault of ours. After MOST_FAULTS of them it is set aside until a person releases it."""
    delivery = Delivery.objects.get(pk=delivery_id)
    delivery.attempts += 1
    delivery.save(update_fields=["attempts"])
    if delivery.attempts >= MOST_FAULTS and delivery.status == Delivery.Status.RECEIVED:
        quarantine(delivery, FAULT.format(times=delivery.attempts), Trouble.FAULT)


def release(delivery: Delivery) -> None:
    """Back to the deliveries that wait to be applied, for example after a repair."""
    delivery.status, delivery.error, delivery.error_class = Delivery.Status.RECEIVED, "", ""
    delivery.attempts = 0
    delivery.save(update_fields=["status", "error", "error_class", "attempts"])


def _clean(header: str) -> str:
    return header.replace("\x00", "")[:200]


class Problem(NamedTuple):
    """Why an entry, or the whole body, cannot be used; `kind` is a Trouble."""

    words: str
    kind: str


@dataclass(frozen=True)
class _Read:
    """The usable entries, each with its event key; what is wrong with others, and why nothing follows from some."""

    incoming: list[tuple[str, Incoming]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    version: Mapping | None = None


def _read(delivery: Delivery) -> _Read:
    if mappings.maps(delivery.connection):
        return _read_crm(delivery)
    read = _Read()
    try:
        entries = bodies.entries(bytes(delivery.body))
    except Unusable as unusable:
        return _Read(problems=[Problem(str(unusable), unusable.kind)])
    for number, entry in enumerate(entries, start=1):
        try:
            incoming = _parse(delivery, entry)
        except Unusable as unusable:
            read.problems.append(Problem(_of_entry(str(unusable), number, len(entries)), unusable.kind))
        else:
            read.incoming.append((incoming.event_id or _own_key(delivery, number), incoming))
    return read


def _read_crm(delivery: Delivery) -> _Read:
    rows, version = mappings.in_force(delivery.connection)
    readings = mappings.read(delivery.connection, bytes(delivery.body), delivery.headers, rows)
    read = _Read(version=version)
    for number, reading in enumerate(readings, start=1):
        if reading.problem:
            read.problems.append(Problem(_of_entry(reading.problem, number, len(readings)), reading.trouble))
        elif reading.entry.kind == OF_NO_USE:
            read.notes.append(reading.note)
        else:
            said = reading.incoming()
            read.incoming.append((said.event_id or _own_key(delivery, number), said))
            if said.is_thin and delivery.connection.party not in CONNECTORS:
                read.notes.append(CANNOT_ASK.format(party=delivery.connection.get_party_display()))
    return read


def _of_entry(words: str, number: int, entries: int) -> str:
    return f"Entry {number} of {entries}: {words}" if entries > 1 else words


def _parse(delivery: Delivery, entry: object) -> Incoming:
    party = delivery.connection.party
    if party not in SERVICES:
        raise Unusable(f"{delivery.connection.get_party_display()} is asked by us; it does not call.", Trouble.NOT_OURS)
    return SERVICES[party](bodies.checked(entry))


def _own_key(delivery: Delivery, number: int) -> str:
    """The same each time this delivery is applied, another for the same body at another time: A, B, A ends at A."""
    return f"{delivery.received_at.isoformat()}:{delivery.body_sha256[:16]}:{number:04}"


def _in_words(problems: Sequence[str]) -> str:
    rest = [f"… and {len(problems) - 5} more."] if len(problems) > 5 else []
    return "\n".join([*problems[:5], *rest])


def _payload(said: Incoming) -> dict[str, str]:
    """An outcome may name its contact by the CRM's id alone."""
    about = {CONTACT_ID: said.ext_id} if said.ext_id and said.kind not in CONTACT_KINDS else {}
    return {**said.payload, **about}


def _write_events(
    deliveries: Sequence[tuple[Delivery, Sequence[tuple[str, Incoming]]]],
) -> list[observations.Told]:
    """The events of these deliveries as rows; one that another delivery brought before is not among them."""
    first: dict[str, tuple[Delivery, Incoming]] = {}
    for delivery, incoming in deliveries:
        for key, said in incoming:
            first.setdefault(key, (delivery, said))
    connection = deliveries[0][0].connection
    client, source = connection.client, connection.party
    rows = [
        Event(
            client=client,
            delivery=delivery,
            source=source,
            event_key=key,
            kind=said.kind,
            occurred_at=believable(said.occurred_at, delivery.received_at),
            payload=_payload(said),
            origin=said.origin[:120],
        )
        for key, (delivery, said) in first.items()
    ]
    Event.objects.bulk_create(rows, ignore_conflicts=True)
    by_id = {delivery.pk: delivery for delivery, _ in deliveries}
    written = Event.objects.filter(delivery__in=by_id).select_related("client").order_by("pk")
    told = [(event, first[event.event_key][1]) for event in written if event.event_key in first]
    for event, _ in told:
        event.delivery = by_id[event.delivery_id]
    return told
