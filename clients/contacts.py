"""A contact's identity: the address, however it is written."""

from unicodedata import normalize

from django.db import connection
from django.db.models import F
from email_validator import EmailNotValidError, validate_email

from clients.models import Client, Contact

_LOCKS = 7_105  # the class of advisory locks, so that no other use of them meets ours

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


def addresses(email: str, others: str) -> set[str]:
    """All of them, normalised; `others` parted by commas. What is no address is left out."""
    found = set()
    for each in (email, *others.split(",")):
        try:
            found.add(normalise_email(each))
        except InvalidEmail:
            continue
    return found


def lock(client: Client) -> None:
    """Until the transaction ends, nobody else decides which of this client's records are one person."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCKS, client.pk])


def at(client: Client, address: str) -> Contact | None:
    """The client's contact with this normalised address; where it was found to be another one's, that one."""
    rows = Contact.objects.filter(client=client, email_normalised=address)
    found = rows.order_by(F("merged_into").desc(nulls_first=True), "pk").first()
    while found is not None and found.merged_into is not None:
        found = found.merged_into
    return found
