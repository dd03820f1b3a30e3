"""Salesloft: an e-mail, a meeting or a person, bare. What happened stands in a header alone, so it is told from what
the body says: an e-mail counts its replies, clicks and views, and each of these is noted once an e-mail.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clients.canonical import Incoming, Unusable, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, told

COUNTS = {"replies": telling.REPLIED, "clicks": telling.CLICKED, "views": telling.OPENED}  # the strongest first
NOTHING_YET = "The e-mail was not sent yet, so nothing was done. Subscribe to email_updated alone."
NO_MEETING_YET = "The meeting is “{status}”, and not booked yet. Once it is, Salesloft sends meeting_booked."
GOES_ON = "The person may still be written to, so nothing was done."
NONE_OF_THEM = (
    "It is no e-mail, no meeting and no person of Salesloft. "
    "Subscribe to email_updated, meeting_booked, meeting_updated and person_updated."
)


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    if "recipient_email_address" in entry:
        return _email(entry)
    if "start_time" in entry:
        return _meeting(entry)
    if "email_address" in entry:
        return _person(entry)
    raise Unusable(NONE_OF_THEM)


def _email(entry: Mapping[str, Any]) -> Incoming:
    counted = (kind for name, kind in COUNTS.items() if _number(part(entry, "counts", name)) > 0)
    kind = telling.BOUNCED if part(entry, "bounced") is True else next(counted, telling.SENT)
    if kind == telling.SENT and not part(entry, "sent_at"):
        raise Unusable(NOTHING_YET)
    at = moment(part(entry, "sent_at") if kind == telling.SENT else part(entry, "updated_at") or part(entry, "sent_at"))
    return _told(kind, entry, text(part(entry, "recipient_email_address")), at)


def _meeting(entry: Mapping[str, Any]) -> Incoming:
    status = text(part(entry, "status")).casefold()
    attendees = part(entry, "attendees")
    first = attendees[0] if isinstance(attendees, list) and attendees else {}
    email = text(part(entry, "recipient_email")) or (text(part(first, "email")) if isinstance(first, Mapping) else "")
    at = moment(part(entry, "updated_at") or part(entry, "created_at"))
    if part(entry, "canceled_at"):
        return _told(telling.MEETING_CANCELLED, entry, email, moment(part(entry, "canceled_at")))
    if text(part(entry, "reschedule_status")).casefold() == "booked":
        return _told(telling.MEETING_MOVED, entry, email, at, text(part(entry, "start_time")))
    if status and status != "booked":
        raise Unusable(NO_MEETING_YET.format(status=status[:60]))
    return _told(telling.MEETING_BOOKED, entry, email, moment(part(entry, "created_at")) or at)


def _person(entry: Mapping[str, Any]) -> Incoming:
    email, at = text(part(entry, "email_address")), moment(part(entry, "updated_at"))
    if part(entry, "do_not_contact") is True:
        return _told(telling.UNSUBSCRIBED, entry, email, at)
    if part(entry, "bouncing") is True:
        return _told(telling.BOUNCED, entry, email, at)
    raise Unusable(GOES_ON)


def _told(kind: str, entry: Mapping[str, Any], email: str, at: datetime | None, which: str = "") -> Incoming:
    number = text(part(entry, "id"))
    if not number:
        raise Unusable("The field id is missing. Send Salesloft's own body, unchanged.")
    return told(kind, email=email, at=at, event_id=keyed(kind, number, email.casefold(), which))


def _number(value: object) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
