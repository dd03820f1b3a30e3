"""What a failed answer means for whoever has to repeat the question, and when it may be repeated."""

from datetime import UTC, datetime

import pytest

from gtm import retries

AT = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
LIMIT = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
SESSION = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (408, None, "transient"),
        (423, None, "transient"),
        (425, None, "transient"),
        (429, {"policyName": "TEN_SECONDLY_ROLLING"}, "transient"),
        (477, None, "transient"),
        (500, None, "transient"),
        (503, [], "transient"),
        (599, "busy", "transient"),
        (403, LIMIT, "transient"),
        (400, [{"errorCode": "UNABLE_TO_LOCK_ROW"}], "transient"),
        (401, None, "auth"),
        (401, SESSION, "auth"),
        (400, {"error": "invalid_grant", "error_description": "expired"}, "auth"),
        (400, {"error": "invalid_client"}, "auth"),
        (403, {"status": "error", "category": "MISSING_SCOPES"}, "auth"),
        (409, {"category": "CONFLICT"}, "conflict"),
        (0, None, "permanent"),
        (302, None, "permanent"),
        (400, {"category": "VALIDATION_ERROR"}, "permanent"),
        (403, [{"errorCode": "INSUFFICIENT_ACCESS"}], "permanent"),
        (403, [7, None, {"errorCode": 5}], "permanent"),
        (404, {"error": {"message": "nested"}}, "permanent"),
        (413, None, "permanent"),
        (422, None, "permanent"),
    ],
)
def test_a_failure_is_of_one_kind(status, answer, kind):
    assert retries.kind_of(status, answer) == kind


@pytest.mark.parametrize(
    ("text", "unit", "seconds"),
    [
        ("7", "s", 7.0),
        (" 0.5 ", "s", 0.5),
        ("0", "s", 0.0),
        ("2500", "s", 2500.0),
        ("2500", "ms", 2.5),
        ("1000", "ms", 1.0),
        ("999", "ms", 999.0),
        ("7", "ms", 7.0),
        ("86401", "s", 86_400.0),
        ("999999999999", "ms", 86_400.0),
        ("Mon, 16 Nov 2026 09:00:30 GMT", "s", 30.0),
        ("Mon, 16 Nov 2026 09:00:30 GMT", "ms", 30.0),
        ("Monday, 16-Nov-26 09:01:00 GMT", "s", 60.0),
        ("Mon, 16 Nov 2026 08:59:00 GMT", "s", 0.0),
        ("Sun, 16 Nov 2036 09:00:00 GMT", "s", 86_400.0),
        ("", "s", None),
        ("soon", "s", None),
        ("-5", "s", None),
        ("²", "s", None),
        ("1e9", "s", None),
        ("7, 9", "s", None),
    ],
)
def test_how_long_a_party_asks_us_to_wait(text, unit, seconds):
    assert retries.retry_after_s({"retry-after": text}, at=AT, unit=unit) == seconds


def test_a_date_is_read_against_the_clock_of_the_party_that_names_it():
    headers = {"retry-after": "Mon, 16 Nov 2026 07:00:20 GMT", "date": "Mon, 16 Nov 2026 07:00:00 GMT"}

    assert retries.retry_after_s(headers, at=AT) == 20.0
    assert retries.retry_after_s({}, at=AT) is None
