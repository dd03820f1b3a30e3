"""Contracts that a model has to judge: one question each about the answer that was chosen, paid by its step.

Only with a key. The offline composer cannot read for meaning, so without one they stand as not judged.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from agents_app import llm, prompts
from agents_app.contracts import Check
from agents_app.prices import PriceTable
from agents_app.promises import RUBRIC, Promise, not_judged
from agents_app.prompts import Material

PROMPT = Path(__file__).with_name("rubric.md")
MOST_TOKENS = 300


class RubricAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kept: bool
    why: Annotated[str, Field(min_length=1, max_length=300)]


class Asker(Protocol):
    """What of a task is needed to ask."""

    @property
    def promises(self) -> Sequence[Promise]: ...
    @property
    def needs(self) -> Any: ...  # noqa: ANN401 each agent's own
    @property
    def prices(self) -> PriceTable: ...
    @property
    def purse(self) -> llm.Purse: ...
    @property
    def models(self) -> tuple[str, ...] | llm.Replay: ...
    def now(self) -> datetime: ...


Paid = Callable[[llm.Answer | llm.ModelError], None]


def judge(asker: Asker, text: str, paid: Paid) -> list[Check]:
    """A check for each rubric; none where the answer says nothing but what is missing. An answer that was paid for is
    never lost to a judge: one that does not answer leaves its contract not judged."""
    rubrics = [each for each in asker.promises if each.kind == RUBRIC]
    if not text or not rubrics:
        return []
    if llm.is_offline() and not isinstance(asker.models, llm.Replay):
        return [not_judged(each, "A model has to read it, and none is connected.") for each in rubrics]
    return [_asked(asker, each, text, paid) for each in rubrics]


def _asked(asker: Asker, promise: Promise, text: str, paid: Paid) -> Check:
    context = {"question": promise.parameters["question"], "text": text}
    material = Material({"client_name": asker.needs.config.get("client_name", "")}, [], context)
    prompt = prompts.build(PROMPT.read_text(encoding="utf-8"), RUBRIC, material)
    question = llm.Question(RUBRIC, prompt.system, prompt.user, RubricAnswer, MOST_TOKENS)
    replayed = asker.models if isinstance(asker.models, llm.Replay) else None
    try:
        answer = llm.ask(question, prices=asker.prices, at=asker.now(), purse=asker.purse, models=replayed)
    except llm.ModelError as error:
        paid(error)
        return not_judged(promise, f"The model gave no answer. {error}")
    paid(answer)
    said = answer.parsed
    assert isinstance(said, RubricAnswer)
    return Check(promise.name, said.kept, said.why, must=False, weight=promise.weight)
