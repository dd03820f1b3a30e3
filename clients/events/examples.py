"""A body of each service as it sends them, short: what a connection's page prints as a call to try."""

import json
from typing import Any

from clients.models import Connection

ADA = "ada.lee@northwind-bank.example"

EXAMPLES: dict[str, Any] = {
    Connection.Party.OUTCOMES: {"event_id": "example-1", "kind": "opened", "email": ADA},
    Connection.Party.SENDGRID: [
        {
            "event": "open",
            "email": ADA,
            "timestamp": 1794819000,
            "sg_event_id": "example-1",
            "sg_machine_open": False,
        }
    ],
    Connection.Party.POSTMARK: {
        "RecordType": "Open",
        "MessageID": "00000000-0000-0000-0000-000000000001",
        "Recipient": ADA,
        "ReceivedAt": "2026-11-16T08:30:00Z",
    },
    Connection.Party.MAILGUN: {
        "signature": {"timestamp": "1794819000", "token": "example", "signature": "example"},
        "event-data": {
            "event": "opened",
            "id": "example-1",
            "timestamp": 1794819000.5,
            "recipient": ADA,
        },
    },
    Connection.Party.SES: {
        "Type": "Notification",
        "MessageId": "00000000-0000-0000-0000-000000000001",
        "Message": json.dumps(
            {
                "eventType": "Open",
                "mail": {"destination": [ADA], "messageId": "example-1"},
                "open": {"timestamp": "2026-11-16T08:30:00Z"},
            }
        ),
    },
    Connection.Party.SMARTLEAD: {
        "event_type": "EMAIL_REPLY",
        "event_timestamp": "2026-11-16T08:30:00Z",
        "sl_lead_email": ADA,
        "campaign_id": 1,
        "sequence_number": 1,
    },
    Connection.Party.INSTANTLY: {
        "event_type": "reply_received",
        "timestamp": "2026-11-16T08:30:00Z",
        "lead_email": ADA,
        "campaign_id": "00000000-0000-0000-0000-000000000001",
        "step": 1,
    },
    Connection.Party.OUTREACH: {
        "data": {"type": "mailing", "id": 1, "attributes": {"email": ADA, "repliedAt": "2026-11-16T08:30:00Z"}},
        "meta": {"eventName": "mailing.replied", "deliveredAt": "2026-11-16T08:30:01Z"},
    },
    Connection.Party.SALESLOFT: {
        "id": 1,
        "recipient_email_address": ADA,
        "sent_at": "2026-11-16T08:00:00Z",
        "updated_at": "2026-11-16T08:30:00Z",
        "bounced": False,
        "counts": {"views": 2, "clicks": 0, "replies": 1},
    },
    Connection.Party.CALENDLY: {
        "event": "invitee.created",
        "created_at": "2026-11-16T08:30:00Z",
        "payload": {"uri": "https://api.calendly.com/scheduled_events/E1/invitees/I1", "email": ADA},
    },
    Connection.Party.CALCOM: {
        "triggerEvent": "BOOKING_CREATED",
        "createdAt": "2026-11-16T08:30:00Z",
        "payload": {"uid": "example-1", "startTime": "2026-11-18T09:00:00Z", "attendees": [{"email": ADA}]},
    },
}
