"""When e-mails may leave: on which days, from which hour until which. Pure."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from clients.keys import DAYS

ALL_DAY = (0, 24)


def next_open(window: Mapping[str, Any], at: datetime) -> datetime:
    """`at` itself while the window is open, else the moment at which it opens next, in the time zone of `at`.

    `window` is {"days": names as in `keys.DAYS`, "from_hour", "to_hour"}. One that is never open (no day, or hours the
    wrong way round) keeps nothing back: the settings' own checks refuse it, and a run's copy may be older than they.
    """
    begins, ends = window.get("from_hour", ALL_DAY[0]), window.get("to_hour", ALL_DAY[1])
    open_days = {list(DAYS).index(day) for day in window.get("days", DAYS) if day in DAYS}
    if not open_days or begins >= ends:
        return at
    for ahead in range(8):
        day = (at + timedelta(days=ahead)).date()
        opens = datetime.combine(day, time(begins), at.tzinfo)
        closes = datetime.combine(day, time(), at.tzinfo) + timedelta(hours=ends)
        if day.weekday() in open_days and at < closes:
            return max(at, opens)
    return at
