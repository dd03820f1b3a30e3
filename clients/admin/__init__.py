"""Clients, their settings, connections, contacts and what their parties sent: one module a subject."""

from clients.admin import client, connection, contact, inbox, layers

__all__ = ["client", "connection", "contact", "inbox", "layers"]
