"""What a response's headers say of the service's limits. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gtm.limits import LONGEST_BLOCK_S, Seen

LONGEST_RETRY_AFTER_S = 20.0  # longer: give the worker's slot back and come again
PREFIX = "anthropic-ratelimit-"

__all__ = ["LONGEST_RETRY_AFTER_S", "Seen", "retry_after_s", "seen"]


def seen(headers: Mapping[str, str], *, at: datetime) -> Seen:
    """Names of `headers` in small letters. What is not there or cannot be read is None."""
    return Seen(
        requests_remaining=_number(headers.get(f"{PREFIX}requests-remaining", "")),
        requests_reset_at=_moment(headers.get(f"{PREFIX}requests-reset", "")),
        input_tokens_remaining=_number(headers.get(f"{PREFIX}input-tokens-remaining", "")),
        input_tokens_reset_at=_moment(headers.get(f"{PREFIX}input-tokens-reset", "")),
        output_tokens_remaining=_number(headers.get(f"{PREFIX}output-tokens-remaining", "")),
        output_tokens_reset_at=_moment(headers.get(f"{PREFIX}output-tokens-reset", "")),
        retry_after_s=retry_after_s(headers, at=at),
    )


def retry_after_s(headers: Mapping[str, str], *, at: datetime) -> float | None:
    """Seconds, at most a day: given as a number or as a date (RFC 9110, 10.2.3). A date is read against the service's
    own clock where the response names it, else against `at`. None where nothing usable was said."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return min(float(text), LONGEST_BLOCK_S)
    until = _date(text)
    if until is None:
        return None
    return min(max(0.0, (until - (_date(headers.get("date", "")) or at)).total_seconds()), LONGEST_BLOCK_S)


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


def _moment(text: str) -> datetime | None:
    """RFC 3339."""
    try:
        return _aware(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def _date(text: str) -> datetime | None:
    """An HTTP date, such as Mon, 16 Nov 2026 09:00:07 GMT."""
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
