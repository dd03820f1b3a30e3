"""A model looks at the research and proposes changes of the plan, from a short menu. Only flows that allow it have one.

What it may do is bounded twice: by the schema of its answer, and by `adapting.proposed`, which makes only those edits
that the rules allow.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents_app import adapting, llm, prompts, research
from agents_app.flow import knowledge, tools
from agents_app.flow.hand import Hand
from agents_app.flow.tools import Shape
from agents_app.flow.work import Work
from agents_app.prices import PriceTable
from agents_app.prompts import Material

PROMPT = Path(__file__).with_name("planner.md")
MOST_EDITS = 3
MOST_TOKENS = 800


class PlanEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: Literal["insert", "skip", "replace"]
    step: Annotated[str, Field(max_length=40)]
    tool: Literal["", "deepen", "adjudicate"]
    model: Literal["", "cheaper"]
    reason: Annotated[str, Field(min_length=1, max_length=300)]


class PlannerAnswer(BaseModel):
    """No edits: the plan is good as it is."""

    model_config = ConfigDict(extra="forbid")

    edits: Annotated[list[PlanEdit], Field(max_length=MOST_EDITS)]


class _Known(Shape):
    key: str
    attribute: str
    confidence: float


class _Planned(Shape):
    step: str
    kind: str
    optional: bool
    state: str


class Seen(Shape):
    """What the planner sees beside the client's settings."""

    facts: list[_Known]
    plan: list[_Planned]
    purpose: str
    required: list[str]
    again: list[str]
    conflicts: list[str]
    seconds_left: Annotated[int, Field(ge=0)]
    budget_left_usd: str


def context(hand: Hand) -> dict[str, Any]:
    """The state that the planner sees: numbers and names of our own. No text from outside, so none can talk it into a
    change: of a fact it sees which attribute is known and how surely, not what it says."""
    run = hand.run
    rows = knowledge.known_facts(run, hand.recalled)
    begun = hand.states()
    return {
        "config": {"client_name": run.config["client_name"], "confidence_floor": run.config["confidence_floor"]},
        "facts": [{name: row[name] for name in ("key", "attribute", "confidence")} for row in rows],
        "plan": [
            {"step": node.key, "kind": node.kind, "optional": node.is_optional, "state": begun.get(node.key, "to come")}
            for node in hand.nodes
        ],
        "purpose": run.request.purpose,
        "required": list(knowledge.required(run)),
        "again": research.again(tools.asked(run), tools.known_company(hand), at=hand.clock()),
        "conflicts": tools.conflicts(run),
        "seconds_left": max(0, round(hand.seconds_left())),
        "budget_left_usd": str(run.left_usd),
    }


def do(
    given: Mapping[str, Any], prices: PriceTable, at: datetime, purse: llm.Purse, models: llm.Replay | None = None
) -> Work:
    """An edge: an error of any kind comes back in the result, with what was paid before it."""
    work = Work()
    state = {name: value for name, value in given.items() if name not in ("config", "facts")}
    prompt = prompts.build(
        PROMPT.read_text(encoding="utf-8"), "planner", Material(given["config"], given["facts"], state)
    )
    question = llm.Question("planner", prompt.system, prompt.user, PlannerAnswer, MOST_TOKENS)
    try:
        answer = llm.ask(question, prices=prices, at=at, purse=purse, models=models)
        work.paid(answer)
        work.generator = answer.generator
        work.output = answer.parsed.model_dump(mode="json")
    except llm.ModelError as error:
        work.paid(error)
        work.error = error
    except Exception as error:  # noqa: BLE001 - the step's row tells what happened; the run goes on without a planner
        work.error = error
    return work


def edits(output: Mapping[str, Any]) -> list[adapting.Edit]:
    return [adapting.Edit(**each) for each in output.get("edits", [])]
