"""Outreach: {"data": {"type", "id", "attributes", "relationships"}, "meta": {"eventName", "deliveredAt"}} (JSON:API).

Mails are Outreach's own. A mailing tells whom it went to only where the prospect is sent with it ("included"); else its
Message-ID is all there is. Attributes hold what changed and nothing else.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clients.canonical import Incoming, Unusable, moment, part, text
from clients.events import telling
from clients.events.telling import keyed, kind_of, told

EVENTS = {
    "mailing.delivered": telling.DELIVERED,
    "mailing.opened": telling.OPENED,
    "mailing.clicked": telling.CLICKED,
    "mailing.replied": telling.REPLIED,
    "mailing.bounced": telling.BOUNCED,
    "mailing.unsubscribed": telling.UNSUBSCRIBED,
    "prospect.created": telling.UNSUBSCRIBED,
    "prospect.updated": telling.UNSUBSCRIBED,
    "emailAddress.created": telling.UNSUBSCRIBED,
    "emailAddress.updated": telling.UNSUBSCRIBED,
}  # of prospects and addresses, only what ends the writing: _ended
OTHERS = {
    **dict.fromkeys(
        ("mailing.created", "mailing.updated", "mailing.destroyed", "prospect.destroyed", "emailAddress.destroyed"),
        telling.OF_NO_USE,
    ),
    **{
        f"{what}.{action}": telling.OF_NO_USE
        for what in ("account", "call", "sequence", "sequenceState", "task", "user", "opportunity", "import")
        for action in ("created", "updated", "destroyed", "completed", "finished", "advanced")
    },
}
MOMENTS = {
    telling.DELIVERED: ("deliveredAt",),
    telling.OPENED: ("openedAt",),
    telling.CLICKED: ("clickedAt",),
    telling.REPLIED: ("repliedAt",),
    telling.BOUNCED: ("bouncedAt",),
    telling.UNSUBSCRIBED: ("unsubscribedAt", "optedOutAt", "emailOptedOutAt"),
}
OPT_OUTS = ("optedOut", "emailOptedOut")
GOES_ON = "changes nothing about whether the person may be written to, so nothing was done."
BY_NUMBER = (
    "It names the prospect by a number only ({number}), and no e-mail by its Message-ID. "
    "Subscribe to the webhook with the prospect included, or send the address as attributes.email."
)


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    word, data = text(part(entry, "meta", "eventName")), part(entry, "data")
    kind = kind_of(word, EVENTS, field="meta.eventName", others=OTHERS)
    attributes = part(data, "attributes") if isinstance(data, Mapping) else None
    if not isinstance(attributes, Mapping):
        raise Unusable("The field data.attributes is missing. Send Outreach's own body, unchanged.")
    kind = kind if word.startswith("mailing.") else _ended(attributes, word)
    email, message_id = _email(entry, attributes), text(part(attributes, "messageId"))
    if not email and not message_id:
        raise Unusable(BY_NUMBER.format(number=text(part(entry, "data", "relationships", "prospect", "data", "id"))))
    at = _at(kind, entry, attributes)
    which = (text(part(entry, "data", "type")), text(part(entry, "data", "id")), at.isoformat() if at else "")
    return told(kind, message_id="" if email else message_id, email=email, at=at, event_id=keyed(kind, *which))


def _ended(attributes: Mapping[str, Any], word: str) -> str:
    if part(attributes, "bouncedAt"):
        return telling.BOUNCED
    if part(attributes, "unsubscribedAt") or any(part(attributes, name) is True for name in OPT_OUTS):
        return telling.UNSUBSCRIBED
    raise Unusable(f"“{word}” {GOES_ON}")


def _at(kind: str, entry: Mapping[str, Any], attributes: Mapping[str, Any]) -> datetime | None:
    """A repeated call has another deliveredAt, so that of the change comes first."""
    named = (part(attributes, name) for name in (*MOMENTS[kind], "stateChangedAt", "updatedAt"))
    return moment(next(filter(None, named), part(entry, "meta", "deliveredAt")))


def _email(entry: Mapping[str, Any], attributes: Mapping[str, Any]) -> str:
    included = part(entry, "included")
    people = [each for each in included if isinstance(each, Mapping)] if isinstance(included, list) else []
    prospects = [part(each, "attributes") for each in people if text(each.get("type")) == "prospect"]
    return next(filter(None, map(_first, (attributes, *prospects))), "")


def _first(attributes: object) -> str:
    """An address alone, or the first of a list."""
    if not isinstance(attributes, Mapping):
        return ""
    emails = part(attributes, "emails")
    first = emails[0] if isinstance(emails, list) and emails else ""
    return text(part(attributes, "email")) or text(part(first, "email") if isinstance(first, Mapping) else first)
