"""Token buckets shared by all processes: no more calls to a party than it publishes, some of a day kept for people.

What a party says by itself of its limits is in `gtm/limits.py`; here is what we allow ourselves before it says a word.
The bucket fills at 80 % of the published rate and holds the other 20 %: so in no span of the published length are there
more calls than published, however they bunch. Of a day's calls 80 % are ours, and the last tenth of those is for what a
person started. A day is UTC's. Only code that may touch the database calls this.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection

from gtm.models import Bucket

SHARE = 0.8
RESERVED = 0.1
TRIES = 3
AGAIN_S = 0.05

TAKE = """
    UPDATE gtm_bucket SET
        tokens = {filled} - %(calls)s,
        refilled_at = GREATEST(refilled_at, %(at)s),
        spent = {spent} + %(calls)s,
        day = GREATEST(day, %(day)s)
    WHERE name = %(name)s AND {filled} >= %(calls)s AND {spent} + %(calls)s <= %(most)s
"""
LOOK = "SELECT {filled}, {spent} FROM gtm_bucket WHERE name = %(name)s"
HEARD = """
    UPDATE gtm_bucket SET spent = GREATEST({spent}, %(used)s), day = GREATEST(day, %(day)s) WHERE name = %(name)s
"""
PARTS = {
    "filled": "LEAST(%(burst)s, tokens + %(per_s)s * GREATEST(0, EXTRACT(EPOCH FROM (%(at)s - refilled_at))::float8))",
    "spent": "CASE WHEN day >= %(day)s THEN spent ELSE 0 END",
}


@dataclass(frozen=True)
class Published:
    """What a party allows: `calls` in any `seconds`, and `a_day`."""

    calls: int
    seconds: float
    a_day: int

    @property
    def per_s(self) -> float:
        return SHARE * self.calls / self.seconds

    @property
    def burst(self) -> float:
        return max(1.0, self.calls - SHARE * self.calls)

    def most(self, *, by_person: bool) -> int:
        """Calls of a day after which no more are made, of this sort."""
        ours = int(SHARE * self.a_day)
        return ours if by_person else ours - int(RESERVED * ours)


def take(name: str, published: Published, *, at: datetime, by_person: bool = False) -> float:
    """One call: 0.0 when it was taken, otherwise the seconds to wait, and nothing was taken. One conditional UPDATE
    decides, so that two processes cannot take the same token."""
    values = _values(name, published, at) | {"most": published.most(by_person=by_person)}
    for _ in range(TRIES):
        with connection.cursor() as cursor:
            cursor.execute(TAKE.format(**PARTS), values)
            if cursor.rowcount:
                return 0.0
            cursor.execute(LOOK.format(**PARTS), values)
            found = cursor.fetchone()
        if found:
            return _wait_s(*found, most=values["most"], published=published, at=at)
        _first_sight(name, published, at)
    return AGAIN_S


def heard(name: str, used: int, of: int, published: Published, *, at: datetime) -> None:
    """The party says that `used` of the `of` calls it allows in a day were made, by us and by others. That counts where
    it is more than we know; where it allows another number than it publishes, by its share."""
    share = min(max(0, used), of) * published.a_day // max(1, of)
    with connection.cursor() as cursor:
        cursor.execute(HEARD.format(**PARTS), {"name": name, "used": share, "day": _day(at)})


def _values(name: str, published: Published, at: datetime) -> dict[str, Any]:
    return {
        "name": name,
        "calls": 1,
        "at": at,
        "day": _day(at),
        "burst": published.burst,
        "per_s": published.per_s,
    }


def _wait_s(tokens: float, spent: int, *, most: int, published: Published, at: datetime) -> float:
    if spent + 1 > most:
        midnight = datetime.combine(_day(at) + timedelta(days=1), time(), tzinfo=UTC)
        return (midnight - at).total_seconds()
    return max(AGAIN_S, (1 - tokens) / published.per_s)


def _first_sight(name: str, published: Published, at: datetime) -> None:
    """A full bucket; another process may have made it a moment ago."""
    fresh = Bucket(name=name, tokens=published.burst, refilled_at=at, day=_day(at))
    Bucket.objects.bulk_create([fresh], ignore_conflicts=True)


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
