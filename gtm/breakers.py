"""Circuit breakers shared by all processes: a party that failed five times running is left in peace for a while, and
then tried with a single call.

`enter` before a call, `succeeded` or `failed` after it. Every change of state is one conditional UPDATE, so of all
processes that would like to probe, one may. A probe that never tells how it went (its process died) makes room for the
next after `PROBE_S`. What a call tells that began before the breaker opened no longer moves it. Only code that may
touch the database calls this.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q

from gtm.models import Breaker
from gtm.retries import LONGEST_WAIT_S

FAILURES = 5
COOLDOWN_S = 30.0  # doubles with each probe that fails
LONGEST_COOLDOWN_S = 900.0
PROBE_S = 120.0  # longer than any call may take

State = Breaker.State

FAILED = """
    UPDATE gtm_breaker SET
        failures = failures + 1,
        why = %(why)s,
        state = CASE WHEN {opens} THEN 'open' ELSE state END,
        opened_at = CASE WHEN {opens} THEN %(at)s ELSE opened_at END,
        retry_at = CASE WHEN {opens} THEN %(at)s + make_interval(secs =>
            GREATEST(%(retry_after)s, LEAST(%(longest)s, %(cooldown)s * power(2, LEAST(trips, 30))))) ELSE retry_at END,
        trips = CASE WHEN {opens} THEN trips + 1 ELSE trips END
    WHERE name = %(name)s AND (state = 'closed' OR (state = 'half_open' AND probe = %(probe)s))
""".format(opens="state = 'half_open' OR failures + 1 >= %(failures)s")


@dataclass(frozen=True)
class Entered:
    """`wait_s` 0: ask now, and give this back afterwards. `probe` numbers the one call that tries a party again."""

    wait_s: float = 0.0
    probe: int = 0


def states(names: Iterable[str]) -> dict[str, str]:
    """Of those that ever failed: name → state. One query for many parties; where one is not closed, `enter` decides."""
    return dict(Breaker.objects.filter(name__in=list(names)).values_list("name", "state"))


def enter(name: str, *, at: datetime) -> Entered:
    """May the party be asked? Where not, in how many seconds to come again; nothing is taken then."""
    row = Breaker.objects.filter(name=name).first()
    if row is None or row.state == State.CLOSED:
        return Entered()
    ripe = Breaker.objects.filter(~Q(state=State.CLOSED), name=name, probe=row.probe, retry_at__lte=at)
    until = at + timedelta(seconds=PROBE_S)
    if ripe.update(state=State.HALF_OPEN, probe=F("probe") + 1, retry_at=until):
        return Entered(probe=row.probe + 1)
    return Entered(wait_s=max(wait_s(name, at=at), 1.0))


def wait_s(name: str, *, at: datetime) -> float:
    """Seconds until the party may be asked (0: go, or try to be the probe). Takes nothing."""
    row = Breaker.objects.filter(~Q(state=State.CLOSED), name=name, retry_at__gt=at).first()
    return (row.retry_at - at).total_seconds() if row and row.retry_at else 0.0


def succeeded(name: str, entered: Entered) -> None:
    """The party answered, also with a refusal: it is well, as far as this call may say so."""
    well = Q(state=State.CLOSED, failures__gt=0) | Q(state=State.HALF_OPEN, probe=entered.probe)
    Breaker.objects.filter(well, name=name).update(
        state=State.CLOSED, failures=0, trips=0, retry_at=None, opened_at=None, why=""
    )


def failed(name: str, entered: Entered, *, why: str, at: datetime, retry_after_s: float | None = None) -> None:
    """The party could not answer. A wait that it asked for holds where it is longer than ours, a day at most."""
    Breaker.objects.bulk_create([Breaker(name=name)], ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(
            FAILED,
            {
                "name": name,
                "why": why[:300],
                "at": at,
                "probe": entered.probe,
                "failures": FAILURES,
                "cooldown": COOLDOWN_S,
                "longest": LONGEST_COOLDOWN_S,
                "retry_after": min(retry_after_s or 0.0, LONGEST_WAIT_S),
            },
        )
