"""Whose account at its party a call is of, and what in its body must not be kept."""

from collections.abc import Callable

from clients.crm import hubspot, salesforce
from clients.models import Connection

ACCOUNT: dict[str, Callable[[bytes], str]] = {
    Connection.Party.HUBSPOT: hubspot.portal,
    Connection.Party.SALESFORCE: salesforce.organization,
}


def account(party: str, body: bytes) -> str:
    """The account's number as the body names it; empty where it names none."""
    return ACCOUNT[party](body) if party in ACCOUNT else ""


def without_credentials(party: str, body: bytes) -> bytes:
    """Salesforce sends a session id that opens its API: it is taken out before anything is stored."""
    return salesforce.without_session(body) if party == Connection.Party.SALESFORCE else body
