"""Who belongs to which share of all: drawn by a salted hash, the same for ever, and with another salt as if anew."""

import hashlib


def place(salt: str, key: str) -> float:
    """Where `key` falls in [0, 1): the first 53 bits of SHA-256 over "salt:key" in UTF-8.

    Another salt gives a place that tells nothing about this one. Who lies below a share lies below every larger one.
    """
    digest = hashlib.sha256(f"{salt}:{key}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53
