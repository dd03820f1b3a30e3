"""Where parties call: what it takes to know and to check a caller, also while the database is away.

The database is asked for each call, so that a key that was replaced is refused at once. What it said of all endpoints a
minute ago at most stays in memory and, for processes that start meanwhile, in a file. Secrets are in both as they are
in the rows, encrypted.
"""

import hashlib
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error
from django.db.models import Q

from clients import spool
from clients.models import Connection
from clients.outage import DATABASE

FRESH_S = 60.0
COLUMNS = (
    "pk", "endpoint_key_sha256", "party", "signing_scheme", "external_account", "takes_unsigned",
    "old_key_sha256", "old_key_until",
    "signing_secrets__secret", "signing_secrets__reference", "signing_secrets__active_from",
    "signing_secrets__active_until",
)  # fmt: skip


class Away(Exception):
    """The database is away, and nothing that we remember fits: the caller may be right, and should try again."""


@dataclass(frozen=True)
class Secret:
    """Encrypted, or the place where it stands; valid from `active_from` up to, not including, `active_until`."""

    secret: bytes
    reference: str
    active_from: datetime
    active_until: datetime | None


@dataclass(frozen=True)
class Endpoint:
    """An active connection as its callers meet it. The key before the present one is good until `old_key_until`."""

    connection_id: int
    key_sha256: str
    party: str
    signing_scheme: str = ""
    external_account: str = ""
    takes_unsigned: bool = False
    old_key_sha256: str = ""
    old_key_until: datetime | None = None
    secrets: tuple[Secret, ...] = ()

    def is_at(self, digest: str, at: datetime) -> bool:
        """Whether a call with this key is for it."""
        if digest == self.key_sha256:
            return True
        return digest == self.old_key_sha256 and self.old_key_until is not None and at < self.old_key_until


@dataclass
class _Memory:
    """What the database said last, by the digest of the key."""

    known: dict[str, Endpoint] = field(default_factory=dict)
    whole_at: float | None = None
    written: str = ""

    def is_due(self) -> bool:
        return self.whole_at is None or time.monotonic() - self.whole_at > FRESH_S


_memory = _Memory()


def digest(key: str) -> str:
    """SHA-256, hex: what we keep of an endpoint's key."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def by_key(key: str, *, at: datetime) -> Endpoint | None:
    """Raises Away."""
    wanted = digest(key)
    asked = Q(endpoint_key_sha256=wanted) | Q(old_key_sha256=wanted, old_key_until__gt=at)
    found = _find(asked, lambda endpoint: endpoint.is_at(wanted, at))
    return found[0] if found else None


def by_account(party: str, account: str) -> list[Endpoint]:
    """Those of the party whose connection names this account. Raises Away."""

    def fits(endpoint: Endpoint) -> bool:
        return endpoint.party == party and same_account(party, endpoint.external_account, account)

    start = account[:15] if party == Connection.Party.SALESFORCE else account
    found = _find(Q(party=party, external_account__startswith=start), fits) if account else []
    return [endpoint for endpoint in found if fits(endpoint)]


def same_account(party: str, one: str, other: str) -> bool:
    """Salesforce writes an id with 15 signs, or with 3 more that only check them. Case counts."""
    signs = 15 if party == Connection.Party.SALESFORCE and len(one) in {15, 18} and len(other) in {15, 18} else None
    return one[:signs] == other[:signs]


def forget() -> None:
    """What this process remembers."""
    _memory.known, _memory.whole_at = {}, None


def _find(asked: Q, fits: Callable[[Endpoint], bool]) -> list[Endpoint]:
    if DATABASE.may_try():
        try:
            found = _read(asked)
            if _memory.is_due():
                _learn()
        except Error as error:
            DATABASE.met(error)
        else:
            DATABASE.ends()
            _memory.known.update({endpoint.key_sha256: endpoint for endpoint in found})
            return found
    found = [endpoint for endpoint in _remembered() if fits(endpoint)]
    if not found:
        raise Away
    return found


def _read(asked: Q) -> list[Endpoint]:
    """In one query."""
    rows = Connection.objects.filter(asked, is_active=True, endpoint_key_sha256__isnull=False).order_by("pk")
    found: dict[int, Endpoint] = {}
    for pk, key, party, scheme, account, unsigned, old, old_until, *told in rows.values_list(*COLUMNS):
        before = found[pk].secrets if pk in found else ()
        held = (_secret(*told),) if told[0] is not None else ()
        found[pk] = Endpoint(pk, key, party, scheme, account, unsigned, old or "", old_until, before + held)
    return list(found.values())


def _secret(secret: bytes, reference: str, since: datetime, until: datetime | None) -> Secret:
    return Secret(bytes(secret), reference, since, until)


def _learn() -> None:
    _memory.known = {endpoint.key_sha256: endpoint for endpoint in _read(Q())}
    _memory.whole_at = time.monotonic()
    text = json.dumps([_told(endpoint) for endpoint in _memory.known.values()])
    if text != _memory.written:
        spool.write(_file(), text.encode())
        _memory.written = text


def _remembered() -> Iterable[Endpoint]:
    if not _memory.known:
        _memory.known = {endpoint.key_sha256: endpoint for endpoint in _from_file()}
    return list(_memory.known.values())


def _from_file() -> list[Endpoint]:
    try:
        return [_heard(told) for told in json.loads(_file().read_bytes())]
    except (OSError, ValueError):
        return []


def _file() -> Path:
    return Path(settings.SPOOL_DIR) / "known" / "endpoints.json"


def _told(endpoint: Endpoint) -> dict[str, Any]:
    secrets = [_told_secret(each) for each in endpoint.secrets]
    return {**vars(endpoint), "old_key_until": _iso(endpoint.old_key_until), "secrets": secrets}


def _told_secret(held: Secret) -> list[str]:
    return [b64encode(held.secret).decode(), held.reference, held.active_from.isoformat(), _iso(held.active_until)]


def _heard(told: dict[str, Any]) -> Endpoint:
    secrets = tuple(
        Secret(b64decode(secret), reference, datetime.fromisoformat(since), _moment(until))
        for secret, reference, since, until in told["secrets"]
    )
    return Endpoint(**{**told, "old_key_until": _moment(told["old_key_until"]), "secrets": secrets})


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
