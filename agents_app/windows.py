"""When e-mails may leave: on which days, from which hour until which. Pure.

A window is {"days": names as in `keys.DAYS`, "from_hour", "to_hour"}; what is not said is open.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from clients.keys import DAYS

ALL_DAY = (0, 24)


def next_open(window: Mapping[str, Any], at: datetime) -> datetime | None:
    """`at` itself while the window is open, else the moment at which it opens next, in the time zone of `at`; None for
    one that never opens."""
    open_days, begins, ends = _read(window)
    for ahead in range(8 if ever_opens(window) else 0):
        day = (at + timedelta(days=ahead)).date()
        opens = datetime.combine(day, time(begins), at.tzinfo)
        closes = datetime.combine(day, time(), at.tzinfo) + timedelta(hours=ends)
        if day.weekday() in open_days and at < closes:
            return max(at, opens)
    return None


def ever_opens(window: Mapping[str, Any]) -> bool:
    """Not without a day, nor with its hours the wrong way round."""
    open_days, begins, ends = _read(window)
    return bool(open_days) and begins < ends


def _read(window: Mapping[str, Any]) -> tuple[set[int], int, int]:
    open_days = {list(DAYS).index(day) for day in window.get("days", DAYS) if day in DAYS}
    return open_days, window.get("from_hour", ALL_DAY[0]), window.get("to_hour", ALL_DAY[1])
