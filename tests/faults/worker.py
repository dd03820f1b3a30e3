"""Real worker processes for the tests of faults: forked from a clean server, driven by orders over a pipe.

A worker runs the product's own code with the settings of a paid model. Only the service behind the wire is replaced, by
the sandbox's composer, which bills here: each answer is written to the diary before it is given. The diary is a file to
which every process appends whole lines, so that it outlives every kill: "ran STEP" when an agent begins to work for a
step, "billed RUN REQUEST_ID USD" when the service has answered.

A `Blow` is a signal that a worker sends to itself at a moment that it names: SIGKILL to die there, SIGSTOP to freeze.
"""

import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django
from django.apps import apps

if not apps.ready:
    django.setup()

import anthropic  # noqa: F401 it takes a second, which no fork has to spend again
import httpx2
from django.conf import settings
from django.db import connection
from django.utils import timezone

from agents_app import flow
from agents_app.flow import lease, turn, work
from agents_app.flow.journal import Journal
from agents_app.llm import wire
from gtm import caretaking, loop
from gtm.sandbox import messages
from insights import tickets

FORKS = multiprocessing.get_context("forkserver")
PATIENCE_S = 60.0
AGENTS = {
    "ResearchAnswer": "research_agent",
    "CompetitiveAnswer": "competitive_agent",
    "PersonaAnswer": "persona_agent",
    "EmailAnswer": "email_agent",
}


@dataclass(frozen=True)
class Blow:
    """Where: "before commit" or "after commit" of a turn; "begun", "asking" or "billed" in a step of `agent`; "given up"
    between a run's end and what follows from it. `number`: the how many-th time, from 1, that an order comes there."""

    where: str
    number: int = 1
    agent: str = ""
    signal: int = signal.SIGKILL

    def __str__(self) -> str:
        return " ".join(filter(None, [self.where, self.agent.removesuffix("_agent"), str(self.number)]))


@dataclass(frozen=True)
class Order:
    """`does` is a function of this module. `ahead_s`: how far the worker's clock is ahead. `turns` {agent: how many turns
    must be committed before the service answers it}. `garbles`: the agent whose first answer is no JSON, so that it is
    asked for again. `lease_s` replaces the lease, `idle_s` the time after which the database frees what a frozen
    transaction holds. `begins_at`: monotonic seconds."""

    does: str
    run: int = 0
    ahead_s: float = 0.0
    blow: Blow | None = None
    turns: dict[str, int] = field(default_factory=dict)
    garbles: str = ""
    lease_s: float = 0.0
    idle_s: float = 30.0
    begins_at: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How an order ended: the run's status and fence, how many turns were committed, and what the worker logged."""

    status: str = ""
    fence: int = 0
    turns: int = 0
    said: tuple[str, ...] = ()
    fault: str = ""


# --- the test's side


class Worker:
    """One process. It ends when its pipe closes."""

    def __init__(self, diary: Path) -> None:
        self._pipe, theirs = FORKS.Pipe()
        self.process = FORKS.Process(target=serve, args=(theirs, str(diary)), daemon=True)
        self.process.start()
        theirs.close()

    def begin(self, does: str, **values: Any) -> None:
        self._pipe.send(Order(does, **values))

    def outcome(self) -> Outcome | None:
        """None where the worker died of it."""
        assert self._pipe.poll(PATIENCE_S), "the worker never answered"
        try:
            found: Outcome = self._pipe.recv()
        except EOFError:
            self.process.join(PATIENCE_S)
            assert self.process.exitcode == -signal.SIGKILL, f"the worker ended with {self.process.exitcode}"
            return None
        assert not found.fault, found.fault
        return found

    def do(self, does: str, **values: Any) -> Outcome | None:
        self.begin(does, **values)
        return self.outcome()

    def end(self) -> None:
        """Also one that is frozen or stuck."""
        if not self._pipe.closed:
            self._pipe.close()
            self.process.kill()
            self.process.join()

    def is_frozen(self) -> bool:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

    def thaw(self) -> None:
        os.kill(self.process.pid or 0, signal.SIGCONT)


# --- the process's side


@dataclass
class Scene:
    """What goes on in this process."""

    diary: Path
    order: Order = field(default_factory=lambda: Order(""))
    turns: int = 0
    in_turn: bool = False
    moments: Counter[tuple[str, str]] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def write(self, *words: object) -> None:
        line = f"{' '.join(map(str, words))}\n".encode()
        descriptor = os.open(self.diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(descriptor, line)
        os.close(descriptor)

    def moment(self, where: str, agent: str = "") -> None:
        """Where a blow may fall."""
        blow = self.order.blow
        with self.news:
            self.moments[where, agent] += 1
            number = self.moments[where, agent]
        if blow and (blow.where, blow.number, blow.agent) == (where, number, agent):
            os.kill(os.getpid(), blow.signal)

    def committed(self) -> None:
        with self.news:
            self.turns += 1
            self.news.notify_all()

    def wait_for_turn(self, agent: str) -> None:
        with self.news:
            came = self.news.wait_for(lambda: self.turns >= self.order.turns.get(agent, 0), PATIENCE_S)
        assert came, f"turn {self.order.turns[agent]} never came"


def serve(pipe: Any, diary: str) -> None:
    """Obey orders until the pipe closes."""
    scene = Scene(Path(diary))
    _dress(scene)
    while True:
        try:
            scene.order = pipe.recv()
        except EOFError:
            return
        scene.turns, scene.moments, scene.said = 0, Counter(), []
        pipe.send(_obeyed(scene))


def _obeyed(scene: Scene) -> Outcome:
    order = scene.order
    lease.LEASE = timedelta(seconds=order.lease_s or 30)
    lease.HEARTBEAT_S = lease.LEASE.total_seconds() / 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [f"{order.idle_s}s"])
    while time.monotonic() < order.begins_at:
        time.sleep(0.0005)
    try:
        run = DOES[order.does](order)
    except Exception as error:
        logging.getLogger(__name__).exception("the order failed")
        return Outcome(fault=f"{type(error).__name__}: {error}", said=tuple(scene.said))
    return Outcome((run and run.status) or "", (run and run.fence) or 0, scene.turns, tuple(scene.said))


def _execute(order: Order) -> Any:
    return flow.execute(order.run, clock=lambda: timezone.now() + timedelta(seconds=order.ahead_s))


def _execute_run(order: Order) -> None:
    loop.execute_run(order.run)


def _sweep(order: Order) -> None:
    caretaking.sweep()


DOES: dict[str, Callable[[Order], Any]] = {"execute": _execute, "execute_run": _execute_run, "sweep": _sweep}


def _dress(scene: Scene) -> None:
    """Put the moments, the diary and the service into the product's code."""
    settings.ANTHROPIC_API_KEY = "sk-test"
    turn.first, turn.following = _watched(scene, turn.first), _watched(scene, turn.following)
    Journal.send = _parted(scene, Journal.send)  # type: ignore[method-assign]
    connection.commit = _watched_commit(scene, connection.commit)
    work.do = _noted(scene, work.do)
    tickets.for_dead_run = _after(scene, tickets.for_dead_run)
    service = wire.connect(_service(scene))
    wire.client = lambda: service
    logging.getLogger().addHandler(_Ear(scene))


def _watched(scene: Scene, a_turn: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*args: Any, **options: Any) -> Any:
        scene.in_turn = True
        try:
            return a_turn(*args, **options)
        finally:
            scene.in_turn = False

    return watched


def _parted(scene: Scene, send: Callable[..., None]) -> Callable[..., None]:
    """A blow between a turn's writes and its commit needs them apart, which travel together otherwise."""

    def parted(journal: Journal, *, commit: bool = False) -> None:
        blow = scene.order.blow
        send(journal, commit=commit and not (blow and blow.where == "before commit"))

    return parted


def _watched_commit(scene: Scene, commit: Callable[[], None]) -> Callable[[], None]:
    def watched() -> None:
        if not scene.in_turn:
            return commit()
        scene.moment("before commit")
        commit()
        scene.committed()
        return scene.moment("after commit")

    return watched


def _noted(scene: Scene, do: Callable[[work.Task], work.Work]) -> Callable[[work.Task], work.Work]:
    def noted(task: work.Task) -> work.Work:
        scene.write("ran", task.purse.step_id)
        scene.moment("begun", task.agent.key)
        return do(task)

    return noted


def _after(scene: Scene, for_dead_run: Callable[..., Any]) -> Callable[..., Any]:
    def after(*args: Any, **options: Any) -> Any:
        scene.moment("given up")
        return for_dead_run(*args, **options)

    return after


def _service(scene: Scene) -> Callable[[httpx2.Request], httpx2.Response]:
    """The paid model: the composer's answer under the name of the model that was asked."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.read())
        agent = AGENTS[body["output_config"]["format"]["schema"]["title"]]
        scene.moment("asking", agent)
        scene.wait_for_turn(agent)
        said = messages.answer(request)
        document = said.json() | {"model": body["model"]}
        if scene.order.garbles == agent and len(body["messages"]) == 1:
            document["content"] = [{"type": "text", "text": "Sure! Here is what you asked for."}]
        request_id = f"req_{os.getpid()}_{time.monotonic_ns()}"
        scene.write("billed", scene.order.run, request_id, _usd(document))
        scene.moment("billed", agent)
        limits = {name: value for name, value in said.headers.items() if "ratelimit" in name}
        return httpx2.Response(200, headers={**limits, "request-id": request_id}, json=document)

    return answer


def _usd(document: dict[str, Any]) -> Decimal:
    """By the service's own list: 2 dollars a million tokens in, 10 dollars out."""
    used = document["usage"]
    return (used["input_tokens"] * Decimal(2) + used["output_tokens"] * Decimal(10)) / 1_000_000


class _Ear(logging.Handler):
    def __init__(self, scene: Scene) -> None:
        super().__init__(logging.WARNING)
        self.scene = scene

    def emit(self, record: logging.LogRecord) -> None:
        self.scene.said.append(record.getMessage())
