"""One HTTP request to the Messages API, over the official SDK: its exact bytes, and what came back."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pydantic import BaseModel

from agents_app.llm.question import Question

if TYPE_CHECKING:
    import anthropic
    import httpx2

REAL_SERVICE = "https://api.anthropic.com"
TIMEOUT_S = 90.0

Turn = dict[str, str]  # {"role": "user" | "assistant", "content"}


@dataclass(frozen=True)
class Reply:
    """Names of `headers` in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class NoReply(Exception):
    """Nothing came back. `was_sent`: the service may have worked on the request and bill it."""

    def __init__(self, outcome: str, *, was_sent: bool) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.was_sent = was_sent


def is_offline() -> bool:
    """Whether the composer answers instead of the real service."""
    return not settings.ANTHROPIC_API_KEY


def body(model: str, question: Question, turns: Sequence[Turn]) -> dict[str, Any]:
    """The request's document, in the order in which the SDK writes it."""
    return {
        "max_tokens": question.max_tokens,
        "messages": list(turns),
        "model": model,
        "output_config": {
            "effort": question.effort,
            "format": {"type": "json_schema", "schema": _wire_schema(question.schema)},
        },
        "system": _blocks(question.system),
    }


def encoded(document: Mapping[str, Any]) -> bytes:
    """The bytes that the SDK sends for it: counted and hashed before they are sent."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def post(document: Mapping[str, Any], using: anthropic.Anthropic) -> Reply:
    """The reply, whatever its status; raises NoReply when there is none."""
    import anthropic

    response: httpx2.Response
    try:
        response = using.messages.with_raw_response.create(**document).http_response
    except anthropic.APIStatusError as error:
        response = error.response
    except anthropic.APIConnectionError as error:
        raise _no_reply(error) from error
    return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)


def _no_reply(error: anthropic.APIConnectionError) -> Exception:
    """What the transport says went wrong; errors of our own transports pass as they are."""
    import anthropic
    import httpx2

    cause = error.__cause__
    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
    if isinstance(cause, (*unsent, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)):
        return NoReply("no connection", was_sent=False)
    if isinstance(error, anthropic.APITimeoutError):
        return NoReply("timed out", was_sent=True)
    if isinstance(cause, httpx2.RequestError) or not isinstance(cause, Exception):
        return NoReply("connection lost", was_sent=True)
    return cause


@cache
def _wire_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema as the service takes it: bounds that it does not enforce become part of the descriptions."""
    import anthropic

    return anthropic.transform_schema(schema)


def _blocks(system: Sequence[str]) -> list[dict[str, Any]]:
    """Text blocks; the last one ends the part that the service may cache."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text} for text in system]
    if blocks:
        blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return blocks


_clients: dict[tuple[int, str, str], anthropic.Anthropic] = {}
_lock = threading.Lock()


def client() -> anthropic.Anthropic:
    """One client a process (a forked worker makes its own) and account, shared by its threads."""
    key = (os.getpid(), settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL)
    with _lock:
        if key not in _clients:
            _clients[key] = connect(_sandbox() if is_offline() else None)
        return _clients[key]


def connect(answer: Callable[[httpx2.Request], httpx2.Response] | None) -> anthropic.Anthropic:
    """A client of the real service, or, with `answer`, of a stand-in in this process.

    Address and key are those of the settings, and no redirect carries the key elsewhere; a proxy that the environment
    names is used, as on a server that has no other way out, but never on the way to a stand-in. We retry ourselves,
    because the SDK would sleep as long as a `retry-after` says.
    """
    import anthropic
    import httpx2

    transport: dict[str, Any] = {"transport": httpx2.MockTransport(answer)} if answer else {}
    return anthropic.Anthropic(
        api_key=settings.ANTHROPIC_API_KEY if answer is None else "offline",
        base_url=settings.ANTHROPIC_BASE_URL or REAL_SERVICE if answer is None else REAL_SERVICE,
        max_retries=0,
        timeout=TIMEOUT_S,
        http_client=anthropic.DefaultHttpxClient(
            trust_env=answer is None, timeout=TIMEOUT_S, follow_redirects=False, **transport
        ),
    )


def _sandbox() -> Callable[[httpx2.Request], httpx2.Response]:
    from gtm.sandbox import messages

    return messages.answer
