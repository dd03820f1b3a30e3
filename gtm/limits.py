"""What outside parties still let us ask: one row a party (and model) that every process reads, lowers and corrects.

A party says with each answer how many requests and tokens are left and when that is full again (`observe`). Whoever
wants to ask takes its share first (`take`), so that many processes together ask for no more than is left. The newest
word of the party wins; an older one, arriving late, can only lower. A number past its reset no longer counts. Only code
that may touch the database calls this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Greatest, Least

from gtm.models import RateLimit
from gtm.retries import LONGEST_WAIT_S

KINDS = ("requests", "input_tokens", "output_tokens")
WINDOW = timedelta(minutes=1)  # how long a number holds whose reset the party did not say
LATEST_RESET = timedelta(hours=1)  # a reset further away is a wrong clock, not a limit
MOST = {"requests": 2**31 - 1, "input_tokens": 2**63 - 1, "output_tokens": 2**63 - 1}  # what the columns hold
TRIES = 3
AGAIN_S = 0.05


@dataclass(frozen=True)
class Seen:
    """What the headers of one response said (None: nothing), with aware times; `retry_after_s` counts from then on."""

    requests_remaining: int | None = None
    requests_reset_at: datetime | None = None
    input_tokens_remaining: int | None = None
    input_tokens_reset_at: datetime | None = None
    output_tokens_remaining: int | None = None
    output_tokens_reset_at: datetime | None = None
    retry_after_s: float | None = None


def observe(name: str, seen: Seen, *, at: datetime) -> None:
    """Write down what a response said of its party's limits; `at` is when it came. One UPDATE."""
    said = {kind: _said(seen, kind, at) for kind in KINDS}
    changes: dict[str, Any] = {}
    for kind, number in said.items():
        if number is not None:
            changes |= _changes(kind, *number, at)
    if seen.retry_after_s is not None:
        blocked = at + timedelta(seconds=min(seen.retry_after_s, LONGEST_WAIT_S))
        changes["blocked_until"] = Greatest(F("blocked_until"), Value(blocked))  # PostgreSQL's leaves NULL out
    if not changes:
        return
    changes["updated_at"] = Greatest(F("updated_at"), Value(at))
    if not _rows(name).update(**changes):
        _first_sight(name, at)
        _rows(name).update(**changes)


def holds(row: RateLimit, *, at: datetime) -> bool:
    """Whether the party limits us at present: it said so, and what it said still counts."""
    until = [row.blocked_until, *(getattr(row, f"{kind}_reset_at") for kind in KINDS)]
    return any(moment is not None and moment > at for moment in until)


LIMITING = """
    SELECT name FROM gtm_ratelimit
    WHERE GREATEST(blocked_until, requests_reset_at, input_tokens_reset_at, output_tokens_reset_at) > %s
"""
"""The names of those that limit us at a moment, as `holds` has it: to be read along with something else."""


def take(name: str, *, input_tokens: int = 0, output_tokens: int = 0, at: datetime) -> float:
    """One request with so many tokens: 0.0 when the row was lowered by them, otherwise the seconds to wait, and
    nothing was taken. One conditional UPDATE decides, so that two processes cannot take the same."""
    wanted = {"requests": 1, "input_tokens": input_tokens, "output_tokens": output_tokens}
    free = Q(blocked_until__isnull=True) | Q(blocked_until__lte=at)
    for kind, number in wanted.items():
        free &= _counts_not(kind, at) | Q(**{f"{kind}_remaining__gte": number})
    lowered = {f"{kind}_remaining": _lowered(kind, number, at) for kind, number in wanted.items()}
    for _ in range(TRIES):
        if _rows(name).filter(free).update(**lowered):
            return 0.0
        wait = wait_s(name, input_tokens=input_tokens, output_tokens=output_tokens, at=at)
        if wait:
            return wait
        _first_sight(name, at)
    return AGAIN_S


def wait_s(name: str, *, input_tokens: int = 0, output_tokens: int = 0, at: datetime) -> float:
    """Seconds until one request with so many tokens fits (0: go). Takes nothing: it is for plans and pages."""
    row = _rows(name).first()
    if row is None:
        return 0.0
    wanted = {"requests": 1, "input_tokens": input_tokens, "output_tokens": output_tokens}
    until = [at, row.blocked_until or at]
    for kind, number in wanted.items():
        left, reset_at = getattr(row, f"{kind}_remaining"), getattr(row, f"{kind}_reset_at")
        if left is not None and reset_at is not None and left < number:
            until.append(reset_at)
    return (max(until) - at).total_seconds()


def _rows(name: str) -> QuerySet[RateLimit]:
    return RateLimit.objects.filter(name=name)


def _first_sight(name: str, at: datetime) -> None:
    """The row that says nothing yet; another process may have made it a moment ago."""
    RateLimit.objects.bulk_create([RateLimit(name=name, updated_at=at)], ignore_conflicts=True)


def _said(seen: Seen, kind: str, at: datetime) -> tuple[int, datetime] | None:
    """What is left and until when that holds; None where nothing was said that still counts."""
    left: int | None = getattr(seen, f"{kind}_remaining")
    reset_at: datetime = getattr(seen, f"{kind}_reset_at") or at + WINDOW
    if left is None or reset_at <= at:
        return None
    return min(max(0, left), MOST[kind]), min(reset_at, at + LATEST_RESET)


def _changes(kind: str, left: int, reset_at: datetime, at: datetime) -> Mapping[str, Any]:
    """The new number and its reset, or, where the row knows something newer, the lower of both numbers."""
    is_late = Q(updated_at__gt=at) & ~_counts_not(kind, at)
    return {
        f"{kind}_remaining": Case(When(is_late, then=Least(F(f"{kind}_remaining"), Value(left))), default=Value(left)),
        f"{kind}_reset_at": Case(When(is_late, then=F(f"{kind}_reset_at")), default=Value(reset_at)),
    }


def _counts_not(kind: str, at: datetime) -> Q:
    return (
        Q(**{f"{kind}_remaining__isnull": True})
        | Q(**{f"{kind}_reset_at__isnull": True})
        | Q(**{f"{kind}_reset_at__lte": at})
    )


def _lowered(kind: str, number: int, at: datetime) -> Case:
    name = f"{kind}_remaining"
    return Case(When(_counts_not(kind, at), then=F(name)), default=F(name) - number)
