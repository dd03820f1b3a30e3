"""Connections of clients to outside parties, and the keys by which those parties call us."""

import hashlib
import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from clients import credentials
from clients.events import SERVICES
from clients.events import examples as events
from clients.models import Client, Connection

Party = Connection.Party
OVERLAP = timedelta(hours=24)  # for which the address before a new key still answers
CALLS_US = frozenset({Party.HUBSPOT, Party.SALESFORCE, *SERVICES})

EXAMPLES: dict[str, Any] = {
    Party.HUBSPOT: {
        "email": "ada.lee@northwind-bank.example",
        "firstname": "Ada",
        "lastname": "Lee",
        "company": "Northwind Bank",
        "jobtitle": "Chief Financial Officer",
    },
    Party.SALESFORCE: {
        "Email": "ada.lee@northwind-bank.example",
        "Name": "Ada Lee",
        "Account": {"Name": "Northwind Bank"},
        "Title": "Chief Financial Officer",
    },
    **events.EXAMPLES,
}


def create(
    client: Client, *, party: str, name: str, mode: str, at: datetime, credential: str = ""
) -> tuple[Connection, str]:
    """The connection, and its endpoint key: the only time it is seen. Empty for a party that never calls us."""
    connection = Connection(client=client, party=party, name=name, mode=mode, created_at=at)
    connection.credential = credentials.encrypt(credential) if credential else b""
    connection._history_date = at  # type: ignore[attr-defined]
    return connection, _with_fresh_key(connection) if party in CALLS_US else _saved(connection)


def rotate_key(connection: Connection, *, at: datetime | None = None, overlap: timedelta = OVERLAP) -> str:
    """A fresh endpoint key. The one before is good for `overlap` more; one that is older, no longer."""
    with transaction.atomic():
        standing = Connection.objects.select_for_update().get(pk=connection.pk)  # two people at once: one by one
        connection.old_key_sha256 = standing.endpoint_key_sha256 if overlap else None
        connection.old_key_hint = standing.endpoint_key_hint if overlap else ""
        connection.old_key_until = (at or timezone.now()) + overlap if overlap else None
        return _with_fresh_key(connection)


def authenticate(key: str, *, at: datetime | None = None) -> Connection | None:
    """The active connection with this endpoint key, or with this one until a little while ago."""
    digest, at = _digest(key), at or timezone.now()
    good = Q(endpoint_key_sha256=digest) | Q(old_key_sha256=digest, old_key_until__gt=at)
    return Connection.objects.select_related("client").filter(good, is_active=True).first()


def example(connection: Connection, key: str, *, base: str) -> str:
    """A curl call that works as printed; `base` is our address, without a slash at the end."""
    body = sample(connection).decode().replace("'", r"'\''")
    return f"curl -X POST {base}/api/hooks/{key} -H 'Content-Type: application/json' -d '{body}'"


def sample(connection: Connection) -> bytes:
    """A body as the party sends it, about an invented person."""
    return json.dumps(EXAMPLES[connection.party]).encode()


def _with_fresh_key(connection: Connection) -> str:
    key = secrets.token_urlsafe(32)
    connection.endpoint_key_sha256, connection.endpoint_key_hint = _digest(key), key[-4:]
    connection.save()
    return key


def _saved(connection: Connection) -> str:
    connection.save()
    return ""


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
