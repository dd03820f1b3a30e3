"""A run done again from one of its steps, with the same or with something changed: to see what makes the difference.

It is a run of a request of its own, planned from what the original had fixed and executed by the same engine, paid from
the same day. Steps before the chosen one are taken over from the original and cost nothing. Nothing of it can be
approved or sent, and it counts nowhere: in that it is like a trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings as installation
from django.contrib.auth.models import User
from django.db import transaction

from agents_app import comparing, estimates, graph, llm, requests, routing, taking_over, trials, versions
from agents_app.estimates import Estimate
from agents_app.evidence import is_emptied
from agents_app.flow import inputs, knowledge, means, results
from agents_app.graph import Node, nodes_of
from agents_app.models import Deployment, FlowRun, PlannedPrompt, PromptVersion, Request, Rerun, StepKind, StepRun
from clients.config import sha256
from clients.keys import EFFORTS
from clients.models import Client

FROM = (StepKind.AGENT, StepKind.MAP, StepKind.TOOL, StepKind.PLANNER)  # kinds of steps that a run can begin with
PAUSE_HOURS = 24
NOW = "now"


class RerunRefused(Exception):
    """It cannot be done again like that; the text says what to mend."""


@dataclass(frozen=True)
class Wanted:
    """What is to differ from the original. `settings` is "" (those of then), NOW, or the number of a deployment;
    `edited` holds parts of what the step is given; `breakpoints` are keys of steps to pause before."""

    version: PromptVersion | None = None
    settings: str = ""
    effort: str = ""
    model: str = ""
    edited: Mapping[str, Any] = field(default_factory=dict)
    asks_sources: bool = False
    breakpoints: Sequence[str] = ()


@dataclass(frozen=True)
class _Settings:
    document: dict[str, Any]
    sources: Mapping[str, str]
    version: int | None


def refusal(step: StepRun) -> str:
    """Why the run cannot be done again from this step, in words; empty where it can."""
    run = step.run
    if step.kind not in FROM:
        return f"{step.label} asks a person or brings branches together. Choose the step before it, or one behind it."
    if step.finished_at is None or run.status == FlowRun.Status.RUNNING:
        return f"{run} is still at work. Wait for its end, or cancel it."
    if run.request.contact and run.request.contact.erased_at:
        return "The person asked to be forgotten, so what the run was given is gone."
    if is_emptied(step.input) or inputs.problem(step, given(step)):
        return f"What {step.label} was given is not stored whole, so it cannot be given again."
    return ""


def given(step: StepRun) -> dict[str, Any]:
    """What the step was given and can be changed for it, {part: value}."""
    return inputs.of(step, step.input)


def plan_from(step: StepRun) -> list[Node]:
    """The plan as it stood when the step began."""
    earlier = step.run.revisions.filter(seq__lt=step.started_seq).order_by("-number").first()
    return nodes_of(earlier.nodes if earlier else step.run.nodes)


def ahead(step: StepRun) -> list[Node]:
    """The steps that would be done again: the chosen one and those behind it, in the order of the plan."""
    plan = plan_from(step)
    keys = {step.key} | {node.key for node in graph.behind(plan, {step.key})}
    return [node for node in plan if node.key in keys]


def pauses(step: StepRun) -> list[Node]:
    """The steps that a person may pause before: those that are given something."""
    return [node for node in ahead(step) if node.kind in FROM]


def estimate(step: StepRun, *, at: datetime) -> Estimate:
    """What it would cost and take, by what such steps cost lately."""
    return estimates.of(ahead(step), step.run.request.depth, at=at)


@transaction.atomic
def ask(step: StepRun, wanted: Wanted, *, by: User, at: datetime) -> FlowRun:
    """The new run, planned; where the very same is under way, that one. Raises RerunRefused, and writes nothing."""
    run = step.run
    Client.objects.select_for_update(no_key=True).get(pk=run.client_id)  # of two clicks, the second finds the run
    if problem := refusal(step) or _problem(step, wanted) or _unpaid(run.client, at):
        raise RerunRefused(problem)
    digest = _digest(step, wanted)
    if same := FlowRun.objects.filter(request__rerun__sha256=digest, is_open=True).order_by("-pk").first():
        return same
    settings = _settings(run, wanted)
    request = _request(step, by, at)
    made = _planned(step, request, wanted, settings, at)
    rerun = Rerun.objects.create(
        request=request,
        original=run,
        step=step,
        changes=_changes(step, wanted, settings),
        edited=dict(wanted.edited),
        asks_sources=wanted.asks_sources,
        breakpoints=list(wanted.breakpoints),
        sha256=digest,
        author=by,
        created_at=at,
    )
    taking_over.take_over(rerun, made, nodes_of(made.nodes))
    return made


# --- what stands against it


def _problem(step: StepRun, wanted: Wanted) -> str:
    if wanted.version is not None and wanted.version.agent != step.agent:
        return f"{wanted.version} is no prompt of {step.label}. Choose a version of its own agent."
    allowed = {node.key for node in pauses(step)}
    if strange := [key for key in wanted.breakpoints if key not in allowed]:
        return (
            f"The run cannot pause before {', '.join(strange)}. It can before: {', '.join(sorted(allowed)) or 'none'}."
        )
    if wanted.effort and wanted.effort not in EFFORTS:
        return "Choose the effort from the list."
    if wanted.model and wanted.model not in versions.models():
        return f"No price of {wanted.model} is known, so it could not be paid. Choose a model from the list."
    return _wrong_input(step, wanted.edited) if wanted.edited else ""


def _wrong_input(step: StepRun, edited: Mapping[str, Any]) -> str:
    known = given(step)
    if strange := [name for name in edited if name not in known]:
        return f"{step.label} is given nothing called {', '.join(strange)}. Its parts: {', '.join(known) or 'none'}."
    problem = inputs.problem(step, {**known, **edited})
    return f"The step cannot be given that. {problem}" if problem else ""


def _unpaid(client: Client, at: datetime) -> str:
    left, cap = trials.left_of_day(client, at)
    if llm.is_offline() or left > Decimal(0):
        return ""
    return (
        f"{client} has spent its ${cap:.2f} of today. Do it again tomorrow, or let somebody raise the daily budget on "
        "the client's page."
    )


def _digest(step: StepRun, wanted: Wanted) -> str:
    version = wanted.version.pk if wanted.version else None
    return results.digest({**vars(replace(wanted, version=None)), "version": version, "step": step.pk})


# --- what is fixed for it


def _settings(run: FlowRun, wanted: Wanted) -> _Settings:
    found = _chosen_settings(run, wanted.settings)
    return replace(found, document=found.document | {"effort": wanted.effort}) if wanted.effort else found


def _chosen_settings(run: FlowRun, name: str) -> _Settings:
    if not name:
        return _Settings(run.config, run.config_sources, run.config_version)
    if name == NOW:
        found = requests.settings_of(_root(run).request)
        return _Settings(found.document, found.sources, None)
    kept = Deployment.objects.filter(client=run.client_id, number=int(name) if name.isdecimal() else 0)
    deployment = kept.select_related("config_version").first()
    if deployment is None:
        raise RerunRefused(f"{run.client} has no deployment {name}. Choose one from the list.")
    version = deployment.config_version.number if deployment.config_version else None
    return _Settings(deployment.config, {}, version)


def _root(run: FlowRun) -> FlowRun:
    """The run in earnest, or the trial, that was done again, perhaps several times over."""
    while run.request.is_again:
        run = run.request.rerun.original
    return run


def _request(step: StepRun, by: User, at: datetime) -> Request:
    run, asked = step.run, step.run.request
    has_research = any(node.agent == routing.RESEARCH for node in nodes_of(run.nodes))
    return Request.objects.create(
        client_id=asked.client_id,
        contact=asked.contact,
        company_domain=asked.company_domain,
        company_name=asked.company_name,
        purpose=asked.purpose,
        depth=asked.depth,
        sequence_step=asked.sequence_step,
        follows=asked.follows if has_research else knowledge.source_of(run),
        settings=asked.settings,
        trial_side=Request.Side.AGAIN,
        reason=f"{run} again, from {step.label}"[:300],
        asked_by=by,
        asked_at=at,
    )


def _planned(step: StepRun, request: Request, wanted: Wanted, settings: _Settings, at: datetime) -> FlowRun:
    run = step.run
    fixed = {name: getattr(run, name) for name in ("route", "template_version", "rules_version", "facts_routed")}
    made = FlowRun.objects.create(
        **fixed,
        request=request,
        client_id=run.client_id,
        idempotency_key=f"request:{request.pk}",
        reason=f"{run} again, from {step.label}."[:300],
        code_revision=installation.CODE_REVISION,
        nodes=[node.document() for node in _plan(step, wanted)],
        skipped=run.skipped,
        config=settings.document,
        config_sources=dict(settings.sources),
        config_sha256=sha256(settings.document) if settings.document != run.config else run.config_sha256,
        config_version=settings.version,
        hints=run.hints,
        promises=run.promises,
        budget_usd=run.budget_usd,
        time_budget_s=run.time_budget_s,
        planned_at=at,
    )
    again = {node.agent for node in ahead(step)}
    before = run.prompts.select_related("version").order_by("agent")
    PlannedPrompt.objects.bulk_create(
        _planned_prompt(made, each, wanted if each.agent in again else Wanted(), settings.document) for each in before
    )
    return made


def _planned_prompt(made: FlowRun, before: PlannedPrompt, wanted: Wanted, document: Mapping[str, Any]) -> PlannedPrompt:
    """As it was planned, where nothing that decides it differs; what was chosen for this run goes before all else."""
    version = wanted.version if wanted.version and wanted.version.agent == before.agent else before.version
    asked_with = means.Means(before.model, before.effort, before.max_tokens)  # type: ignore[arg-type]
    if version != before.version or wanted.settings:
        asked_with = means.of(version, before.agent, document, made.request.depth)
    if wanted.effort:
        asked_with = asked_with._replace(effort=wanted.effort)  # type: ignore[arg-type]
    if wanted.model:
        asked_with = asked_with._replace(model=wanted.model)
    return PlannedPrompt(run=made, agent=before.agent, version=version, **asked_with._asdict())


def _plan(step: StepRun, wanted: Wanted) -> list[Node]:
    """The plan with a question before each step to pause before. A step that was to ask the cheaper model asks the one
    that was chosen, where one was."""
    found = [replace(node, model="") if wanted.model else node for node in plan_from(step)]
    for key in wanted.breakpoints:
        node = next(each for each in found if each.key == key)
        pause = Node(
            key=f"before_{key}"[:60],
            kind=StepKind.GATE,
            after=node.after,
            reason="A pause was wanted here.",
            question=f"Before {key.replace('_', ' ')}: is this what it is to be given?",
            expires_hours=PAUSE_HOURS,
            guards=key,
        )
        found = graph.inserted(found, pause, before=[key])
    return found


# --- in words


def _changes(step: StepRun, wanted: Wanted, settings: _Settings) -> list[dict[str, str]]:
    run = step.run
    found = []
    if wanted.version is not None and wanted.version.pk != step.prompt_version_id:
        found.append(_change("Prompt", step.prompt_version, wanted.version))
    if wanted.settings and settings.document != run.config:
        name = "those of now" if wanted.settings == NOW else f"@{wanted.settings}"
        found.append(_change("Settings", "those of then", name))
    efforts = [EFFORTS.get(document.get("effort") or "", "as usual") for document in (run.config, settings.document)]
    if efforts[0] != efforts[1]:
        found.append(_change("Effort", *efforts))
    if wanted.model and (before := _models(step)) != [wanted.model]:
        found.append(_change("Model", ", ".join(before), wanted.model))
    if wanted.asks_sources:
        found.append(_change("Sources", "facts of then", "asked again"))
    for each in comparing.differences(given(step), {**given(step), **wanted.edited}):
        found.append(_change(f"Given: {each.path}", each.left, each.right))
    return found


def _models(step: StepRun) -> list[str]:
    """With which the steps that are done again were planned to be asked."""
    agents = {node.agent for node in ahead(step)}
    return sorted(set(step.run.prompts.filter(agent__in=agents).values_list("model", flat=True)))


def _change(label: str, before: object, after: object) -> dict[str, str]:
    return {"label": label, "before": str(before)[:300], "after": str(after)[:300]}
