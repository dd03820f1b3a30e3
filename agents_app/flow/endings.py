"""Nothing runs and nothing may begin: how the run is left, in words for the person who asked for it."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from agents_app import graph, llm, routing
from agents_app.flow import gates
from agents_app.flow.hand import PASSING, WAITS, Hand, retries, tries
from agents_app.flow.lease import Ending
from agents_app.flow.work import NothingKnown
from agents_app.models import FlowRun, StepKind, StepRun
from clients import access
from clients.models import AgentKey

Status = FlowRun.Status
ORDER = (Status.FAILED, Status.NEEDS_INPUT, Status.RETRY, Status.WAITING)  # of several reasons, the first one counts

logger = logging.getLogger(__name__)


def of(hand: Hand) -> Ending:
    """Of several reasons, the one that a person must mend comes first, then one that passes by itself.

    A person's no ends the run only when nothing else of it is still to come: what does not stand behind the no goes on.
    """
    if hand.cancelled:
        return Ending(Status.CANCELLED, _cancelled(hand))
    found = [*_failures(hand), *_unwritten(hand), *_waiting(hand)]
    ending = min(found, key=lambda each: ORDER.index(each.status), default=None)
    refused = next(_rejections(hand), None)
    if ending is None:
        return refused or Ending(Status.SUCCEEDED)
    if refused is not None and ending.status in (Status.RETRY, Status.WAITING):
        return replace(ending, error=f"{ending.error} {refused.error}")
    return ending


def name(row: StepRun) -> str:
    """`persona_agent` → "The persona step"."""
    if row.agent:
        return f"The {AgentKey(row.agent).label.lower()} step"
    return f"The step “{row.key.replace('_', ' ')}”"


def moment(at: datetime, *, now: datetime) -> str:
    """14:05, or 14:05 on 3 March where that is another day."""
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%H:%M} on {at:%-d %B}"


def _cancelled(hand: Hand) -> str:
    hand.run.refresh_from_db(fields=["cancel_asked_by"])  # it may have been asked for while this drive went on
    who = access.called(hand.run.cancel_asked_by, otherwise="Somebody")
    left = len(hand.nodes) - len(hand.states())
    return f"{who} cancelled it. {left} of its {len(hand.nodes)} steps had not begun."


def _failures(hand: Hand) -> Iterator[Ending]:
    """Of a map, contacts that failed for good count only where nothing else of it is to be tried again."""
    for node in hand.nodes:
        if hand.states().get(node.key) == "failed":
            failed = hand.failed(node)
            passing = [rows for rows in failed if retries(node, rows)]
            yield from (_failure(hand, rows[-1]) for rows in passing or failed)


def _failure(hand: Hand, row: StepRun) -> Ending:
    error = hand.failures.get(row.pk)
    if isinstance(error, PASSING) or row.status == StepRun.Status.LOST or error is None:
        return _later(hand, row, error)
    if isinstance(error, NothingKnown | llm.BudgetSpent):
        return Ending(Status.NEEDS_INPUT, str(error))
    if isinstance(error, llm.ModelError):
        return Ending(Status.FAILED, f"{name(row)} got no answer: {error}")
    logger.error("step %s of run %s", row.pk, row.run_id, exc_info=error)
    return Ending(Status.FAILED, f"{name(row)} stopped on a fault of this system; the log has it.")


def _later(hand: Hand, row: StepRun, error: Exception | None) -> Ending:
    node = hand.node(row.key)
    rows = [each for each in hand.rows_of(row.key) if each.map_index == row.map_index]
    tried = tries(rows)
    if not retries(node, rows):
        times = "once" if tried == 1 else f"{tried} times"
        return Ending(Status.FAILED, f"{name(row)} was tried {times}. The last time: {row.error}")
    asked_for = timedelta(seconds=getattr(error, "retry_after_s", None) or 0.0)
    usual = WAITS[node.retry][tried - 1] if tried else timedelta()
    again_at = hand.clock() + max(usual, asked_for)
    when = moment(again_at, now=hand.clock())
    return Ending(Status.RETRY, f"{row.error} It is tried again by itself at {when}.", again_at)


def _rejections(hand: Hand) -> Iterator[Ending]:
    for row in hand.rows:
        if row.status == StepRun.Status.REJECTED:
            stopped = [node.key for node in graph.behind(hand.nodes, {row.key})]
            behind = f" So this was not done: {', '.join(stopped)}." if stopped else ""
            yield Ending(Status.NEEDS_INPUT, f"{row.error}{behind}")


def _unwritten(hand: Hand) -> Iterator[Ending]:
    """An e-mail step that finished without a draft: something is missing, or its text breaks a promise."""
    done = [row for row in hand.rows if row.agent == routing.EMAIL and row.status == StepRun.Status.DONE]
    if not done:
        return
    written = _written(hand, done)
    for row in done:
        if row.pk not in written and not (row.kind == StepKind.MAP and written):
            yield _why_unwritten(row)


def _written(hand: Hand, done: list[StepRun]) -> set[int]:
    """The steps of which a draft came; in a trial, those of which one would have come."""
    if hand.run.request.is_trial:
        return {row.pk for row in done if (row.output or {}).get("sentences") and not _broken(row)}
    drafted = StepRun.objects.filter(pk__in=[row.pk for row in done], draft__isnull=False)
    return set(drafted.values_list("pk", flat=True))


def _broken(row: StepRun) -> list[str]:
    return [check["detail"] for check in row.checks if check["must"] and not check["passed"]]


def _why_unwritten(row: StepRun) -> Ending:
    missing = (row.output or {}).get("missing", [])
    if not (row.output or {}).get("sentences"):
        return Ending(Status.NEEDS_INPUT, f"The e-mail was not written. {' '.join(missing)}".strip())
    return Ending(
        Status.NEEDS_INPUT,
        f"The e-mail did not become a draft. {' '.join(_broken(row))} Change the client's settings or the prompt, then "
        "ask again.",
    )


def _waiting(hand: Hand) -> Iterator[Ending]:
    if question := gates.question_of(hand):
        yield Ending(Status.WAITING, f"A person is asked: {question}")
