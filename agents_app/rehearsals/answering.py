"""The answers of a rehearsal, asked for one slice of time after the other, by one worker at a time.

What an answer may cost is set aside on its row, in the transaction that begins it; so a worker may die anywhere: what
it had begun counts as spent for certain or perhaps, and is asked for once more. The agency pays: no client's day.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from agents_app import contracts, llm, prices, promising
from agents_app.agents import AGENTS
from agents_app.flow import means
from agents_app.flow.work import Task, Work, do_again
from agents_app.llm import Grant, Offer, Seen
from agents_app.models import Depth, GoldenCase, PromptVersion, Rehearsal, RehearsalAnswer
from agents_app.prices import PriceTable
from agents_app.prompts import Material
from agents_app.rehearsals import spending
from agents_app.rehearsals.asking import AT_ONCE, RehearsalRefused, worst_of
from agents_app.rehearsals.deciding import conclude, raise_level

LEASE = timedelta(minutes=10)  # longer than the slowest batch of answers
SLICE_S = 120.0  # after so long the next worker goes on, so that none is held for an hour
LATER = timedelta(minutes=2)  # how long a busy model is left in peace, where it did not say
FORGOTTEN = "Its question is no longer stored whole: somebody asked to be forgotten."
FAULT = "It stopped on a fault of this system; the log has it."
Status = RehearsalAnswer.Status
Pause = timedelta | None


class Purse:
    """What was set aside for one answer; no call goes beyond it."""

    def __init__(self, usd: Decimal) -> None:
        self._left = usd
        self._lock = Lock()

    def reserve(self, offers: Sequence[Offer]) -> Grant:
        with self._lock:
            for offer in offers:
                if offer.worst_usd <= self._left:
                    self._left -= offer.worst_usd
                    return Grant(offer.model, offer.worst_usd)
        raise llm.BudgetSpent("What was set aside for this answer is spent.")

    def settle(self, grant: Grant, *, cost_usd: Decimal, uncertain_usd: Decimal, seen: Seen | None) -> None:
        with self._lock:
            self._left += grant.usd - cost_usd - uncertain_usd


def unfinished(at: datetime) -> list[int]:
    """The rehearsals that nobody works on though they are not over."""
    free = Rehearsal.objects.filter(Q(lease_until=None) | Q(lease_until__lt=at), status__in=Rehearsal.OPEN)
    return list(free.order_by("pk").values_list("pk", flat=True))


def answer_some(rehearsal_id: int, *, clock: Callable[[], datetime] = timezone.now) -> bool:
    """Ask for answers until all are there or the slice is over. Whether somebody has to go on at once."""
    rehearsal = _take(rehearsal_id, clock())
    if rehearsal is None:
        return False
    try:
        return _go_on(rehearsal, clock)
    except RehearsalRefused as refusal:  # what it could do when it was asked for, it cannot do any more
        _end(rehearsal, clock(), str(refusal))
        return False


def _go_on(rehearsal: Rehearsal, clock: Callable[[], datetime]) -> bool:
    began = time.monotonic()
    with ThreadPoolExecutor(_at_once()) as pool:
        while rows := _begin(rehearsal, clock()):
            works = list(pool.map(lambda one: do_again(*one), _tasks(rehearsal, rows, clock())))
            pause = _keep(rehearsal, rows, works, clock())
            if trouble := _turned_away(works):
                _end(rehearsal, clock(), trouble)
                return False
            if pause is not None:
                _hold(rehearsal, clock() + pause)
                return False
            if time.monotonic() - began > SLICE_S:
                _hold(rehearsal, None)
                return True
    _end(rehearsal, clock())
    return False


# --- whose it is


def _take(rehearsal_id: int, at: datetime) -> Rehearsal | None:
    free = Rehearsal.objects.filter(Q(lease_until=None) | Q(lease_until__lt=at), pk=rehearsal_id)
    taken = free.filter(status__in=Rehearsal.OPEN).update(
        status=Rehearsal.Status.RUNNING, lease_until=at + LEASE, fence=F("fence") + 1
    )
    if not taken:
        return None
    begun = RehearsalAnswer.objects.filter(rehearsal=rehearsal_id, status=Status.RUNNING)
    begun.update(uncertain_usd=F("uncertain_usd") + F("set_aside_usd"), set_aside_usd=0, status=Status.PLANNED)
    return Rehearsal.objects.select_related("candidate", "against").get(pk=rehearsal_id)


def _hold(rehearsal: Rehearsal, until: datetime | None) -> bool:
    """Whether it is still ours; it is until then. Inside a transaction nobody else takes it meanwhile."""
    mine = Rehearsal.objects.filter(pk=rehearsal.pk, fence=rehearsal.fence, status=Rehearsal.Status.RUNNING)
    return bool(mine.update(lease_until=until))


# --- its answers


@transaction.atomic
def _begin(rehearsal: Rehearsal, at: datetime) -> list[RehearsalAnswer]:
    """The next rows, with their money set aside; none where all are asked, it is another's, or the money is spent."""
    if not _hold(rehearsal, at + LEASE):
        return []
    rows = RehearsalAnswer.objects.filter(rehearsal=rehearsal, status=Status.PLANNED).select_related("case")
    rows.filter(case__context={}).update(status=Status.FAILED, error=FORGOTTEN, finished_at=at)
    left = rehearsal.budget_usd - spending.gone(rehearsal)
    begun: list[RehearsalAnswer] = []
    for row in rows.order_by("pk")[: _at_once()]:
        row.set_aside_usd = worst_of(_version(rehearsal, row), row.case, at)
        left -= row.set_aside_usd
        if left >= 0:
            row.status = Status.RUNNING
            begun.append(row)
    RehearsalAnswer.objects.bulk_update(begun, ["status", "set_aside_usd"])
    return begun


def _at_once() -> int:
    return 1 if llm.is_offline() else AT_ONCE


def _version(rehearsal: Rehearsal, row: RehearsalAnswer) -> PromptVersion:
    return rehearsal.candidate if row.side == RehearsalAnswer.Side.NEW else rehearsal.against


def _tasks(rehearsal: Rehearsal, rows: Sequence[RehearsalAnswer], at: datetime) -> list[tuple[Task, Material]]:
    old = RehearsalAnswer.objects.filter(rehearsal=rehearsal, side=RehearsalAnswer.Side.OLD, status=Status.DONE)
    texts = {(each.case_id, each.repeat): each.text for each in old.filter(case__in=[row.case_id for row in rows])}
    table = prices.load()
    return [(_task(rehearsal, row, table, at, texts), _material(row)) for row in rows]


def _task(
    rehearsal: Rehearsal, row: RehearsalAnswer, table: PriceTable, at: datetime, texts: Mapping[tuple[int, int], str]
) -> Task:
    is_new, version = row.side == RehearsalAnswer.Side.NEW, _version(rehearsal, row)
    asked_with = means.of(version, rehearsal.agent, row.case.config, Depth.STANDARD)
    return Task(
        agent=AGENTS[rehearsal.agent],
        prompt=version.text,
        needs=None,
        models=(asked_with.model,),
        effort=asked_with.effort,
        max_tokens=asked_with.max_tokens,
        prices=table,
        at=at,
        purse=Purse(row.set_aside_usd),
        promises=promising.for_client(rehearsal.promises, row.case.client_id),
        baseline=texts.get((row.case_id, row.repeat), "") if is_new else "",
    )


def _material(row: RehearsalAnswer) -> Material:
    return Material(row.case.config, row.case.facts, row.case.context)


# --- what came


@transaction.atomic
def _keep(rehearsal: Rehearsal, rows: Sequence[RehearsalAnswer], works: Sequence[Work], at: datetime) -> Pause:
    """Write the answers down. How long to wait where the model is busy, else None; nothing where it is another's."""
    if not _hold(rehearsal, at + LEASE):
        return timedelta(0)
    pause: Pause = None
    forgotten = set(
        GoldenCase.objects.filter(pk__in=[row.case_id for row in rows], context={}).values_list("pk", flat=True)
    )
    for row, work in zip(rows, works, strict=True):
        row.cost_usd += work.cost_usd
        row.uncertain_usd += work.uncertain_usd
        row.set_aside_usd = Decimal(0)
        row.generator = work.generator
        if isinstance(work.error, llm.ModelUnavailable):
            row.status = Status.PLANNED
            asked = work.error.retry_after_s
            pause = LATER if asked is None else timedelta(seconds=asked)
        else:
            _close(rehearsal, row, work, at, is_forgotten=row.case_id in forgotten)
        row.save()
    return pause


def _close(rehearsal: Rehearsal, row: RehearsalAnswer, work: Work, at: datetime, *, is_forgotten: bool) -> None:
    row.finished_at = at
    row.ms = sum(int(each.get("ms", 0)) for each in work.attempts)
    if work.error is not None or is_forgotten:
        row.status, row.error = Status.FAILED, FORGOTTEN if is_forgotten else _told(work.error)
        return
    [answered] = work.answers
    row.status, row.output = Status.DONE, answered.parsed.model_dump(mode="json")
    row.text = AGENTS[rehearsal.agent].text(answered.parsed)
    row.words = contracts.words(row.text)
    row.checks = [asdict(check) for check in answered.all_checks]


def _turned_away(works: Iterable[Work]) -> str:
    """Why no answer can be had, whatever the versions say: the service does not take the requests, or nobody knows what
    they cost. Empty where all were taken."""
    for work in works:
        if isinstance(work.error, (llm.ServiceRefused, llm.PriceMissing)):
            reason = str(work.error)[:200].rstrip(".")
            return f"{reason}. So nothing can be said of the versions. Mend that, then rehearse again."
    return ""


def _told(error: Exception | None) -> str:
    return str(error)[:300] if isinstance(error, llm.ModelError) else FAULT


@transaction.atomic
def _end(rehearsal: Rehearsal, at: datetime, trouble: str = "") -> None:
    """All answers are there, the money is spent, or there is some other trouble."""
    if not _hold(rehearsal, None):
        return
    rehearsal.lease_until = None
    rehearsal.finished_at = at
    rehearsal.error = trouble or _unpaid(rehearsal)
    if rehearsal.error:
        rehearsal.status = Rehearsal.Status.FAILED
    else:
        rehearsal.status = Rehearsal.Status.DONE
        conclude(rehearsal)
        raise_level(rehearsal, at=at)
    rehearsal.save()


def _unpaid(rehearsal: Rehearsal) -> str:
    missing = RehearsalAnswer.objects.filter(rehearsal=rehearsal, status=Status.PLANNED).count()
    if not missing:
        return ""
    is_cut = rehearsal.budget_usd < settings.REHEARSAL_BUDGET_USD  # by what was left of the month
    bound = "GTM_REHEARSAL_MONTH_USD" if is_cut else "GTM_REHEARSAL_BUDGET_USD"
    return (
        f"Its ${rehearsal.budget_usd:.2f} were spent before {missing} of its answers were asked for. Raise {bound}, or "
        "switch off some test cases, then rehearse again."
    )
