"""Which domains are whose: mail houses for private people, throw-away mailboxes, and the part that somebody registered.

The list of public suffixes is the one that tldextract brings; it is never downloaded.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tldextract import TLDExtract

# Mail houses for private people: their domain says nothing about where somebody works.
PRIVATE_MAIL = frozenset((
    "aol.com", "fastmail.com", "free.fr", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com",
    "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.fr", "icloud.com", "laposte.net", "libero.it", "live.com",
    "mac.com", "mail.com", "mail.ru", "me.com", "msn.com", "orange.fr", "outlook.com", "pm.me", "proton.me",
    "protonmail.com", "qq.com", "rediffmail.com", "seznam.cz", "t-online.de", "tutanota.com", "web.de", "wp.pl",
    "yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr", "yandex.com", "yandex.ru", "ymail.com", "zoho.com",
))  # fmt: skip

# Mailboxes that anybody opens for ten minutes and nobody reads after.
THROW_AWAY = frozenset((
    "10minutemail.com", "burnermail.io", "byom.de", "discard.email", "dispostable.com", "emailondeck.com",
    "fakeinbox.com", "getairmail.com", "getnada.com", "grr.la", "guerrillamail.com", "guerrillamail.net",
    "inboxkitten.com", "mail-temp.com", "mailcatch.com", "maildrop.cc", "mailinator.com", "mailnesia.com",
    "mintemail.com", "moakt.com", "mohmal.com", "mytemp.email", "sharklasers.com", "spam4.me", "spamgourmet.com",
    "temp-mail.org", "tempail.com", "tempmail.com", "tempr.email", "throwawaymail.com", "trash-mail.com",
    "trashmail.com", "trashmail.de", "wegwerfmail.de", "yopmail.com", "yopmail.fr",
))  # fmt: skip


# Domains that nobody can own (RFC 2606, RFC 6761).
RESERVED = frozenset({"example", "test", "invalid", "localhost", "example.com", "example.net", "example.org"})


def is_reserved(domain: str) -> bool:
    labels = domain.strip().casefold().rstrip(".").split(".")
    return bool({labels[-1], ".".join(labels[-2:])} & RESERVED)


def registered(host: str) -> str:
    """`mail.acme.co.uk` → `acme.co.uk`. Of a suffix that nobody keeps (`.example`) the last two labels."""
    host = host.strip().casefold().rstrip(".")
    found = _extract()(host)
    return f"{found.domain}.{found.suffix}" if found.suffix and found.domain else ".".join(host.split(".")[-2:])


@cache
def _extract() -> "TLDExtract":
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None)
