"""Amazon SES through SNS: JSON in the text Message of SNS's envelope. Its headers hold the Message-ID that we sent."""

import json
from collections.abc import Mapping
from typing import Any

from clients import bodies
from clients.canonical import Incoming, Unusable, moment, part, text
from clients.events import telling
from clients.events.telling import kind_of, told

EVENTS = {
    "Send": telling.SENT,
    "Delivery": telling.DELIVERED,
    "DeliveryDelay": telling.DEFERRED,
    "Reject": telling.DEFERRED,
    "Rendering Failure": telling.DEFERRED,
    "Bounce": telling.BOUNCED,
    "Complaint": telling.COMPLAINED,
    "Open": telling.OPENED,
    "Click": telling.CLICKED,
    "Subscription": telling.UNSUBSCRIBED,
}
PLACES = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}
CONFIRM = (
    "Amazon SNS asks whether this address wants its messages, and we open no address from a call. If you made this "
    "subscription, copy SubscribeURL from the body below and paste it under Confirm subscription in the SNS console."
)
ENDED = "Amazon SNS tells that the subscription ended: no more events come. If nobody wanted that, subscribe again."


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    envelope = text(part(entry, "Type"))
    if envelope == "SubscriptionConfirmation":
        raise Unusable(CONFIRM)
    if envelope == "UnsubscribeConfirmation":
        raise Unusable(ENDED)
    said = _message(entry) if envelope == "Notification" else entry  # SNS can leave its envelope out
    name = text(part(said, "eventType")) or text(part(said, "notificationType"))
    kind = _kind(name, said)
    place = PLACES.get(name, name.lower())
    return told(
        kind,
        message_id=_message_id(said),
        email=_address(said),
        at=moment(part(said, place, "timestamp") or part(said, "mail", "timestamp")),
        event_id=text(part(entry, "MessageId")),
        also=f"{text(part(said, 'mail', 'messageId'))} {text(part(said, 'click', 'link'))}",
    )


def _message(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    inside = part(entry, "Message")
    try:
        found = json.loads(inside) if isinstance(inside, str) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise Unusable("The field Message holds no JSON object, so it is no event of SES. Which topic is this?")
    return bodies.checked(found)


def _kind(name: str, said: Mapping[str, Any]) -> str:
    kind = kind_of(name, EVENTS, field="eventType")
    if name == "Bounce" and text(part(said, "bounce", "bounceType")) != "Permanent":
        return telling.DEFERRED
    if name == "Complaint" and text(part(said, "complaint", "complaintFeedbackType")) == "not-spam":
        raise Unusable("“not-spam” takes a complaint back. Here an address that complained stays left alone.")
    if name == "Subscription" and part(said, "subscription", "newTopicPreferences", "unsubscribeAll") is not True:
        raise Unusable(f"“Subscription” without unsubscribeAll {telling.OF_NO_USE}")
    return kind


def _message_id(said: Mapping[str, Any]) -> str:
    """Of the headers as we sent them; mail.messageId is Amazon's own."""
    headers = part(said, "mail", "headers")
    for header in headers if isinstance(headers, list) else []:
        if isinstance(header, Mapping) and text(part(header, "name")).casefold() == "message-id":
            return text(part(header, "value"))
    return text(part(said, "mail", "commonHeaders", "messageId"))


def _address(said: Mapping[str, Any]) -> str:
    to = part(said, "mail", "destination")
    addresses = [text(one) for one in to] if isinstance(to, list) else []
    if len(addresses) > 1:
        raise Unusable(f"The mail went to {len(addresses)} addresses. Ours go to one each, so it is none of ours.")
    return addresses[0] if addresses else ""
