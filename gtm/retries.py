"""What an answer that is no success means for whoever has to repeat the question, and when it may be repeated. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

Kind = Literal["transient", "permanent", "auth", "conflict"]
Unit = Literal["s", "ms"]

# 423 and 477: HubSpot, while it locks or moves an account. All other 5xx are transient too.
TRANSIENT = frozenset({408, 423, 425, 429, 477})
BUSY_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW"})  # Salesforce, with a 4xx
AUTH_CODES = frozenset(
    {"INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "MISSING_SCOPES", "invalid_grant", "invalid_client"}
)
LONGEST_WAIT_S = 86_400.0  # a longer wait than a day is not believed
SHORTEST_MS = 1000.0


def kind_of(status: int, answer: object = None) -> Kind:
    """By status, and by the party's own code where the status alone misleads: Salesforce says 403 where its limit is
    used up, OAuth says 400 where a grant is void, HubSpot 403 where a token lacks a scope."""
    codes = set(codes_of(answer))
    if status in TRANSIENT or status >= 500 or codes & BUSY_CODES:
        return "transient"
    if status == 401 or codes & AUTH_CODES:
        return "auth"
    return "conflict" if status == 409 else "permanent"


def codes_of(answer: object) -> Iterator[str]:
    """The machine-readable names of what went wrong: Salesforce's list, HubSpot's category, OAuth's error."""
    for part in answer if isinstance(answer, list) else [answer]:
        if isinstance(part, Mapping):
            named = (part.get(name) for name in ("errorCode", "category", "error", "statusCode"))
            yield from (each for each in named if isinstance(each, str))


def retry_after_s(headers: Mapping[str, str], *, at: datetime, unit: Unit = "s") -> float | None:
    """Seconds from now on, at most a day: given as a number or as a date (RFC 9110, 10.2.3). A date is read against the
    party's own clock where the answer names it, else against `at`. None where nothing usable was said.

    `unit` "ms": the party may mean milliseconds. A number below 1000 is seconds all the same, because nobody asks for
    less than a second, and too late does less harm than too early. Names of `headers` in small letters.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        number = float(text)
        return min(number / 1000 if unit == "ms" and number >= SHORTEST_MS else number, LONGEST_WAIT_S)
    until = _date(text)
    if until is None:
        return None
    return min(max(0.0, (until - (_date(headers.get("date", "")) or at)).total_seconds()), LONGEST_WAIT_S)


def _date(text: str) -> datetime | None:
    """An HTTP date, such as Mon, 16 Nov 2026 09:00:07 GMT."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
