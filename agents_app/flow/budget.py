"""Money by reservation: before a call its worst case is set aside, for the run and for the client's day; afterwards it
is settled. What does not fit is moved to the next model that was offered, or refused. So nothing can overshoot.

The thread's side (`StepPurse`) sends messages; the driver's side (`reserve`, `settle`, `flush`) holds the run's row, so
it alone changes the run's columns, and changes the day's row by one conditional UPDATE. The service's own limits stand
in rows that all runs share; they are looked at after the turn's commit (`heed`, `answer`, `admit`), because two turns
that held such a row and a day's row would wait for each other.
"""

import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import ROUND_UP, Decimal

from django.conf import settings

from agents_app import llm
from agents_app.flow import noting
from agents_app.flow.hand import Asked, DaySpent, Hand, Inbox, Settled, Wait
from agents_app.flow.journal import one
from agents_app.models import BudgetDay, StepRun
from agents_app.models.flow import MOST_SECONDS
from clients.models import Client
from gtm import limits
from gtm.models import RateLimit

HELD_S = 300.0  # how long a run waits for what calls under way hold back of a day: a step of its own each time
MOST_WAITS = 6  # of one call, before it is left for later
LONGEST_REPLY_S = MOST_SECONDS  # a step that has not been answered by then is too slow in any case
BYTES_A_TOKEN = 3  # for the service's limits, where a guess will do: its own count corrects it with the next answer
NOTHING = Decimal(0)
SMALLEST = Decimal("0.0000001")  # US dollars that the columns hold: what is set aside is given back exactly


# --- the thread's side


@dataclass
class StepPurse:
    """What a step's thread may spend: first what was set aside when it began, then what the driver grants."""

    step_id: int
    inbox: Inbox
    opening: llm.Grant | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)  # a step may ask for several proposals side by side

    def reserve(self, offers: Sequence[llm.Offer]) -> llm.Grant:
        """Raises what the driver answers: BudgetSpent, or ModelUnavailable where a long wait helps.

        What costs nothing (the offline composer) needs nobody's leave.
        """
        if not offers[0].worst_usd:
            return llm.Grant(offers[0].model, NOTHING)
        if opening := self._opening_for(offers[0]):
            return opening
        for _ in range(MOST_WAITS):
            reply: queue.SimpleQueue[llm.Grant | Wait | Exception] = queue.SimpleQueue()
            self.inbox.put(Asked(self.step_id, offers, reply))
            try:
                answer = reply.get(timeout=LONGEST_REPLY_S)
            except queue.Empty:
                break  # nobody drives the run any more
            if isinstance(answer, llm.Grant):
                return answer
            if isinstance(answer, Exception):
                raise answer
            time.sleep(answer.seconds)
        reason = "The model's limits are used up by other runs."
        raise llm.ModelUnavailable(reason, retry_after_s=llm.LONGEST_RETRY_AFTER_S)

    def _opening_for(self, offer: llm.Offer) -> llm.Grant | None:
        """What was set aside at the beginning, once; where it is of no use it goes back before more is asked for."""
        with self._lock:
            opening, self.opening = self.opening, None
        if opening and (opening.model != offer.model or opening.usd < offer.worst_usd):
            self.settle(opening, cost_usd=NOTHING, uncertain_usd=NOTHING, seen=None)
            return None
        return opening

    def settle(self, grant: llm.Grant, *, cost_usd: Decimal, uncertain_usd: Decimal, seen: llm.Seen | None) -> None:
        if grant.usd:
            self.inbox.put(Settled(self.step_id, grant, cost_usd, uncertain_usd, seen))


# --- the driver's side


def reserve(hand: Hand, row: StepRun, offers: Sequence[llm.Offer]) -> llm.Grant | Exception:
    """The first offer that fits the step's share, the run's budget and the client's day."""
    refusal = ""
    for offer in offers:
        worst = _rounded_up(offer.worst_usd)
        refusal = _refusal(hand, row, worst)
        if refusal:
            noting.not_paid(row, offer.model, worst, refusal)
            continue
        if not _lent(hand, worst):
            spent = _day_is_spent(hand, worst)
            noting.not_paid(row, offer.model, worst, str(spent))
            return spent
        _set_aside(hand, row, worst)
        return llm.Grant(offer.model, worst)
    return llm.BudgetSpent(f"{refusal} Ask again with more depth, or raise the budget.")


def open_purses(hand: Hand, rows: Sequence[StepRun], offers: Sequence[llm.Offer | None]) -> list[llm.Grant | None]:
    """What steps set aside when they begin; one that gets nothing here asks when it must.

    The rows are in hand already, so those of one map divide their step's share.
    """
    return [_opening(hand, row, offer) if offer else None for row, offer in zip(rows, offers, strict=True)]


def _opening(hand: Hand, row: StepRun, offer: llm.Offer) -> llm.Grant | None:
    worst = _rounded_up(offer.worst_usd)
    if _refusal(hand, row, worst) or not _lent(hand, worst):
        return None
    _set_aside(hand, row, worst)
    return llm.Grant(offer.model, worst)


def settle(hand: Hand, row: StepRun, settled: Settled) -> None:
    """What the call cost, and what its headers said of the service's limits."""
    spent = settled.cost_usd + settled.uncertain_usd
    _give_back(hand, row, settled.grant.usd, spent)
    if settled.seen is not None:
        hand.heard.append((settled.grant.model, settled.seen))


def close(hand: Hand, row: StepRun) -> None:
    """What was set aside and never used goes back."""
    _give_back(hand, row, row.reserved_usd, NOTHING)


def charge_in_full(hand: Hand, row: StepRun) -> None:
    """The step was lost or too slow: its calls may have been billed, so all that it had set aside counts as spent."""
    _give_back(hand, row, row.reserved_usd, row.reserved_usd)


def flush(hand: Hand) -> None:
    """Write what was settled since the last time to the steps that are still open: who takes the run up after a crash
    must find in them what is set aside, and no more."""
    for row in hand.running():
        if row.pk and row.pk in hand.moved:  # one that begins in this turn is written whole
            hand.journal.update(row, ("reserved_usd", "uncertain_usd"))
    hand.moved.clear()


def give_back(hand: Hand) -> None:
    """Nothing is under way any more: the day is told what was spent of what it lent, and has the rest back."""
    run = hand.run
    if run.lent_usd:
        hand.journal.run(SETTLE, (run.untold_usd, run.lent_usd, run.client_id, run.lent_date))
    run.lent_usd, run.lent_date, run.untold_usd = NOTHING, None, NOTHING


def cap_of(client: Client) -> Decimal:
    """US dollars a day."""
    own = client.daily_budget_usd
    return settings.CLIENT_DAY_BUDGET_USD if own is None else own


def _refusal(hand: Hand, row: StepRun, worst: Decimal) -> str:
    run = hand.run
    if worst > run.left_usd:
        room = f"${run.left_usd:.4f} of the run's ${run.budget_usd:.2f} are left"
        return f"The next call may cost ${worst:.4f}, and {room}."
    share = run.budget_usd * hand.node(row.key).budget_share / 100
    if worst > share - hand.spent_by(row):
        return f"The next call may cost ${worst:.4f}, more than what is left of this step's share (${share:.4f})."
    return ""


def _lent(hand: Hand, amount: Decimal) -> bool:
    """Whether the client's day lends the run that much more; False where the day's cap stands against it.

    A run borrows as much again as it needs now, where its own budget allows, so that its next steps need not ask; where
    the day has no room for that, just what it needs. All of a drive counts on the day, in UTC, on which it began.
    """
    run = hand.run
    missing = amount - (run.lent_usd - run.reserved_usd - run.untold_usd)
    ahead = min(amount, run.left_usd - amount)
    return missing <= 0 or _borrow(hand, missing + ahead) or _borrow(hand, missing)


def _borrow(hand: Hand, amount: Decimal) -> bool:
    """Take `amount` from the day, which is told in the same breath what was spent of what it had lent before."""
    run, day, cap = hand.run, _day(hand), cap_of(hand.run.client)
    change = (cap, run.untold_usd, amount - run.untold_usd, run.client_id, day, amount, cap)
    if one(TAKE, change) is None:
        BudgetDay.objects.bulk_create([BudgetDay(client=run.client, day=day, cap_usd=cap)], ignore_conflicts=True)
        if one(TAKE, change) is None:
            return False
    run.lent_usd, run.lent_date, run.untold_usd = run.lent_usd + amount - run.untold_usd, day, NOTHING
    return True


def _day(hand: Hand) -> date:
    return hand.began_at.astimezone(UTC).date()


TAKE = """
    UPDATE agents_app_budgetday SET cap_usd = %s, spent_usd = spent_usd + %s, reserved_usd = reserved_usd + %s
    WHERE client_id = %s AND day = %s AND spent_usd + reserved_usd + %s <= %s RETURNING id
"""
SETTLE = """
    UPDATE agents_app_budgetday SET spent_usd = spent_usd + %s, reserved_usd = reserved_usd - %s
    WHERE client_id = %s AND day = %s
"""


def _set_aside(hand: Hand, row: StepRun, amount: Decimal) -> None:
    row.reserved_usd += amount
    hand.run.reserved_usd += amount
    hand.moved.add(row.pk)


def _give_back(hand: Hand, row: StepRun, reserved: Decimal, spent: Decimal) -> None:
    """Never more than was set aside: what a service claims beyond its worst case is kept on the call, not here.

    As long as the step is open, what it spent stands on it as uncertain; its result says how much of that is sure.
    """
    reserved = min(reserved, row.reserved_usd)
    spent = min(_rounded_up(spent), reserved)
    row.reserved_usd -= reserved
    row.uncertain_usd += spent
    hand.run.reserved_usd -= reserved
    hand.run.spent_usd += spent
    hand.run.untold_usd += spent
    hand.moved.add(row.pk)


def _rounded_up(usd: Decimal) -> Decimal:
    return usd.quantize(SMALLEST, ROUND_UP)


def _day_is_spent(hand: Hand, worst: Decimal) -> llm.ModelError:
    """Tomorrow is another day; but not for a call that no day of this client has room for, nor where the day's money is
    only held back."""
    cap = cap_of(hand.run.client)
    if worst > cap:
        return llm.BudgetSpent(
            f"The next call may cost ${worst:.4f}, and {hand.run.client} may spend ${cap:.2f} a day; the daily budget "
            "stands on the client's page. Raise it, then ask again."
        )
    spent = BudgetDay.objects.filter(client=hand.run.client_id, day=_day(hand)).values_list("spent_usd", flat=True)
    if sum(spent, hand.run.untold_usd) + worst <= cap:
        held = f"Calls under way hold back what is left of the ${cap:.2f} that {hand.run.client} may spend today."
        return DaySpent(held, retry_after_s=HELD_S)
    tomorrow = datetime.combine(_day(hand) + timedelta(days=1), clock_time(), UTC)
    reason = f"{hand.run.client} has spent its ${cap:.2f} of today; the daily budget stands on the client's page."
    return DaySpent(reason, retry_after_s=max(0.0, (tomorrow - hand.clock()).total_seconds()))


# --- after the commit: the service's limits


def heed(hand: Hand) -> None:
    """Write down what responses said of the limits."""
    for model, seen in hand.heard:
        limits.observe(_limited(model), seen, at=hand.clock())
        hand.limited.add(_limited(model))
    hand.heard.clear()


def answer(hand: Hand, asked: Asked, reserved: llm.Grant | Exception) -> None:
    """Tell the thread, once there is room for its call as well."""
    if isinstance(reserved, llm.Grant):
        offer = next(offer for offer in asked.offers if offer.model == reserved.model)
        asked.reply.put(_with_room(hand, asked.step_id, offer, reserved))
    else:
        asked.reply.put(reserved)


def admit(hand: Hand, purse: StepPurse, offer: llm.Offer | None) -> None:
    """A step whose first call finds no room begins all the same, and asks when it comes so far."""
    if purse.opening and offer and _with_room(hand, purse.step_id, offer, purse.opening) != purse.opening:
        purse.opening = None


def _with_room(hand: Hand, step_id: int, offer: llm.Offer, grant: llm.Grant) -> llm.Grant | Wait | llm.ModelUnavailable:
    """The grant, with its room taken; where there is none, what was set aside goes back with the next turn."""
    seconds = _taken_from_limits(hand, offer)
    if not seconds:
        return grant
    hand.inbox.put(Settled(step_id, grant, NOTHING, NOTHING, None))
    return _wait(seconds)


def _taken_from_limits(hand: Hand, offer: llm.Offer) -> float:
    """Seconds to wait for room among the service's limits; 0: a request's room was taken. Offline there are none.

    Which models have limits is read with every turn, whoever heard of them.
    """
    name = _limited(offer.model)
    if llm.is_offline() or name not in hand.limited:
        return 0.0
    tokens = offer.input_tokens // BYTES_A_TOKEN
    return limits.take(name, input_tokens=tokens, output_tokens=offer.output_tokens, at=hand.clock())


def shut_until(limited: Iterable[RateLimit], *, at: datetime) -> datetime | None:
    """Until when the usual model takes no requests, where that is longer than a call would wait."""
    name, long_from = _limited(settings.MODEL), at + timedelta(seconds=llm.LONGEST_RETRY_AFTER_S)
    until = next((row.blocked_until for row in limited if row.name == name), None)
    return until if until and until > long_from and not llm.is_offline() else None


def _limited(model: str) -> str:
    """Its name in gtm/limits."""
    return f"messages {model}"


def _wait(seconds: float) -> Wait | llm.ModelUnavailable:
    if seconds <= llm.LONGEST_RETRY_AFTER_S:
        return Wait(seconds)
    return llm.ModelUnavailable("The model's limits are used up.", retry_after_s=seconds)
