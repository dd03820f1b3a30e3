"""A contact's identity: the address, however it is written."""

from datetime import datetime
from unicodedata import normalize

from email_validator import EmailNotValidError, validate_email

from clients.models import Client, Contact

# Mail houses for private people: their domain says nothing about where somebody works.
PRIVATE_MAIL = frozenset((
    "aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.com",
    "me.com", "msn.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "web.de", "yahoo.co.uk", "yahoo.com",
))  # fmt: skip


class InvalidEmail(ValueError):
    """Text that is no e-mail address."""


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


def at_address(client: Client, email: str, *, source: str, at: datetime) -> tuple[Contact, bool]:
    """The client's contact at this address, made when it is new; and whether it was. Raises InvalidEmail."""
    normalised = normalise_email(email)
    fresh = {
        "email": email.strip(),
        "company_domain": work_domain(normalised),
        "source": source,
        "created_at": at,
        "updated_at": at,
    }
    return Contact.objects.get_or_create(client=client, email_normalised=normalised, defaults=fresh)
