"""Postmark: one event a call. Its MessageID is its own, never the header that we sent, and events have no id."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, Unusable, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, kind_of, told

RECORDS = {
    "Delivery": telling.DELIVERED,
    "Bounce": telling.BOUNCED,
    "SpamComplaint": telling.COMPLAINED,
    "Open": telling.OPENED,
    "Click": telling.CLICKED,
    "SubscriptionChange": telling.UNSUBSCRIBED,
}
OTHERS = {
    "Inbound": "is an incoming mail, and this address takes tracking events. Send incoming mail elsewhere.",
    "SMTPApiError": telling.OF_NO_USE,
}
BOUNCES = {
    "HardBounce": telling.BOUNCED,
    "BadEmailAddress": telling.BOUNCED,
    "Unsubscribe": telling.UNSUBSCRIBED,
    "SpamComplaint": telling.COMPLAINED,
    "AutoResponder": telling.AUTO_REPLIED,
    "AddressChange": telling.AUTO_REPLIED,
    "ChallengeVerification": telling.AUTO_REPLIED,
    **dict.fromkeys(
        (
            "SoftBounce", "Transient", "DnsError", "SpamNotification", "VirusNotification", "Blocked", "DMARCPolicy",
            "OpenRelayTest", "Unknown", "ManuallyDeactivated", "Unconfirmed", "TemplateRenderingFailed",
        ),
        telling.DEFERRED,
    ),
}  # fmt: skip
SUPPRESSIONS = {
    "ManualSuppression": telling.UNSUBSCRIBED,
    "HardBounce": telling.BOUNCED,
    "SpamComplaint": telling.COMPLAINED,
}
MOMENTS = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    record, kind = text(part(entry, "RecordType")), _kind(entry)
    at = moment(next(filter(None, (part(entry, name) for name in MOMENTS)), None))
    email = text(part(entry, "Recipient")) or text(part(entry, "Email"))
    theirs, link = text(part(entry, "MessageID")), text(part(entry, "OriginalLink"))
    number = text(part(entry, "ID")) if record in ("Bounce", "SpamComplaint") else ""
    return told(
        kind,
        message_id=text(part(entry, "Metadata", "message_id")),
        email=email,
        at=at,
        event_id=keyed(record, kind, theirs, email.casefold(), at.isoformat() if at else "", number, link),
    )


def _kind(entry: Mapping[str, Any]) -> str:
    record = text(part(entry, "RecordType"))
    kind = kind_of(record, RECORDS, field="RecordType", others=OTHERS)
    if record == "Bounce":
        return kind_of(text(part(entry, "Type")), BOUNCES, field="Type")
    if record != "SubscriptionChange":
        return kind
    if part(entry, "SuppressSending") is not True:
        raise Unusable(f"“{record}” without SuppressSending {telling.TAKEN_BACK}")
    return kind_of(text(part(entry, "SuppressionReason")), SUPPRESSIONS, field="SuppressionReason")
