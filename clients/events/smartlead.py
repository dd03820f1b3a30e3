"""Smartlead, in both forms it sends: {"event_type": "EMAIL_REPLY", "event_timestamp"} and {"event": "EMAIL_REPLIED",
"timestamp", "lead"}. Mails are Smartlead's own, so the lead's address tells whom it is about."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, kind_of, told

EVENTS = {
    "EMAIL_SENT": telling.SENT,
    "FIRST_EMAIL_SENT": telling.SENT,
    "EMAIL_OPEN": telling.OPENED,
    "EMAIL_OPENED": telling.OPENED,
    "EMAIL_LINK_CLICK": telling.CLICKED,
    "EMAIL_CLICKED": telling.CLICKED,
    "EMAIL_REPLY": telling.REPLIED,
    "EMAIL_REPLIED": telling.REPLIED,
    "EMAIL_BOUNCE": telling.BOUNCED,
    "EMAIL_BOUNCED": telling.BOUNCED,
    "LEAD_UNSUBSCRIBED": telling.UNSUBSCRIBED,
    "EMAIL_UNSUBSCRIBED": telling.UNSUBSCRIBED,
}
OTHERS = dict.fromkeys(
    ("LEAD_CATEGORY_UPDATED", "CAMPAIGN_STATUS_CHANGED", "UNTRACKED_REPLIES", "MANUAL_STEP_REACHED"), telling.OF_NO_USE
)
MOMENTS = (
    "event_timestamp", "timestamp", "time_sent", "time_opened", "time_clicked", "time_replied", "time_bounced",
    "time_unsubscribed",
)  # fmt: skip
LEADS = (
    ("sl_lead_email",), ("leadCorrespondence", "targetLeadEmail"), ("lead", "email"), ("lead_email",), ("to_email",),
)  # fmt: skip
"""Where the lead's address stands, the surest first: to_email of a reply may be our own mailbox, or an alias."""


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    word = text(part(entry, "event_type")) or text(part(entry, "event"))
    kind = _kind(word, entry)
    email = next(filter(None, (text(part(entry, *path)) for path in LEADS)), "")
    at = moment(next(filter(None, (part(entry, name) for name in MOMENTS)), None))
    which = [text(part(entry, name)) for name in ("campaign_id", "sequence_number", "link_clicked")]
    return told(kind, email=email, at=at, event_id=keyed(kind, email.casefold(), at.isoformat() if at else "", *which))


def _kind(word: str, entry: Mapping[str, Any]) -> str:
    kind = kind_of(word, EVENTS, field="event_type", others=OTHERS)
    soft = "soft" in text(part(entry, "bounce_type")).casefold()
    return telling.DEFERRED if kind == telling.BOUNCED and soft else kind
