"""Many e-mails at once, as the review and the patterns read them."""

from datetime import timedelta
from itertools import count
from typing import Any

from agents_app.models import Campaign, Draft, Fact, FlowRun, PromptVersion, Request, Send, StepRun
from clients.models import AgentKey, Client, Contact
from experiments.models import OutcomeEvent, OutcomeKind
from tests.factories import AT, make_prompt

TEXTS = {
    "subject": "Closing the books faster",
    "body": "Dear Ada,\n\nYou closed early.\n\nKind regards",
    "generator": "offline-composer/1",
}
STEP = {
    "agent": AgentKey.EMAIL,
    "key": "email",
    "stage": 0,
    "fence": 1,
    "status": "done",
    "output": {},
    "confidence": 0.8,
}
_numbers = count(1)


def make_mailing(
    client: Client,
    size: int,
    *,
    replies: int = 0,
    meetings: int = 0,
    sent_at: Any = AT,
    campaign: Campaign | None = None,
    **draft: Any,
) -> list[Send]:
    """`size` first e-mails of one moment; the first of them were answered, or led to a meeting, a day later.

    Further keywords: `attributes` ({fact key: attribute}, of every run) and columns of Draft.
    """
    runs = _make_runs(client, size, campaign, sent_at, draft.pop("attributes", {}))
    texts = TEXTS | draft
    prompt = PromptVersion.objects.filter(agent=AgentKey.EMAIL).first() or make_prompt()
    steps = StepRun.objects.bulk_create(
        StepRun(run=run, prompt_version=prompt, started_at=sent_at, finished_at=sent_at, **STEP) for run in runs
    )
    final = {"final_subject": texts["subject"], "final_body": texts["body"], "status": "sent", "decided_at": sent_at}
    drafts = Draft.objects.bulk_create(
        Draft(run=run, step=step, contact=run.request.contact, written_at=sent_at, **texts, **final)
        for run, step in zip(runs, steps, strict=True)
    )
    sends = Send.objects.bulk_create(
        Send(
            draft=one,
            contact=one.contact,
            message_id=f"<{one.pk}@x>",
            sent_at=sent_at,
            generator=one.generator,
            address_is_reserved=True,
        )
        for one in drafts
    )
    _answer(sends[:replies], OutcomeKind.REPLIED)
    _answer(sends[:meetings], OutcomeKind.MEETING_BOOKED)
    return sends


def _make_runs(
    client: Client, size: int, campaign: Campaign | None, at: Any, attributes: dict[str, str]
) -> list[FlowRun]:
    addresses = [f"mailing{next(_numbers)}@bank.example" for _ in range(size)]
    contacts = Contact.objects.bulk_create(
        Contact(
            client=client, email=one, email_normalised=one, company_name="Northwind Bank", created_at=at, updated_at=at
        )
        for one in addresses
    )
    requests = Request.objects.bulk_create(
        Request(client=client, contact=one, campaign=campaign, asked_at=at) for one in contacts
    )
    runs = FlowRun.objects.bulk_create(
        FlowRun(
            request=one,
            client=client,
            idempotency_key=f"mailing:{one.pk}",
            route="default",
            config={},
            config_sha256="0" * 64,
            planned_at=at,
        )
        for one in requests
    )
    Fact.objects.bulk_create(
        Fact(run=run, key=key, attribute=name, value="x", confidence=0.9)
        for run in runs
        for key, name in attributes.items()
    )
    return runs


def _answer(sends: list[Send], kind: str) -> None:
    when = timedelta(days=1)
    OutcomeEvent.objects.bulk_create(
        OutcomeEvent(
            client=one.contact.client, contact=one.contact, send=one, kind=kind, source="outcomes", event_key=f"{kind}-{one.pk}",
            occurred_at=one.sent_at + when, received_at=one.sent_at + when,
        )
        for one in sends
    )  # fmt: skip
