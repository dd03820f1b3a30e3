"""A webhook call is stored as it came, acknowledged, and applied later; what cannot be read waits in quarantine.

Whatever is authenticated is kept. Applying is idempotent: a second time finds its events applied and changes nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from clients import bodies, contacts, observations
from clients.canonical import CONTACT_KINDS, Incoming, Unusable, believable
from clients.crm import CRMS
from clients.deciding import Change as Change
from clients.events import SERVICES
from clients.models import Connection, Delivery, Event

PARSERS = {**CRMS, **SERVICES}
MOST_FAULTS = 5
FAULT = "It was tried {times} times, and each time the system met a fault of its own. Retry it once that is mended."
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id", "webhook-timestamp")  # never a key, token or cookie
SENDER_ID = "webhook-id"  # the header of Standard Webhooks


@dataclass(frozen=True)
class Stored:
    delivery: Delivery
    is_new: bool


@dataclass(frozen=True)
class Applied:
    changes: list[Change] = field(default_factory=list)
    outcomes: list[Event] = field(default_factory=list)


def store(connection: Connection, *, headers: Mapping[str, str], body: bytes, at: datetime) -> Stored:
    """Keep the call. The sender's id, where it sends one, makes a repetition of the same body one delivery."""
    kept = {name.lower(): _clean(value) for name, value in headers.items() if name.lower() in KEPT_HEADERS}
    digest = hashlib.sha256(body).hexdigest()
    call = {"connection": connection, "received_at": at, "headers": kept, "body": body, "body_sha256": digest}
    sender_event_id = kept.get(SENDER_ID, "")
    if sender_event_id:
        delivery, is_new = Delivery.objects.get_or_create(
            connection=connection, sender_event_id=sender_event_id, defaults=call
        )
        if is_new or delivery.body_sha256 == digest:
            return Stored(delivery, is_new)
    return Stored(Delivery.objects.create(**call), is_new=True)


@transaction.atomic
def apply(delivery_id: int, *, at: datetime) -> Applied:
    """Delivery → events → contacts. Nothing readable in it: quarantined, with words, and nothing else happens."""
    delivery = Delivery.objects.select_for_update(of=("self",)).select_related("connection__client").get(pk=delivery_id)
    if delivery.status == Delivery.Status.APPLIED:
        return Applied()
    delivery.attempts += 1
    try:
        incoming, problems = _read(delivery)
    except Unusable as unusable:
        incoming, problems = [], [str(unusable)]
    if not incoming:
        quarantine(delivery, _in_words(problems))
        return Applied()
    told = _write_events(delivery, incoming)
    outcomes = [event for event, said in told if said.kind not in CONTACT_KINDS]
    applied = Applied(observations.apply(told, at=at), outcomes)
    delivery.status, delivery.applied_at, delivery.error = Delivery.Status.APPLIED, at, _in_words(problems)
    delivery.save(update_fields=["status", "applied_at", "error", "attempts"])
    return applied


def quarantine(delivery: Delivery, words: str) -> None:
    """Set the delivery aside, for a person who reads the words."""
    delivery.status, delivery.error = Delivery.Status.QUARANTINED, words
    delivery.save(update_fields=["status", "error", "attempts"])


def note_fault(delivery_id: int) -> None:
    """Applying it met a fault of ours. After MOST_FAULTS of them it is set aside until a person releases it."""
    delivery = Delivery.objects.get(pk=delivery_id)
    delivery.attempts += 1
    delivery.save(update_fields=["attempts"])
    if delivery.attempts >= MOST_FAULTS and delivery.status == Delivery.Status.RECEIVED:
        quarantine(delivery, FAULT.format(times=delivery.attempts))


def release(delivery: Delivery) -> None:
    """Back to the deliveries that wait to be applied, for example after a repair."""
    delivery.status, delivery.error, delivery.attempts = Delivery.Status.RECEIVED, "", 0
    delivery.save(update_fields=["status", "error", "attempts"])


def _clean(header: str) -> str:
    return header.replace("\x00", "")[:200]


def _read(delivery: Delivery) -> tuple[list[tuple[str, Incoming]], list[str]]:
    """The usable entries, each with its event key, and what is wrong with the others. Raises Unusable."""
    found, problems = [], []
    entries = bodies.entries(bytes(delivery.body))
    for number, entry in enumerate(entries, start=1):
        try:
            incoming = _parse(delivery, entry)
        except (Unusable, contacts.InvalidEmail) as unusable:
            problems.append(f"Entry {number} of {len(entries)}: {unusable}" if len(entries) > 1 else str(unusable))
        else:
            found.append((incoming.event_id or _own_key(delivery, number), incoming))
    return found, problems


def _parse(delivery: Delivery, entry: object) -> Incoming:
    party = delivery.connection.party
    if party not in PARSERS:
        raise Unusable(f"{delivery.connection.get_party_display()} is asked by us; it does not call.")
    incoming = PARSERS[party](bodies.checked(entry))
    if incoming.payload.get("email") and incoming.kind in CONTACT_KINDS:
        contacts.normalise_email(incoming.payload["email"])
    return incoming


def _own_key(delivery: Delivery, number: int) -> str:
    """The same each time this delivery is applied, another for the same body at another time: A, B, A ends at A."""
    return f"{delivery.received_at.isoformat()}:{delivery.body_sha256[:16]}:{number:04}"


def _in_words(problems: Sequence[str]) -> str:
    rest = [f"… and {len(problems) - 5} more."] if len(problems) > 5 else []
    return "\n".join([*problems[:5], *rest])


def _write_events(delivery: Delivery, incoming: Sequence[tuple[str, Incoming]]) -> list[observations.Told]:
    """The events of this delivery as rows; one that another delivery brought before is not among them."""
    first: dict[str, Incoming] = {}
    for key, said in incoming:
        first.setdefault(key, said)
    client, source = delivery.connection.client, delivery.connection.party
    rows = [
        Event(
            client=client,
            delivery=delivery,
            source=source,
            event_key=key,
            kind=said.kind,
            occurred_at=believable(said.occurred_at, delivery.received_at),
            payload=dict(said.payload),
            origin=said.origin[:120],
        )
        for key, said in first.items()
    ]
    Event.objects.bulk_create(rows, ignore_conflicts=True)
    rows = [event for event in delivery.events.select_related("client").order_by("pk") if event.event_key in first]
    for event in rows:
        event.delivery = delivery
    return [(event, first[event.event_key]) for event in rows]
