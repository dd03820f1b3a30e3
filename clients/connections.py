"""Connections of clients to outside parties, and the keys by which those parties call us."""

import json
import secrets
from datetime import datetime
from typing import Any

from clients import credentials
from clients.crm import CRMS
from clients.crm import examples as crm
from clients.endpoints import digest
from clients.events import SERVICES
from clients.events import examples as events
from clients.models import Client, Connection

Party = Connection.Party
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


def rotate_key(connection: Connection) -> str:
    """A fresh endpoint key; the old one is refused from now on."""
    return _with_fresh_key(connection)


def authenticate(key: str) -> Connection | None:
    """The active connection with this endpoint key."""
    found = Connection.objects.select_related("client").filter(endpoint_key_sha256=digest(key), is_active=True)
    return found.first()


def example(connection: Connection, key: str, *, base: str) -> str:
    """A curl call that works as printed; `base` is our address, without a slash at the end."""
    body = json.dumps(EXAMPLES[connection.party])
    return f"curl -X POST {base}/api/hooks/{key} -H 'Content-Type: application/json' -d '{body}'"


def _with_fresh_key(connection: Connection) -> str:
    key = secrets.token_urlsafe(32)
    connection.endpoint_key_sha256, connection.endpoint_key_hint = digest(key), key[-4:]
    connection.save()
    return key


def _saved(connection: Connection) -> str:
    connection.save()
    return ""
