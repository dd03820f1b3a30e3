"""Threads for the steps of all drives of a process: an idle one takes the next step, whosever it is.

They are daemons: one that hangs in a call which nothing interrupts holds up neither its run nor the end of the process.
"""

import os
import queue
import threading
from collections.abc import Callable
from itertools import count

from agents_app.flow.hand import Finished, Inbox
from agents_app.flow.work import Work

Do = Callable[[], Work]
Order = tuple[Inbox, int, Do]

_orders: "queue.SimpleQueue[Order]"
_idle: threading.Semaphore
_numbers = count(1)


def _begin() -> None:
    """Also in the child of a fork, which has none of its parent's threads."""
    global _orders, _idle
    _orders, _idle = queue.SimpleQueue(), threading.Semaphore(0)


_begin()
os.register_at_fork(after_in_child=_begin)


def put_to_work(inbox: Inbox, step_id: int, do: Do) -> None:
    """Its result goes to `inbox`. Where no thread is idle, another one is started."""
    if not _idle.acquire(blocking=False):
        threading.Thread(target=_serve, daemon=True, name=f"steps {next(_numbers)}").start()
    _orders.put((inbox, step_id, do))


def _serve() -> None:
    while True:
        _obey(_orders.get())


def _obey(order: Order) -> None:
    inbox, step_id, do = order
    work = _done(do)
    _idle.release()
    inbox.put(Finished(step_id, work))


def _done(do: Do) -> Work:
    """An edge: whatever goes wrong inside becomes the step's result, so that no run waits for ever."""
    try:
        return do()
    except Exception as error:  # noqa: BLE001 - the step's row tells what happened
        return Work(error=error)
