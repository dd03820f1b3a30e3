"""Addresses that a client never writes to again. Only a keyed hash is kept, so the rule outlives the person's data."""

import hmac
from collections.abc import Iterable
from datetime import datetime

from django.core import signing
from django.db.models import QuerySet

from clients import credentials
from clients.contacts import InvalidEmail, fold, normalise_email
from clients.models import Client, Contact, Suppression

_SALT = "clients.unsubscribe"


class BadToken(Exception):
    """An unsubscribe link that we did not make, or that was cut short."""


def suppress(client: Client, email: str, *, reason: str, at: datetime) -> Suppression:
    """Never write to this address again; the first reason stays. Any text counts, also a mistyped address."""
    standing = _rows(client, email).first()
    if standing is not None:
        return standing
    fresh = {"reason": reason, "created_at": at}
    return Suppression.objects.get_or_create(client=client, address_hmac=hashes(email)[0], defaults=fresh)[0]


def among(client: Client, emails: Iterable[str]) -> set[str]:
    """Those of the addresses that are suppressed, in one query."""
    known_as = {email: set(hashes(email)) for email in emails}
    known = Suppression.objects.filter(client=client, address_hmac__in=set().union(*known_as.values()))
    suppressed = set(known.values_list("address_hmac", flat=True))
    return {email for email, own in known_as.items() if own & suppressed}


def is_suppressed(client: Client, email: str) -> bool:
    return _rows(client, email).exists()


def token(contact: Contact) -> str:
    """What an unsubscribe link carries: signed, says nothing, never expires."""
    return signing.Signer(salt=_SALT, sep=".").sign_object([contact.pk])


def read_token(token: str) -> Contact:
    """Raises BadToken."""
    try:
        (number,) = signing.Signer(salt=_SALT, sep=".").unsign_object(token)
        return Contact.objects.select_related("client").get(pk=number)
    except (signing.BadSignature, Contact.DoesNotExist, ValueError, TypeError):
        raise BadToken(
            "This unsubscribe link is not complete. Copy the whole link from the e-mail, or answer the e-mail and ask."
        ) from None


def _rows(client: Client, email: str) -> QuerySet[Suppression]:
    return Suppression.objects.filter(client=client, address_hmac__in=hashes(email))


def suppress_hashes(client: Client, addresses: Iterable[str], *, reason: str, at: datetime) -> None:
    """The same for addresses of which only the hashes are known."""
    rows = [Suppression(client=client, address_hmac=each, reason=reason, created_at=at) for each in addresses]
    Suppression.objects.bulk_create(rows, ignore_conflicts=True)


def hashes(email: str) -> list[str]:
    """Hex HMAC-SHA256 of the normalised address under every key, so that a new key forgets nobody."""
    try:
        normalised = normalise_email(email)
    except InvalidEmail:
        normalised = fold(email)
    message = normalised.encode(errors="replace")
    return [hmac.new(key, message, "sha256").hexdigest() for key in credentials.derived("gtm suppression")]
