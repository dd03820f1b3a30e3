"""Log lines as JSON, each with the request, client and run it belongs to.

Whoever knows an id binds it for a block: `with logs.bound(run=run.pk): …`. Every line inside carries it, whoever
writes it.
"""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog
from django.http import HttpRequest, HttpResponse

REQUEST_ID_SIGNS = 64

BEFORE = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
INTO_JSON = (
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    structlog.processors.format_exc_info,
    structlog.processors.EventRenamer("message"),
    structlog.processors.JSONRenderer(default=str),
)


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """One object a line: timestamp, level, logger, message, bound ids, `extra` values, a traceback as `exception`."""

    def __init__(self) -> None:
        super().__init__(processors=INTO_JSON, foreign_pre_chain=BEFORE)


def bound(**ids: object) -> AbstractContextManager[None]:
    return structlog.contextvars.bound_contextvars(**ids)


class RequestId:
    """Middleware: takes the caller's X-Request-ID or makes one, binds it, and sends it back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        theirs = request.headers.get("X-Request-ID", "")
        request_id = theirs if theirs.isascii() and theirs.isprintable() else ""
        request_id = request_id[:REQUEST_ID_SIGNS] or uuid.uuid4().hex
        with bound(request=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response
