"""Which organisation a call is about, which app may call, and the ids that Salesforce gives."""

import hashlib

from django.utils import timezone

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.asked import Asked
from gtm.sandbox.memory import Account

KEY = "salesforce"
VERSION = "v60.0"
DATA = f"/services/data/{VERSION}"
PREFIXES = {"Contact": "003", "Lead": "00Q", "Account": "001", "User": "005", "Organization": "00D"}
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def account(host: str) -> Account:
    """`host` as in acme.my.salesforce.com."""
    return Account(KEY, host.lower()[:80])


def account_key(asked: Asked) -> str:
    return account(asked.host).key


def id_of(kind: str, number: int) -> str:
    """15 signs that tell capitals from small letters, and three that say which of them are capitals."""
    digits = ""
    while number:
        number, rest = divmod(number, len(DIGITS))
        digits = DIGITS[rest] + digits
    return with_check(PREFIXES[kind] + digits.rjust(12, "0"))


def with_check(short: str) -> str:
    """The 18 signs of an id of 15."""
    parts = (short[start : start + 5] for start in (0, 5, 10))
    capitals = (sum(1 << place for place, sign in enumerate(part) if sign.isupper()) for part in parts)
    return short + "".join(CHECKS[each] for each in capitals)


def organisation_id(of: Account) -> str:
    return id_of("Organization", of.number)


def app_user_id(of: Account) -> str:
    """The user that the app runs as."""
    return id_of("User", of.number)


def a_person_id(of: Account) -> str:
    return id_of("User", of.number + 1)


def sign_in(of: Account, client_id: str, client_secret: str) -> str:
    """An access token, "" for a wrong secret. The first app that signs in is the organisation's; from then on it has to
    show the same secret."""
    known = {"client_id": client_id, "secret_sha256": hashlib.sha256(client_secret.encode()).hexdigest()}
    app = _app(of)
    if app is None:
        with memory.writing(of):
            app = _app(of) or memory.add(of, "app", {**known, "generation": 1}, at=timezone.now(), named=str)
    if {name: app.values[name] for name in known} != known:
        return ""
    return _token(of, app)


def is_signed_in(of: Account, token: str) -> bool:
    app = _app(of)
    return app is not None and token == _token(of, app)


def end_sessions(of: Account) -> None:
    """All tokens given so far are void; the app may sign in again."""
    app = _app(of)
    if app:
        app.values["generation"] += 1
        app.save(update_fields=["values"])


def _app(of: Account) -> SandboxRecord | None:
    return memory.records(of, "app").first()


def _token(of: Account, app: SandboxRecord) -> str:
    signed = hashlib.sha256(f"{of.key} {app.values['client_id']} {app.values['generation']}".encode()).hexdigest()
    return f"{organisation_id(of)[:15]}!{signed[:48]}"
