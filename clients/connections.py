"""Connections of clients to outside parties, and the keys by which those parties call us."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from clients import credentials
from clients.crm import CRMS
from clients.crm import examples as crm
from clients.endpoints import digest
from clients.events import SERVICES
from clients.events import examples as events
from clients.models import Client, Connection

Party = Connection.Party
OVERLAP = timedelta(hours=24)  # for which the address before a new key still answers
CALLS_US = frozenset({*CRMS, *SERVICES})

EXAMPLES: dict[str, Any] = {**crm.EXAMPLES, **events.EXAMPLES}


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


def example(connection: Connection, key: str, *, base: str) -> str:
    """A curl call that works as printed; `base` is our address, without a slash at the end."""
    body = sample(connection).decode().replace("'", r"'\''")
    return f"curl -X POST {base}/api/hooks/{key} -H 'Content-Type: application/json' -d '{body}'"


def sample(connection: Connection) -> bytes:
    """A body as the party sends it, about an invented person."""
    return json.dumps(EXAMPLES[connection.party]).encode()


def _with_fresh_key(connection: Connection) -> str:
    key = secrets.token_urlsafe(32)
    connection.endpoint_key_sha256, connection.endpoint_key_hint = digest(key), key[-4:]
    connection.save()
    return key


def _saved(connection: Connection) -> str:
    connection.save()
    return ""
