"""Whose records a call is about: each token of a private app opens an account of its own."""

import hashlib

from gtm.sandbox.asked import Asked
from gtm.sandbox.memory import Account

KEY = "hubspot"
APP_ID_OFFSET = 1_000_000


def account(token: str) -> Account:
    """The account that a token opens; the token itself is not remembered."""
    return Account(KEY, hashlib.sha256(token.encode()).hexdigest()[:24])


def account_key(asked: Asked) -> str:
    return account(token_of(asked)).key


def token_of(asked: Asked) -> str:
    """ "" where the call carries none."""
    kind, _, token = asked.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def app_id(of: Account) -> int:
    """The private app whose token it is; HubSpot names it as the source of what was changed with it."""
    return of.number % APP_ID_OFFSET + APP_ID_OFFSET
