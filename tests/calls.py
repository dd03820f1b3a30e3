"""A CRM that calls: signed calls over real sockets, at a steady rate, and again until each is acknowledged."""

import hashlib
import hmac
import http.client
import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSE_S = 0.25  # before an unacknowledged call is sent again
TIMEOUT_S = 10.0


@dataclass
class Target:
    """An endpoint of a server on loopback; `public` is the address that senders sign."""

    port: int
    key: str
    secret: str
    public: str

    @property
    def path(self) -> str:
        return f"/api/hooks/{self.key}"

    def signed(self, body: bytes) -> dict[str, str]:
        """As HubSpot signs, version 3."""
        stamp = str(int(time.time() * 1000))
        message = f"POST{self.public}{self.path}".encode() + body + stamp.encode()
        digest = b64encode(hmac.digest(self.secret.encode(), message, hashlib.sha256)).decode()
        return {
            "Content-Type": "application/json",
            "X-HubSpot-Signature-v3": digest,
            "X-HubSpot-Request-Timestamp": stamp,
        }


@dataclass
class Said:
    """What the server said to all calls: `ms` of each answer, `refused` the codes that were no 2xx, `acknowledged` the
    numbers of the calls that are done with."""

    ms: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    broken: int = 0
    acknowledged: set[int] = field(default_factory=set)
    seconds: float = 0.0


class Caller:
    """`body(number)` is what call `number` carries. Calls due at the same time go over different connections."""

    def __init__(
        self, target: Target, body: Callable[[int], bytes], *, connections: int = 8, again: bool = True
    ) -> None:
        self._target, self._body, self._again = target, body, again
        self._connections = connections
        self._lock = threading.Lock()
        self._next = 0
        self._stopped = False
        self.said = Said()

    def call(self, count: int, rate: float) -> Said:
        """`count` calls, `rate` a second (0: as fast as it goes); returns once all were answered, or given up on."""
        started = time.monotonic()
        threads = [
            threading.Thread(target=self._work, args=(count, rate, started), daemon=True)
            for _ in range(self._connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.said.seconds = time.monotonic() - started
        return self.said

    def _work(self, count: int, rate: float, started: float) -> None:
        connection = self._connected()
        while (number := self._take(count)) is not None:
            due = started + number / rate if rate else started
            time.sleep(max(0.0, due - time.monotonic()))
            body = self._body(number)
            while not self._post(connection, number, body, max(due, started)) and self._again:
                time.sleep(PAUSE_S)
                connection.close()
                due = time.monotonic()
        connection.close()

    def stop(self) -> None:
        """No call that was not begun yet."""
        self._stopped = True

    def _take(self, count: int) -> int | None:
        with self._lock:
            if self._stopped or self._next == count:
                return None
            number, self._next = self._next, self._next + 1
        return number

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._target.port, timeout=TIMEOUT_S)

    def _post(self, connection: http.client.HTTPConnection, number: int, body: bytes, due: float) -> bool:
        """Whether it was acknowledged. Its time counts from when it was due: who queues at the sender waits too."""
        try:
            connection.request("POST", self._target.path, body, self._target.signed(body))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            with self._lock:
                self.said.broken += 1
            return False
        with self._lock:
            self.said.ms.append((time.monotonic() - due) * 1000)
            if 200 <= answer.status < 300:
                self.said.acknowledged.add(number)
            else:
                self.said.refused.append(answer.status)
        return 200 <= answer.status < 300


def flat(number: int, people: int = 40) -> bytes:
    """HubSpot's flat form of one of `people`; each call about a person is newer than the one before."""
    person = number % people
    return json.dumps(
        {
            "email": f"person{person}@northwind-bank.example",
            "firstname": f"P{person}",
            "jobtitle": f"Title {number}",
            "lastmodifieddate": 1_790_000_000_000 + number * 1000,
        }
    ).encode()
