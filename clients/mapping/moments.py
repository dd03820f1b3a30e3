"""Dates as CRMs write them, as ISO 8601."""

import re
from datetime import UTC, date, datetime

from clients.mapping.unreadable import Unreadable

ORDERS = {"dmy": (2, 1, 0), "mdy": (2, 0, 1)}  # where year, month and day stand
MILLISECONDS = 12  # digits; shorter numbers are seconds
_NUMBER = re.compile(r"/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/|(-?\d{1,16})(?:\.\d+)?")
_PARTS = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})\b")


def of_number(text: str) -> str:
    """Milliseconds since 1970, seconds where there are fewer than 12 digits, or Dynamics' /Date(ms)/."""
    found = _NUMBER.fullmatch(text)
    if not text:
        return ""
    if found is None:
        raise Unreadable(f"“{text[:40]}” is no number of milliseconds since 1970.")
    digits = found[1] or found[2]
    is_seconds = found[1] is None and len(digits.lstrip("-")) < MILLISECONDS
    try:
        moment = datetime.fromtimestamp(int(digits) / (1 if is_seconds else 1000), tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable(f"“{text[:40]}” lies outside the calendar.") from None
    return moment.isoformat().replace("+00:00", "Z")


def of_text(text: str, order: str) -> str:
    """ISO 8601, in UTC where it names a zone; with `order` also dates like 16/11/2026."""
    if not text:
        return ""
    try:
        return _iso(text)
    except (ValueError, OverflowError):
        parts = _PARTS.match(text)
    if parts is None or order not in ORDERS:
        raise Unreadable(f"“{text[:40]}” is no date like 2026-11-16. If it is written otherwise, say dmy or mdy.")
    year, month, day = (int(parts[place + 1]) for place in ORDERS[order])
    try:
        return date(year + (2000 if year < 100 else 0), month, day).isoformat()
    except ValueError:
        raise Unreadable(f"“{text[:40]}” is no date when read as {order}.") from None


def order_problem(order: str) -> str:
    return "" if order in ORDERS else "Write dmy (day first) or mdy (month first)."


def _iso(text: str) -> str:
    if len(text) <= len("2026-11-16"):
        return date.fromisoformat(text).isoformat()
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment.tzinfo else moment.isoformat()
