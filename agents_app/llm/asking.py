"""One question to the model, from the first request to an answer that can be used."""

import time
from collections.abc import Sequence
from datetime import datetime

import tenacity
from pydantic import BaseModel

from agents_app.llm import judging
from agents_app.llm.errors import AnswerInvalid, ModelError, ModelRefused, ModelUnavailable
from agents_app.llm.exchange import Asking, call
from agents_app.llm.headers import LONGEST_RETRY_AFTER_S
from agents_app.llm.purse import Purse, Unlimited
from agents_app.llm.question import Answer, Question
from agents_app.llm.reading import Said
from agents_app.llm.replay import Replay
from agents_app.prices import PriceTable

ATTEMPTS = 3


def ask(
    question: Question,
    *,
    prices: PriceTable,
    at: datetime,
    purse: Purse | None = None,
    models: Sequence[str] | Replay | None = None,
) -> Answer:
    """Raises ModelUnavailable, ModelRefused, AnswerInvalid, and what `purse` raises, such as BudgetSpent.

    `models` says who may answer, the preferred one first; a Replay answers from its recording or raises ReplayMissing.
    `at` is now.
    """
    turns = [{"role": "user", "content": question.user}]
    asking = Asking(question, turns, prices, at, purse or Unlimited(), models or ())
    try:
        said, parsed = _answered(asking)
    except ModelError as error:
        error.carry(asking.tally)
        raise
    tally = asking.tally
    return Answer(
        parsed=parsed,
        generator=said.model,
        request_id=tally.request_id,
        stop_reason=said.stop_reason,
        usage=tally.usage,
        cost_usd=tally.cost_usd,
        uncertain_usd=tally.uncertain_usd,
        attempts=tally.attempts,
        raw=said.text,
    )


def _answered(asking: Asking) -> tuple[Said, BaseModel]:
    """The repair ladder: parse, bounds, then one more call with the invalid answer and what is wrong with it."""
    said = _send(asking)
    problem, parsed = _judged(asking, said)
    if parsed is not None:
        return said, parsed
    asking.kind = "repair"
    asking.turns += [
        {"role": "assistant", "content": _quoted(said)},
        {"role": "user", "content": f"That answer cannot be used. Answer again, complete, and mend this:\n{problem}"},
    ]
    said = _send(asking)
    problem, parsed = _judged(asking, said)
    if parsed is None:
        told = "; ".join(problem.splitlines()).rstrip(".")
        raise AnswerInvalid(f"The model's answer was invalid twice: {told}.", raw=said.text)
    return said, parsed


def _judged(asking: Asking, said: Said) -> tuple[str, BaseModel | None]:
    problem, parsed = judging.judge(said, asking.question.schema)
    if parsed is None:
        _note(asking, f"invalid answer: {problem}"[:300])
    return problem, parsed


def _quoted(said: Said) -> str:
    """The invalid answer; but not where the model could not hold it all: with it, the next question would be longer."""
    is_too_long = said.stop_reason == "model_context_window_exceeded"
    return (not is_too_long and said.text.strip()) or "(no text)"


def _note(asking: Asking, outcome: str) -> None:
    asking.tally.attempts[-1]["outcome"] = outcome


# --- one logical call: short waits are slept through here, long ones are the caller's


def _send(asking: Asking) -> Said:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_worth_waiting),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=_wait,
        sleep=lambda seconds: time.sleep(seconds),
        reraise=True,
    )
    said = retrying(call, asking)
    if reason := judging.refused(said):
        _note(asking, "refused" if said.stop_reason == "refusal" else f"stopped: {said.stop_reason or 'no reason'}")
        raise ModelRefused(reason, raw=said.text)
    return said


def _is_worth_waiting(error: BaseException) -> bool:
    """Not what the purse said, which has waited itself: its errors tell of no attempt yet."""
    if not isinstance(error, ModelUnavailable) or not error.attempts:
        return False
    return (error.retry_after_s or 0) <= LONGEST_RETRY_AFTER_S


_jittered = tenacity.wait_random_exponential(multiplier=0.5, max=8)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, ModelUnavailable) else None
    return asked if asked is not None else _jittered(state)
