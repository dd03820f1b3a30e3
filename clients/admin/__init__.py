"""Clients, their settings, connections, contacts and what their parties sent: one module a subject."""

from clients.admin import changes, client, connection, contact, inbox, layers, outbox

__all__ = ["changes", "client", "connection", "contact", "inbox", "layers", "outbox"]
