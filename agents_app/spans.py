"""A step as spans: itself, its calls to the model, the sources it asked. Pure.

Names and attributes follow OpenTelemetry's GenAI conventions (semantic-conventions-genai, status Development); a call's
input counter includes what a cache held, as they have it. A step's own commit writes all that its spans are made of, so
none is stored beside it. Times are milliseconds from the step's start; no `start_ms` is 0, no `parent_id` is the run's
span, no `error` is status OK. No prompt, answer, address or secret is in them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

Span = dict[str, Any]


def trace_id(run_id: int) -> str:
    """32 hex digits, the same for every span of a run."""
    return hashlib.sha256(f"run {run_id}".encode()).hexdigest()[:32]


def span_id(*parts: object) -> str:
    """16 hex digits, made from what the span stands for, so that writing it again gives the same one."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:16]


class Step(Protocol):
    """A step's row, as far as its spans are made of it."""

    run_id: int
    key: str
    kind: str
    agent: str
    tool: str
    map_index: int
    attempt: int
    attempts: list[dict[str, Any]]
    error_class: str
    started_at: datetime
    finished_at: datetime | None


def of_step(step: Step, sources: Iterable[tuple[str, str, int, int | None]] = ()) -> list[Span]:
    """The step, then one CLIENT span for each HTTP request to the model and each source asked.

    `sources` are (source, status, milliseconds, HTTP status).
    """
    own_id = span_id(step.run_id, step.key, step.map_index, step.attempt)
    who = step.agent or step.tool or step.kind
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": who, "gtm.attempt": step.attempt}
    lasted = (step.finished_at - step.started_at).total_seconds() if step.finished_at else 0.0
    own = _span(f"{step.kind} {step.key}", own_id, "INTERNAL", attributes, step.error_class)
    calls = [_call(span_id(own_id, "call", number), each, step.started_at) for number, each in enumerate(step.attempts)]
    asked = [_source(span_id(own_id, "source", number), *each) for number, each in enumerate(sources)]
    return [own | {"ms": round(lasted * 1000)}, *(child | {"parent_id": own_id} for child in [*calls, *asked])]


def _source(own_id: str, source: str, status: str, ms: int, http_status: int | None) -> Span:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": source,
        "http.response.status_code": http_status,
    }
    error = status if status == "failed" else ""
    return _span(f"execute_tool {source}", own_id, "CLIENT", attributes, error) | {"ms": ms}


def _call(own_id: str, call: Mapping[str, Any], started_at: datetime) -> Span:
    usage = call.get("usage") or {}
    cached = int(usage.get("cache_read", 0))
    written = int(usage.get("cache_write", 0)) + int(usage.get("cache_write_1h", 0))
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": call.get("model", ""),
        "gen_ai.response.id": call.get("request_id", ""),
        "gen_ai.response.finish_reasons": [call["stop_reason"]] if call.get("stop_reason") else [],
        "gen_ai.usage.input_tokens": int(usage.get("input", 0)) + cached + written,
        "gen_ai.usage.output_tokens": int(usage.get("output", 0)),
        "gen_ai.usage.cache_read.input_tokens": cached,
        "gen_ai.usage.cache_write.input_tokens": written,
        "http.response.status_code": call.get("status", 0),
        "gtm.cost_usd": str(call.get("cost_usd", "0")),
    }
    outcome = str(call.get("outcome", ""))
    span = _span(
        f"chat {call.get('model', '')}".strip(), own_id, "CLIENT", attributes, "" if outcome == "ok" else outcome
    )
    return span | {"start_ms": _since(started_at, call.get("started_at")), "ms": int(call.get("ms", 0))}


def _span(name: str, own_id: str, kind: str, attributes: Mapping[str, Any], error: str) -> Span:
    span = {"name": name, "kind": kind, "span_id": own_id}
    if error:
        span["error"] = error[:300]
    return span | {"attributes": {key: value for key, value in attributes.items() if value not in (None, "", [])}}


def _since(started_at: datetime, moment: object) -> int:
    """Milliseconds; 0 where the call does not say when it began."""
    try:
        return max(0, round((datetime.fromisoformat(str(moment)) - started_at).total_seconds() * 1000))
    except (TypeError, ValueError):
        return 0
