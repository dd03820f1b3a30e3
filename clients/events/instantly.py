"""Instantly: {"event_type", "timestamp", "lead_email"}. Mails are Instantly's own, so the lead's address tells whom it
is about, and events have no id."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import Incoming, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, kind_of, told

EVENTS = {
    "email_sent": telling.SENT,
    "email_opened": telling.OPENED,
    "email_link_clicked": telling.CLICKED,
    "link_clicked": telling.CLICKED,
    "reply_received": telling.REPLIED,
    "auto_reply_received": telling.AUTO_REPLIED,
    "email_bounced": telling.BOUNCED,
    "lead_unsubscribed": telling.UNSUBSCRIBED,
    "lead_meeting_booked": telling.MEETING_BOOKED,
}
OTHERS = dict.fromkeys(
    ("account_error", "campaign_completed", "lead_neutral", "lead_interested", "lead_not_interested", "lead_closed",
     "lead_meeting_completed", "lead_out_of_office", "lead_wrong_person", "lead_no_show"),
    telling.OF_NO_USE,
)  # fmt: skip
WHICH = ("campaign_id", "email_id", "step", "variant")


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    kind = kind_of(text(part(entry, "event_type")), EVENTS, field="event_type", others=OTHERS)
    email, at = text(part(entry, "lead_email")), moment(part(entry, "timestamp"))
    which = [text(part(entry, name)) for name in WHICH]
    return told(kind, email=email, at=at, event_id=keyed(kind, email.casefold(), at.isoformat() if at else "", *which))
