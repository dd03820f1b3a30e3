"""One turn of a run: in one transaction, under the lease, what came in is written and what may begin is begun.

A turn is all that ever writes to a run. Whatever dies between two turns loses at most the work of open steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from django.db import transaction

from agents_app import graph
from agents_app.flow import adaptation, budget, decisions, endings, gates, lease, results, starting, taking_up
from agents_app.flow.hand import OPEN, Asked, Clock, Finished, Hand, Message, Settled
from agents_app.flow.lease import Ending
from agents_app.flow.starting import Begun, Job
from agents_app.flow.work import StepTooSlow, Work
from agents_app.graph import Node
from agents_app.models import FlowRun, StepKind, StepRun
from agents_app.models.flow import LONGEST_DRIVE_S

Status = StepRun.Status


@dataclass
class Turn:
    """What is to happen once the transaction is committed: replies, threads; `ending` when the run was left."""

    replies: list[Callable[[], None]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    ending: Ending | None = None


@transaction.atomic
def first(run_id: int, *, clock: Clock) -> tuple[Hand, Turn] | None:
    """Claim the run and begin; None while somebody else owns it, before its time, or when it has ended."""
    hand = taking_up.take_up(run_id, clock)
    if hand is None:
        return None
    _mark_lost(hand)
    if hand.run.recoveries > lease.MOST_RECOVERIES:
        why = f"It was taken up again {lease.MOST_RECOVERIES} times and never came to its end, so it is given up."
        turn = _leave(hand, Turn(), Ending(FlowRun.Status.DEAD, why))
        hand.journal.send(commit=True)
        return hand, turn
    hand.cancelled = hand.run.cancel_asked_at is not None
    return hand, _go_on(hand, Turn(), [])


def following(hand: Hand, messages: Sequence[Message]) -> Turn:
    """Write what came in, and go on. Raises LostLease; then nothing is written and nobody is answered."""
    turn = Turn()
    with lease.held(hand.run, at=hand.clock()) as found:
        hand.cancelled = found.cancel_asked_at is not None
        hand.run.cancel_asked_at = found.cancel_asked_at
        hand.limited |= set(found.limited)
        asked = [message for message in messages if isinstance(message, Asked)]
        told = [message for message in messages if not isinstance(message, Asked)]
        ended = [row for message in told if (row := _received(hand, message))]
        ended += [_too_slow(hand, row) for row in hand.late()]
        for message in asked:  # last, so that what others gave back can be had
            turn.replies.append(_reply(hand, message))
        _go_on(hand, turn, ended)
    return turn


def _go_on(hand: Hand, turn: Turn, ended: list[StepRun]) -> Turn:
    ended += _answered(hand)
    adaptation.after(hand, ended)
    begun = [] if hand.cancelled else _begin_ready(hand)
    if hand.running():
        budget.flush(hand)
        lease.renew(hand.run, hand.journal, at=hand.clock())
    else:
        _leave(hand, turn, _pause(hand) or endings.of(hand))
    asked = [each for each in begun if each.row.kind == StepKind.GATE]
    hand.journal.send(commit=not asked)
    for each in asked:  # now that the rows have their numbers
        gates.open_for(hand, each.row, each.node)
    turn.jobs = starting.jobs(hand, begun)
    return turn


def _leave(hand: Hand, turn: Turn, ending: Ending) -> Turn:
    budget.flush(hand)
    budget.give_back(hand)
    turn.ending = ending
    hand.run.seq += 1
    lease.leave(hand.run, hand.journal, ending, at=hand.clock())
    return turn


# --- what came in


def _reply(hand: Hand, asked: Asked) -> Callable[[], None]:
    row = _open_row(hand, asked)
    answer = budget.reserve(hand, row, asked.offers) if row else StepTooSlow("The step has ended.")
    return partial(budget.answer, hand, asked, answer)


def _open_row(hand: Hand, message: Message) -> StepRun | None:
    """What a step says after it ended (it was too slow) is not heard any more."""
    row = hand.row(message.step_id)
    return row if row is not None and row.status == Status.RUNNING else None


def _received(hand: Hand, message: Settled | Finished) -> StepRun | None:
    """The row that ended by it."""
    row = _open_row(hand, message)
    if row is None:
        return None
    if isinstance(message, Settled):
        budget.settle(hand, row, message)
        return None
    return _finished(hand, row, message)


def _finished(hand: Hand, row: StepRun, message: Finished) -> StepRun:
    budget.close(hand, row)
    if message.work.error is not None:
        hand.failures[row.pk] = message.work.error
    results.store(hand, row, message.work)
    return row


def _too_slow(hand: Hand, row: StepRun) -> StepRun:
    seconds = hand.node(row.key).deadline_s
    error = StepTooSlow(f"{endings.name(row)} did not end within {seconds} s.")
    budget.charge_in_full(hand, row)
    hand.failures[row.pk] = error
    results.store(hand, row, Work(error=error))
    return row


def _answered(hand: Hand) -> list[StepRun]:
    closed = gates.take_up(hand)
    for row in closed:
        decisions.decided(hand, row)
    return closed


def _mark_lost(hand: Hand) -> None:
    """Steps that the last owner left open are lost, and what they had set aside counts as spent, on the day of then."""
    at = hand.clock()
    lost = hand.running()
    for row in lost:
        budget.charge_in_full(hand, row)
        hand.run.seq += 1
        row.status, row.finished_at, row.finished_seq = Status.LOST, at, hand.run.seq
        row.error = "Its worker ended in the middle of it."
        row.save(update_fields=["status", "finished_at", "finished_seq", "error", "uncertain_usd", "reserved_usd"])
    budget.give_back(hand)


# --- what may begin


def _begin_ready(hand: Hand) -> list[Begun]:
    """Begin what waits for nothing any more, until nothing more ends by beginning (joins, steps left out)."""
    begun: list[Begun] = []
    while free := _free(hand):
        wanted = [node for node in free if not _left_out(hand, node)]
        fresh = starting.begin(hand, wanted)
        begun += fresh
        # nothing ended by beginning, so nothing more can begin
        if len(fresh) == len(free) and all(each.row.status in OPEN for each in fresh):
            break
    return begun


def _free(hand: Hand) -> list[Node]:
    """A failure that will not pass ends the run, so nothing more is spent on it; nor does anything begin in a pause."""
    states = hand.states()
    if _has_failed(hand, states) or _why_later(hand):
        return []
    return graph.ready(hand.nodes, states)


def _has_failed(hand: Hand, states: Mapping[str, str]) -> bool:
    return any(states.get(node.key) == "failed" and not hand.may_pass(node) for node in hand.nodes)


def _pause(hand: Hand) -> Ending | None:
    """Steps are left that could begin, but not in this drive: a later worker goes on with them."""
    states = hand.states()
    if hand.cancelled or _has_failed(hand, states) or not graph.ready(hand.nodes, states):
        return None
    return _why_later(hand)


def _why_later(hand: Hand) -> Ending | None:
    """The drive is long; or the model is shut to us for longer than a step would wait, and a step that began all the
    same would ask its sources and lose a try for nothing."""
    now, until = hand.clock(), hand.shut_until
    if (now - hand.began_at).total_seconds() > LONGEST_DRIVE_S:
        return Ending(FlowRun.Status.RETRY, "It goes on in a moment, in another task.", now)
    if until is None or until <= now:
        return None
    when = endings.moment(until, now=now)
    return Ending(FlowRun.Status.RETRY, f"The model takes no requests from us until {when}; then it goes on.", until)


def _left_out(hand: Hand, node: Node) -> bool:
    reason = adaptation.unwanted(hand, node)
    if not reason:
        return False
    row = starting.row_of(hand, node)
    row.agent, row.tool = node.agent, node.tool
    starting.leave_out(hand, row, reason)
    return True
