"""Calls that were refused: a note for the person who looks for the wrong secret, and no more work than that.

Refusals are counted on the connection; each with its reason, and with headers and body without what a sender proves
itself with, is kept for a day. A flood of them is noted in part (AT_ENDPOINT, FROM_ADDRESS); the others are counted
with the next one that is. Whoever is let in is never slowed down.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import Error, transaction
from django.db.models import F

from clients import bodies
from clients.models import Connection, RejectedCall
from clients.outage import DATABASE
from clients.signatures import Call

AT_ENDPOINT = (20, 3.0)  # so many at once, then one each so many seconds, in each process
FROM_ADDRESS = (100, 1.0)
REMEMBERED = 10_000  # endpoints and addresses
SHOWN_SIGNS = 2000
READ_BYTES = 64 * 1024  # of a longer body only the beginning is looked at
PLAIN_HEADERS = ("content-type", "content-length", "user-agent")
TELLING = ("sign", "hash", "secret", "token", "auth", "timestamp", "webhook", "key", "version")


class Throttle:
    """`at_once` things of one name, then one each `pause_s` seconds. `clock` gives seconds that only grow."""

    def __init__(self, at_once: int, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once, self._pause_s, self._clock = at_once, pause_s, clock
        self._lock = threading.Lock()
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def lets(self, name: str) -> bool:
        with self._lock:
            now = self._clock()
            free_at = max(self._free_at.pop(name, 0.0), now)
            passes = free_at - now < self._at_once * self._pause_s
            self._free_at[name] = free_at + self._pause_s if passes else free_at
            if len(self._free_at) > REMEMBERED:
                self._free_at.popitem(last=False)
        return passes


_at_endpoint, _from_address = Throttle(*AT_ENDPOINT), Throttle(*FROM_ADDRESS)
_not_noted: dict[int, int] = {}  # by connection: refused since the last note


def note(connection_id: int, call: Call, *, why: str, address: str, at: datetime) -> None:
    """Nothing where it cannot be written: the caller gets the same answer."""
    passes = _at_endpoint.lets(str(connection_id)) and _from_address.lets(address)
    if not passes or DATABASE.is_on:
        _not_noted[connection_id] = _not_noted.get(connection_id, 0) + 1
        return
    calls = 1 + _not_noted.pop(connection_id, 0)
    try:
        with transaction.atomic():
            _write(connection_id, call, why=why[:300], address=address, at=at)
            Connection.objects.filter(pk=connection_id).update(
                refused_calls=F("refused_calls") + calls, last_refused_at=at, last_refused_why=why[:300]
            )
    except Error as error:
        DATABASE.met(error)


def forget_old(*, at: datetime) -> int:
    """Those of more than a day ago are gone; how many."""
    return RejectedCall.objects.filter(at__lt=at - RejectedCall.KEPT).delete()[0]


def _write(connection_id: int, call: Call, *, why: str, address: str, at: datetime) -> None:
    RejectedCall.objects.create(
        connection_id=connection_id,
        at=at,
        why=why,
        address=address,
        headers=_shown_headers(call.headers),
        body=_shown_body(call.body),
    )
    older = RejectedCall.objects.filter(connection_id=connection_id).values("pk")[RejectedCall.MOST :]
    RejectedCall.objects.filter(pk__in=older).delete()


def _shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What a person compares with the sender's settings: which of them came, and of the telling ones how long."""
    shown: dict[str, str] = {}
    for name, value in headers.items():
        low = name.lower()
        if low in PLAIN_HEADERS:
            shown[low[:100]] = _storable(value)[:200]
        elif low != "cookie" and any(word in low for word in TELLING):
            shown[_storable(low)[:100]] = f"{bodies.HIDDEN}, {len(value)} signs"
    return dict(list(shown.items())[:30])


def _shown_body(body: bytes) -> str:
    shown = bodies.shown(body[:READ_BYTES])
    text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, indent=1)
    return _storable(text)[:SHOWN_SIGNS]


def _storable(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()
