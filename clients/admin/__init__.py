"""Clients, their settings, connections, contacts and what their parties sent: one module a subject."""

from clients.admin import changes, client, connection, contact, erasure, field_rule, inbox, layers, outbox, quality

__all__ = [
    "changes",
    "client",
    "connection",
    "contact",
    "erasure",
    "field_rule",
    "inbox",
    "layers",
    "outbox",
    "quality",
]
