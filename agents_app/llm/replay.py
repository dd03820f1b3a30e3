"""Answers from what was recorded: the same path through the SDK, with stored bytes at its other end."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agents_app.llm import wire
from agents_app.llm.errors import ModelRefused
from agents_app.llm.reading import read

if TYPE_CHECKING:
    import anthropic
    import httpx2


class ReplayMissing(ModelRefused):
    """The recording holds no answer to this request, because something in it is not as it was."""

    def __init__(self) -> None:
        super().__init__(
            "The recording holds no answer to this request: its prompt, settings, facts or model are not those that "
            "were recorded. Replay it unchanged, or ask the model anew."
        )


def answered(attempts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that brought an answer which can be read: what a replay can repeat."""
    return [each for each in attempts if each.get("status") == 200 and read(str(each.get("response", "")).encode())]


class Replay:
    """Stands in for the service: `ask(..., models=Replay(attempts))`. One replay may serve many threads.

    `attempts` are those of `Answer`, of one step or of many. A request is known by the SHA-256 of its bytes; asked
    again, it gets its next recorded answer, the last one again and again. Failed calls are not repeated. What an answer
    says of its cost is what was paid then: nothing is paid again, so a replay needs no purse.
    """

    def __init__(self, attempts: Iterable[Mapping[str, Any]]) -> None:
        self._stored: dict[str, list[Mapping[str, Any]]] = {}
        self._lock = threading.Lock()
        for attempt in answered(attempts):
            self._stored.setdefault(attempt["request_sha256"], []).append(attempt)
        found = [str(each["model"]) for stored in self._stored.values() for each in stored]
        self.names = tuple(dict.fromkeys(found))  # the models that answered, in the order of first use

    def holds(self, request_sha256: str) -> bool:
        return request_sha256 in self._stored

    @cached_property
    def client(self) -> anthropic.Anthropic:
        return wire.connect(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        import httpx2

        attempt = self._next(hashlib.sha256(request.content).hexdigest())
        headers = {"content-type": "application/json", "request-id": str(attempt["request_id"])}
        return httpx2.Response(200, headers=headers, content=str(attempt["response"]).encode())

    def _next(self, request_sha256: str) -> Mapping[str, Any]:
        with self._lock:
            stored = self._stored.get(request_sha256)
            if not stored:
                raise ReplayMissing
            return stored.pop(0) if len(stored) > 1 else stored[0]
