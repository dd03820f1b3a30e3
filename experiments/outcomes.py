"""What became of an e-mail: noted once, however often it is told."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict, Unpack, cast

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from agents_app.models import Draft, Send
from clients import contacts, suppression
from clients.canonical import CONTACT_ID, CONTACT_KINDS
from clients.models import Contact, Delivery, Event, Suppression
from experiments.models import OutcomeEvent, OutcomeKind

# After these an address is never written to again.
SUPPRESSING: dict[str, Suppression.Reason] = {
    OutcomeKind.UNSUBSCRIBED: Suppression.Reason.UNSUBSCRIBED,
    OutcomeKind.COMPLAINED: Suppression.Reason.COMPLAINED,
    OutcomeKind.BOUNCED: Suppression.Reason.BOUNCED,
}
# After these a campaign's next mail stays unwritten: the contact answered, or cannot or will not be reached.
STOPPING = (OutcomeKind.REPLIED, OutcomeKind.MEETING_BOOKED, OutcomeKind.MEETING_MOVED, *SUPPRESSING)

SENDING = "sending"  # the source of what we ourselves know; a mail service may tell of the same e-mail earlier


class OutcomeRefused(ValueError):
    """An event that cannot be tied to an e-mail of ours; the words say what is wrong and how to mend it."""


class Happening(TypedDict):
    """What happened, when, and who says so; (`source`, `event_key`) is its identity within a client."""

    kind: str
    send: NotRequired[Send | None]
    occurred_at: datetime
    received_at: datetime
    source: str
    event_key: str


@dataclass(frozen=True)
class Recorded:
    outcome: OutcomeEvent
    is_new: bool


@transaction.atomic
def record(contact: Contact, **what: Unpack[Happening]) -> Recorded:
    """Note an outcome once per (client, source, event_key); a repetition changes nothing and returns the first row.

    An unsubscribe, complaint or bounce also suppresses the address, in the same transaction.
    """
    outcome, is_new = OutcomeEvent.objects.get_or_create(
        client_id=contact.client_id,
        source=what["source"],
        event_key=what["event_key"],
        defaults={
            "contact": contact,
            "send": what.get("send"),
            "kind": what["kind"],
            "occurred_at": what["occurred_at"],
            "received_at": what["received_at"],
        },
    )
    reason = SUPPRESSING.get(outcome.kind)
    if is_new and reason is not None:
        suppression.suppress(contact.client, contact.email, reason=reason, at=outcome.received_at)
    return Recorded(outcome, is_new)


def record_event(event: Event) -> OutcomeEvent | None:
    """Note what a mail or calendar service told us. None for an event that tells of a contact, not of an e-mail.

    Raises OutcomeRefused when it names no e-mail and no contact of this client.
    """
    if event.kind in CONTACT_KINDS:
        return None
    if event.kind not in OutcomeKind.values:
        raise OutcomeRefused(f"“{event.kind}” is not a kind of outcome. Known kinds: {', '.join(OutcomeKind.values)}.")
    contact, send = _resolve(event)
    recorded = record(
        contact,
        kind=event.kind,
        send=send,
        occurred_at=event.occurred_at,
        received_at=event.delivery.received_at,
        source=event.source,
        event_key=event.event_key,
    )
    return recorded.outcome


def record_send(send: Send) -> OutcomeEvent:
    """The first outcome of every e-mail: that it was sent."""
    recorded = record(
        send.contact,
        kind=OutcomeKind.SENT,
        send=send,
        occurred_at=send.sent_at,
        received_at=send.sent_at,
        source=SENDING,
        event_key=f"send:{send.pk}",
    )
    return recorded.outcome


def unsubscribe(contact: Contact, *, at: datetime) -> Recorded:
    """The contact used the link at the foot of an e-mail. It acts at once, and once."""
    return record(
        contact,
        kind=OutcomeKind.UNSUBSCRIBED,
        send=_latest_send(contact, at),
        occurred_at=at,
        received_at=at,
        source="unsubscribe_link",
        event_key=f"contact:{contact.pk}",
    )


def outcomes_of(drafts: Sequence[Draft]) -> dict[int, list[OutcomeEvent]]:
    """{draft id: what came back to it, its sending apart}; no query before one of them is sent."""
    sent = {draft.send.pk: draft.pk for draft in drafts if hasattr(draft, "send")}
    found: dict[int, list[OutcomeEvent]] = {}
    if sent:
        events = OutcomeEvent.objects.filter(send__in=sent).exclude(kind=OutcomeKind.SENT)
        for event in events.order_by("occurred_at", "pk"):
            found.setdefault(sent[cast(int, event.send_id)], []).append(event)
    return found


def bounced(sends: Iterable[int]) -> set[int]:
    """Those of these sends (ids) whose e-mail came back."""
    found = OutcomeEvent.objects.filter(send__in=list(sends), kind=OutcomeKind.BOUNCED)
    return set(found.values_list("send", flat=True))


def sends_not_recorded() -> Iterator[Send]:
    """Sends whose outcome `sent` does not stand yet, oldest first, with all that recording them needs."""
    noted = OutcomeEvent.objects.filter(send=OuterRef("pk"), kind=OutcomeKind.SENT, source=SENDING)
    sends = (
        Send.objects.filter(~Exists(noted)).select_related("contact__client", "draft__run").order_by("sent_at", "pk")
    )
    return sends.iterator()


def events_not_recorded(before: datetime) -> QuerySet[Event]:
    """Events about e-mails that arrived before `before` and never became an outcome. What is quarantined waits."""
    noted = OutcomeEvent.objects.filter(
        client=OuterRef("client"), source=OuterRef("source"), event_key=OuterRef("event_key")
    )
    waiting = Event.objects.filter(kind__in=OutcomeKind.values, delivery__received_at__lt=before)
    return waiting.exclude(delivery__status=Delivery.Status.QUARANTINED).filter(~Exists(noted)).order_by("pk")


def silent_stop(at: datetime) -> set[int]:
    """Ids of the contacts who by `at` replied, met us, or cannot or will not be reached: no follow-up for them."""
    stopped = OutcomeEvent.objects.filter(kind__in=STOPPING, occurred_at__lte=at)
    return set(stopped.values_list("contact_id", flat=True).distinct())


def _resolve(event: Event) -> tuple[Contact, Send | None]:
    """The contact and the e-mail that an event speaks of, by message id or else by address, inside its client only."""
    message_id = str(event.payload.get("message_id") or "").strip()
    address = str(event.payload.get("email") or "").strip()
    send = _send_by_message_id(event, message_id) if message_id else None
    if send is not None:
        return send.contact, send
    contact = _contact_by_address(event, address) if address else None
    if contact is None and (ext_id := event.payload.get(CONTACT_ID)):
        contact = contacts.of_record(event.delivery.connection_id, ext_id)
    if contact is None:
        raise OutcomeRefused(_nobody(message_id, address))
    if message_id and event.kind not in SUPPRESSING:
        raise OutcomeRefused(
            f"We know {address}, but sent no e-mail with the message id {message_id} for this client, so this may be "
            "about somebody else's mail. Send the Message-ID header of our e-mail, or the address alone."
        )
    return contact, None if message_id else _latest_send(contact, event.occurred_at)


def _send_by_message_id(event: Event, message_id: str) -> Send | None:
    bare = message_id.strip("<>")
    found = Send.objects.filter(contact__client_id=event.client_id, message_id__in=[bare, f"<{bare}>"])
    return found.select_related("contact__client").first()


def _contact_by_address(event: Event, address: str) -> Contact | None:
    try:
        normalised = contacts.normalise_email(address)
    except contacts.InvalidEmail as refusal:
        raise OutcomeRefused(str(refusal)) from refusal
    return contacts.at(event.client, normalised)


def _latest_send(contact: Contact, before: datetime) -> Send | None:
    return Send.objects.filter(contact=contact, sent_at__lte=before).order_by("-sent_at", "-pk").first()


def _nobody(message_id: str, address: str) -> str:
    if not message_id and not address:
        return "The event names no e-mail. Give message_id (the Message-ID header of our e-mail) or email."
    named = " and ".join(
        part for part in (message_id and f"message id {message_id}", address and f"address {address}") if part
    )
    return f"This client has no e-mail or contact with {named}. Was the event posted to the right client's endpoint?"
