"""Mail and calendar events in our own form: {"event_id", "kind", "message_id" or "email", "occurred_at"}."""

import hashlib
from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, Unusable, moment, part, text
from clients.config.problems import nearest

KINDS = ("sent", "delivered", "bounced", "opened", "replied", "meeting_booked", "unsubscribed", "complained")


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable. Without the sender's event id, the same event told twice is known by what it says."""
    kind, occurred_at = text(part(entry, "kind")), moment(part(entry, "occurred_at"))
    if kind not in KINDS:
        said = f"“{kind[:60]}” is not a kind of event." if kind else "The field kind is missing."
        raise Unusable(f"{said} {nearest(kind, KINDS)}")
    payload = {"message_id": text(part(entry, "message_id")), "email": text(part(entry, "email"))}
    if not any(payload.values()):
        raise Unusable("It says neither message_id nor email, so it belongs to no e-mail of ours. Add one of them.")
    told = "\n".join((kind, *payload.values(), occurred_at.isoformat() if occurred_at else ""))
    event_id = text(part(entry, "event_id"))[:200] or hashlib.sha256(told.encode()).hexdigest()
    return Incoming(kind, payload, event_id, occurred_at)
