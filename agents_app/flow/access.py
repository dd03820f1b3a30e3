"""How a client reaches its research sources: credentials in clear, never stored and never logged."""

import logging

from agents_app import research
from agents_app.models import FlowRun
from clients import credentials
from clients.models import Connection

logger = logging.getLogger(__name__)


def sources(run: FlowRun) -> list[research.SourceAccess]:
    """One access a source: the client's oldest active connection to it."""
    found: dict[str, research.SourceAccess] = {}
    active = Connection.objects.filter(client=run.client_id, is_active=True, party__in=list(research.SOURCES))
    for connection in active.order_by("pk"):
        is_sandbox = connection.mode == Connection.Mode.SANDBOX
        if connection.party not in found:
            credential = "" if is_sandbox else _credential(connection)
            found[connection.party] = research.SourceAccess(connection.party, is_sandbox, credential)
    return list(found.values())


def _credential(connection: Connection) -> str:
    """Empty when there is none that can be read; the source then says so, and the others are asked all the same."""
    try:
        return credentials.held(bytes(connection.credential), connection.credential_ref)
    except credentials.CredentialUnreadable as unreadable:
        logger.warning("connection %s: %s", connection.pk, unreadable)
        return ""
