"""The least that a server can do with a call and lose nothing: one durable INSERT of its body. A WSGI application, for
`webhooks.py` to measure ours against."""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

_own = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if not hasattr(_own, "connection"):
        _own.connection = psycopg.connect(os.environ["BARE_INSERT"], autocommit=True)
    _own.connection.execute("INSERT INTO bare_insert (body) VALUES (%s)", [body])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"OK"]
