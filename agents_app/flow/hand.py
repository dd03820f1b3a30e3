"""A run in hand: what its driver keeps in memory while it owns it. Only the driver changes it; threads send word."""

import queue
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from agents_app import graph, llm
from agents_app.flow.journal import Journal
from agents_app.flow.knowledge import Recalled
from agents_app.flow.work import SourcesUnavailable, StepTooSlow, Work
from agents_app.graph import Node
from agents_app.models import FlowRun, StepRun
from agents_app.prices import PriceTable

Clock = Callable[[], datetime]
OPEN = (StepRun.Status.RUNNING, StepRun.Status.WAITING)


@dataclass(frozen=True)
class Asked:
    """A step's thread wants to call the model: the driver answers on `reply` with a Grant, a Wait, or an error."""

    step_id: int
    offers: Sequence[llm.Offer]
    reply: "queue.SimpleQueue[llm.Grant | Wait | Exception]"


@dataclass(frozen=True)
class Wait:
    """Ask again after so many seconds: the service's limits are used up until then."""

    seconds: float


@dataclass(frozen=True)
class Settled:
    step_id: int
    grant: llm.Grant
    cost_usd: Decimal
    uncertain_usd: Decimal
    seen: llm.Seen | None


@dataclass(frozen=True)
class Finished:
    step_id: int
    work: Work


Message = Asked | Settled | Finished


class Inbox:
    """What a run's threads tell its driver. What a call cost wakes nobody: it is written with the next turn."""

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[Asked | Finished] = queue.SimpleQueue()
        self._settled: deque[Settled] = deque()

    def put(self, message: Message) -> None:
        if isinstance(message, Settled):
            self._settled.append(message)
        else:
            self._told.put(message)

    def wait(self, seconds: float) -> "Asked | Finished":
        """The next message that needs a turn. Raises queue.Empty."""
        return self._told.get(timeout=seconds)

    def everything(self, woken: Sequence[Message]) -> list[Message]:
        """With what else has come since then. What calls cost comes first: a step tells that before its end."""
        told = [self._told.get() for _ in range(self._told.qsize())]
        settled = [self._settled.popleft() for _ in range(len(self._settled))]
        return [*settled, *woken, *told]

    def has_settled(self) -> bool:
        return bool(self._settled)


class Prompt(NamedTuple):
    """A planned prompt version, as far as a drive needs it, with what was planned to ask it with (`means`)."""

    version_id: int
    text: str
    model: str = ""
    effort: str = ""
    max_tokens: int | None = None


@dataclass
class Hand:
    """`failures` are this drive's: {row id: error}. `deadlines` {row id: monotonic seconds}. `moved` are ids of rows
    whose money changed since they were written; `limited` are names in gtm/limits of parties that limit us, `heard`
    [(model, what it said of its limits)] since; `shut_until` stands where the usual model takes no requests for a
    while. `weighed` {step key: what its condition saw when it was last asked} (`noting`)."""

    run: FlowRun
    nodes: tuple[Node, ...]
    rows: list[StepRun]
    table: PriceTable
    prompts: Mapping[str, Prompt]
    clock: Clock
    began_at: datetime
    recalled: Recalled = field(default_factory=Recalled)
    inbox: Inbox = field(default_factory=Inbox)
    failures: dict[int, Exception] = field(default_factory=dict)
    deadlines: dict[int, float] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)
    limited: set[str] = field(default_factory=set)
    heard: list[tuple[str, llm.Seen]] = field(default_factory=list)
    shut_until: datetime | None = None
    weighed: dict[str, dict[str, Any]] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    cancelled: bool = False
    in_step: bool = False

    def node(self, key: str) -> Node:
        return next(node for node in self.nodes if node.key == key)

    def row(self, step_id: int) -> StepRun | None:
        return next((row for row in self.rows if row.pk == step_id), None)

    def rows_of(self, key: str) -> list[StepRun]:
        return [row for row in self.rows if row.key == key]

    def done(self, *keys: str) -> list[StepRun]:
        """The done rows of these steps, of a map those of its contacts in their order."""
        rows = [row for key in keys for row in self.rows_of(key) if row.status == StepRun.Status.DONE]
        return sorted(rows, key=lambda row: row.map_index)

    def running(self) -> list[StepRun]:
        return [row for row in self.rows if row.status == StepRun.Status.RUNNING]

    def states(self) -> dict[str, str]:
        """{key: state} of the steps that have begun; one that will be tried again counts as not begun."""
        rows: dict[str, list[StepRun]] = {}
        for row in self.rows:
            rows.setdefault(row.key, []).append(row)
        found = {node.key: self._state(node, rows.get(node.key, [])) for node in self.nodes}
        return {key: state for key, state in found.items() if state}

    def spent_by(self, row: StepRun) -> Decimal:
        """US dollars of this step, settled or set aside, over all its tries."""
        tries = self.rows_of(row.key)
        return sum((each.cost_usd + each.uncertain_usd + each.reserved_usd for each in tries), Decimal(0))

    def may_pass(self, node: Node) -> bool:
        """Whether something of this step that failed is to be tried once more."""
        return any(retries(node, rows) for rows in self.failed(node))

    def failed(self, node: Node) -> list[list[StepRun]]:
        """The tries of what failed: of the step itself, or of each contact of a map whose last one did."""
        items = by_item(node, self.rows_of(node.key)) if node.kind == "map" else [self.rows_of(node.key)]
        return [rows for rows in items if rows and rows[-1].status not in (*OPEN, *graph.SETTLED)]

    def items_left(self, node: Node) -> list[int]:
        """The numbers of a map's contacts, from 1, whose steps are still to begin."""
        return [number for number, state in enumerate(self._item_states(node), start=1) if not state]

    def lost_contacts(self, node: Node) -> dict[int, StepRun]:
        """{contact id: the step that failed for this contact, in a map that `node` waits for, directly or not}."""
        maps = [each for each in self.nodes if each.kind == "map" and node in graph.behind(self.nodes, {each.key})]
        tried = [(each, rows) for each in maps for rows in by_item(each, self.rows_of(each.key)) if rows]
        lost = [rows[-1] for each, rows in tried if self._row_state(each, rows) == "failed"]
        return {row.contact_id: row for row in reversed(lost) if row.contact_id}  # of several, the first

    def level(self, key: str) -> int:
        return _levels(self.nodes).get(key, 0)

    def seconds_left(self) -> float:
        """Of the run's own time. It counts from the beginning of the drive: no run is hurried because it waited for a
        person, or for a service that was busy."""
        return self.run.time_budget_s - (self.clock() - self.began_at).total_seconds()

    def late(self) -> list[StepRun]:
        now = time.monotonic()
        return [row for row in self.running() if self.deadlines.get(row.pk, now + 1) <= now]

    def _state(self, node: Node, rows: Sequence[StepRun]) -> str:
        if node.kind == "map":
            return self._map_state(node, rows)
        return self._row_state(node, rows) if rows else ""

    def _row_state(self, node: Node, rows: Sequence[StepRun]) -> str:
        last = rows[-1]
        if last.status in OPEN or last.status in graph.SETTLED:
            return str(last.status)
        if self._is_asked_again(node, rows):
            return ""
        if retries(node, rows):
            return "failed" if last.pk in self.failures else ""  # tried again, but not at once
        return "skipped" if node.is_optional else "failed"

    def _map_state(self, node: Node, rows: Sequence[StepRun]) -> str:
        """A map is done when each of its contacts is; one contact's failure leaves the others alone."""
        if any(not row.map_index for row in rows):
            return "skipped"  # the whole map was left out
        states = self._item_states(node)
        if StepRun.Status.RUNNING in states:
            return "running"
        if "" in states:
            return ""
        is_done = StepRun.Status.DONE in states
        if "failed" in states and (self.may_pass(node) or not is_done):
            return "failed"
        return "done" if is_done else "skipped"

    def _item_states(self, node: Node) -> list[str]:
        items = by_item(node, self.rows_of(node.key))
        return [self._row_state(node, rows) if rows else "" for rows in items]

    def _is_asked_again(self, node: Node, rows: Sequence[StepRun]) -> bool:
        """After an invalid answer a gate stands before the step: it has not begun until a person says so. What goes
        wrong with the try that follows is a failure like any other."""
        if rows[-1].error_class != llm.AnswerInvalid.__name__:
            return False
        invalid = sum(row.error_class == llm.AnswerInvalid.__name__ for row in rows)
        return any(each.key == f"{node.key}_again_{invalid}" for each in self.nodes)


@lru_cache(maxsize=256)
def _levels(nodes: tuple[Node, ...]) -> dict[str, int]:
    return {node.key: number for number, level in enumerate(graph.levels(nodes)) for node in level}


def by_item(node: Node, rows: Sequence[StepRun]) -> list[list[StepRun]]:
    """A map's rows, one list a contact, in the order of the plan."""
    return [[row for row in rows if row.map_index == number] for number in range(1, len(node.items) + 1)]


TRIES = {"never": 1, "standard": 3, "patient": 5}
WAITS = {
    "never": (),
    "standard": (timedelta(minutes=1), timedelta(minutes=10)),
    "patient": (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=4)),
}


class DaySpent(llm.ModelUnavailable):
    """The client's day has no money for the call: it is spent, or held back. The model was not asked: it is no try."""


PASSING = (llm.ModelUnavailable, SourcesUnavailable, StepTooSlow)  # errors that may pass by themselves
_PASSING = frozenset(error.__name__ for error in (*PASSING, DaySpent))  # as rows keep them


def retries(node: Node, rows: Sequence[StepRun]) -> bool:
    """Whether the step is to be tried once more: its last failure may pass, and it has tries left."""
    lost = rows[-1].status == StepRun.Status.LOST
    return (lost or rows[-1].error_class in _PASSING) and tries(rows) < TRIES[node.retry]


def tries(rows: Sequence[StepRun]) -> int:
    """How often the step was really tried."""
    return sum(row.error_class != DaySpent.__name__ for row in rows)
