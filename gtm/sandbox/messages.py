"""The stand-in for the model's Messages API: POST https://api.anthropic.com/v1/messages, answered by the composer.

It names itself in `model`. Tokens are counted by one rule, UTF-8 bytes divided by four and rounded up, and nothing is
ever cached: a stand-in without memory gives the same bytes for the same request. Its limits are wide and, as it
remembers nothing, always as good as full. The functions at the end make answers for which a real model is needed.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from gtm.sandbox import composer, faults
from gtm.sandbox.composer import given

PARTY = "messages"
BYTES_A_TOKEN = 4
LIMITS = {"requests": 4_000, "input-tokens": 2_000_000, "output-tokens": 400_000}  # a minute


class BadRequest(ValueError):
    """The request is not one this API takes; the message says what is wrong with it."""


def answer(request: httpx2.Request) -> httpx2.Response:
    try:
        fault = faults.meet(PARTY, timeout_s=request.extensions.get("timeout", {}).get("read"))
    except faults.TooSlow as error:
        raise httpx2.ReadTimeout("no answer in time", request=request) from error
    except faults.Reset as error:
        raise httpx2.ReadError("connection reset by peer", request=request) from error
    content = request.read()
    request_id = f"req_{hashlib.sha256(content).hexdigest()[:24]}"
    if fault and fault.status:
        headers = {"request-id": request_id, **fault.headers}
        return httpx2.Response(fault.status, headers=headers, content=fault.sent(fault.body))
    status, body = _answered(request, content, request_id)
    sent = json.dumps(body, ensure_ascii=False).encode()
    headers = {"request-id": request_id, "content-type": "application/json", **_limits(body)}
    return httpx2.Response(status, headers=headers, content=fault.sent(sent) if fault else sent)


def _answered(request: httpx2.Request, content: bytes, request_id: str) -> tuple[int, dict[str, Any]]:
    if (request.method, request.url.path) != ("POST", "/v1/messages"):
        return 404, _error("not_found_error", f"There is no {request.method} {request.url.path}.", request_id)
    if not (request.headers.get("x-api-key") or request.headers.get("authorization")):
        return 401, _error("authentication_error", "The request carries no key.", request_id)
    try:
        return 200, _message(_parsed(content))
    except (BadRequest, given.NotGiven) as error:
        return 400, _error("invalid_request_error", str(error), request_id)


def _error(kind: str, message: str, request_id: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


def _limits(body: Mapping[str, Any]) -> dict[str, str]:
    """The headers of the real service: what this call leaves of a full minute, and when it is full again."""
    used = body.get("usage", {})
    left = {
        "requests": LIMITS["requests"] - 1,
        "input-tokens": max(0, LIMITS["input-tokens"] - used.get("input_tokens", 0)),
        "output-tokens": max(0, LIMITS["output-tokens"] - used.get("output_tokens", 0)),
    }
    reset = (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    headers: dict[str, str] = {}
    for name, limit in LIMITS.items():
        said = {"limit": str(limit), "remaining": str(left[name]), "reset": reset}
        headers |= {f"anthropic-ratelimit-{name}-{what}": value for what, value in said.items()}
    return headers


def _parsed(content: bytes) -> dict[str, Any]:
    body: Any
    try:
        body = json.loads(content)
    except ValueError:
        raise BadRequest("The body is not JSON.") from None
    for name, kind in (("model", str), ("max_tokens", int), ("messages", list)):
        if not isinstance(body, dict) or not isinstance(body.get(name), kind) or not body[name]:
            raise BadRequest(f"{name}: Field required")
    return dict(body)


def _message(body: Mapping[str, Any]) -> dict[str, Any]:
    system = "\n\n".join(_texts(body.get("system") or ""))
    turns = ["".join(_texts(each.get("content") or "")) for each in body["messages"]]
    compose = composer.COMPOSE.get(_title(body))
    if compose is None:
        raise BadRequest(f"output_config.format.schema.title: one of {', '.join(sorted(composer.COMPOSE))}")
    text = json.dumps(compose(given.parse(_title(body), system, turns[0])), ensure_ascii=False)
    kept, is_cut = _within(text, body["max_tokens"])
    return _document(
        [{"type": "text", "text": kept}],
        message_id=f"msg_{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24]}",
        stop_reason="max_tokens" if is_cut else "end_turn",
        tokens_used=(tokens(system) + sum(map(tokens, turns)), tokens(kept)),
    )


def _document(
    content: list[dict[str, Any]], *, message_id: str, stop_reason: str, tokens_used: tuple[int, int]
) -> dict[str, Any]:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": composer.NAME,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens_used[0],
            "output_tokens": tokens_used[1],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        },
    }


def _texts(content: object) -> list[str]:
    """A text, or the texts of a list of blocks."""
    if isinstance(content, str):
        return [content]
    blocks = content if isinstance(content, list) else []
    return [str(block.get("text", "")) for block in blocks if isinstance(block, dict)]


def _title(body: Mapping[str, Any]) -> str:
    found: Any = body
    for part in ("output_config", "format", "schema", "title"):
        found = found.get(part) if isinstance(found, dict) else None
    return str(found or "")


def tokens(text: str) -> int:
    return -(-len(text.encode()) // BYTES_A_TOKEN)


def _within(text: str, most: int) -> tuple[str, bool]:
    if tokens(text) <= most:
        return text, False
    return text.encode()[: most * BYTES_A_TOKEN].decode(errors="ignore"), True


# --- answers that the composer never gives, as bodies of a 200 (`faults.Fault(200, messages.refusal())`)


def saying(text: str, *, stop_reason: str = "end_turn", **changes: object) -> bytes:
    """A message with this text; `changes` replace fields of the whole message (model, usage, stop_details, …)."""
    content = [{"type": "text", "text": text}]
    document = _document(content, message_id="msg_01", stop_reason=stop_reason, tokens_used=(10, tokens(text)))
    return json.dumps(document | changes, ensure_ascii=False).encode()


def refusal(category: str | None = None) -> bytes:
    """The model declines; `category` is the service's own: cyber, bio, frontier_llm, …"""
    details = {"type": "refusal", "category": category, "explanation": None}
    return saying("", stop_reason="refusal", content=[], stop_details=details)


def cut_off() -> bytes:
    """The answer ran into max_tokens in the middle of a word."""
    return saying('{"summary": [{"text": "Arden empl', stop_reason="max_tokens")


def too_long_to_read() -> bytes:
    """Question and answer together were more than the model can hold."""
    return saying('{"summary": [', stop_reason="model_context_window_exceeded")


def tool_use() -> bytes:
    """The model asks for a tool that nobody gave it."""
    asked = {"type": "tool_use", "id": "toolu_01", "name": "send_email", "input": {"to": "mallory@elsewhere.example"}}
    return saying("", stop_reason="tool_use", content=[asked])


def pause_turn() -> bytes:
    """The model stops in the middle and wants to be asked to go on."""
    return saying("Let me look that up.", stop_reason="pause_turn")


def prose() -> bytes:
    """A good message, whose text is no JSON."""
    return saying("Sure! Here is your answer: Arden employs 1,240 people.")


def not_json() -> bytes:
    """No message at all: what a proxy in between might say."""
    return b"<html><body>Bad gateway</body></html>"
