"""What a response's headers say of the service's limits. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from gtm.limits import Seen
from gtm.retries import retry_after_s

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


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text.strip()) else None


def _moment(text: str) -> datetime | None:
    """RFC 3339."""
    try:
        return _aware(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
