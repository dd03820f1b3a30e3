"""Calendly: {"event", "payload": an invitee}. Moving a meeting sends a cancellation and a booking: both halves have the
new invitee's key, so together they are one event, and no second meeting."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, Unusable, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, kind_of, told

EVENTS = {"invitee.created": telling.MEETING_BOOKED, "invitee.canceled": telling.MEETING_CANCELLED}
OTHERS = dict.fromkeys(
    ("invitee_no_show.created", "invitee_no_show.deleted", "routing_form_submission.created"), telling.OF_NO_USE
)


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    kind = kind_of(text(part(entry, "event")), EVENTS, field="event", others=OTHERS)
    invitee = text(part(entry, "payload", "uri"))
    if not invitee:
        raise Unusable(
            "The field payload.uri is missing, and a meeting is known by it. Send Calendly's body unchanged."
        )
    if kind == telling.MEETING_BOOKED and text(part(entry, "payload", "old_invitee")):
        kind = telling.MEETING_MOVED
    elif kind == telling.MEETING_CANCELLED and part(entry, "payload", "rescheduled") is True:
        kind, invitee = telling.MEETING_MOVED, text(part(entry, "payload", "new_invitee")) or invitee
    return told(
        kind,
        email=text(part(entry, "payload", "email")),
        at=moment(part(entry, "created_at")),
        event_id=keyed(kind, invitee),
    )
