"""Which sources are worth another question: those that failed in passing, or were asked under a worse name."""

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlencode

from agents_app.research import newsapi
from agents_app.research.source import Company

MENDED_BY_PEOPLE = (400, 401, 402, 403, 404)  # asking once more meets the same answer


class Asked(Protocol):
    """One question to a source and what came of it."""

    source: str
    status: str
    request_key: str
    http_status: int | None
    elapsed_ms: int


def again(asked: Iterable[Asked], company: Company) -> list[str]:
    """Keys of sources, each judged by its last question. `company` carries the name that is known by now."""
    last = {each.source: each for each in asked}
    return [key for key, each in last.items() if _may_pass(each) or _knows_a_better_name(each, company)]


def _may_pass(asked: Asked) -> bool:
    """A question that was never sent (0 ms) lacks something that a person must add."""
    return asked.status == "failed" and asked.http_status not in MENDED_BY_PEOPLE and asked.elapsed_ms > 0


def _knows_a_better_name(asked: Asked, company: Company) -> bool:
    if asked.source != newsapi.KEY or not company.name:
        return False
    name = company.known_as.replace('"', "")  # as newsapi asks
    return urlencode({"q": f'"{name}"'})[:200] not in asked.request_key
