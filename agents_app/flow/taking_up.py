"""A run that was claimed, with everything that its driver needs at hand: read once, in one message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agents_app import prices
from agents_app.flow import budget
from agents_app.flow.hand import Clock, Hand
from agents_app.flow.journal import Journal
from agents_app.models import Campaign, FlowRun, ModelPrice, PromptVersion, Request, StepRun
from clients.models import Client, Contact
from gtm import limits
from gtm.models import RateLimit

OF_REQUEST = "(SELECT {} FROM agents_app_request WHERE id = %s)"
OF_PLAN = "(SELECT version_id FROM agents_app_plannedprompt WHERE run_id = %s)"


def hand_for(run: FlowRun, clock: Clock, *, at: datetime) -> Hand:
    """The run's request, client, contact and campaign stand on it; no step reads them again."""
    journal = Journal()
    requests, clients, contacts, campaigns = list[Request](), list[Client](), list[Contact](), list[Campaign]()
    versions, rates, limited = list[PromptVersion](), list[Sequence[Any]](), list[RateLimit]()
    journal.find(Request, requests, "id = %s", run.request_id)
    journal.find(Client, clients, "id = %s", run.client_id)
    journal.find(Contact, contacts, f"id = {OF_REQUEST.format('contact_id')}", run.request_id)
    journal.find(Campaign, campaigns, f"id = {OF_REQUEST.format('campaign_id')}", run.request_id)
    journal.find(PromptVersion, versions, f"id IN {OF_PLAN}", run.pk)
    journal.read(ModelPrice, prices.COLUMNS, rates)
    journal.find(RateLimit, limited)
    journal.send()
    run.request, run.client = requests[0], clients[0]
    run.request.client = run.client
    run.request.contact, run.request.campaign = next(iter(contacts), None), next(iter(campaigns), None)
    prompts = {each.agent: each for each in versions}
    hand = Hand(run, tuple(run.plan_now), _rows(run), prices.table(rates), prompts, clock, began_at=at)
    hand.limited = {row.name for row in limited if limits.holds(row, at=at)}
    hand.shut_until = budget.shut_until(limited, at=at)
    return hand


def _rows(run: FlowRun) -> list[StepRun]:
    """Of a run that was never claimed before there are none."""
    if run.fence == 1:
        return []
    rows = list(run.steps.select_related("context", "gate").order_by("pk"))
    for row in rows:
        row.run = run
    return rows
