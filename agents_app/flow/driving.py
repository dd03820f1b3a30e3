"""Run → steps → facts, personas, draft. One driver a run; it alone touches the database.

Each step is a row from its first moment, and a finished one is never repeated: whoever takes the run up after a crash
goes on with the first step that has not finished.
"""

import logging
import queue
import time
from collections.abc import Sequence

from django.utils import timezone

from agents_app.flow import budget, crew, lease, turn
from agents_app.flow.hand import Asked, Clock, Finished, Hand, Message
from agents_app.flow.turn import Turn
from agents_app.models import FlowRun

logger = logging.getLogger(__name__)


def execute(run_id: int, *, clock: Clock = timezone.now, in_step: bool = False) -> FlowRun:
    """Take the run as far as it goes. A run that another worker owns, or that has ended, is returned as it stands.

    `in_step`: steps that work side by side are written together, so that a made-up clock always gives the same times.
    """
    try:
        begun = turn.first(run_id, clock=clock)
    except Exception as error:
        if lease.was_freed(error):  # no fault of the run's: it is as it was, or another worker's by now
            logger.warning("Run %s was not begun: this worker froze while it claimed it.", run_id)
            return FlowRun.objects.get(pk=run_id)
        lease.stumbled(run_id, at=clock())
        raise
    if begun is None:
        return FlowRun.objects.get(pk=run_id)
    hand, now = begun
    hand.in_step = in_step
    try:
        while _let_go(hand, now):
            now = turn.following(hand, _arrivals(hand))
    except lease.LostLease as lost:
        logger.warning("%s", lost)
        return FlowRun.objects.get(pk=run_id)
    return hand.run


def _let_go(hand: Hand, now: Turn) -> bool:
    """After the commit: answer threads, put new steps to work. False when the run was left."""
    budget.heed(hand)
    for reply in now.replies:
        reply()
    for job in now.jobs:
        budget.admit(hand, job.purse, job.worst)
        crew.put_to_work(hand.inbox, job.row.pk, job.do)
    return now.ending is None


def _arrivals(hand: Hand) -> list[Message]:
    """Wait for something that needs a turn, keeping the lease alive; then everything that has come in by then.

    What a call cost needs no turn of its own: it is written with the next one.
    """
    woken: list[Asked | Finished] = []
    while not _is_enough(hand, woken):
        try:
            woken.append(hand.inbox.wait(_patience(hand)))
        except queue.Empty:
            if hand.late():
                break
            if hand.in_step:
                continue  # a look at a made-up clock would move it, as often as the machine is slow
            lease.beat(hand.run, at=hand.clock())
            if hand.inbox.has_settled():
                break
    found = hand.inbox.everything(woken)
    return sorted(found, key=lambda message: message.step_id) if hand.in_step else found


def _is_enough(hand: Hand, woken: Sequence[Asked | Finished]) -> bool:
    if hand.in_step and not any(isinstance(message, Asked) for message in woken):
        return len(woken) == len(hand.running())
    return bool(woken)


def _patience(hand: Hand) -> float:
    """Seconds until the next heartbeat or the next deadline of a step, whichever is sooner."""
    now = time.monotonic()
    deadlines = [hand.deadlines[row.pk] - now for row in hand.running() if row.pk in hand.deadlines]
    return max(0.0, min([lease.HEARTBEAT_S, *deadlines]))
