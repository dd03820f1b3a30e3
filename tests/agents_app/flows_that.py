"""Flows as tests need them: drawn as rows and published like an operator's, with steps that count how often they work."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import httpx2

from agents_app import flow, flows
from agents_app.flow import lease, tools
from agents_app.flow import work as agents_at_work
from agents_app.flow.hand import Hand
from agents_app.flow.work import Work
from agents_app.graph import Node
from agents_app.models import FlowRun, FlowTemplate, Gate, RoutingRule, StepRun, TemplateStep
from gtm.sandbox import messages
from tests.factories import AT, make_ready_request, make_user, plan_run

REASON = "It was drawn for a test."
_numbers = count(1)


# --- drawings


def tool(key: str, *after: str, **columns: Any) -> dict[str, Any]:
    """A step of a tool that only tests have (`counted`)."""
    return {"key": key, "kind": "tool", "tool": "count", "after": list(after), "reason": REASON} | columns


def agent(key: str, *after: str, **columns: Any) -> dict[str, Any]:
    """A step of the agent of that name: `persona` is the persona agent's."""
    return {"key": key, "kind": "agent", "agent": f"{key}_agent", "after": list(after), "reason": REASON} | columns


def gate(key: str, after: str, **columns: Any) -> dict[str, Any]:
    return {"key": key, "kind": "gate", "after": [after], "question": f"Is {after} right?", "reason": REASON} | columns


def join(key: str, *after: str, **columns: Any) -> dict[str, Any]:
    return {"key": key, "kind": "join", "after": list(after), "reason": REASON} | columns


def draw(*steps: Mapping[str, Any], key: str = "drawn", **columns: Any) -> FlowTemplate:
    """A template of these steps, published, and a rule before all others that sends every request to it."""
    flows.install(at=AT)
    template = FlowTemplate.objects.create(key=key, **{"name": key.capitalize(), "goal": "any", **columns})
    numbered = enumerate(steps, start=1)
    TemplateStep.objects.bulk_create(TemplateStep(template=template, position=n, **step) for n, step in numbered)
    flows.publish(template, by=None, at=AT)
    RoutingRule.objects.create(key=key, priority=1, condition="sequence_step > 0", template=template, reason=REASON)
    flows.publish_rules(by=None, at=AT)
    return template


def drawn_run(*steps: Mapping[str, Any], depth: str = "standard", purpose: str = "outreach", **columns: Any) -> FlowRun:
    """A planned run of a flow with these steps, for a client that has all it needs."""
    draw(*steps, **columns)
    return plan_run(make_ready_request(depth=depth, purpose=purpose))


# --- clocks


class Clock:
    """A made-up clock that stands still until it is told to go on."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def goes_on(self, **duration: float) -> datetime:
        self.at += timedelta(**duration)
        return self.at


def execute(run: FlowRun, at: datetime = AT, **options: Any) -> FlowRun:
    return flow.execute(run.pk, clock=lambda: at, **options)


# --- work that is counted


class Step(tools.Shape):
    step: str


class Counted:
    """How often each step worked: {step key: times}. `doing` replaces what a step does, by its key."""

    def __init__(self, doing: Mapping[str, Callable[[], Work]]) -> None:
        self.times: Counter[str] = Counter()
        self.doing = dict(doing)
        self._lock = threading.Lock()

    def given(self, hand: Hand, node: Node) -> dict[str, Any]:
        return {"step": node.key}

    def prepare(self, hand: Hand, given: dict[str, Any]) -> Callable[[], Work]:
        return partial(self.work, given["step"])

    def work(self, key: str) -> Work:
        with self._lock:
            self.times[key] += 1
        do = self.doing.get(key)
        return do() if do else Work(output={"said by": key})


def counted(monkeypatch: Any, **doing: Callable[[], Work]) -> Counted:
    """From now on there is a tool whose steps count; a callable by the step's key is what that step does besides."""
    steps = Counted(doing)
    monkeypatch.setitem(flows.TOOLS, "count", "Counts.")
    monkeypatch.setitem(tools.TOOLS, "count", tools.Tool(Step, steps.given, steps.prepare))
    return steps


def agents_counted(monkeypatch: Any) -> Counter[tuple[str, str]]:
    """How often each agent really worked, by (agent, the contact's full name or "")."""
    times: Counter[tuple[str, str]] = Counter()
    real, lock = agents_at_work.do, threading.Lock()

    def do(task: Any) -> Work:
        contact = getattr(task.needs, "contact", None) or {}
        with lock:
            times[task.agent.key, contact.get("full_name", "")] += 1
        return real(task)

    monkeypatch.setattr(agents_at_work, "do", do)
    return times


def fails(error: Exception) -> Callable[[], Work]:
    """Work that ends with this error."""
    return lambda: Work(error=error)


class Held:
    """Work that begins, says so (`begun`), and goes on when it is let go."""

    def __init__(self) -> None:
        self.begun, self.may_go = threading.Event(), threading.Event()

    def __call__(self) -> Work:
        self.begun.set()
        assert self.may_go.wait(10), "Nobody let it go."
        return Work(output={"said by": "one that was held"})


def meanwhile(monkeypatch: Any, held: Held, do: Callable[[], object], *, dies: bool = False) -> None:
    """While the held step works, `do` happens once, in the driver's own thread as between two beats of its heart;
    then the step is let go, or, with `dies`, the driver ends as if it were killed (SystemExit)."""
    real_beat, done = lease.beat, threading.Event()

    def beat(run: FlowRun, *, at: datetime) -> None:
        real_beat(run, at=at)
        if held.begun.is_set() and not done.is_set():
            done.set()
            do()
            if dies:
                raise SystemExit
            held.may_go.set()

    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(lease, "beat", beat)


# --- what became of it


def states(run: FlowRun) -> dict[str, str]:
    """{step key: how its last attempt ended}, of a map {key and number: …}."""
    rows = StepRun.objects.filter(run=run).order_by("pk")
    return {f"{row.key} {row.map_index}" if row.map_index else row.key: row.status for row in rows}


def errors(run: FlowRun) -> dict[str, str]:
    rows = StepRun.objects.filter(run=run).exclude(error="").order_by("pk")
    return {f"{row.key} {row.map_index}" if row.map_index else row.key: row.error for row in rows}


def revisions(run: FlowRun) -> list[tuple[str, str]]:
    """(rule, the step it came after), in order."""
    return list(run.revisions.order_by("number").values_list("rule", "trigger"))


def gate_of(run: FlowRun, key: str) -> Gate:
    return Gate.objects.get(step__run=run, step__key=key)


def answer(run: FlowRun, key: str, decision: str, at: datetime = AT, **said: Any) -> Gate:
    said.setdefault("by", make_user())
    return flow.answer(gate_of(run, key), decision, at=at, **said)


# --- a service that bills


def composed(body: Mapping[str, Any], **usage: Any) -> tuple[int, dict[str, str], bytes]:
    """What the offline composer answers, as the real service would send it: under the model that was asked for, with
    `usage` in the place of its own counters. For `models_that.PaidService`."""
    request = httpx2.Request("POST", "https://api.anthropic.com/v1/messages", headers={"x-api-key": "x"}, json=body)
    document = messages.answer(request).json()
    if document.get("type") == "message":
        document |= {"model": body["model"], "usage": document["usage"] | usage}
    return 200, {"request-id": f"req_{next(_numbers)}"}, json.dumps(document).encode()
