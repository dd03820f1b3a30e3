"""What HubSpot's API may meet a caller with on a bad day, for storms in tests: name to fault."""

import json
from collections.abc import Mapping

from gtm.sandbox.faults import HALF, LATE, RESET, Fault


def _busy(policy: str, message: str) -> bytes:
    return json.dumps(
        {
            "status": "error",
            "message": message,
            "errorType": "RATE_LIMIT",
            "correlationId": "00000000-0000-4000-8000-000000000000",
            "policyName": policy,
        }
    ).encode()


TEN_SECONDLY = _busy("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")
DAILY = _busy("DAILY", "You have reached your daily limit.")
WEATHER: Mapping[str, Fault] = {
    "429": Fault(429, TEN_SECONDLY),
    "429, again in 2500 milliseconds": Fault(429, TEN_SECONDLY, {"retry-after": "2500"}),
    "429, again in 7 seconds": Fault(429, TEN_SECONDLY, {"retry-after": "7"}),
    "429, again at a date": Fault(
        429, TEN_SECONDLY, {"retry-after": "Mon, 16 Nov 2026 09:00:30 GMT", "date": "Mon, 16 Nov 2026 09:00:00 GMT"}
    ),
    "429, the day is used up": Fault(429, DAILY),
    "500": Fault(500, b'{"status": "error", "message": "internal error"}'),
    "502, a page": Fault(502, b"<html>Bad gateway</html>"),
    "hang": LATE,
    "reset": RESET,
    "half an answer": HALF,
}
