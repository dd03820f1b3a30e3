"""What can go wrong with a party, on demand: for tests, which wrap a call in `inject(...)`."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


class TooSlow(Exception):
    """The stand-in took longer than the caller waits; each wire turns it into its own timeout."""


@dataclass(frozen=True)
class Fault:
    """`status` None: only the delay, then the stand-in's own answer.

    `ignores_timeout`: the caller hangs, as in a name lookup that nothing interrupts.
    """

    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    ignores_timeout: bool = False

    def wait(self, timeout_s: float | None) -> None:
        if self.ignores_timeout or timeout_s is None or self.delay_s <= timeout_s:
            time.sleep(self.delay_s)
            return
        time.sleep(timeout_s)
        raise TooSlow


@dataclass
class _Injected:
    faults: tuple[Fault, ...]
    left: int | None


_injected: dict[str, _Injected] = {}
_lock = threading.Lock()


@contextmanager
def inject(party: str, *faults: Fault, times: int | None = None) -> Iterator[None]:
    """Each call of the party meets the next fault, the last one again and again; after `times` calls it is well."""
    with _lock:
        _injected[party] = _Injected(faults, times)
    try:
        yield
    finally:
        with _lock:
            _injected.pop(party, None)


def meet(party: str, *, timeout_s: float | None) -> Fault | None:
    """The fault that this call ends with, after its delay; None when the stand-in is to answer itself."""
    fault = _next(party)
    if fault is None:
        return None
    fault.wait(timeout_s)
    return fault if fault.status is not None else None


def _next(party: str) -> Fault | None:
    with _lock:
        found = _injected.get(party)
        if found is None or found.left == 0:
            return None
        fault, rest = found.faults[0], found.faults[1:]
        left = None if found.left is None else found.left - 1
        _injected[party] = _Injected(rest or found.faults, left)
        return fault
