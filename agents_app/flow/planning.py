"""Request → run, with everything fixed that the run needs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from agents_app import routing
from agents_app.flow import knowledge
from agents_app.models import FlowRun, PlannedPrompt, PromptVersion, Request
from clients.config import Effective


def plan(
    request: Request,
    *,
    config: Effective,
    prompts: Mapping[str, PromptVersion],
    variants: Mapping[str, Any],
    hints: Sequence[str],
    at: datetime,
) -> FlowRun:
    """One run a request, however often this is called. A route that cannot end gives a run that needs input."""
    frozen = _route(request, config) | {
        "client": request.client,
        "request": request,
        "config": config.document,
        "config_sources": dict(config.sources),
        "config_sha256": config.sha256,
        "hints": list(hints),
        "planned_at": at,
    }
    agents = [choice["agent"] for stage in frozen["stages"] for choice in stage]
    frozen["variants"] = {agent: variants[agent] for agent in agents if agent in variants}
    if not agents:
        frozen["finished_at"] = at
    with transaction.atomic():
        run, is_new = FlowRun.objects.get_or_create(idempotency_key=f"request:{request.pk}", defaults=frozen)
        if is_new:
            PlannedPrompt.objects.bulk_create(
                PlannedPrompt(run=run, agent=agent, version=prompts[agent]) for agent in agents
            )
    return run


def _route(request: Request, config: Effective) -> dict[str, Any]:
    try:
        route = routing.route(_facts(request, config))
    except routing.RouteImpossible as impossible:
        return {
            "route": impossible.rule,
            "stages": [],
            "skipped": [asdict(choice) for choice in impossible.skipped],
            "status": FlowRun.Status.NEEDS_INPUT,
            "error": str(impossible),
        }
    return {
        "route": route.rule,
        "stages": [[asdict(choice) for choice in stage] for stage in route.stages],
        "skipped": [asdict(choice) for choice in route.skipped],
    }


def _facts(request: Request, config: Effective) -> routing.Facts:
    company = knowledge.company(request)
    earlier = knowledge.researched(request)
    return routing.Facts(
        purpose=request.purpose,
        enabled=frozenset(config.document["enabled_agents"]),
        has_contact=request.contact_id is not None,
        has_company=bool(company["domain"]),
        earlier_run=earlier.pk if earlier else None,
        continues_run=request.follows_id if earlier and earlier.pk == request.follows_id else None,
    )
