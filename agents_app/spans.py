"""A run as spans: itself, its steps, their calls to the model, the sources they asked. Pure.

Names and attributes follow OpenTelemetry's GenAI conventions (semantic-conventions-genai, status Development); a call's
input counter includes what a cache held, as they have it. Tokens stand on calls alone, because whoever reads spans sums
them up; `gtm.cost_usd` stands on calls, steps and the run, each the whole of it. What has no kind there (gates, joins,
the run) says `openinference.span.kind`, which other readers go by. A step's own commit writes all that its spans are
made of, so none is stored beside it. No prompt, answer, error text, name, address or secret is in them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from agents_app import names

Kind = Literal["INTERNAL", "CLIENT"]
Status = Literal["OK", "ERROR", "UNSET"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHAIN = {"openinference.span.kind": "CHAIN"}
STATUSES: Mapping[str, Status] = {
    "done": "OK",
    "succeeded": "OK",
    "failed": "ERROR",
    "lost": "ERROR",
    "dead": "ERROR",
    "needs_input": "ERROR",
}  # fmt: skip  of steps and runs; what is left out, rejected or cancelled went neither well nor wrong


@dataclass(frozen=True)
class Span:
    """Times are nanoseconds since 1970 (UTC); `trace_id` has 32 hex digits, ids of spans 16, the root no `parent_id`.

    `error` is a class of errors, never its text.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    status: Status
    error: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value not in ("", {})}


class Step(Protocol):
    """A step's row, as far as its spans are made of it."""

    run_id: int
    key: str
    kind: str
    agent: str
    tool: str
    stage: int
    map_index: int
    attempt: int
    status: str
    attempts: list[dict[str, Any]]
    confidence: float | None
    error_class: str
    started_at: datetime
    finished_at: datetime | None
    cost_usd: Any
    uncertain_usd: Any

    @property
    def input_sha256(self) -> str: ...


@dataclass(frozen=True)
class Asked:
    """A source that a step asked: `after_s` the step began, for `ms`. `is_reused`: an earlier answer served again."""

    source: str
    status: str
    ms: int
    after_s: float = 0.0
    http_status: int | None = None
    calls: int = 0
    credits: float = 0.0
    is_reused: bool = False
    is_sandbox: bool = False


@dataclass(frozen=True)
class Place:
    """Where the spans of a step hang. `conversation` is the request's; `prompt` the semantic version of the prompt."""

    trace: str
    parent: str
    conversation: str
    prompt: str = ""


@dataclass(frozen=True)
class Run:
    """What a run's own span says. `flow` is the key of its template; `attributes` are ours, under gtm."""

    id: int
    request: int
    flow: str
    status: str
    planned_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return place(self.id, self.planned_at, request=self.request)


def place(run: int, planned_at: datetime, *, request: int, prompt: str = "") -> Place:
    """Under the run's own span. Two installations may count alike, so the moment of planning is part of the id."""
    trace = _hex(32, "run", run, planned_at.astimezone(UTC).isoformat())
    return Place(trace, _hex(16, trace, "run"), f"request-{request}", prompt)


def of_run(run: Run) -> Span:
    """The root, under which `of_step` hangs each attempt of each step."""
    began = run.started_at or run.planned_at
    attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": run.flow,
        "gen_ai.conversation.id": run.place.conversation,
        **CHAIN,
        "gtm.run": run.id,
        "gtm.request": run.request,
        "gtm.status": run.status,
        **run.attributes,
    }
    status = STATUSES.get(run.status, "UNSET")
    return Span(
        trace_id=run.place.trace,
        span_id=run.place.parent,
        parent_id="",
        name=f"invoke_workflow {run.flow}",
        kind="INTERNAL",
        start_ns=_ns(began),
        end_ns=_ns(run.finished_at or began),
        status=status,
        error=run.status if status == "ERROR" else "",
        attributes=_said(attributes),
    )


def of_step(step: Step, place: Place, sources: Iterable[Asked] = ()) -> list[Span]:
    """The step, then one CLIENT span for each HTTP request to the model and each source asked."""
    own_id = _hex(16, place.trace, step.key, step.map_index, step.attempt)
    name, operation = _named(step)
    status = STATUSES.get(step.status, "UNSET")
    own = Span(
        trace_id=place.trace,
        span_id=own_id,
        parent_id=place.parent,
        name=name,
        kind="INTERNAL",
        start_ns=_ns(step.started_at),
        end_ns=_ns(step.finished_at or step.started_at),
        status=status,
        error=(step.error_class or step.status) if status == "ERROR" else "",
        attributes=_said({**operation, **_prompt(step, place), **_figures(step)})
        | {"gen_ai.conversation.id": place.conversation},
    )
    calls = [_call(own, place, number, each) for number, each in enumerate(step.attempts)]
    return [own, *calls, *(_source(own, place, number, each) for number, each in enumerate(sources))]


def _named(step: Step) -> tuple[str, dict[str, Any]]:
    if step.agent or step.kind == "planner":
        name = step.agent or "planner"
        return f"invoke_agent {name}", {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
    if step.tool:
        operation = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.type": "function"}
        return f"execute_tool {step.tool}", operation | {"gen_ai.tool.name": step.tool}
    return f"{step.kind} {step.key}", dict(CHAIN)


def _prompt(step: Step, place: Place) -> dict[str, Any]:
    if not place.prompt:
        return {}
    return {
        "gen_ai.agent.version": place.prompt,
        "gen_ai.prompt.name": step.agent,
        "gen_ai.prompt.version": place.prompt,
    }


def _figures(step: Step) -> dict[str, Any]:
    return {
        "gtm.step": step.key,
        "gtm.kind": step.kind,
        "gtm.stage": step.stage,
        "gtm.map_index": step.map_index or None,
        "gtm.attempt": step.attempt,
        "gtm.status": step.status,
        "gtm.confidence": step.confidence,
        "gtm.input_sha256": step.input_sha256,
        "gtm.cost_usd": float(step.cost_usd),
        "gtm.uncertain_usd": float(step.uncertain_usd) or None,
    }


def _call(own: Span, place: Place, number: int, call: Mapping[str, Any]) -> Span:
    model, outcome = str(call.get("model", "")), _class_of(str(call.get("outcome", "")))
    began = own.start_ns + max(0, _since(own.start_ns, call.get("started_at")))
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gtm.offline" if names.is_composer(model) else "anthropic",
        "gen_ai.conversation.id": place.conversation,
        "gen_ai.agent.name": own.attributes.get("gen_ai.agent.name"),
        "gen_ai.request.model": model,
        "gen_ai.output.type": "json",
        "gen_ai.response.id": call.get("request_id", ""),
        "gen_ai.response.finish_reasons": [call["stop_reason"]] if call.get("stop_reason") else [],
        **_tokens(call.get("usage") or {}),
        "http.response.status_code": call.get("status") or None,
        "gtm.call": call.get("kind", ""),
        "gtm.request_sha256": call.get("request_sha256", ""),
        "gtm.cost_usd": float(call.get("cost_usd", 0)),
        "gtm.uncertain_usd": float(call.get("uncertain_usd", 0)) or None,
    }
    return _child(own, f"chat {model}".strip(), ("call", number), (began, int(call.get("ms", 0))), outcome, attributes)


def _tokens(usage: Mapping[str, Any]) -> dict[str, int]:
    """`cache_creation` says again what `cache_write` says, for readers of the older name."""
    cached = int(usage.get("cache_read", 0))
    written = int(usage.get("cache_write", 0)) + int(usage.get("cache_write_1h", 0))
    return {
        "gen_ai.usage.input_tokens": int(usage.get("input", 0)) + cached + written,
        "gen_ai.usage.output_tokens": int(usage.get("output", 0)),
        "gen_ai.usage.cache_read.input_tokens": cached,
        "gen_ai.usage.cache_creation.input_tokens": written,
        "gen_ai.usage.cache_write.input_tokens": written,
    }


def _source(own: Span, place: Place, number: int, asked: Asked) -> Span:
    attributes = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": asked.source,
        "gen_ai.conversation.id": place.conversation,
        "http.response.status_code": asked.http_status,
        "gtm.status": asked.status,
        "gtm.calls": asked.calls,
        "gtm.credits": asked.credits,
        "gtm.reused": asked.is_reused,
        "gtm.sandbox": asked.is_sandbox,
    }
    error = "" if asked.status != "failed" else str(asked.http_status or "failed")
    took = (own.start_ns + round(asked.after_s * 1e9), 0 if asked.is_reused else asked.ms)
    return _child(own, f"retrieval {asked.source}", ("source", number), took, error, attributes)


def _child(
    own: Span, name: str, key: Sequence[object], took: tuple[int, int], error: str, attributes: Mapping[str, Any]
) -> Span:
    """`took` is (nanoseconds of its beginning, milliseconds)."""
    return Span(
        trace_id=own.trace_id,
        span_id=_hex(16, own.trace_id, own.span_id, *key),
        parent_id=own.span_id,
        name=name,
        kind="CLIENT",
        start_ns=took[0],
        end_ns=took[0] + took[1] * 1_000_000,
        status="ERROR" if error else "OK",
        error=error,
        attributes=_said(attributes),
    )


def _class_of(outcome: str) -> str:
    """What stands behind the colon of an outcome may quote the answer."""
    return "" if outcome == "ok" else outcome.partition(":")[0].strip().replace(" ", "_") or "unknown"


def _said(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None and value not in ("", [])}


def _hex(digits: int, *parts: object) -> str:
    """Made from what the span stands for, so that telling it again gives the same one."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:digits]


def _ns(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def _since(start_ns: int, moment: object) -> int:
    """Nanoseconds; 0 where the call does not say when it began."""
    try:
        return _ns(datetime.fromisoformat(str(moment))) - start_ns
    except (TypeError, ValueError):
        return 0
