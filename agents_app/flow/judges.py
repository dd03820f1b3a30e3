"""Model judges as further voters on proposals: each asked by itself, in a variation of its own, while it can matter.

The offline composer does not judge: it would only repeat the rules that the other voters are made of.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agents_app import llm, prompts
from agents_app.consensus import Voter
from agents_app.flow.work import Task, Work
from agents_app.prompts import Material
from agents_app.voters import STARTING, Candidate

PROMPT = Path(__file__).with_name("judge.md")
NAMES = ("judge 1", "judge 2", "judge 3")
MOST_TOKENS = 300


class JudgeAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    choice: Annotated[str, Field(min_length=1, max_length=40)]
    why: Annotated[str, Field(min_length=1, max_length=300)]


def of(task: Task, work: Work, candidates: Mapping[str, Candidate]) -> list[Voter]:
    if llm.is_offline() and not isinstance(task.models, llm.Replay):
        return []
    return [
        Voter(name, task.reliabilities.get(name, STARTING), _asking(task, work, candidates, number))
        for number, name in enumerate(NAMES, start=1)
    ]


def _who_answers(task: Task) -> llm.Replay | None:
    """Judges are always of the usual models, whatever model wrote; but a replay asks nobody."""
    return task.models if isinstance(task.models, llm.Replay) else None


def _asking(task: Task, work: Work, candidates: Mapping[str, Candidate], number: int) -> Callable[[], tuple[str, str]]:
    """The proposals in another order for each judge, because models favour what stands first."""
    names = list(candidates)
    turned = names[number % len(names) :] + names[: number % len(names)]

    def ask() -> tuple[str, str]:
        context = {"proposals": [{"name": name, "text": candidates[name].text} for name in turned]}
        material = Material({"client_name": task.needs.config["client_name"]}, [], context)
        prompt = prompts.build(PROMPT.read_text(encoding="utf-8"), "judge", material, variation=number)
        question = llm.Question("judge", prompt.system, prompt.user, JudgeAnswer, MOST_TOKENS)
        try:
            answer = llm.ask(question, prices=task.prices, at=task.now(), purse=task.purse, models=_who_answers(task))
        except llm.ModelError as error:  # the proposals are there and paid for: this judge abstains
            work.paid(error)
            return "", f"It gave no answer: {error}"
        work.paid(answer)
        said = answer.parsed
        assert isinstance(said, JudgeAnswer)
        return (said.choice, said.why) if said.choice in names else ("", f"It chose none of them: {said.why}")

    return ask
