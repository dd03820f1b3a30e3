"""What all senders' parsers say alike: a kind in our words, the e-mail or person it is about, and a key of its own."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from clients.canonical import Incoming, Unusable
from clients.config.problems import nearest

SENT, DELIVERED, DEFERRED, BOUNCED = "sent", "delivered", "deferred", "bounced"
OPENED, MACHINE_OPENED, CLICKED = "opened", "machine_opened", "clicked"
REPLIED, AUTO_REPLIED = "replied", "auto_replied"
MEETING_BOOKED, MEETING_MOVED, MEETING_CANCELLED = "meeting_booked", "meeting_moved", "meeting_cancelled"
UNSUBSCRIBED, COMPLAINED = "unsubscribed", "complained"

KINDS = (
    SENT, DELIVERED, BOUNCED, OPENED, REPLIED, MEETING_BOOKED, UNSUBSCRIBED, COMPLAINED,
    DEFERRED, CLICKED, MACHINE_OPENED, AUTO_REPLIED, MEETING_MOVED, MEETING_CANCELLED,
)  # fmt: skip

OF_NO_USE = "tells of no e-mail and no meeting, so nothing was done. Switch it off in the sender's webhook settings."
TAKEN_BACK = (
    "takes an unsubscribe back. Here an address that left stays left, so nothing was done. "
    "Switch it off in the sender's webhook settings."
)


def kind_of(word: str, kinds: Mapping[str, str], *, field: str, others: Mapping[str, str] | None = None) -> str:
    """Our kind for the sender's `word`; `others` are words that we know and leave, {word: why}. Raises Unusable."""
    if word in kinds:
        return kinds[word]
    if others and word in others:
        raise Unusable(f"“{word}” {others[word]}")
    said = f"“{word[:60]}” is not a kind of event." if word else f"The field {field} is missing."
    raise Unusable(f"{said} {nearest(word, tuple(kinds))}")


def told(
    kind: str, *, message_id: str = "", email: str = "", at: datetime | None, event_id: str = "", also: str = ""
) -> Incoming:
    """The event. Without the sender's id, the same event told twice is known by what it says, `also` with it.

    Raises Unusable where neither a message id nor an address says whom it is about.
    """
    if not message_id and not email:
        raise Unusable(
            "It names neither an e-mail (message id) nor an address, so it belongs to no e-mail of ours. "
            "Add one of them."
        )
    said = (kind, message_id, email, at.isoformat() if at else "", *([also] if also else []))
    payload = {"message_id": message_id, "email": email}
    return Incoming(kind, {name: value for name, value in payload.items() if value}, event_id[:200] or keyed(*said), at)


def keyed(*parts: str) -> str:
    """One key for what only several fields together tell apart."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
