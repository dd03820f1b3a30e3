"""All sources at once, each with its own deadline; one that fails or hangs never hides the others."""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from datetime import datetime

from agents_app.research.source import Company, Question, SourceAccess, SourceAnswer, ask
from agents_app.research.sources import SOURCES

LONGEST_S = 10.0  # of one source
GRACE_S = 0.25  # a source reports its own timeout in better words than we can, so it may do so first

logger = logging.getLogger(__name__)


def gather(company: Company, *, sources: Sequence[SourceAccess], budget_s: float, at: datetime) -> list[SourceAnswer]:
    """One answer a source, in the order of `sources`, within `budget_s` seconds; never raises for a source.

    The threads are daemons: one that cannot be interrupted holds up neither the run nor the end of the process.
    """
    timeout_s = max(0.05, min(LONGEST_S, budget_s - GRACE_S))
    answers: queue.SimpleQueue[tuple[int, SourceAnswer]] = queue.SimpleQueue()
    for index, access in enumerate(sources):
        arguments = (index, company, access, timeout_s, at, answers)
        threading.Thread(target=_ask, args=arguments, daemon=True, name=f"research {access.key}").start()
    arrived = _until(time.monotonic() + budget_s, answers, expected=len(sources))
    return [arrived.get(index) or _late(access, budget_s) for index, access in enumerate(sources)]


def _until(
    deadline: float, answers: queue.SimpleQueue[tuple[int, SourceAnswer]], *, expected: int
) -> dict[int, SourceAnswer]:
    arrived: dict[int, SourceAnswer] = {}
    while len(arrived) < expected:
        try:
            index, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        arrived[index] = answer
    return arrived


def _ask(
    index: int,
    company: Company,
    access: SourceAccess,
    timeout_s: float,
    at: datetime,
    answers: queue.SimpleQueue[tuple[int, SourceAnswer]],
) -> None:
    """An edge: whatever goes wrong inside one source becomes its answer."""
    source = SOURCES.get(access.key)
    if source is None:
        answers.put((index, _failed(access, f"There is no source called {access.key}.")))
        return
    try:
        answers.put((index, ask(source, Question(company, at), access, timeout_s=timeout_s)))
    except Exception:
        logger.exception("source %s failed", access.key)
        answers.put((index, _failed(access, "Its answer upset our reader. The log has the details.")))


def _late(access: SourceAccess, budget_s: float) -> SourceAnswer:
    return _failed(access, f"It did not answer within {budget_s:g} s.", elapsed_ms=round(budget_s * 1000))


def _failed(access: SourceAccess, reason: str, *, elapsed_ms: int = 0) -> SourceAnswer:
    return SourceAnswer(
        source=access.key,
        status="failed",
        reason=reason,
        request_key=access.key,
        sandbox=access.sandbox,
        elapsed_ms=elapsed_ms,
        asked_with=access.asked_with,
    )
