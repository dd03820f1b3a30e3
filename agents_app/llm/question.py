"""What is asked, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel

from agents_app.prices import Usage

Effort = Literal["low", "medium", "high"]
CALLS_THAT_TELL = 5  # fewer calls may each have been the first


@dataclass(frozen=True)
class Question:
    """`system` is a list of text blocks, alike for every lead of a client, so that the service can cache them."""

    agent: str
    system: Sequence[str]
    user: str
    schema: type[BaseModel]
    max_tokens: int = 2000
    effort: Effort = "low"


@dataclass(frozen=True)
class Answer:
    """`usage`, `cost_usd` and `uncertain_usd` are sums over every call; `uncertain_usd` is the worst case of calls that
    may have been billed although no answer came. `raw` is the answer's text as the model wrote it.

    An attempt is one HTTP request: {"kind": "ask" | "repair", "model", "status" (0: no answer), "ms", "request_id",
    "outcome", "stop_reason", "request_sha256", "response" (the body of a 200), "usage" {the five counters}, "cost_usd",
    "uncertain_usd", "started_at"}, and {"claimed_usd", "note"} where the service claims what cannot be. How it went is
    not part of what was answered, so attempts do not count when answers are compared.
    """

    parsed: BaseModel
    generator: str
    request_id: str
    stop_reason: str
    usage: Usage
    cost_usd: Decimal
    uncertain_usd: Decimal
    attempts: list[dict[str, Any]] = field(compare=False)
    raw: str


def cache_never_formed(calls: int, cache_write: int, cache_read: int) -> bool:
    """Whether a prompt's beginning was never cached, over so many calls to a real model: the service does not warn when
    it is too short for that, or when something in it changes from call to call."""
    return calls >= CALLS_THAT_TELL and cache_write == 0 and cache_read == 0
