"""Models as tests need them: the sandbox's, with one agent's answer replaced or withheld."""

from collections.abc import Callable
from typing import Any

from agents_app import llm

REAL_ASK = llm.ask


def answering(agent: str, change: Callable[[dict[str, Any], int], dict[str, Any]]) -> Callable[..., llm.Answer]:
    """For `agent`, the sandbox's answer changed by `change(document, call number from 1)`; for the others as it is."""
    calls: list[int] = []

    def ask(question: llm.Question, **options: Any) -> llm.Answer:
        answer = REAL_ASK(question, **options)
        if question.agent != agent:
            return answer
        calls.append(1)
        document = change(answer.parsed.model_dump(), len(calls))
        return llm.Answer(**{**answer.__dict__, "parsed": question.schema.model_validate(document)})

    return ask


def failing(agent: str, error: type[llm.ModelError], reason: str, **options: Any) -> Callable[..., llm.Answer]:
    """For `agent`, no answer but `error`, after one recorded attempt."""

    def ask(question: llm.Question, *, prices: Any, at: Any, variation: int = 0) -> llm.Answer:
        if question.agent != agent:
            return REAL_ASK(question, prices=prices, at=at, variation=variation)
        asking = llm._Asking(question, [], prices, at)
        asking.attempts.append({"kind": "ask", "status": 529, "ms": 1, "request_id": "req_1", "outcome": "overloaded"})
        raise error(reason, asking, **options)

    return ask
