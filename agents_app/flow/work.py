"""One agent at work, in a thread: plain data in, plain data out, no ORM. Research asks its sources here too."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from agents_app import consensus, contracts, llm, prompts, research, voters
from agents_app.agents import Agent
from agents_app.confidence import Term
from agents_app.contracts import Check
from agents_app.flow import knowledge, noting, rubrics
from agents_app.prices import PriceTable, Usage
from agents_app.promises import Promise, Said, about_text, measured
from agents_app.prompts import Material

logger = logging.getLogger(__name__)

TRIES = 2  # an answer that breaks a promise is asked for once more, with the objections
FACT = ("key", "attribute", "value", "confidence", "source", "as_of")  # what the model sees of a fact


class SourcesUnavailable(Exception):
    """No source could be reached; they may answer later."""


class NothingKnown(Exception):
    """The sources answered, and none knows the company; or there is no source to ask. A person must mend it."""


class StepTooSlow(Exception):
    """The step did not end within its deadline; what it may have spent counts as spent."""


@dataclass(frozen=True)
class Task:
    """All that an agent's step needs. `search` asks sources, None for agents that ask none; `needs` is the agent's own
    dataclass.

    `promises` are the contracts that the run fixed for this agent; `baseline` is a text to compare with, where there is
    one. `models` in the order of preference, empty: the usual ones; a Replay answers from what a step has kept.
    `reliabilities` {voter: how often right}; `judges` are voters beside those of `voters.py`.
    """

    agent: Agent
    prompt: str
    needs: Any
    prices: PriceTable
    at: datetime
    purse: llm.Purse
    search: Callable[[], research.Explored] | None = None
    effort: llm.Effort = "low"
    max_tokens: int | None = None
    models: tuple[str, ...] | llm.Replay = ()
    proposals: int = 1
    reliabilities: Mapping[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    promises: Sequence[Promise] = ()
    baseline: str = ""
    judges: "Callable[[Task, Work, voters.Candidates], list[consensus.Voter]] | None" = None

    def now(self) -> datetime:
        """The driver's clock, as it has gone on since the step began."""
        return self.at + timedelta(seconds=time.monotonic() - self.began)


@dataclass(frozen=True)
class Answered:
    """One question of a step with its last answer. `checks` are of its text; `measured` lie beside it (its cost, its
    time, what a model says of it), so they count for no vote, no confidence and no second try."""

    material: Material
    prompt_sent: str
    parsed: BaseModel
    checks: list[Check]
    terms: list[Term]
    measured: list[Check] = field(default_factory=list)

    @property
    def all_checks(self) -> list[Check]:
        return [*self.checks, *self.measured]


@dataclass
class Work:
    """What came of a step so far; with `error` set, what had come of it by then.

    Agents leave `answers`; tools leave `output`. `given` is what the agent was given in the end, `search` how its
    sources were asked (`research.Explored`), `decided` what was decided on the way (`noting`).
    """

    given: Any = None
    gathered: list[research.SourceAnswer] = field(default_factory=list)
    facts: list[research.FactValue] = field(default_factory=list)
    search: dict[str, Any] = field(default_factory=dict)
    answers: list[Answered] = field(default_factory=list)
    output: dict[str, Any] | None = None
    votes: dict[str, Any] = field(default_factory=dict)
    decided: dict[str, Any] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    uncertain_usd: Decimal = Decimal(0)
    generator: str = ""
    request_id: str = ""
    error: Exception | None = None

    def paid(self, call: llm.Answer | llm.ModelError) -> None:
        self.attempts += call.attempts
        self.usage += call.usage
        self.cost_usd += call.cost_usd
        self.uncertain_usd += call.uncertain_usd
        self.request_id = call.request_id or self.request_id


def do(task: Task) -> Work:
    """An edge: an error of any kind comes back in the result, with all that was asked and paid before it."""
    work = Work(task.needs)
    try:
        _research(task, work)
        for context in task.agent.contexts(work.given):
            work.answers.append(_judged(task, work, _answer(task, work, context)))
    except llm.ModelError as error:
        work.paid(error)
        work.error = error
    except Exception as error:  # noqa: BLE001 - the step's row tells what happened, and the run goes no further
        work.error = error
    return work


@dataclass(frozen=True)
class Frozen:
    """What of an agent's needs a single question takes."""

    config: Mapping[str, Any]
    facts: Sequence[Mapping[str, Any]]


def do_again(task: Task, material: Material) -> Work:
    """One question that was asked once before, from its frozen material: no source is asked, nothing is looked up. Its
    `needs` do not count. An edge, as `do`."""
    frozen = Frozen(material.config, material.facts)
    task = replace(task, needs=frozen)
    work = Work(frozen)
    try:
        work.answers.append(_judged(task, work, _answer(task, work, material.context)))
    except llm.ModelError as error:
        work.paid(error)
        work.error = error
    except Exception as error:
        logger.exception("a frozen question stopped")
        work.error = error
    return work


def _research(task: Task, work: Work) -> None:
    if task.search is None:
        return
    found = task.search()
    work.gathered, work.facts, work.search = found.answers, found.facts, found.document()
    if not any(answer.claims for answer in work.gathered):
        raise _nothing(task, work)
    facts = [knowledge.from_value(fact) for fact in work.facts]
    named = knowledge.named(task.needs.company, facts)
    work.given = replace(task.needs, facts=facts, company=named)


def company_of(told: Mapping[str, str]) -> research.Company:
    """`told` is {"domain", "name"}; where no name is known the domain stands in its place."""
    return research.Company(told["domain"], told["name"] if told["name"] != told["domain"] else "")


def _nothing(task: Task, work: Work) -> Exception:
    domain = task.needs.company["domain"]
    if not work.gathered:
        client = task.needs.config["client_name"]
        mend = "Add an active connection to one, for example People Data Labs, then ask again."
        return NothingKnown(f"{client} has no research source. {mend}")
    said = " ".join(f"{answer.source}: {answer.reason}" for answer in work.gathered)
    if all(answer.status == "failed" for answer in work.gathered):
        return SourcesUnavailable(f"No research source could be reached about {domain}. {said}")
    return NothingKnown(f"No source knows {domain}. {said} Check the domain, then ask again.")


# --- one question: one proposal, or several of which a vote picks one


def _answer(task: Task, work: Work, context: Mapping[str, Any]) -> Answered:
    """The answer that keeps every promise that decides, else the last one with its broken promises.

    Where no proposal keeps them, there is one more round, which carries the objections.
    """
    proposals = _proposals(task, work, context, first=0)
    kept = [each for each in proposals if not contracts.broken(each.checks)]
    _note_broken(work, proposals)
    if not kept:
        objections = consensus.objections(each.checks for each in proposals)
        work.decided.setdefault("revised", []).append({"question": len(work.answers) + 1, "objections": objections})
        again = replace(task, proposals=1)
        return _proposals(again, work, {**context, "objections": objections}, first=task.proposals)[0]
    return kept[0] if task.proposals == 1 else _elected(task, work, kept, proposals)


def _note_broken(work: Work, proposals: Sequence[Answered]) -> None:
    broken = [
        noting.not_taken(len(work.answers) + 1, number, each.terms, each.checks)
        for number, each in enumerate(proposals, start=1)
        if contracts.broken(each.checks)
    ]
    if broken:
        work.decided.setdefault("answers", []).extend(broken)


def _proposals(task: Task, work: Work, context: Mapping[str, Any], *, first: int) -> list[Answered]:
    """Independent answers: each with a variation of its own, none seeing the others; asked side by side.

    Everything paid is counted. One that fails leaves the others; when all do, the first failure is raised.
    """
    facts = [{name: fact[name] for name in FACT if name in fact} for fact in work.given.facts]
    material = prompts.cleaned(Material(task.needs.config, facts, context))
    with ThreadPoolExecutor(task.proposals) as pool:
        said = list(pool.map(lambda number: _ask(task, material, first + number), range(task.proposals)))
    failed = [each for each in said if isinstance(each, llm.ModelError)]
    came = [each for each in said if isinstance(each, _Came)]
    for each in came:
        work.paid(each.call)
        work.generator = each.call.generator
    for error in failed if came else failed[1:]:
        work.paid(error)
    if not came:
        raise failed[0]
    return [each.answered for each in came]


@dataclass(frozen=True)
class _Came:
    answered: Answered
    call: llm.Answer


def _ask(task: Task, material: Material, variation: int) -> "_Came | llm.ModelError":
    agent = task.agent
    prompt = prompts.build(task.prompt, agent.key, material, variation=variation)
    most = task.max_tokens or agent.max_tokens
    question = llm.Question(agent.key, prompt.system, prompt.user, agent.schema, most, task.effort)
    models = task.models or None
    try:
        answer = llm.ask(question, prices=task.prices, at=task.now(), purse=task.purse, models=models)
    except llm.ModelError as error:
        return error
    said = _as_said(task, answer, material)
    checks = [*agent.check(answer.parsed, material), *about_text(task.promises, said)]
    terms = agent.terms(answer.parsed, material, checks)
    beside = measured(task.promises, said)
    return _Came(Answered(material, prompt.as_text(), answer.parsed, checks, terms, beside), answer)


def _as_said(task: Task, answer: llm.Answer, material: Material) -> Said:
    """What was perhaps paid counts as cost, as it does everywhere."""
    return Said(
        text=task.agent.text(answer.parsed),
        document=answer.parsed.model_dump(mode="json"),
        sentences=task.agent.sentences(answer.parsed),
        material=material,
        cost_usd=float(answer.cost_usd + answer.uncertain_usd),
        seconds=sum(int(each.get("ms", 0)) for each in answer.attempts) / 1000,
        baseline=task.baseline,
    )


def _judged(task: Task, work: Work, answered: Answered) -> Answered:
    """With what a model says of the contracts that ask one; what that costs is paid by the step."""
    text = task.agent.text(answered.parsed) if task.agent.sentences(answered.parsed) else ""
    said = rubrics.judge(task, text, work.paid)
    return replace(answered, measured=[*answered.measured, *said])


def _elected(task: Task, work: Work, kept: Sequence[Answered], proposals: Sequence[Answered]) -> Answered:
    """One of several that keep every promise, by the voters of `voters.py`; what they said is kept."""
    names = {f"proposal {number}": each for number, each in enumerate(kept, start=1)}
    candidates = {
        name: voters.Candidate.of(each.parsed, each.material, each.checks, each.terms) for name, each in names.items()
    }
    judges = task.judges(task, work, candidates) if task.judges else []
    election = consensus.elect(list(names), [*voters.of(candidates, task.reliabilities), *judges])
    texts = {name: each.parsed.model_dump(mode="json") for name, each in names.items()}
    work.votes = election.document() | {"proposals": texts, "broken": len(proposals) - len(kept)}
    return names[election.winner]
