"""The one door to the model: ask, retry, repair once, price and record.

Without a key the same SDK talks to the sandbox's composer over the same Messages API; nothing here knows the
difference. The SDK costs a second and 66 MB to import, so it is imported when the first question is asked. No ORM:
agents ask from threads.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import tenacity
from django.conf import settings
from pydantic import BaseModel, ValidationError

from agents_app.prices import PriceTable, Usage

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message, MessageParam, TextBlockParam
    from pydantic_core import ErrorDetails

REAL_SERVICE = "https://api.anthropic.com"
TIMEOUT_S = 90.0
ATTEMPTS = 3
LONGEST_RETRY_AFTER_S = 20.0  # longer: give the worker's slot back and come again
Effort = Literal["low", "medium", "high"]

BUSY = frozenset({408, 409, 429})


@dataclass(frozen=True)
class Question:
    """`system` is a list of text blocks, alike for every lead of a client, so that the service can cache them."""

    agent: str
    system: Sequence[str]
    user: str
    schema: type[BaseModel]
    max_tokens: int = 2000
    effort: Effort = "low"


@dataclass(frozen=True)
class Answer:
    """`usage` and `cost_usd` are sums over every paid call.

    An attempt is {"kind", "status", "ms", "request_id", "outcome"}.
    """

    parsed: BaseModel
    generator: str
    request_id: str
    stop_reason: str
    usage: Usage
    cost_usd: Decimal
    attempts: list[dict[str, Any]]
    raw: str


class ModelError(Exception):
    """No usable answer. What was tried and paid is kept, because it happened."""

    def __init__(self, reason: str, asking: _Asking, *, retry_after_s: float | None = None, raw: str = "") -> None:
        super().__init__(reason)
        self.attempts = asking.attempts
        self.usage = asking.usage
        self.cost_usd = asking.cost_usd
        self.request_id = asking.request_id
        self.retry_after_s = retry_after_s
        self.raw = raw


class ModelUnavailable(ModelError):
    """The service is busy or out of reach; ask again later (`retry_after_s`, when it said so)."""


class ModelRefused(ModelError):
    """The service or our own price list refuses this question; asking again does not help."""


class AnswerInvalid(ModelError):
    """The answer broke its schema, and so did the corrected one (`raw`)."""


@dataclass
class _Asking:
    """One question on its way: what is sent, and what has been tried and paid so far."""

    question: Question
    messages: list[MessageParam]
    prices: PriceTable
    at: datetime
    attempts: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    request_id: str = ""
    kind: str = "ask"

    def record(self, *, status: int, started: float, request_id: str, outcome: str) -> None:
        ms = round((time.monotonic() - started) * 1000)
        self.request_id = request_id or self.request_id
        self.attempts.append(
            {"kind": self.kind, "status": status, "ms": ms, "request_id": request_id, "outcome": outcome}
        )

    def pay(self, generator: str, usage: Usage) -> None:
        """The service may answer under a dated name of the model that was asked; then the asked one's price holds."""
        on = self.at.date()
        cost = self.prices.cost(generator, usage, on)
        if cost is None:
            cost = self.prices.cost(settings.MODEL, usage, on) or Decimal(0)
        self.usage += usage
        self.cost_usd += cost


def is_offline() -> bool:
    """Whether the composer answers instead of the real service."""
    return not settings.ANTHROPIC_API_KEY


def ask(question: Question, *, prices: PriceTable, at: datetime, variation: int = 0) -> Answer:
    """Raises ModelUnavailable, ModelRefused or AnswerInvalid. Proposals with another `variation` are independent."""
    user = re.sub(r"<variation>\d+</variation>", f"<variation>{variation}</variation>", question.user)
    asking = _Asking(question, [{"role": "user", "content": user}], prices, at)
    if not is_offline() and prices.cost(settings.MODEL, Usage(), at.date()) is None:
        raise ModelRefused(f"The model {settings.MODEL} has no price. Add one under Model prices.", asking)
    message = _send(asking)
    problem, parsed = _judge(message, question.schema)
    if parsed is None:
        asking.attempts[-1]["outcome"] = f"invalid answer: {problem}"[:300]
        message, parsed = _repair(asking, message, problem)
    return Answer(
        parsed=parsed,
        generator=message.model,
        request_id=asking.request_id,
        stop_reason=str(message.stop_reason),
        usage=asking.usage,
        cost_usd=asking.cost_usd,
        attempts=asking.attempts,
        raw=_text(message),
    )


def _repair(asking: _Asking, message: Message, problem: str) -> tuple[Message, BaseModel]:
    """One more call, which carries the invalid answer and what is wrong with it."""
    asking.kind = "repair"
    asking.messages += [
        {"role": "assistant", "content": _text(message) or "(no text)"},
        {"role": "user", "content": f"That answer cannot be used. Answer again, complete, and mend this:\n{problem}"},
    ]
    message = _send(asking)
    problem, parsed = _judge(message, asking.question.schema)
    if parsed is None:
        asking.attempts[-1]["outcome"] = f"invalid answer: {problem}"[:300]
        raise AnswerInvalid(f"The model's answer was invalid twice: {problem}", asking, raw=_text(message))
    return message, parsed


def _text(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _judge(message: Message, schema: type[BaseModel]) -> tuple[str, BaseModel | None]:
    """What is wrong with the answer, and the answer when nothing is. The service itself does not enforce bounds."""
    if message.stop_reason in ("max_tokens", "model_context_window_exceeded"):
        return "The answer was cut off because it was too long. Write less.", None
    try:
        return "", schema.model_validate_json(_text(message))
    except ValidationError as error:
        return "\n".join(_problem(each) for each in error.errors()[:8]), None


def _problem(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "the whole answer"
    return f"{place}: {error['msg']}"


def _send(asking: _Asking) -> Message:
    """One logical call with its retries: short waits are slept through here, long ones are the caller's."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_worth_waiting),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=_wait,
        sleep=lambda seconds: time.sleep(seconds),
        reraise=True,
    )
    message = retrying(_call, asking)
    if message.stop_reason == "refusal":
        asking.attempts[-1]["outcome"] = "refused"
        raise ModelRefused("The model refused to answer this request.", asking)
    if message.stop_reason not in ("end_turn", "stop_sequence", "max_tokens", "model_context_window_exceeded"):
        asking.attempts[-1]["outcome"] = f"stopped: {message.stop_reason}"
        raise ModelRefused(f"The model stopped in a way we do not use ({message.stop_reason}).", asking)
    return message


def _is_worth_waiting(error: BaseException) -> bool:
    return isinstance(error, ModelUnavailable) and (error.retry_after_s or 0) <= LONGEST_RETRY_AFTER_S


_jittered = tenacity.wait_random_exponential(multiplier=0.5, max=8)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, ModelUnavailable) else None
    return asked if asked is not None else _jittered(state)


def _call(asking: _Asking) -> Message:
    """One HTTP request, recorded whatever becomes of it."""
    import anthropic

    started = time.monotonic()
    question = asking.question
    try:
        message = client().messages.create(
            model=settings.MODEL,
            max_tokens=question.max_tokens,
            system=_blocks(question.system),
            messages=asking.messages,
            output_config={
                "effort": question.effort,
                "format": {"type": "json_schema", "schema": _wire_schema(question.schema)},
            },
        )
    except anthropic.APIStatusError as error:
        _raise_for_status(error, asking, started)
    except anthropic.APIConnectionError as error:
        outcome = "timed out" if isinstance(error, anthropic.APITimeoutError) else "no connection"
        asking.record(status=0, started=started, request_id="", outcome=outcome)
        raise ModelUnavailable(f"The model could not be reached: {outcome}.", asking) from error
    except anthropic.APIError as error:
        asking.record(status=200, started=started, request_id="", outcome="not readable")
        raise ModelUnavailable("The model's answer was not readable.", asking) from error
    asking.record(status=200, started=started, request_id=message._request_id or message.id, outcome="ok")
    asking.pay(message.model, _usage(message))
    return message


@cache
def _wire_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema as the service takes it: bounds that it does not enforce become part of the descriptions."""
    import anthropic

    return anthropic.transform_schema(schema)


def _blocks(system: Sequence[str]) -> list[TextBlockParam]:
    """Text blocks; the last one ends the part that the service may cache."""
    blocks: list[TextBlockParam] = [{"type": "text", "text": text} for text in system]
    if blocks:
        blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return blocks


def _usage(message: Message) -> Usage:
    """The service's `input_tokens` leaves out what a cache held; the four counters stay apart."""
    usage = message.usage
    return Usage(
        input=usage.input_tokens,
        output=usage.output_tokens,
        cache_read=usage.cache_read_input_tokens or 0,
        cache_write=usage.cache_creation_input_tokens or 0,
    )


def _raise_for_status(error: anthropic.APIStatusError, asking: _Asking, started: float) -> NoReturn:
    status, said = error.status_code, _said(error.body)
    busy = status in BUSY or status >= 500
    outcome = {429: "rate limited", 529: "overloaded"}.get(status, "busy" if busy else "refused")
    asking.record(status=status, started=started, request_id=error.request_id or "", outcome=outcome)
    if busy:
        text = error.response.headers.get("retry-after", "")
        retry_after_s = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None
        raise ModelUnavailable(
            f"The model is busy ({status}, {outcome}).", asking, retry_after_s=retry_after_s
        ) from error
    raise ModelRefused(f"The model's service refused the request ({status}): {said}", asking) from error


def _said(body: object) -> str:
    inner = body.get("error") if isinstance(body, dict) else None
    return str(inner.get("message", "no reason given"))[:300] if isinstance(inner, dict) else "no reason given"


_clients: dict[tuple[int, str, str], anthropic.Anthropic] = {}
_lock = threading.Lock()


def client() -> anthropic.Anthropic:
    """One client a process (a forked worker makes its own) and account, shared by its threads."""
    key = (os.getpid(), settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL)
    with _lock:
        if key not in _clients:
            _clients[key] = _connect()
        return _clients[key]


def _connect() -> anthropic.Anthropic:
    """Everything is said, so that nothing in the environment redirects a call.

    We retry ourselves, because the SDK would sleep as long as a `retry-after` says.
    """
    import anthropic

    transport: Callable[[], dict[str, Any]] = _sandbox if is_offline() else dict
    return anthropic.Anthropic(
        api_key=settings.ANTHROPIC_API_KEY or "offline",
        base_url=settings.ANTHROPIC_BASE_URL or REAL_SERVICE if not is_offline() else REAL_SERVICE,
        max_retries=0,
        timeout=TIMEOUT_S,
        http_client=anthropic.DefaultHttpxClient(trust_env=not is_offline(), timeout=TIMEOUT_S, **transport()),
    )


def _sandbox() -> dict[str, Any]:
    import httpx2

    from gtm.sandbox import messages

    return {"transport": httpx2.MockTransport(messages.answer)}
