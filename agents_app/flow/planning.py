"""Request → run, with everything fixed that the run needs. `preview` says the same without writing anything."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict, Unpack

from django.conf import settings
from django.db import transaction

from agents_app import flows, promising, routing
from agents_app.agents import research as researcher
from agents_app.flow import knowledge, means
from agents_app.models import Deployment, FlowRun, FlowVersion, PlannedPrompt, PromptVersion, Request, RolloutDraw, Send
from clients import hold
from clients.config import Effective, newest_version
from clients.models import Contact

MOST_CONTACTS = 25  # of one map


class Fixed(TypedDict):
    """What is fixed beside the route: the client's settings, prompt versions, variants of experiments, draws of
    rollouts (not saved yet), hints, and what the client ran on as a whole, with its `config_version` at hand."""

    config: Effective
    prompts: Mapping[str, PromptVersion]
    variants: Mapping[str, Any]
    hints: Sequence[str]
    draws: NotRequired[Sequence[RolloutDraw]]
    deployment: NotRequired[Deployment | None]


@dataclass(frozen=True)
class Preview:
    """The plan of a request that was not asked yet. `problem` says why it could not end, empty when it can."""

    route: routing.Route
    template: str
    problem: str = ""


def plan(request: Request, *, at: datetime, **fixed: Unpack[Fixed]) -> FlowRun:
    """One run a request, however often this is called. A route that cannot end gives a run that needs input."""
    config, deployment = fixed["config"], fixed.get("deployment")
    frozen = _route(request, config, at) | {
        "client": request.client,
        "request": request,
        "config": config.document,
        "config_sources": dict(config.sources),
        "config_sha256": config.sha256,
        "config_version": _version_of(request, deployment),
        "deployment": deployment,
        "hints": list(fixed["hints"]),
        "code_revision": settings.CODE_REVISION,
        "budget_usd": budget_of(request, config),
        "time_budget_s": settings.RUN_SECONDS[request.depth],
        "planned_at": at,
    }
    agents = list(dict.fromkeys(node["agent"] for node in frozen["nodes"] if node["agent"]))
    frozen["variants"] = {agent: draw for agent, draw in fixed["variants"].items() if agent in agents}
    frozen["promises"] = promising.in_force(request.client_id, agents) if agents else []
    if not frozen["nodes"]:
        frozen["finished_at"] = at
    with transaction.atomic():
        run, is_new = FlowRun.objects.get_or_create(idempotency_key=f"request:{request.pk}", defaults=frozen)
        if is_new:
            planned = [_planned(run, agent, fixed["prompts"][agent]) for agent in agents]
            PlannedPrompt.objects.bulk_create(planned)
            _keep_draws(run, agents, fixed.get("draws", ()))
    return run


def _planned(run: FlowRun, agent: str, version: PromptVersion) -> PlannedPrompt:
    asked_with = means.of(version, agent, run.config, run.request.depth)
    return PlannedPrompt(run=run, agent=agent, version=version, **asked_with._asdict())


def _keep_draws(run: FlowRun, agents: Sequence[str], draws: Sequence[RolloutDraw]) -> None:
    """Of agents that are in the plan; another run of the same request may have drawn others."""
    kept = [draw for draw in draws if draw.rollout.agent in agents]
    for draw in kept:
        draw.run = run
    if kept:
        RolloutDraw.objects.bulk_create(kept)


def _version_of(request: Request, deployment: Deployment | None) -> int | None:
    """The version of the client's own settings; typed ones are none."""
    if request.trial_side == Request.Side.PROPOSED:
        return None
    newest = deployment.config_version if deployment else newest_version(request.client)
    return newest.number if newest else None


def preview(request: Request, *, config: Effective, at: datetime) -> Preview:
    """What `plan` would do with a request that is not written yet."""
    found = flows.in_force(at=at)
    try:
        route = routing.route(_facts(request, config, found, at), found.rules, found.templates)
    except routing.RouteImpossible as impossible:
        route = routing.Route(impossible.rule, impossible.reason, impossible.template, (), impossible.skipped)
        return Preview(route, found.name_of(impossible.template), str(impossible))
    return Preview(route, found.name_of(route.template))


def _route(request: Request, config: Effective, at: datetime) -> dict[str, Any]:
    found = flows.in_force(at=at)
    facts = _facts(request, config, found, at)
    looked_at = {"facts_routed": facts.values()}
    try:
        route = routing.route(facts, found.rules, found.templates)
    except routing.RouteImpossible as impossible:
        needs_input = {"nodes": [], "status": FlowRun.Status.NEEDS_INPUT, "error": str(impossible)}
        return looked_at | _frozen(impossible, found) | needs_input
    return looked_at | _frozen(route, found) | {"nodes": [node.document() for node in route.nodes]}


def _frozen(route: routing.Route | routing.RouteImpossible, found: flows.InForce) -> dict[str, Any]:
    template: FlowVersion | None = found.versions.get(route.template)
    return {
        "route": route.rule,
        "reason": route.reason[:300],
        "template_version": template,
        "rules_version": found.rules_version,
        "skipped": [asdict(each) for each in route.skipped],
    }


def budget_of(request: Request, config: Effective) -> Decimal:
    """US dollars: what the depth allows, or less where the settings say so."""
    most = config.document.get("run_budget_usd")
    usual = settings.RUN_BUDGET_USD[request.depth]
    return usual if most is None else min(usual, Decimal(str(most)))


def _facts(request: Request, config: Effective, found: flows.InForce, at: datetime) -> routing.Facts:
    """What the conditions in force may ask; the state of research only where one of them asks for it."""
    company = knowledge.company(request)
    earlier = knowledge.researched(request)
    sure = _sure(earlier, config) if {"known", "missing"} & found.asked else None
    wanted = researcher.wanted(request.purpose, config.document.get("research_attributes") or [])
    start = request.follows_id if earlier and earlier.pk == request.follows_id else None
    return routing.Facts(
        purpose=request.purpose,
        enabled=frozenset(config.document["enabled_agents"]),
        depth=request.depth,
        has_contact=request.contact_id is not None,
        has_company=bool(company["domain"]),
        sequence_step=request.sequence_step,
        in_campaign=request.campaign_id is not None,
        contacts=_contacts(request, company["domain"]) if request.purpose == "account" else (),
        industry=config.document["industry"],
        company_size=request.client.company_size,
        tone=config.document["tone"] or "",
        confidence_floor=config.document["confidence_floor"],
        mails_sent=Send.objects.filter(contact=request.contact_id).count() if request.contact_id else 0,
        earlier_run=earlier.pk if earlier else None,
        continues_run=None if request.is_trial else start,
        research_age_days=(at - earlier.planned_at).days if earlier else None,
        known=sure,
        missing=None if sure is None else tuple(name for name in wanted if name not in sure),
        shared_research=start if request.is_trial else None,
    )


def _sure(earlier: FlowRun | None, config: Effective) -> tuple[str, ...]:
    if earlier is None:
        return ()
    used, _ = knowledge.sure_enough(knowledge.fact_rows(earlier), config.document)
    return tuple(sorted({fact["attribute"] for fact in used}))


def _contacts(request: Request, domain: str) -> tuple[int, ...]:
    """The contacts at the company that may be written to, in the order they came; each gets a step of a map."""
    if not domain:
        return ()
    people = Contact.objects.filter(client=request.client, company_domain=domain).order_by("pk")
    return tuple(each.pk for each in hold.reachable(request.client, people))[:MOST_CONTACTS]
