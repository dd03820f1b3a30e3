"""Steps that begin: each a row from its first moment, with what it was given by hash, and the work for its thread."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from agents_app import corrections, llm, promises, research, routing
from agents_app.agents import AGENTS
from agents_app.flow import (
    access,
    again,
    budget,
    endings,
    judges,
    kept,
    knowledge,
    means,
    planner,
    reliability,
    results,
    tools,
    work,
)
from agents_app.flow.budget import StepPurse
from agents_app.flow.hand import Hand
from agents_app.flow.knowledge import Given
from agents_app.flow.means import Means
from agents_app.flow.work import Task, Work
from agents_app.graph import Node
from agents_app.models import Depth, StepContext, StepKind, StepRun
from clients.models import Contact

ASKED = (StepRun.Status.RUNNING, StepRun.Status.DONE)
BEYOND_CONTEXT = 8_000  # bytes of a prompt beside the context and the prompt's own text: schema, tags, facts to come


@dataclass(frozen=True)
class Job:
    """A begun step and what its thread is to do; `worst` is what its purse was opened for."""

    row: StepRun
    do: Callable[[], Work]
    purse: StepPurse
    worst: llm.Offer | None


@dataclass
class Begun:
    """A step on its way to its row. `prepare` makes the work once the row has its number."""

    node: Node
    row: StepRun
    context: dict[str, Any] | None = None
    prepare: "Callable[[StepRun, StepPurse], Callable[[], Work]] | None" = None
    worst: llm.Offer | None = None
    opening: llm.Grant | None = None

    @cached_property
    def canonical(self) -> bytes:
        """The context's JSON, which its hash is taken of."""
        return results.canonical(self.context)


def begin(hand: Hand, nodes: Iterable[Node]) -> list[Begun]:
    """Rows for these steps, which are written with the turn. Joins are done, and gates wait, when it is."""
    begun = [each for node in nodes for each in _KINDS[node.kind](hand, node)]
    fresh: list[Begun] = []
    for each in begun:
        if not _is_repeated(hand, each, fresh):
            fresh.append(each)
    if not fresh:
        return []
    _keep_contexts(hand, fresh)
    hand.rows += [each.row for each in fresh]
    openings = budget.open_purses(hand, [each.row for each in fresh], [each.worst for each in fresh])
    for each, opening in zip(fresh, openings, strict=True):
        each.opening = opening
    hand.journal.insert([each.row for each in fresh])
    return fresh


def jobs(hand: Hand, begun: Iterable[Begun]) -> list[Job]:
    """Once the rows are written: the work of those that need a thread."""
    found = []
    for each in begun:
        hand.deadlines[each.row.pk] = time.monotonic() + each.node.deadline_s
        if each.prepare:
            purse = StepPurse(each.row.pk, hand.inbox, each.opening)
            found.append(Job(each.row, each.prepare(each.row, purse), purse, each.worst))
    return found


# --- the kinds of steps


def _agent(hand: Hand, node: Node) -> list[Begun]:
    return [_agent_step(hand, node, hand.run.request.contact, 0)]


def _map(hand: Hand, node: Node) -> list[Begun]:
    """A step for each contact whose step is still to begin. One whom a map before has lost is left out, not written to
    on nothing."""
    left = {number: node.items[number - 1] for number in hand.items_left(node)}
    people, lost = Contact.objects.in_bulk(list(left.values())), hand.lost_contacts(node)
    for number, contact_id in left.items():
        if contact_id in lost:
            row = row_of(hand, node, number)
            row.agent, row.contact = node.agent, people[contact_id]
            leave_out(hand, row, f"{endings.name(lost[contact_id])} did not succeed for this contact.")
    return [_agent_step(hand, node, people[each], number) for number, each in left.items() if each not in lost]


def _agent_step(hand: Hand, node: Node, contact: Contact | None, number: int) -> Begun:
    agent = AGENTS[node.agent]
    row = row_of(hand, node, number)
    row.agent, row.prompt_version_id = node.agent, hand.prompts[node.agent].version_id
    row.contact = contact if number else None
    is_again = hand.run.request.is_again
    try:
        if is_again:
            given = again.given(hand, node, contact, number)
        else:
            given = knowledge.given(hand.run, agent, contact, hand.recalled)
    except ValidationError as error:  # a fault of ours: the step fails with it, and not the driver
        return Begun(node, row, prepare=_failing(error))
    asks = node.agent == routing.RESEARCH and (not is_again or again.asks_sources(hand, node, number))
    sources = access.sources(hand.run, at=row.started_at) if asks else None
    prepare = partial(_agent_work, hand, node, given, sources)
    context = _document(given, sources)
    if is_again and not asks:
        context |= again.beside(hand, node, number)
    if row.contact_id and "contact" in agent.needed():
        context["contact_id"] = row.contact_id  # two people may be told apart by nothing that an agent is given
    begun = Begun(node, row, context, prepare)
    begun.worst = _worst(hand, node, len(begun.canonical))
    return begun


def _tool(hand: Hand, node: Node) -> list[Begun]:
    row = row_of(hand, node)
    row.tool = node.tool
    tool = tools.TOOLS[node.tool]
    context = again.worked_on(hand, node) if hand.run.request.is_again else tool.given(hand, node)
    do = tool.prepare(hand, context)
    return [Begun(node, row, context, lambda row, purse: do)]


def _planner(hand: Hand, node: Node) -> list[Begun]:
    context = again.worked_on(hand, node) if hand.run.request.is_again else planner.context(hand)
    prepare = lambda row, purse: partial(planner.do, context, hand.table, row.started_at, purse)  # noqa: E731
    return [Begun(node, row_of(hand, node), context, prepare)]


def _gate(hand: Hand, node: Node) -> list[Begun]:
    row = row_of(hand, node)
    row.status = StepRun.Status.WAITING
    return [Begun(node, row)]


def _join(hand: Hand, node: Node) -> list[Begun]:
    """Nothing to do but to have waited: it ends as it begins, with what it brought together."""
    row = row_of(hand, node)
    done = {
        each.key: each.output for each in hand.rows if each.key in node.after and each.status == StepRun.Status.DONE
    }
    row.status, row.output = StepRun.Status.DONE, {"joined": done}
    row.finished_at, row.finished_seq = row.started_at, row.started_seq
    return [Begun(node, row)]


_KINDS: Mapping[str, Callable[[Hand, Node], list[Begun]]] = {
    StepKind.AGENT: _agent,
    StepKind.MAP: _map,
    StepKind.TOOL: _tool,
    StepKind.GATE: _gate,
    StepKind.JOIN: _join,
    StepKind.PLANNER: _planner,
}


def leave_out(hand: Hand, row: StepRun, reason: str) -> None:
    """The step ends as it begins, and says why."""
    row.status, row.error = StepRun.Status.SKIPPED, reason
    row.finished_at, row.finished_seq = row.started_at, row.started_seq
    row.save()
    hand.rows.append(row)


def row_of(hand: Hand, node: Node, number: int = 0) -> StepRun:
    """A row that begins now, of the step or of its map's contact `number`; not written yet."""
    tries = [row for row in hand.rows_of(node.key) if row.map_index == number]
    hand.run.seq += 1
    return StepRun(
        run=hand.run,
        key=node.key,
        kind=node.kind,
        stage=hand.level(node.key),
        map_index=number,
        attempt=len(tries) + 1,
        fence=hand.run.fence,
        started_at=hand.clock(),
        started_seq=hand.run.seq,
        decisions={"condition": hand.weighed[node.key]} if node.key in hand.weighed else {},
    )


def _is_repeated(hand: Hand, begun: Begun, fresh: Sequence[Begun]) -> bool:
    """The same agent or tool never works twice on the same input in one run: the step ends at once, and says so."""
    row = begun.row
    if begun.context is None:
        return False
    row.context_id = results.digest_of(begun.canonical)
    what = (row.agent, row.tool, row.context_id)
    asked = [each for each in hand.rows if each.status in ASKED] + [each.row for each in fresh]
    twin = next((each for each in asked if (each.agent, each.tool, each.input_sha256) == what), None)
    if twin is None:
        return False
    said = "has answered the same question already" if twin.status == StepRun.Status.DONE else "asks the same question"
    leave_out(hand, row, f"The step {twin.key} of this run {said}.")
    return True


def _keep_contexts(hand: Hand, begun: Sequence[Begun]) -> None:
    """Each context once, by the hash of its content."""
    new = {str(each.row.context_id): each.context for each in begun if each.context is not None}
    rows = [StepContext(sha256=sha256, document=document) for sha256, document in new.items()]
    if rows:
        hand.journal.keep(rows)


# --- an agent's work


def _agent_work(
    hand: Hand,
    node: Node,
    given: Given,
    sources: "Sequence[research.SourceAccess] | None",
    row: StepRun,
    purse: StepPurse,
) -> Callable[[], Work]:
    asked_with = _means(hand, node)
    task = Task(
        agent=AGENTS[node.agent],
        prompt=hand.prompts[node.agent].text,
        promises=promises.of_agent(hand.run.promises, node.agent),
        needs=given.needs,
        prices=hand.table,
        at=row.started_at,
        purse=purse,
        search=_search(hand, given, sources, row) if sources is not None else None,
        effort=asked_with.effort,
        max_tokens=asked_with.max_tokens,
        models=(asked_with.model, settings.MODEL_CHEAPER),
        proposals=node.proposals,
        judges=judges.of if node.proposals > 1 else None,
        reliabilities=reliability.of_voters(node.agent, row.started_at) if node.proposals > 1 else {},
    )
    return partial(work.do, task)


def _search(
    hand: Hand, given: Given, sources: Sequence[research.SourceAccess], row: StepRun
) -> Callable[[], research.Explored]:
    company, at = work.company_of(given.needs.company), row.started_at
    known = _known(hand, company, sources, row)
    kept_of = {answer.source for answer in known.kept.values()}
    asked = access.paced(hand.run, sources, besides=kept_of, at=at)
    return partial(research.explore, company, sources=asked, aim=_aim(hand), at=at, given=known)


def _aim(hand: Hand) -> research.Aim:
    """What research is to find out, how sure, and what it may take for it: by the depth of the request."""
    depth = Depth(hand.run.request.depth)
    required = knowledge.required(hand.run)
    return research.Aim(
        required=(*required, "parent_news") if hand.run.request.purpose == "deep_research" else required,
        floor=max(settings.RESEARCH_SURE[depth], float(hand.run.config["confidence_floor"])),
        seconds=max(1.0, min(settings.RUN_SECONDS[depth], hand.seconds_left())),
        credits=settings.RESEARCH_CREDITS[depth],
    )


def _known(
    hand: Hand, company: research.Company, sources: Sequence[research.SourceAccess], row: StepRun
) -> research.Given:
    return research.Given(
        kept={answer.question: answer for answer in kept.answers(sources, company, at=row.started_at)},
        rates=reliability.answer_rates({each.key: each.sandbox for each in sources}),
        reliabilities=reliability.of_sources(row.started_at, {each.key: each.sandbox for each in sources}),
        decided=corrections.standing(hand.run.client_id, company.domain),
    )


def _means(hand: Hand, node: Node) -> Means:
    """As it was planned; but a plan whose budget runs short may have said that the cheaper model is to do."""
    run = hand.run
    planned = means.of(hand.prompts[node.agent], node.agent, run.config, run.request.depth)
    return planned._replace(model=settings.MODEL_CHEAPER) if node.model == "cheaper" else planned


def _failing(error: Exception) -> Callable[[StepRun, StepPurse], Callable[[], Work]]:
    return lambda row, purse: lambda: Work(error=error)


def _document(given: Given, sources: "Sequence[research.SourceAccess] | None") -> dict[str, Any]:
    """What the step starts from; `results` adds what its agent saw in the end."""
    document: dict[str, Any] = {field.name: getattr(given.needs, field.name) for field in fields(given.needs)}
    if given.withheld:
        document["withheld"] = [dict(fact) for fact in given.withheld]
    if sources is not None:
        document["sources"] = [{"source": each.key, "sandbox": each.sandbox} for each in sources]
    if given.facts_from is not None:
        document["facts_from"] = dict(given.facts_from)
    return document


def _worst(hand: Hand, node: Node, context_size: int) -> llm.Offer | None:
    """What the first call may cost at the worst, so that it need not be asked for; None where nothing is paid."""
    if llm.is_offline():
        return None
    asked_with = _means(hand, node)
    size = len(hand.prompts[node.agent].text.encode()) + context_size + BEYOND_CONTEXT
    worst = hand.table.worst(asked_with.model, size, asked_with.max_tokens, hand.began_at.date())
    return llm.Offer(asked_with.model, worst, size, asked_with.max_tokens) if worst is not None else None
