"""Models as tests need them: the sandbox's with one agent's answer replaced or withheld, and a paid one on loopback."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel, Field

from agents_app import llm
from agents_app.prices import Price, PriceTable, Usage

REAL_ASK = llm.ask
ATTEMPT = {
    "kind": "ask",
    "model": "offline-composer/1",
    "status": 529,
    "ms": 1,
    "request_id": "req_1",
    "outcome": "overloaded",
    "stop_reason": "",
    "request_sha256": "0" * 64,
    "response": "",
    "usage": Usage().__dict__,
    "cost_usd": "0",
    "uncertain_usd": "0",
    "started_at": "2026-11-16T09:00:00+00:00",
}

Sent = tuple[int, dict[str, str], bytes]  # status, headers, body


def answering(agent: str, change: Callable[[dict[str, Any], int], dict[str, Any]]) -> Callable[..., llm.Answer]:
    """For `agent`, the sandbox's answer changed by `change(document, call number from 1)`; for the others as it is."""
    calls: list[int] = []

    def ask(question: llm.Question, **options: Any) -> llm.Answer:
        answer = REAL_ASK(question, **options)
        if question.agent != agent:
            return answer
        calls.append(1)
        document = change(answer.parsed.model_dump(), len(calls))
        return llm.Answer(**{**answer.__dict__, "parsed": question.schema.model_validate(document)})

    return ask


def failing(agent: str, error: type[llm.ModelError], reason: str, **options: Any) -> Callable[..., llm.Answer]:
    """For `agent`, no answer but `error`, after one recorded attempt."""

    def ask(question: llm.Question, **asked: Any) -> llm.Answer:
        if question.agent != agent:
            return REAL_ASK(question, **asked)
        raise error(reason, llm.Tally(attempts=[dict(ATTEMPT)], request_id="req_1"), **options)

    return ask


class PaidService:
    """A Messages API on 127.0.0.1 that bills: one reply a request, in order, the last one again and again, or what
    `replies(body, number from 1)` gives. A reply of None breaks the connection. `requests` are (path, headers, body)."""

    def __init__(self, replies: Iterable[Sent | None] | Callable[[dict[str, Any], int], Sent | None]) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        listed = [] if callable(replies) else list(replies)
        self._reply = replies if callable(replies) else lambda body, number: listed[min(number, len(listed)) - 1]
        self._lock = threading.Lock()

    def __enter__(self) -> "PaidService":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Sent | None:
        with self._lock:
            self.requests.append((path, headers, body))
            return self._reply(json.loads(body), len(self.requests))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = service.take(self.path, headers, body)
                if sent is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, told, content = sent
                self.send_response(status)
                fixed = {"content-type": "application/json", "content-length": str(len(content)), **told}
                for name, value in fixed.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        return Handler


class Ledger:
    """A purse that writes down what it is asked; it grants the first choice that fits `cap_usd`, if there is a cap."""

    def __init__(self, cap_usd: Any = None) -> None:
        self.cap_usd = cap_usd
        self.offers: list[list[llm.Offer]] = []
        self.granted: list[llm.Grant] = []
        self.settled: list[tuple[llm.Grant, Any, Any]] = []
        self.seen: list[llm.Seen | None] = []
        self._lock = threading.Lock()

    @property
    def spent(self) -> Any:
        return sum(cost + uncertain for _, cost, uncertain in self.settled)

    @property
    def held(self) -> Any:
        return sum(grant.usd for grant in self.granted) - sum(grant.usd for grant, _, _ in self.settled)

    def reserve(self, offers: Any) -> llm.Grant:
        with self._lock:
            self.offers.append(list(offers))
            left = None if self.cap_usd is None else self.cap_usd - self.spent - self.held
            for offer in offers:
                if left is None or offer.worst_usd <= left:
                    self.granted.append(llm.Grant(offer.model, offer.worst_usd))
                    return self.granted[-1]
        raise llm.BudgetSpent(f"The budget is spent: {left} US dollars are left.")

    def settle(self, grant: llm.Grant, *, cost_usd: Any, uncertain_usd: Any, seen: Any) -> None:
        with self._lock:
            self.settled.append((grant, cost_usd, uncertain_usd))
            self.seen.append(seen)


# --- one question for the tests of asking


AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
PRICES = PriceTable(
    (
        Price("claude-sonnet-5-5", date(2026, 1, 1), None, *map(Decimal, ("2", "10", "0.1", "2.5", "4"))),
        Price("claude-haiku-5-5", date(2026, 1, 1), None, *map(Decimal, ("0.5", "2.5", "0.05", "0.625", "1"))),
    )
)
USER = (
    '<config>{"client_name": "Acme", "custom_fields": {}, "confidence_floor": 0.5}</config>'
    '<facts untrusted="true">[{"key": "f1", "attribute": "headcount", "value": "1,240", "confidence": 0.8}]</facts>'
    '<context untrusted="true">{"company": {"name": "Arden"}, "required": ["headcount", "news"]}</context>'
    "<variation>0</variation>"
)


class ResearchAnswer(BaseModel):
    summary: list[dict[str, object]]
    missing: list[str] = Field(max_length=3)


def question(**changes: Any) -> llm.Question:
    asked = {
        "agent": "research_agent",
        "system": ["You research.", "For this client: be brief."],
        "user": USER,
        "schema": ResearchAnswer,
    }
    return llm.Question(**asked | changes)


def ask(purse: llm.Purse | None = None, models: Any = None, **changes: Any) -> llm.Answer:
    return REAL_ASK(question(**changes), prices=PRICES, at=AT, purse=purse, models=models)


@contextmanager
def paid(settings: Any, replies: Any) -> Iterator[PaidService]:
    """With a key, and the paid service in the place of the real one."""
    with PaidService(replies) as service:
        settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "sk-test", service.url
        yield service
