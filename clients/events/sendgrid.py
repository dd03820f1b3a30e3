"""SendGrid: the Event Webhook, a list of events. `smtp-id` is the Message-ID header that we sent."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, part, seconds, text
from clients.events import telling
from clients.events.telling import kind_of, told

EVENTS = {
    "processed": telling.SENT,
    "delivered": telling.DELIVERED,
    "deferred": telling.DEFERRED,
    "bounce": telling.BOUNCED,
    "dropped": telling.DEFERRED,
    "open": telling.OPENED,
    "click": telling.CLICKED,
    "spamreport": telling.COMPLAINED,
    "unsubscribe": telling.UNSUBSCRIBED,
    "group_unsubscribe": telling.UNSUBSCRIBED,
}
OTHERS = {"group_resubscribe": telling.TAKEN_BACK, "account_status_change": telling.OF_NO_USE}
DROPPED = {
    "bounced address": telling.BOUNCED,
    "invalid": telling.BOUNCED,
    "unsubscribed address": telling.UNSUBSCRIBED,
    "spam reporting address": telling.COMPLAINED,
}  # a mail that SendGrid kept back because of what the address did before; other reasons say nothing of the address


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    return told(
        _kind(entry),
        message_id=text(part(entry, "smtp-id")),
        email=text(part(entry, "email")),
        at=seconds(part(entry, "timestamp")),
        event_id=text(part(entry, "sg_event_id")),
    )


def _kind(entry: Mapping[str, Any]) -> str:
    event = text(part(entry, "event"))
    kind = kind_of(event, EVENTS, field="event", others=OTHERS)
    if event == "dropped":
        return DROPPED.get(text(part(entry, "reason")).casefold(), kind)
    if event == "bounce" and text(part(entry, "type")) in ("blocked", "expired"):
        return telling.DEFERRED  # the receiving server refused this mail, not the address
    return telling.MACHINE_OPENED if event == "open" and part(entry, "sg_machine_open") is True else kind
