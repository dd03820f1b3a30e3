"""Mail and calendar events in our own form: {"event_id", "kind", "message_id" or "email", "occurred_at"}."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, moment, part, text
from clients.events.telling import KINDS, kind_of, told

OURS = dict(zip(KINDS, KINDS, strict=True))


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable. Without the sender's event id, the same event told twice is known by what it says."""
    return told(
        kind_of(text(part(entry, "kind")), OURS, field="kind"),
        message_id=text(part(entry, "message_id")),
        email=text(part(entry, "email")),
        at=moment(part(entry, "occurred_at")),
        event_id=text(part(entry, "event_id")),
    )
