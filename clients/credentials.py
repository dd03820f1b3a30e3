"""Secrets: encrypted with keys that the environment holds, or named by where they stand, so that we keep none.

A reference is `env:GTM_SECRET_NAME`, a variable of our own environment, or `file:NAME`, a file below GTM_SECRETS_DIR.
Nothing else can be named: whoever may edit a connection may not read our keys, or the machine's files, through it.
"""

import os
import re
from base64 import urlsafe_b64encode
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

ENV, FILE = "env:", "file:"
ALLOWED_VARIABLE = re.compile(r"GTM_SECRET_[A-Z0-9_]{1,80}")
LONGEST_BYTES = 16_384  # a private key is a tenth of that


class CredentialUnreadable(Exception):
    """A secret that none of our keys opens, or that does not stand where it is said to stand; the text says which."""


class PlaceNotAllowed(CredentialUnreadable):
    """A place that no connection may name, whatever stands there."""


def referred(reference: str) -> str:
    """The secret that stands there now, without white space around it. Raises CredentialUnreadable."""
    text = _variable(reference[len(ENV) :]) if reference.startswith(ENV) else _file(reference)
    if not text.strip():
        raise CredentialUnreadable(f"{reference} is empty. Put the secret there.")
    return text.strip()


def problem(reference: str) -> str:
    """Why the secret cannot be read from there now, in words; empty when it can, or when there is no reference."""
    try:
        held(b"", reference)
    except CredentialUnreadable as unreadable:
        return str(unreadable)
    return ""


def held(secret: bytes, reference: str) -> str:
    """The secret in clear, wherever it stands; empty where there is none. Raises CredentialUnreadable."""
    if reference:
        return referred(reference)
    return decrypt(secret) if secret else ""


def where_allowed() -> str:
    """In words, for whoever names a place."""
    return f"env:GTM_SECRET_… for a variable, or file:… for a file below {settings.SECRETS_DIR}"


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


def _variable(name: str) -> str:
    if not ALLOWED_VARIABLE.fullmatch(name):
        raise PlaceNotAllowed(
            f"env:{name[:60]} may not be named: only variables that begin with GTM_SECRET_, in capital letters, may be."
        )
    if name not in os.environ:
        raise CredentialUnreadable(f"There is no variable {name}. Set it for the web server and for both workers.")
    return os.environ[name]


def _file(reference: str) -> str:
    """Links are followed first: what counts is where the file is."""
    if not reference.startswith(FILE):
        raise PlaceNotAllowed(f"Name a place: {where_allowed()}.")
    try:
        folder = Path(settings.SECRETS_DIR).resolve()
        path = (folder / reference[len(FILE) :]).resolve()
        if not path.is_relative_to(folder):
            raise PlaceNotAllowed(f"{reference[:80]} may not be named: only files below {folder} may be.")
        if path.stat().st_size > LONGEST_BYTES or not path.is_file():
            raise CredentialUnreadable(f"{reference[:80]} is no file of at most {LONGEST_BYTES // 1024} kB.")
        return path.read_text()
    except (OSError, ValueError):
        raise CredentialUnreadable(
            f"{reference[:80]} cannot be read. Put the file there, readable for the web server and both workers."
        ) from None


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in derived("gtm credentials")])
