"""What Salesforce's API may meet a caller with on a bad day, for storms in tests: name to fault."""

import json
from collections.abc import Mapping

from gtm.sandbox.faults import HALF, LATE, RESET, Fault


def _said(code: str, message: str) -> bytes:
    return json.dumps([{"message": message, "errorCode": code}]).encode()


BUSY = _said("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
AWAY = _said("SERVER_UNAVAILABLE", "Server is temporarily unavailable.")
WEATHER: Mapping[str, Fault] = {
    "403, the limit is used up": Fault(403, BUSY),
    "403, again in 7 seconds": Fault(403, BUSY, {"retry-after": "7"}),
    "429": Fault(429, BUSY),
    "503, again at a date": Fault(
        503, AWAY, {"retry-after": "Mon, 16 Nov 2026 09:00:30 GMT", "date": "Mon, 16 Nov 2026 09:00:00 GMT"}
    ),
    "503": Fault(503, AWAY),
    "500": Fault(500, b"<html>Internal Server Error</html>"),
    "hang": LATE,
    "reset": RESET,
    "half an answer": HALF,
}
