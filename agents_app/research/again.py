"""Which sources are worth another question: those that failed in passing, or were asked under a worse name."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from agents_app.research.source import Company, Question
from agents_app.research.sources import SOURCES

MENDED_BY_PEOPLE = (400, 401, 402, 403, 404)  # asking once more meets the same answer


class Ended(Protocol):
    """What came of a question to a source."""

    @property
    def status(self) -> str: ...
    @property
    def http_status(self) -> int | None: ...
    @property
    def elapsed_ms(self) -> int: ...


class Asked(Ended, Protocol):
    """The question too."""

    @property
    def source(self) -> str: ...
    @property
    def question(self) -> str: ...


def again(asked: Iterable[Asked], company: Company, *, at: datetime) -> list[str]:
    """Keys of sources, each judged by its last question about the company as a whole; `company` carries the name that
    is known by now."""
    question = Question(company, at)
    last = {each.source: each for each in asked if _is_broad(each, question)}
    return [key for key, each in last.items() if may_pass(each) or _knows_a_better_name(each, question)]


def _is_broad(asked: Asked, question: Question) -> bool:
    """Not about a few days, and not about the company's owner."""
    source = SOURCES.get(asked.source)
    if source is None or "since" not in source.asked_by:
        return True
    unnamed = Question(Company(question.company.domain), question.at)
    return not asked.question or asked.question in (source.key_of(question), source.key_of(unnamed))


def may_pass(asked: Ended) -> bool:
    """Whether it failed in a way that asking once more may mend. A question that was never sent (0 ms) lacks something
    that a person must add."""
    return asked.status == "failed" and asked.http_status not in MENDED_BY_PEOPLE and asked.elapsed_ms > 0


def _knows_a_better_name(asked: Asked, question: Question) -> bool:
    source = SOURCES.get(asked.source)
    if source is None or "name" not in source.asked_by or not question.company.name:
        return False
    return asked.question != source.key_of(question)
