"""Cal.com: {"triggerEvent", "createdAt", "payload": a booking}. Who booked stands in the answers, or is the first
attendee."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, Unusable, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, kind_of, told

EVENTS = {
    "BOOKING_CREATED": telling.MEETING_BOOKED,
    "BOOKING_RESCHEDULED": telling.MEETING_MOVED,
    "BOOKING_CANCELLED": telling.MEETING_CANCELLED,
}
WAITS = "is no meeting yet: it waits for a yes. Once somebody says yes, Cal.com sends BOOKING_CREATED."
OTHERS = {
    "PING": "is Cal.com's test, and it arrived. Nothing else has to be done.",
    "BOOKING_REQUESTED": WAITS,
    **dict.fromkeys(
        ("BOOKING_REJECTED", "BOOKING_PAID", "BOOKING_PAYMENT_INITIATED", "MEETING_STARTED", "MEETING_ENDED",
         "BOOKING_NO_SHOW_UPDATED", "RECORDING_READY", "FORM_SUBMITTED", "INSTANT_MEETING", "OOO_CREATED"),
        telling.OF_NO_USE,
    ),
}  # fmt: skip


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    kind = kind_of(text(part(entry, "triggerEvent")), EVENTS, field="triggerEvent", others=OTHERS)
    booking = text(part(entry, "payload", "uid"))
    if not booking:
        raise Unusable("The field payload.uid is missing, and a booking is known by it. Use Cal.com's own body.")
    if kind == telling.MEETING_BOOKED and text(part(entry, "payload", "rescheduleUid")):
        kind = telling.MEETING_MOVED
    start = text(part(entry, "payload", "startTime")) if kind == telling.MEETING_MOVED else ""
    return told(kind, email=_booker(entry), at=moment(part(entry, "createdAt")), event_id=keyed(kind, booking, start))


def _booker(entry: Mapping[str, Any]) -> str:
    answered = text(part(entry, "payload", "responses", "email", "value"))
    attendees = part(entry, "payload", "attendees")
    first = attendees[0] if isinstance(attendees, list) and attendees else {}
    return answered or (text(part(first, "email")) if isinstance(first, Mapping) else "")
