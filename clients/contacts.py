"""A contact's identity: the address, however it is written."""

from collections.abc import Mapping
from datetime import datetime
from unicodedata import normalize

from django.db import IntegrityError, transaction
from email_validator import EmailNotValidError, validate_email

from clients.domains import PRIVATE_MAIL
from clients.models import Client, Contact

MOST_TRIES = 5


class InvalidEmail(ValueError):
    """Text that is no e-mail address."""


class Contested(Exception):
    """New contacts could not be made because others made them at the same moment, several times over; try later."""


def normalise_email(text: str) -> str:
    """The identity of an address: valid, trimmed, case folded, Unicode NFC, its domain in Unicode.

    Raises InvalidEmail. Reserved domains (.example, .test) are fine: we only ask whether the address can be written.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError) as invalid:
        shown = text.strip()[:80].encode(errors="replace").decode()
        raise InvalidEmail(f"“{shown}” is not an e-mail address. {invalid}") from None
    return fold(found.normalized)


def fold(text: str) -> str:
    return normalize("NFC", normalize("NFC", text.strip()).casefold())


def key(contact: Contact) -> str:
    """What an experiment assigns by: the same for every spelling of the contact's address."""
    return contact.email_normalised


def work_domain(email: str) -> str:
    """The company's domain as the normalised address tells it; empty for private mail."""
    domain = email.rpartition("@")[2]
    return "" if domain in PRIVATE_MAIL else domain


def at_addresses(
    client: Client, told: Mapping[str, str], *, source: str, at: datetime
) -> tuple[dict[str, Contact], set[str]]:
    """The client's contacts at these addresses, locked, made where they are new; and which of them were.

    `told` maps the normalised address to how it was written. A new contact gets no history yet: whoever fills it in
    writes the first entry. Call it inside a transaction.
    """
    wanted = Contact.objects.filter(client=client, email_normalised__in=told.keys()).order_by("email_normalised")
    for _ in range(MOST_TRIES):
        found = {contact.email_normalised: contact for contact in wanted.select_for_update()}
        fresh = [_new(client, told[key], key, source, at) for key in sorted(told.keys() - found.keys())]
        try:
            with transaction.atomic():
                made = Contact.objects.bulk_create(fresh)
        except IntegrityError:
            continue  # another worker made one of them meanwhile: look again
        return found | {contact.email_normalised: contact for contact in made}, {row.email_normalised for row in made}
    raise Contested("Other workers keep making the same contacts. The delivery is applied with the next round.")


def _new(client: Client, written: str, normalised: str, source: str, at: datetime) -> Contact:
    return Contact(
        client=client,
        email=written,
        email_normalised=normalised,
        company_domain=work_domain(normalised),
        source=source,
        created_at=at,
        updated_at=at,
    )
