"""What every source has in common: how it is asked, and what its answer is turned into, also when there is none."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from urllib.parse import urlencode

from agents_app.research import values
from gtm import http

SANDBOX_KEY = "sandbox"
Status = Literal["ok", "no_match", "failed"]


@dataclass(frozen=True)
class Company:
    """`name` may be empty; the domain's words stand in for it."""

    domain: str
    name: str = ""

    @property
    def known_as(self) -> str:
        return self.name or self.domain.partition(".")[0].replace("-", " ").title()


@dataclass(frozen=True)
class SourceAccess:
    """How this client reaches a source; in the sandbox no credential is needed."""

    key: str
    sandbox: bool
    credential: str = field(default="", repr=False)


@dataclass(frozen=True)
class ClaimValue:
    """One value, in reading form, at one place (RFC 6901) of the payload."""

    attribute: str
    value: str
    pointer: str
    as_of_date: date | None = None


@dataclass(frozen=True)
class SourceAnswer:
    """What a source said; with status no_match or failed, `reason` says in words why there is nothing."""

    source: str
    status: Status
    reason: str
    request_key: str
    sandbox: bool
    http_status: int | None = None
    payload: Any = None
    elapsed_ms: int = 0
    claims: list[ClaimValue] = field(default_factory=list)


@dataclass(frozen=True)
class Query:
    """A GET question; `key_header` is where the source wants its key. `knows_nothing` is said when nothing is found."""

    source: str
    url: str
    params: Mapping[str, str]
    key_header: str
    knows_nothing: str

    @property
    def key(self) -> str:
        """What is stored of the question: no credential is in it."""
        return f"GET {self.url}?{urlencode(sorted(self.params.items()))}"[:300]


class Unreadable(Exception):
    """The answer has not the shape that the source documents; the message says what is missing."""


def put(
    query: Query, access: SourceAccess, *, timeout_s: float, read: Callable[[Any], list[ClaimValue]]
) -> SourceAnswer:
    """Asks and reads; whatever the source does wrong comes back as an answer in words."""
    if not access.sandbox and not access.credential:
        return nothing(query, access, "failed", "This live connection has no credential. Add it on the connection.")
    started = time.monotonic()
    headers = {query.key_header: access.credential or SANDBOX_KEY}
    try:
        reply = http.get_json(
            query.url, params=query.params, headers=headers, timeout_s=timeout_s, sandbox=access.sandbox
        )
    except http.Unavailable as error:
        return nothing(query, access, "failed", error.reason, elapsed_ms=_since(started))
    except http.Refused as error:
        return _refused(query, access, error, elapsed_ms=_since(started))
    return _answered(query, access, reply, read)


def _since(started: float) -> int:
    """Milliseconds, at least 1: 0 says that nothing was sent."""
    return max(1, round((time.monotonic() - started) * 1000))


def _refused(query: Query, access: SourceAccess, error: http.Refused, *, elapsed_ms: int) -> SourceAnswer:
    status: Status = "no_match" if error.status == 404 else "failed"
    reason = query.knows_nothing if error.status == 404 else error.reason
    if error.status in (401, 403):
        reason = f"{error.reason.rstrip('.')}. Check the credential on the connection."
    return nothing(query, access, status, reason, http_status=error.status or None, elapsed_ms=elapsed_ms)


def _answered(
    query: Query, access: SourceAccess, reply: http.Reply, read: Callable[[Any], list[ClaimValue]]
) -> SourceAnswer:
    payload = storable(reply.json)
    try:
        claims, status, reason = read(payload), "ok", ""
        if not claims:
            status, reason = "no_match", query.knows_nothing
    except Unreadable as error:
        claims, status, reason = [], "failed", f"The answer cannot be read: {error}"
    return SourceAnswer(
        source=query.source,
        status=status,  # type: ignore[arg-type]
        reason=reason[: values.LONGEST],
        request_key=query.key,
        sandbox=access.sandbox,
        http_status=reply.status,
        payload=payload,
        elapsed_ms=reply.elapsed_ms,
        claims=claims,
    )


def nothing(
    query: Query,
    access: SourceAccess,
    status: Status,
    reason: str,
    *,
    http_status: int | None = None,
    elapsed_ms: int = 0,
) -> SourceAnswer:
    return SourceAnswer(
        source=query.source,
        status=status,
        reason=reason[: values.LONGEST],
        request_key=query.key,
        sandbox=access.sandbox,
        http_status=http_status,
        elapsed_ms=elapsed_ms,
    )


def claim(payload: object, attribute: str, pointer: str, *, as_of_date: date | None = None) -> list[ClaimValue]:
    """The claim at that place, in a list of one; an empty list when nothing readable stands there."""
    value = values.read(attribute, resolve(payload, pointer))
    return [ClaimValue(attribute, value, pointer, as_of_date)] if value else []


def resolve(document: object, pointer: str) -> object:
    """RFC 6901; None when nothing is there."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(key)
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def storable(value: object) -> object:
    """The payload without what a PostgreSQL JSON column refuses: NUL, lone surrogates, infinite numbers."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    return value
