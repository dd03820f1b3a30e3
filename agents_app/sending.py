"""Approved drafts → the mail backend, on time and at most once.

A draft is claimed first (approved → being sent, committed), then handed over, then recorded as a Send. A worker that
dies in between leaves the claim behind: nothing sends it again by itself, a person says what became of it (`settle`).
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime, formataddr
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPSenderRefused
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.db import transaction

from agents_app import drafts, forgetting, names, windows
from agents_app.models import Draft, Send
from clients import domains, hold, suppression
from clients.models import Client, Contact

log = logging.getLogger(__name__)

Status = Draft.Status
CONFIRMED_WITHIN = timedelta(minutes=15)  # a hand-over takes seconds; after this its worker is gone


class NotUnconfirmed(Exception):
    """Nobody needs to say what became of this e-mail: it is not stuck between claim and hand-over."""


def due(at: datetime) -> list[int]:
    """Ids of approved drafts whose hour has come, of active clients, the longest waiting first."""
    drafts = Draft.objects.filter(status=Status.APPROVED, send_at__lte=at, run__client__status=Client.Status.ACTIVE)
    return list(drafts.order_by("send_at", "pk").values_list("pk", flat=True))


def send(draft_id: int, *, at: datetime) -> Send | None:
    """Send one due draft. None when it was not: not due, taken by another worker, or refused (then `refusal` says why).

    A mail server that cannot be reached leaves the draft approved, for the next round.
    """
    draft = Draft.objects.select_related("run__client", "contact", "run__request").get(pk=draft_id)
    if not _is_due(draft, at):
        return None
    if refusal := refusal_of(draft):
        _refuse(draft, refusal, from_status=Status.APPROVED)
        return None
    connection = get_connection()
    message = compose(draft, at=at)
    try:
        connection.open()
    except (OSError, SMTPException) as error:
        log.warning("The mail server cannot be reached, draft %s waits: %s", draft.pk, error)
        return None
    with connection:
        return _hand_over(draft, message, connection, at) if _claim(draft, at) else None


def refusal_of(draft: Draft) -> str:
    """Why this draft must not be sent, in words; "" when it may be."""
    return next((words for check in CHECKS if (words := check(draft))), "")


def compose(draft: Draft, *, at: datetime) -> EmailMessage:
    """The message as it leaves, with one-click unsubscribe (RFC 8058) and the client's postal address at its foot."""
    contact, link = _recipient(draft), unsubscribe_link(_recipient(draft))
    name = draft.run.config.get("custom_fields", {}).get("sender_name") or draft.run.client.name
    return EmailMessage(
        subject=draft.final_subject,
        body=f"{draft.final_body}\n\n{footer(draft.run.client, link)}",
        from_email=formataddr((name, settings.DEFAULT_FROM_EMAIL)),
        to=[contact.email],
        headers={
            "Message-ID": message_id(draft),
            "Date": format_datetime(at),
            "List-Unsubscribe": f"<{link}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            **_thread(draft),
        },
    )


def unsubscribe_link(contact: Contact) -> str:
    return f"{settings.PUBLIC_URL}/u/{suppression.token(contact)}/"


def footer(client: Client, link: str) -> str:
    return f"-- \n{client.name}\n{client.postal_address}\nNo more e-mails from us: {link}\n"


def message_id(draft: Draft) -> str:
    """The same for the same draft, so that whatever comes back can be matched even after a crash."""
    return f"<draft-{draft.pk}@{urlsplit(settings.PUBLIC_URL).hostname or 'localhost'}>"


def is_reserved(address: str) -> bool:
    """Does the address stand in a domain that nobody can own (RFC 2606, RFC 6761)?"""
    return domains.is_reserved(address.rpartition("@")[2])


def unconfirmed(at: datetime) -> list[int]:
    """Ids of drafts whose worker died at the hand-over: the message may have left, or not."""
    stuck = Draft.objects.filter(status=Status.SENDING, send_at__lte=at - CONFIRMED_WITHIN)
    return list(stuck.order_by("send_at", "pk").values_list("pk", flat=True))


def settle(draft: Draft, *, went_out: bool, at: datetime) -> Send | None:
    """A person looked into the mail server's log: record the e-mail as sent, or release it to be sent again."""
    if draft.pk not in unconfirmed(at):
        raise NotUnconfirmed("This e-mail is not stuck at the hand-over. Reload the page to see what became of it.")
    if went_out:
        return _record(draft, draft.send_at or at)
    again = {"status": Status.APPROVED, "refusal": "", "send_at": at}
    Draft.objects.filter(pk=draft.pk, status=Status.SENDING).update(**again)
    return None


def _is_due(draft: Draft, at: datetime) -> bool:
    is_active = draft.run.client.status == Client.Status.ACTIVE
    return is_active and draft.status == Status.APPROVED and draft.send_at is not None and draft.send_at <= at


def _recipient(draft: Draft) -> Contact:
    assert draft.contact is not None, "refusal_of lets no draft without a contact pass"
    return draft.contact


def _has_contact(draft: Draft) -> str:
    return "" if draft.contact else "It has no contact, so there is nobody to send it to."


def _is_not_forgotten(draft: Draft) -> str:
    return forgetting.REFUSAL if _recipient(draft).erased_at else ""


def _address_is_usable(draft: Draft) -> str:
    try:
        validate_email(_recipient(draft).email)
    except ValidationError:
        return "The contact's address is no e-mail address. Correct it in the CRM, then approve again."
    return ""


def _may_be_written_to(draft: Draft) -> str:
    return hold.why_not(_recipient(draft))


def _composer_stays_among_examples(draft: Draft) -> str:
    if not names.is_composer(draft.generator) or is_reserved(_recipient(draft).email):
        return ""
    return (
        "The offline composer wrote it, and what it writes goes only to reserved domains such as .example. "
        "Set ANTHROPIC_API_KEY and ask for a new draft."
    )


def _has_postal_address(draft: Draft) -> str:
    if draft.run.client.postal_address.strip():
        return ""
    return "The client has no postal address, which must stand at the foot of every e-mail. Add it to the client."


def _window_opens(draft: Draft) -> str:
    return "" if windows.ever_opens(drafts.window_of(draft)) else drafts.NEVER_OPEN


CHECKS: tuple[Callable[[Draft], str], ...] = (
    _has_contact,
    _is_not_forgotten,
    _address_is_usable,
    _may_be_written_to,
    _composer_stays_among_examples,
    _has_postal_address,
    _window_opens,
)


def _thread(draft: Draft) -> dict[str, str]:
    """A follow-up answers the mail before it, so that both stand in one conversation."""
    before = Send.objects.filter(contact=draft.contact, draft__sequence_step__lt=draft.sequence_step)
    if draft.run.request.campaign_id:
        before = before.filter(draft__run__request__campaign=draft.run.request.campaign_id)
    previous = before.order_by("-sent_at", "-pk").values_list("message_id", flat=True).first()
    return {"In-Reply-To": previous, "References": previous} if previous else {}


def _claim(draft: Draft, at: datetime) -> bool:
    """Whether the draft is ours to send; from here on no other worker takes it."""
    mine = Draft.objects.filter(pk=draft.pk, status=Status.APPROVED, decided_at=draft.decided_at)
    return bool(mine.update(status=Status.SENDING, send_at=at))


def _hand_over(draft: Draft, message: EmailMessage, connection: BaseEmailBackend, at: datetime) -> Send | None:
    try:
        connection.send_messages([message])
    except (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError) as error:
        _refuse(draft, f"The mail server did not take it: {error}", from_status=Status.SENDING)
        return None
    except (OSError, SMTPException) as error:
        log.error("The connection broke while draft %s was handed over: %s", draft.pk, error)
        return None
    return _record(draft, at)


@transaction.atomic
def _record(draft: Draft, sent_at: datetime) -> Send:
    contact = _recipient(draft)
    Draft.objects.filter(pk=draft.pk, status=Status.SENDING).update(status=Status.SENT, refusal="")
    return Send.objects.create(
        draft=draft,
        contact=contact,
        message_id=message_id(draft),
        sent_at=sent_at,
        generator=draft.generator,
        address_is_reserved=is_reserved(contact.email),
    )


def _refuse(draft: Draft, words: str, *, from_status: str) -> None:
    Draft.objects.filter(pk=draft.pk, status=from_status).update(status=Status.REFUSED, refusal=words[:300])
