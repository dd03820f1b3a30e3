"""The threads of one drive: each does one step after the other, and none outlives the drive for long.

They are daemons: one that hangs in a call which nothing interrupts holds up neither the run nor the end of the process.
"""

import queue
import threading
from collections.abc import Callable
from types import TracebackType

from agents_app.flow.hand import Finished, Message
from agents_app.flow.work import Work

Do = Callable[[], Work]
Order = tuple[int, Do] | None


class Crew:
    """Hands steps to idle threads, and starts another one where none is idle. Results go to `inbox`."""

    def __init__(self, inbox: "queue.SimpleQueue[Message]", *, name: str) -> None:
        self._inbox = inbox
        self._name = name
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._hands = 0

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._hands):
            self._orders.put(None)

    def put_to_work(self, step_id: int, do: Do) -> None:
        if not self._idle.acquire(blocking=False):
            self._hands += 1
            threading.Thread(target=self._serve, daemon=True, name=f"{self._name} {self._hands}").start()
        self._orders.put((step_id, do))

    def _serve(self) -> None:
        while order := self._orders.get():
            step_id, do = order
            work = _done(do)
            self._idle.release()
            self._inbox.put(Finished(step_id, work))


def _done(do: Do) -> Work:
    """An edge: whatever goes wrong inside becomes the step's result, so that no run waits for ever."""
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - the step's row tells what happened
        return Work(error=error)
