"""Run → steps → facts, personas, draft. One driver a run; it alone touches the database.

Each step is a row from its first moment, and a finished one is never repeated: whoever takes the run up after a crash
goes on with the first step that has not finished.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from agents_app import llm, prices, research, routing
from agents_app.agents import AGENTS
from agents_app.flow import endings, knowledge, lease, results, work
from agents_app.flow.endings import MOST_ATTEMPTS
from agents_app.flow.lease import Ending
from agents_app.flow.work import Task, Work
from agents_app.models import Depth, FlowRun, PromptVersion, StepRun
from agents_app.prices import PriceTable
from clients import credentials
from clients.models import Connection

BUDGET_S = {Depth.QUICK: 5.0, Depth.STANDARD: 30.0, Depth.COMPREHENSIVE: 300.0}  # for asking the sources
EFFORT: Mapping[str, llm.Effort] = {Depth.QUICK: "low", Depth.STANDARD: "low", Depth.COMPREHENSIVE: "medium"}

Clock = Callable[[], datetime]
Status = FlowRun.Status

logger = logging.getLogger(__name__)


def execute(run_id: int, *, clock: Clock = timezone.now) -> FlowRun:
    """Take the run as far as it goes. A run that another worker owns, or that has ended, is returned as it stands."""
    run = lease.claim(run_id, at=clock())
    if run is not None:
        try:
            lease.leave(run, _drive(run, clock), at=clock())
        except lease.LostLease as lost:
            logger.warning("%s", lost)
    return FlowRun.objects.get(pk=run_id)


@dataclass(frozen=True)
class Hand:
    """The run in hand, with what every step of it needs."""

    run: FlowRun
    table: PriceTable
    prompts: Mapping[str, PromptVersion]
    clock: Clock
    recalled: knowledge.Recalled = field(default_factory=dict)


def _drive(run: FlowRun, clock: Clock) -> Ending:
    if run.recoveries > lease.MOST_RECOVERIES:
        return Ending(Status.FAILED, f"It was taken up again {lease.MOST_RECOVERIES} times and never came to its end.")
    prompts = {planned.agent: planned.version for planned in run.prompts.select_related("version")}
    hand = Hand(run, prices.load(), prompts, clock)
    for number, stage in enumerate(run.stages):
        ending = _stage(hand, number, [choice["agent"] for choice in stage])
        if ending is not None:
            return ending
    if run.route == "deep_research":
        with lease.held(run, at=clock()):
            results.brief(run)
    return Ending(Status.SUCCEEDED)


def _stage(hand: Hand, number: int, agents: Sequence[str]) -> Ending | None:
    """None when every agent of the stage has finished and the run goes on."""
    earlier = list(hand.run.steps.filter(agent__in=agents).order_by("attempt"))
    done = [step for step in earlier if step.status == StepRun.Status.DONE]
    todo = {agent: [step for step in earlier if step.agent == agent] for agent in agents}
    todo = {agent: tries for agent, tries in todo.items() if not any(step in done for step in tries)}
    for agent, tries in todo.items():
        if len(tries) >= MOST_ATTEMPTS:
            return _worn_out(agent, tries[-1].error)
    with lease.held(hand.run, at=hand.clock()):
        begun = [_begin(hand, number, agent, attempt=len(tries) + 1) for agent, tries in todo.items()]
    finished: list[tuple[StepRun, Exception | None]] = [(step, None) for step in done]
    for step, came in _side_by_side(hand, begun):
        with lease.held(hand.run, at=hand.clock()):
            results.store(hand.run, step, came, at=hand.clock())
        finished.append((step, came.error))
    return endings.verdict(finished, at=hand.clock())


def _begin(hand: Hand, number: int, agent: str, *, attempt: int) -> tuple[StepRun, Task]:
    """The step's row, written before its work starts, and the work."""
    given = knowledge.gathered(hand.run, agent, hand.recalled)
    version = hand.prompts[agent]
    task = _task(hand, agent, given)
    planned = _planned_input(given, task)
    step = StepRun.objects.create(
        run=hand.run,
        key=agent,
        agent=agent,
        stage=number,
        attempt=attempt,
        fence=hand.run.fence,
        input=planned,
        input_sha256=results.digest(planned),
        prompt_version=version,
        started_at=hand.clock(),
    )
    return step, task


def _task(hand: Hand, agent: str, given: knowledge.Given) -> Task:
    depth = Depth(hand.run.request.depth)
    return Task(
        agent=AGENTS[agent],
        prompt=hand.prompts[agent].text,
        known=given.known,
        prices=hand.table,
        at=hand.clock(),
        sources=_sources(hand.run) if agent == routing.RESEARCH else None,
        budget_s=BUDGET_S[depth],
        effort=EFFORT[depth],
    )


def _planned_input(given: knowledge.Given, task: Task) -> dict[str, Any]:
    """What the step starts from; `results` adds what its agent saw in the end."""
    known = given.known
    document: dict[str, Any] = {"company": dict(known.company), "purpose": known.purpose, "contact": known.contact}
    document |= {"facts": [dict(fact) for fact in known.facts], "withheld": list(given.withheld)}
    if task.sources is not None:
        document["sources"] = [{"source": each.key, "sandbox": each.sandbox} for each in task.sources]
    if given.facts_from is not None:
        document["facts_from"] = dict(given.facts_from)
    return document


def _sources(run: FlowRun) -> list[research.SourceAccess]:
    """One access a source: the client's oldest active connection to it."""
    found: dict[str, research.SourceAccess] = {}
    active = Connection.objects.filter(client=run.client_id, is_active=True, party__in=list(research.SOURCES))
    for connection in active.order_by("pk"):
        is_sandbox = connection.mode == Connection.Mode.SANDBOX
        if connection.party not in found:
            credential = "" if is_sandbox else _credential(connection)
            found[connection.party] = research.SourceAccess(connection.party, is_sandbox, credential)
    return list(found.values())


def _credential(connection: Connection) -> str:
    """Empty when there is none that can be read; the source then says so, and the others are asked all the same."""
    try:
        return credentials.decrypt(bytes(connection.credential)) if connection.credential else ""
    except credentials.CredentialUnreadable as unreadable:
        logger.warning("connection %s: %s", connection.pk, unreadable)
        return ""


def _side_by_side(hand: Hand, begun: Sequence[tuple[StepRun, Task]]) -> Iterator[tuple[StepRun, Work]]:
    """Each step with what came of it, as it comes; the lease is kept alive meanwhile."""
    if not begun:
        return
    pool = ThreadPoolExecutor(len(begun), thread_name_prefix=f"run {hand.run.pk}")
    try:
        pending = {pool.submit(work.do, task): step for step, task in begun}
        while pending:
            done, _ = wait(pending, timeout=lease.HEARTBEAT_S, return_when=FIRST_COMPLETED)
            if not done:
                lease.beat(hand.run, at=hand.clock())
            for future in sorted(done, key=lambda each: pending[each].pk):
                yield pending.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _worn_out(agent: str, error: str) -> Ending:
    return Ending(Status.FAILED, f"{endings.name(agent)} was tried {MOST_ATTEMPTS} times. The last time: {error}")
