"""The stand-in for the model's Messages API: POST https://api.anthropic.com/v1/messages, answered by the composer.

It names itself in `model`. Tokens are counted by one rule, UTF-8 bytes divided by four and rounded up, and nothing is
ever cached: a stand-in without memory gives the same bytes for the same request.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import httpx2

from gtm.sandbox import composer, faults
from gtm.sandbox.composer import given

PARTY = "messages"
BYTES_A_TOKEN = 4


class BadRequest(ValueError):
    """The request is not one this API takes; the message says what is wrong with it."""


def answer(request: httpx2.Request) -> httpx2.Response:
    try:
        fault = faults.meet(PARTY, timeout_s=request.extensions.get("timeout", {}).get("read"))
    except faults.TooSlow as error:
        raise httpx2.ReadTimeout("no answer in time", request=request) from error
    content = request.read()
    request_id = f"req_{hashlib.sha256(content).hexdigest()[:24]}"
    if fault and fault.status:
        headers = {"request-id": request_id, **fault.headers}
        return httpx2.Response(fault.status, headers=headers, content=fault.body)
    status, body = _answered(request, content, request_id)
    return httpx2.Response(status, headers={"request-id": request_id}, json=body)


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
    return {
        "id": f"msg_{hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:24]}",
        "type": "message",
        "role": "assistant",
        "model": composer.NAME,
        "content": [{"type": "text", "text": kept}],
        "stop_reason": "max_tokens" if is_cut else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens(system) + sum(map(tokens, turns)),
            "output_tokens": tokens(kept),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
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
