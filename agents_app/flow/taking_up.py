"""A run as it is taken up: claimed, with everything that its driver needs at hand, in one message."""

from collections.abc import Sequence
from typing import Any

from agents_app import prices
from agents_app.flow import budget, lease
from agents_app.flow.hand import Clock, Hand, Prompt
from agents_app.flow.journal import Journal
from agents_app.models import Campaign, FlowRun, ModelPrice, PlannedPrompt, PromptVersion, Request, StepRun
from clients.models import Client, Contact
from gtm import limits
from gtm.models import RateLimit

OF_RUN = "(SELECT {} FROM agents_app_flowrun WHERE id = %s)"
OF_REQUEST = "(SELECT {} FROM agents_app_request WHERE id = (SELECT request_id FROM agents_app_flowrun WHERE id = %s))"
OF_PLAN = "(SELECT version_id FROM agents_app_plannedprompt WHERE run_id = %s)"


def take_up(run_id: int, clock: Clock) -> Hand | None:
    """The run, claimed, in the transaction of its first turn; None where it may not be.

    Its request, client, contact and campaign stand on it; no step reads them again.
    """
    at, journal = clock(), Journal()
    runs, requests, clients = list[FlowRun](), list[Request](), list[Client]()
    contacts, campaigns = list[Contact](), list[Campaign]()
    texts, planned = list[Sequence[Any]](), list[Sequence[Any]]()
    rates, limited = list[Sequence[Any]](), list[RateLimit]()
    lease.look(run_id, journal, runs, at=at)
    journal.find(Request, requests, f"id = {OF_RUN.format('request_id')}", run_id)
    journal.find(Client, clients, f"id = {OF_RUN.format('client_id')}", run_id)
    journal.find(Contact, contacts, f"id = {OF_REQUEST.format('contact_id')}", run_id)
    journal.find(Campaign, campaigns, f"id = {OF_REQUEST.format('campaign_id')}", run_id)
    journal.read(PromptVersion, ("id", "text"), texts, f"id IN {OF_PLAN}", run_id)
    journal.read(
        PlannedPrompt, ("agent", "version_id", "model", "effort", "max_tokens"), planned, "run_id = %s", run_id
    )
    journal.read(ModelPrice, prices.COLUMNS, rates)
    journal.find(RateLimit, limited)
    journal.send()
    if not runs:
        return None
    [run] = runs
    lease.claim(run, at=at)
    run.request, run.client = requests[0], clients[0]
    run.request.client = run.client
    run.request.contact, run.request.campaign = next(iter(contacts), None), next(iter(campaigns), None)
    text_of = {row[0]: row[1] for row in texts}
    prompts = {agent: Prompt(pk, text_of[pk], *asked_with) for agent, pk, *asked_with in planned}
    hand = Hand(run, tuple(run.plan_now), _rows(run), prices.table(rates), prompts, clock, began_at=at)
    hand.limited = {row.name for row in limited if limits.holds(row, at=at)}
    hand.shut_until = budget.shut_until(limited, at=at)
    return hand


def _rows(run: FlowRun) -> list[StepRun]:
    """Of a run that was never claimed before there are none, but those it took over from the run it does again."""
    if run.fence == 1 and not run.request.is_again:
        return []
    rows = list(run.steps.select_related("context", "gate").order_by("pk"))
    for row in rows:
        row.run = run
    return rows
