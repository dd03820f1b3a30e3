"""Mailgun: {"signature", "event-data"}. The key is the event's id with its moment, because the signature's token is
another one where a domain's and an account's webhook both tell of the same event."""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from clients.canonical import Incoming, Unusable, part, seconds, text
from clients.events import telling
from clients.events.telling import keyed, kind_of, told

EVENTS = {
    "accepted": telling.SENT,
    "delivered": telling.DELIVERED,
    "failed": telling.BOUNCED,
    "rejected": telling.DEFERRED,
    "opened": telling.OPENED,
    "clicked": telling.CLICKED,
    "unsubscribed": telling.UNSUBSCRIBED,
    "complained": telling.COMPLAINED,
}
OTHERS = {"stored": "is an incoming mail, and this address takes tracking events. Send incoming mail elsewhere."}
SUPPRESSED = {"suppress-unsubscribe": telling.UNSUBSCRIBED, "suppress-complaint": telling.COMPLAINED}
NOT_THE_ADDRESS = ("old", "espblock", "greylisted")  # it expired, or the server refused the sender


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    data = part(entry, "event-data")
    if not isinstance(data, Mapping):
        raise Unusable("The field event-data is missing. Use Mailgun's webhooks of the domain, in their JSON form.")
    at, number = seconds(part(data, "timestamp")), text(part(data, "id"))
    return told(
        _kind(data),
        message_id=text(part(data, "message", "headers", "message-id")),
        email=text(part(data, "recipient")) or parseaddr(text(part(data, "message", "headers", "to")))[1],
        at=at,
        event_id=keyed(number, at.isoformat() if at else "") if number else "",
        also=text(part(data, "url")),
    )


def _kind(data: Mapping[str, Any]) -> str:
    event, reason = text(part(data, "event")), text(part(data, "reason"))
    kind = kind_of(event, EVENTS, field="event", others=OTHERS)
    if event == "failed":
        return _failed(text(part(data, "severity")), reason)
    return telling.MACHINE_OPENED if event == "opened" and text(part(data, "client-info", "bot")) else kind


def _failed(severity: str, reason: str) -> str:
    if severity != "permanent" or reason in NOT_THE_ADDRESS:
        return telling.DEFERRED
    return SUPPRESSED.get(reason, telling.BOUNCED)
