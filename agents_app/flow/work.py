"""One agent at work, in a thread: plain data in, plain data out, no ORM. Research asks its sources here too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from agents_app import contracts, llm, prompts, research
from agents_app.agents import Agent, Known
from agents_app.confidence import Term
from agents_app.contracts import Check
from agents_app.flow import knowledge
from agents_app.prices import PriceTable, Usage
from agents_app.prompts import Material

TRIES = 2  # an answer that breaks a promise is asked for once more, with the objections
FACT = ("key", "attribute", "value", "confidence", "source", "as_of")  # what the model sees of a fact


class SourcesUnavailable(Exception):
    """No source could be reached; they may answer later."""


class NothingKnown(Exception):
    """The sources answered, and none knows the company; or there is no source to ask. A person must mend it."""


@dataclass(frozen=True)
class Task:
    """All that a step needs. `sources` is None for agents that ask none."""

    agent: Agent
    prompt: str
    known: Known
    prices: PriceTable
    at: datetime
    sources: Sequence[research.SourceAccess] | None = None
    budget_s: float = 30.0
    effort: llm.Effort = "low"


@dataclass(frozen=True)
class Answered:
    """One question of a step with its last answer."""

    material: Material
    prompt_sent: str
    parsed: BaseModel
    checks: list[Check]
    terms: list[Term]


@dataclass
class Work:
    """What came of a task so far; with `error` set, what had come of it by then."""

    known: Known
    gathered: list[research.SourceAnswer] = field(default_factory=list)
    facts: list[research.FactValue] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    generator: str = ""
    request_id: str = ""
    error: Exception | None = None

    def paid(self, call: llm.Answer | llm.ModelError) -> None:
        self.attempts += call.attempts
        self.usage += call.usage
        self.cost_usd += call.cost_usd
        self.request_id = call.request_id or self.request_id


def do(task: Task) -> Work:
    """An edge: an error of any kind comes back in the result, with all that was asked and paid before it."""
    work = Work(task.known)
    try:
        _research(task, work)
        for context in task.agent.contexts(work.known):
            work.answers.append(_answer(task, work, context))
    except llm.ModelError as error:
        work.paid(error)
        work.error = error
    except Exception as error:  # noqa: BLE001 - the step's row tells what happened, and the run goes no further
        work.error = error
    return work


def _research(task: Task, work: Work) -> None:
    if task.sources is None:
        return
    domain, name = task.known.company["domain"], task.known.company["name"]
    company = research.Company(domain, name if name != domain else "")
    work.gathered = research.gather(company, sources=task.sources, budget_s=task.budget_s, at=task.at)
    work.facts = research.facts(work.gathered, at=task.at)
    if not work.facts:
        raise _nothing(task, work)
    facts = [knowledge.from_value(fact) for fact in work.facts]
    work.known = knowledge.named(replace(task.known, facts=facts))


def _nothing(task: Task, work: Work) -> Exception:
    domain = task.known.company["domain"]
    if not work.gathered:
        client = task.known.config["client_name"]
        return NothingKnown(
            f"{client} has no research source. Add an active connection to People Data Labs or NewsAPI, then ask again."
        )
    said = " ".join(f"{answer.source}: {answer.reason}" for answer in work.gathered)
    if all(answer.status == "failed" for answer in work.gathered):
        return SourcesUnavailable(f"No research source could be reached about {domain}. {said}")
    return NothingKnown(f"No source knows {domain}. {said} Check the domain, then ask again.")


def _answer(task: Task, work: Work, context: Mapping[str, Any]) -> Answered:
    """The first answer that keeps every promise that decides, else the last one with its broken promises."""
    facts = [{name: fact[name] for name in FACT if name in fact} for fact in work.known.facts]
    given = dict(context)
    for variation in range(TRIES):
        material = Material(task.known.config, facts, given)
        answered = _ask(task, work, material, variation)
        broken = contracts.broken(answered.checks)
        if not broken:
            break
        given = {**context, "objections": [check.detail for check in broken]}
    return answered


def _ask(task: Task, work: Work, material: Material, variation: int) -> Answered:
    agent = task.agent
    prompt = prompts.build(task.prompt, agent.key, material, variation=variation)
    question = llm.Question(agent.key, prompt.system, prompt.user, agent.schema, agent.max_tokens, task.effort)
    answer = llm.ask(question, prices=task.prices, at=task.at, variation=variation)
    work.paid(answer)
    work.generator = answer.generator
    checks = agent.check(answer.parsed, material)
    terms = agent.terms(answer.parsed, material, checks)
    return Answered(material, prompt.as_text(), answer.parsed, checks, terms)
