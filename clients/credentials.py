"""Secrets at rest: what we present to outside parties, encrypted with keys that the environment holds."""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class CredentialUnreadable(Exception):
    """A stored credential that none of our keys opens."""


def encrypt(text: str) -> bytes:
    """With the newest key."""
    return _fernet().encrypt(text.encode())


def decrypt(secret: bytes) -> str:
    """With whichever key opens it. Raises CredentialUnreadable."""
    try:
        return _fernet().decrypt(bytes(secret)).decode()
    except InvalidToken:
        raise CredentialUnreadable(
            "The stored credential cannot be read: the key it was encrypted with is not in GTM_CREDENTIAL_KEYS. "
            "Put the old key back at the end of that list, or enter the credential anew."
        ) from None


def derived(purpose: str) -> list[bytes]:
    """One 32-byte key for this purpose from each configured secret, newest first (HKDF-SHA256, RFC 5869)."""
    return [_derived(secret, purpose) for secret in settings.CREDENTIAL_KEYS or [settings.SECRET_KEY]]


@lru_cache(maxsize=64)  # an address is looked up under every key with each event
def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(secret.encode())


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in derived("gtm credentials")])
