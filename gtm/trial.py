"""`up --check`: one real request, through the queue and both workers, to a draft."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from agents_app import requests
from agents_app.models import Draft, FlowRun, Request
from clients import config, connections
from clients.models import Client, Connection
from gtm import loop

DEMO_CLIENT = "acme-fintech"
OWN_CLIENT = "start-up-check"  # where there is no demo; it stays a draft, so that nothing can be sent for it
DOCUMENT = {
    "industry": "fintech",
    "tone": "formal",
    "custom_fields": {
        "emphasis": "regulatory_compliance",
        "avoid_terms": ["cheap"],
        "offer": "An audit trail for every payment.",
        "call_to_action": "Would a call of fifteen minutes next week suit you?",
        "sender_name": "Start-up check",
    },
}
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.2


class TrialFailed(Exception):
    """The request did not become a draft; the message says where it stopped."""


@dataclass(frozen=True)
class Outcome:
    run: int
    steps: int
    draft_subject: str


def ask(*, at: datetime) -> Request:
    """The request of a person who wants a first e-mail to an invented bank."""
    with transaction.atomic():
        client = Client.objects.filter(slug=DEMO_CLIENT).first() or _own_client(at)
        request = requests.ask(
            client,
            company_domain="northwind-bank.example",
            company_name="Northwind Bank",
            purpose="outreach",
            reason="A check at start-up.",
            at=at,
        )
        loop.later(loop.start_run, request.pk)
    return request


def wait(request: Request, *, meanwhile: Callable[[], None]) -> Outcome:
    """Raises TrialFailed. `meanwhile` is called between two looks."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (run := request.runs.exclude(status__in=FlowRun.OPEN).first()):
        if time.monotonic() > deadline:
            raise TrialFailed(f"The request waited {PATIENCE_SECONDS:.0f} s. {_how_far(request)}")
        meanwhile()
        time.sleep(POLL_SECONDS)
    draft = Draft.objects.filter(run=run).order_by("pk").first()
    if draft is None:
        raise TrialFailed(f"Run {run.pk} ended without a draft ({run.get_status_display()}). {run.error}")
    return Outcome(run=run.pk, steps=run.steps.count(), draft_subject=draft.subject)


def _own_client(at: datetime) -> Client:
    existing = Client.objects.filter(slug=OWN_CLIENT).first()
    return existing or _make_client(at)


def _make_client(at: datetime) -> Client:
    client = config.create_client(DOCUMENT, slug=OWN_CLIENT, name="Start-up check", by=None, at=at)
    for party in (Connection.Party.PEOPLE_DATA_LABS, Connection.Party.NEWSAPI):
        connections.create(client, party=party, name=str(party.label), mode=Connection.Mode.SANDBOX, at=at)
    return client


def _how_far(request: Request) -> str:
    run = request.runs.first()
    if run is None:
        return "No worker planned a run for it: the worker “ingest” does not take work from the queue."
    return f"Run {run.pk} stands at “{run.get_status_display()}”: the worker “runs” did not finish it."
