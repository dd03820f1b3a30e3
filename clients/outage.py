"""Whether the database is worth asking: after a failure this process leaves it alone for a moment, then one call tries.

Nobody who calls us waits for a server that does not answer. Each process finds out by itself, since nothing can be
shared while the database is away.
"""

import threading
import time
from collections.abc import Callable

from django.db import Error, InterfaceError, OperationalError

PAUSE_S = 1.0


class Outage:
    """`clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._again_at: float | None = None
        self._came_back = False

    @property
    def is_on(self) -> bool:
        return self._again_at is not None

    def may_try(self) -> bool:
        """Whether to ask the database. During an outage one caller is told so each PAUSE_S, and the others are not."""
        with self._lock:
            if self._again_at is None:
                return True
            if self._clock() < self._again_at:
                return False
            self._again_at = self._clock() + PAUSE_S
            return True

    def met(self, error: Error) -> None:
        """The database did not do what it was asked; whether it is away, the kind of the error says."""
        if isinstance(error, OperationalError | InterfaceError):
            with self._lock:
                self._again_at = self._clock() + PAUSE_S

    def ends(self) -> None:
        """The database answered."""
        if self._again_at is not None:
            with self._lock:
                self._again_at, self._came_back = None, True

    def came_back(self) -> bool:
        """Whether an outage ended since this was asked last."""
        if not self._came_back:
            return False
        with self._lock:
            told, self._came_back = self._came_back, False
        return told


DATABASE = Outage()
