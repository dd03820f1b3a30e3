"""What can go wrong with a party, on demand: for tests, which wrap a call in `inject(...)`."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


class TooSlow(Exception):
    """The stand-in took longer than the caller waits; each wire turns it into its own timeout."""


class Reset(Exception):
    """The stand-in closed the connection instead of answering; each wire turns it into its own broken connection."""


@dataclass(frozen=True)
class Fault:
    """`status` None: only the delay, then the stand-in's own answer.

    `ignores_timeout`: the caller hangs, as in a name lookup that nothing interrupts. `is_reset`: no answer at all, the
    connection breaks. `is_half`: the status is sent and the body ends in the middle. `is_late`: the caller's patience
    is over, without anybody having waited.
    """

    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    ignores_timeout: bool = False
    is_reset: bool = False
    is_half: bool = False
    is_late: bool = False

    def wait(self, timeout_s: float | None) -> None:
        if self.is_late:
            raise TooSlow
        if self.ignores_timeout or timeout_s is None or self.delay_s <= timeout_s:
            time.sleep(self.delay_s)
            return
        time.sleep(timeout_s)
        raise TooSlow

    def sent(self, body: bytes) -> bytes:
        """As much of a body as gets through."""
        return body[: len(body) // 2] if self.is_half else body


Schedule = Callable[[int], Fault | None]  # the number of the call, from 1, to what it meets
RESET = Fault(is_reset=True)
HALF = Fault(is_half=True)
HANG = Fault(delay_s=3600.0)  # longer than anybody waits
LATE = Fault(is_late=True)


@dataclass
class _Injected:
    schedule: Schedule
    left: int | None
    calls: int = 0


_injected: dict[tuple[str, str], _Injected] = {}
_lock = threading.Lock()


@contextmanager
def inject(party: str, *faults: Fault | Schedule, times: int | None = None, account: str = "") -> Iterator[None]:
    """Each call of the party meets the next fault, the last one again and again; after `times` calls it is well. With
    an `account`, of those stand-ins that have several, only its calls do.

    One schedule instead of faults decides by the number of the call. It is asked by one call at a time, so it may draw
    from a random source.
    """
    with _lock:
        _injected[party, account] = _Injected(_schedule(faults), times)
    try:
        yield
    finally:
        with _lock:
            _injected.pop((party, account), None)


def meet(party: str, *, timeout_s: float | None, account: str = "") -> Fault | None:
    """The fault that this call ends with, after its delay; None when the stand-in is to answer itself.

    A fault without a status that is a half answer spoils the stand-in's own. Raises TooSlow or Reset.
    """
    fault = _next(party, account)
    if fault is None:
        return None
    fault.wait(timeout_s)
    if fault.is_reset:
        raise Reset
    return fault if fault.status is not None or fault.is_half else None


def _schedule(faults: tuple[Fault | Schedule, ...]) -> Schedule:
    first = faults[0]
    if not isinstance(first, Fault):
        return first
    listed = [fault for fault in faults if isinstance(fault, Fault)]
    return lambda call: listed[min(call, len(listed)) - 1]


def _next(party: str, account: str) -> Fault | None:
    with _lock:
        found = _injected.get((party, account)) or _injected.get((party, ""))
        if found is None or found.left == 0:
            return None
        found.left = None if found.left is None else found.left - 1
        found.calls += 1
        return found.schedule(found.calls)
