"""How the invented contacts answer, and how the clients answer the agency."""

import json
from datetime import datetime, timedelta
from random import Random

from agents_app.models import Send
from clients import inbox
from clients.models import Connection
from experiments import outcomes
from gtm.demo.agency import Agency
from gtm.demo.content import SATISFACTION, SUPPORT
from insights.models import SatisfactionScore, SupportTicket

# What a contact likes: chances of a reply within days, a fraction of 1.
PLAIN, SHORT_ADDS, MORNING_ADDS, MEETING = 0.03, 0.45, 0.22, 0.3
SHORT = 72  # words


def of(send: Send, rng: Random) -> list[tuple[str, datetime]]:
    """What becomes of one e-mail: (kind, when), in order."""
    told = [("delivered", send.sent_at + timedelta(minutes=rng.randint(1, 9)))]
    if rng.random() < 0.012:
        return [("bounced", told[0][1])]
    if rng.random() < 0.45:
        told.append(("opened", send.sent_at + timedelta(hours=rng.randint(1, 30))))
    if rng.random() < _likes(send):
        replied_at = send.sent_at + timedelta(hours=rng.randint(2, 150))
        told.append(("replied", replied_at))
        if rng.random() < MEETING:
            told.append(("meeting_booked", replied_at + timedelta(hours=rng.randint(3, 60))))
    elif rng.random() < 0.012:
        told.append(("unsubscribed", send.sent_at + timedelta(hours=rng.randint(1, 48))))
    return told


def _likes(send: Send) -> float:
    is_short = len(send.draft.final_body.split()) < SHORT
    return PLAIN + SHORT_ADDS * is_short + MORNING_ADDS * (send.sent_at.hour < 12)


def bring_in(connection: Connection, told: list[tuple[Send, str, datetime]], *, at: datetime) -> None:
    """One call of the client's mail service with all that happened since its last."""
    body = [
        {"event_id": f"{send.pk}-{kind}", "kind": kind, "message_id": send.message_id, "occurred_at": when.isoformat()}
        for send, kind, when in told
    ]
    stored = inbox.store(
        connection, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode(), at=at
    )
    for event in inbox.apply(stored.delivery.pk, at=at).outcomes:
        outcomes.record_event(event)


def clients_speak(agency: Agency, *, week: int, at: datetime) -> None:
    """Every week one client scores us; every third week one asks for help."""
    accounts = list(agency.accounts.values())
    score, comment = SATISFACTION[week % len(SATISFACTION)]
    SatisfactionScore.objects.create(
        client=accounts[week % len(accounts)].client, score=score, comment=comment, answered_at=at
    )
    if week % 3 == 0:
        subject, text = SUPPORT[week // 3 % len(SUPPORT)]
        SupportTicket.objects.create(
            client=accounts[(week + 2) % len(accounts)].client, subject=subject, text=text, opened_at=at
        )
