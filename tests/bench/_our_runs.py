"""Our side of engine.py: the product's own path from a request to a finished run, with steps that do nothing.

Everything but the work of a step is as in production: routing by rules, lease and fence, a context a step by hash, the
budget reserved and settled for each step, spans, every column. What an agent does in its thread (`flow.work.do`) is
replaced: no model is asked, so there is no call to record, as LangGraph's steps record none. A step spends a little all
the same, so that the budget has work to do.

Imported when Django is set up and the database migrated.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any
from unittest.mock import patch

import _measure
from django.conf import settings
from django.db import connection
from django.utils import timezone

from agents_app import flow, flows
from agents_app.agents import AGENTS, Agent, agent
from agents_app.agents.research import ResearchAnswer
from agents_app.flow import work
from agents_app.flow.budget import StepPurse
from agents_app.flow.work import Task, Work
from agents_app.llm import Offer, Usage
from agents_app.models import FlowRun, FlowTemplate, Request, RoutingRule, StepRun, TemplateStep
from clients import config
from clients.config import Effective
from clients.models import Client
from tests.factories import make_client, make_contact, make_prompt, make_request

SETTINGS = ("tone", "confidence_floor", "custom_fields.offer", "custom_fields.max_words", "custom_fields.sender_name")
WAIT_S = 1.0
USAGE = Usage(input=1200, output=300)  # what a step is said to have used
GRAPHS: dict[str, list[dict[str, Any]]] = {
    "chain": [
        {"key": "n1", "agent": "bench_1"},
        {"key": "n2", "agent": "bench_2", "after": ["n1"]},
        {"key": "n3", "agent": "bench_3", "after": ["n2"]},
        {"key": "n4", "agent": "bench_4", "after": ["n3"]},
    ],
    "parallel": [
        {"key": "plan", "agent": "bench_1"},
        {"key": "p1", "agent": "bench_2", "after": ["plan"]},
        {"key": "p2", "agent": "bench_3", "after": ["plan"]},
        {"key": "p3", "agent": "bench_4", "after": ["plan"]},
        {"key": "join", "agent": "bench_5", "after": ["p1", "p2", "p3"]},
    ],
    "wide": [{"key": f"w{number}", "agent": f"bench_wait_{number}"} for number in (1, 2, 3)],
}


class RunFailed(Exception):
    """A run did not do what is measured, so its figures would mean nothing."""


@dataclass(frozen=True)
class Needs:
    """Little, but of another person in each run: a context that stood there already would cost nothing."""

    contact: agent.Person | None
    purpose: str
    config: agent.Config


@dataclass(frozen=True)
class Ours:
    """What all runs share: the client, its settings, and a prompt version for each agent."""

    client: Client
    config: Effective
    prompts: dict[str, Any]

    def requests(self, graph: str, count: int) -> list[Request]:
        """New requests, each for a person of its own; the rules send them to this graph."""
        step = list(GRAPHS).index(graph) + 1
        people = [make_contact(self.client, last_name=f"Lee {time.time_ns()}") for _ in range(count)]
        return [make_request(person, sequence_step=step) for person in people]

    def plan(self, requests: Sequence[Request], runs: list[FlowRun]) -> list[float]:
        """Milliseconds of each; the runs are added to `runs`."""
        ms = [_measure.timed(partial(self._plan, request, runs)) for request in requests]
        self.flush()
        return ms

    def execute(self, runs: Sequence[FlowRun]) -> list[float]:
        """Milliseconds of each, from claim to end."""
        ms = [_measure.timed(partial(flow.execute, run.pk)) for run in runs]
        self.flush()
        return ms

    def flush(self) -> None:
        """Hand in the counters of all that was done up to here."""
        with connection.cursor() as cursor:
            cursor.execute(_measure.FLUSH)

    def _plan(self, request: Request, runs: list[FlowRun]) -> None:
        fixed: dict[str, Any] = {"config": self.config, "prompts": self.prompts, "variants": {}, "hints": []}
        runs.append(flow.plan(request, at=timezone.now(), **fixed))


@contextmanager
def ours() -> Iterator[Ours]:
    """Templates, rules, a client and agents for GRAPHS; while the block lasts a step's work is nothing."""
    keys = list(dict.fromkeys(step["agent"] for steps in GRAPHS.values() for step in steps))
    agents = {key: _idle(key, number) for number, key in enumerate(keys)}
    with patch.dict(AGENTS, agents), patch.object(work, "do", nothing):
        _publish()
        texts = {"offer": "Audit evidence on demand.", "max_words": 120, "sender_name": "Kim Novak"}
        client = make_client("bench", daily_budget_usd=Decimal(100_000), **texts)
        found = config.effective(client)
        allowed = replace(found, document=found.document | {"enabled_agents": keys})
        yield Ours(client, allowed, {key: make_prompt(key) for key in keys})


def check(runs: Sequence[FlowRun]) -> None:
    """Raises RunFailed unless every step of every run is done, was paid from the budget, and has spans and a context."""
    for run in FlowRun.objects.filter(pk__in=[run.pk for run in runs]).prefetch_related("steps"):
        done = [step for step in run.steps.all() if step.status == StepRun.Status.DONE and step.spans]
        contexts = {step.context_id for step in done if step.context_id}
        if run.status != FlowRun.Status.SUCCEEDED or not len(done) == len(contexts) == len(run.nodes):
            raise RunFailed(
                f"{run} ended {run.status} with {len(done)} of {len(run.nodes)} steps done on {len(contexts)} contexts. "
                f"{run.error} Mend the engine, or GRAPHS in tests/bench/_our_runs.py, and measure again."
            )
        if not run.spent_usd or run.spent_usd != sum(step.cost_usd for step in done) or run.reserved_usd:
            raise RunFailed(
                f"{run} spent ${run.spent_usd} and still holds ${run.reserved_usd}, which is not what its steps cost: "
                "the budget was not on. See agents_app/flow/budget.py."
            )


def nothing(task: Task) -> Work:
    """In the place of `flow.work.do`: the money of one call, and no call."""
    if task.agent.key.startswith("bench_wait"):
        time.sleep(WAIT_S)
    return Work(
        given=task.needs,
        output={"done": task.agent.key},
        usage=USAGE,
        cost_usd=_paid(task),
        generator=settings.MODEL,
    )


def _paid(task: Task) -> Decimal:
    """US dollars, reserved and settled as the model layer does for one call."""
    day, model, most = task.at.date(), settings.MODEL, task.agent.max_tokens
    worst, cost = task.prices.worst(model, USAGE.input, most, day), task.prices.cost(model, USAGE, day)
    if worst is None or cost is None or not isinstance(task.purse, StepPurse):
        raise RunFailed(f"The model {model} has no price on {day}, so no budget is on. Set GTM_MODEL to one that has.")
    grant = task.purse.reserve([Offer(model, worst, USAGE.input, most)])
    task.purse.settle(grant, cost_usd=cost, uncertain_usd=Decimal(0), seen=None)
    return cost


def _idle(key: str, number: int) -> Agent:
    """An agent that needs little, and other settings than its neighbours, so that each step has a context of its own."""
    return Agent(
        key=key,
        schema=ResearchAnswer,
        needs=Needs,
        settings=("client_name", SETTINGS[number % len(SETTINGS)]),
        contexts=lambda needs: [{}],
        check=lambda answer, material: [],
        terms=lambda answer, material, checks: [],
        text=lambda answer: "",
        sentences=lambda answer: [],
    )


def _publish() -> None:
    """The graphs as templates, and a rule for each ahead of the product's own."""
    flows.install(at=timezone.now())
    for number, (key, steps) in enumerate(GRAPHS.items(), start=1):
        template = FlowTemplate.objects.create(key=f"bench-{key}", name=f"Bench {key}", goal="any")
        TemplateStep.objects.bulk_create(
            TemplateStep(template=template, position=place, reason="It is measured.", **step)
            for place, step in enumerate(steps)
        )
        flows.publish(template, by=None, at=timezone.now())
        condition = f"sequence_step == {number}"
        RoutingRule.objects.create(
            key=f"bench-{key}", priority=number, condition=condition, template=template, reason="It is measured."
        )
    flows.publish_rules(by=None, at=timezone.now())
