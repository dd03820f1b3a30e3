"""Spans → the collector that the operator has named, over OTLP. Nothing is configured, nothing leaves.

Beside `gtm/http.py` this is the only way out: the transport is the library's own, because its exporter speaks OTLP and
cannot be given ours, and because the address is the operator's, so a collector on our own machine or network may be
asked, also without TLS. The library follows no redirect, so headers go nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from django.conf import settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

SERVICE = "gtm"
PATH = "/v1/traces"
TIMEOUT_S = 10.0  # with the library's own retries
OF_ANY = frozenset({401, 403, 404, 405, 407, 408, 429})  # what a collector would answer to any other spans as well


class Span(Protocol):
    """See `agents_app.spans.Span`."""

    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def end_ns(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def error(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


class NotDelivered(Exception):
    """The collector did not take the spans; they can be sent again, because each has an id of its own.

    `is_refused`: these spans are the cause, so it would answer the same again; for every other cause one waits.
    """

    def __init__(self, words: str, *, is_refused: bool = False) -> None:
        super().__init__(words)
        self.is_refused = is_refused


def is_on() -> bool:
    return bool(settings.OTLP_ENDPOINT)


def send(spans: Iterable[Span]) -> None:
    """All of them in one request. Raises NotDelivered; the library's log says what the collector answered."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult
    from requests import Session

    answered: list[int] = []
    session = Session()
    session.hooks["response"].append(lambda response, **_: answered.append(response.status_code))
    exporter = OTLPSpanExporter(
        endpoint=endpoint(),
        headers=headers(),
        timeout=TIMEOUT_S,
        session=session,
        max_request_size=0,  # the collector says itself what is too large
    )
    try:
        result = exporter.export(_readable(spans))
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    status = answered[-1] if answered else 0
    if result is not SpanExportResult.SUCCESS or 300 <= status < 400:  # the library takes a redirect for a yes
        said = f"{endpoint()} did not take the spans" + (f" (HTTP {status})." if status else ": it gave no answer.")
        raise NotDelivered(said, is_refused=400 <= status < 500 and status not in OF_ANY)


def endpoint() -> str:
    """The setting is the base address, as the standard has it; one that names the path already is left as it is."""
    base = str(settings.OTLP_ENDPOINT).rstrip("/")
    return base if base.endswith(PATH) else f"{base}{PATH}"


def headers() -> dict[str, str]:
    """From `name=value,name=value`, values percent-encoded, as the standard has it."""
    pairs = (each.partition("=") for each in str(settings.OTLP_HEADERS).split(",") if "=" in each)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def _readable(spans: Iterable[Span]) -> list[ReadableSpan]:
    """Made directly and not by a tracer: a tracer gives ids and times of now, and these have theirs already."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanKind, Status, StatusCode

    about = {"service.name": SERVICE, "openinference.project.name": SERVICE}
    version = {"service.version": settings.CODE_REVISION} if settings.CODE_REVISION else {}
    resource, scope = Resource(about | version), InstrumentationScope(SERVICE)
    return [
        ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
            resource=resource,
            attributes={**span.attributes, **({"error.type": span.error} if span.error else {})},
            kind=SpanKind[span.kind],
            status=Status(StatusCode[span.status]),
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=scope,
        )
        for span in spans
    ]


def _context(trace_id: str, span_id: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
