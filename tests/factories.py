"""Builders of rows for tests: each makes the least that is valid, and takes what a test cares about as keywords."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agents_app import flow, requests, versions
from agents_app.flow import results
from agents_app.models import (
    Campaign,
    CampaignContact,
    Draft,
    FlowRun,
    PromptVersion,
    Request,
    Send,
    StepContext,
    StepRun,
)
from clients import config, endpoints
from clients.keys import BUILT_IN
from clients.models import AgentKey, Client, Connection, Contact, Delivery, Event, SettingsTemplate
from experiments import lifecycle
from experiments.models import Assignment, Experiment, OutcomeEvent, OutcomeKind

AT = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)  # a Monday
_numbers = count(1)


def make_user(username: str = "", **values: Any) -> User:
    return User.objects.create_user(username or f"user{next(_numbers)}", password="correct horse", **values)


def make_industry(key: str = "fintech", **values: Any) -> SettingsTemplate:
    return make_template("industry", key, **values)


def make_template(kind: str, key: str, **values: Any) -> SettingsTemplate:
    basis = {"name": key.capitalize(), **_with_settings(values)}
    return SettingsTemplate.objects.get_or_create(kind=kind, key=key, defaults=basis)[0]


def make_client(slug: str = "", **values: Any) -> Client:
    """Settings may be given by their last names: `make_client(tone="formal", max_words=90)`."""
    slug = slug or f"client-{next(_numbers)}"
    values.setdefault("industry", make_industry())
    basis = {"slug": slug, "name": slug.replace("-", " ").title(), "status": "active", "created_at": AT}
    return Client.objects.create(**basis | _with_settings(values))


def _with_settings(values: dict[str, Any]) -> dict[str, Any]:
    paths = {key.name: key.path for key in BUILT_IN}
    said = {paths[name]: value for name, value in values.items() if name in paths}
    rest = {name: value for name, value in values.items() if name not in paths}
    return {**rest, "settings": rest.get("settings", {}) | said}


def make_connection(client: Client | None = None, party: str = Connection.Party.HUBSPOT, **values: Any) -> Connection:
    return Connection.objects.create(
        client=client or make_client(), party=party, **{"name": party, "created_at": AT, **values}
    )


def opened_by(key: str, *, at: datetime | None = None) -> Connection | None:
    """The connection that a call with this key is for."""
    endpoint = endpoints.by_key(key, at=at or timezone.now())
    return Connection.objects.get(pk=endpoint.connection_id) if endpoint else None


def make_contact(client: Client | None = None, email: str = "", **values: Any) -> Contact:
    email = email or f"person{next(_numbers)}@northwind-bank.example"
    names = {"first_name": "Ada", "last_name": "Lee", "full_name": "Ada Lee", "title": "Chief Financial Officer"}
    place = {"company_name": "Northwind Bank", "company_domain": "northwind-bank.example"}
    times = {"created_at": AT, "updated_at": AT}
    return Contact.objects.create(
        client=client or make_client(),
        email=email,
        **{"email_normalised": email.strip().casefold(), **names, **place, **times, **values},
    )


def make_prompt(agent: str = AgentKey.EMAIL, number: int = 0, **values: Any) -> PromptVersion:
    number = number or next(_numbers)
    text = values.pop("text", f"Prompt {number} of {agent}.")
    return PromptVersion.objects.create(
        agent=agent,
        number=number,
        **{"text": text, "sha256": "0" * 64, "created_at": AT, "minor": number, **values},
    )


def make_campaign(client: Client | None = None, contacts: list[Contact] | None = None, **values: Any) -> Campaign:
    campaign = Campaign.objects.create(
        client=client or make_client(),
        **{"name": f"Campaign {next(_numbers)}", "goal": "Book first meetings.", "created_at": AT, **values},
    )
    for contact in contacts or []:
        CampaignContact.objects.create(campaign=campaign, contact=contact, added_at=AT)
    return campaign


def make_request(contact: Contact | None = None, **values: Any) -> Request:
    contact = contact or make_contact(values.get("client"))
    named = {"company_domain": contact.company_domain, "company_name": contact.company_name}  # as `requests.ask` does
    return Request.objects.create(**{"client": contact.client, "contact": contact, "asked_at": AT, **named, **values})


def make_run(request: Request | None = None, **values: Any) -> FlowRun:
    request = request or make_request()
    return FlowRun.objects.create(
        request=request,
        client=request.client,
        **{
            "idempotency_key": f"request:{request.pk}:{next(_numbers)}",
            "route": "default",
            "nodes": [
                {
                    "key": "email",
                    "kind": "agent",
                    "agent": "email_agent",
                    "after": [],
                    "reason": "An e-mail was asked for.",
                }
            ],
            "config": {},
            "config_sha256": "0" * 64,
            "planned_at": AT,
            **values,
        },
    )


def make_context(document: dict[str, Any]) -> StepContext:
    return StepContext.objects.get_or_create(sha256=results.digest(document), defaults={"document": document})[0]


def make_step(run: FlowRun | None = None, agent: str = AgentKey.EMAIL, **values: Any) -> StepRun:
    run = run or make_run()
    prompt = values.pop("prompt_version", None) or make_prompt(agent)
    done = {
        "status": "done",
        "output": {},
        "confidence": 0.8,
        "generator": "offline-composer/1",
        "finished_at": AT + timedelta(seconds=1),
    }
    basis = {"key": agent.removesuffix("_agent"), "stage": 0, "fence": 1, "started_at": AT}
    if "input" in values:
        basis["context"] = make_context(values.pop("input"))
    return StepRun.objects.create(run=run, agent=agent, prompt_version=prompt, **{**basis, **done, **values})


def make_draft(run: FlowRun | None = None, **values: Any) -> Draft:
    step = values.pop("step", None) or make_step(run)
    text = {
        "subject": "Closing the books faster",
        "body": "Dear Ada Lee,\n\nNorthwind Bank raised $40 million.\n\nKind regards",
    }
    return Draft.objects.create(
        run=step.run,
        step=step,
        **{
            "contact": step.run.request.contact,
            **text,
            "final_subject": values.get("subject", text["subject"]),
            "final_body": values.get("body", text["body"]),
            "generator": "offline-composer/1",
            "written_at": AT,
            **values,
        },
    )


def make_send(draft: Draft | None = None, **values: Any) -> Send:
    draft = draft or make_draft(status="sent")
    basis = {
        "message_id": f"<draft-{draft.pk}@localhost>",
        "sent_at": AT,
        "generator": draft.generator,
        "address_is_reserved": True,
    }
    return Send.objects.create(draft=draft, contact=draft.contact, **{**basis, **values})


# experiments


def make_experiment(client: Client | None = None, *, starts: bool = True, size: int = 0, **setup: Any) -> Experiment:
    """Planned by the public function and started; `size` replaces the computed contacts a variant, to keep tests small."""
    agent = setup.get("agent", AgentKey.EMAIL)
    basis = {
        "name": f"Experiment {next(_numbers)}",
        "hypothesis": "A question as the last line brings more replies.",
        "agent": agent,
    }
    plan = {"metric": "replied", "base_rate": 0.05, "smallest_lift": 0.05, "window_days": 14, "by": None, "at": AT}
    pair = {} if "control" in setup else {"control": make_prompt(agent), "challenger": make_prompt(agent)}
    experiment = lifecycle.create(client or make_client(), **{**basis, **plan, **pair, **setup})
    if size:
        Experiment.objects.filter(pk=experiment.pk).update(planned_per_variant=size)
        experiment.refresh_from_db()
    return lifecycle.start(experiment, by=None, at=AT) if starts else experiment


def fill_variant(
    experiment: Experiment, key: str, people: int, *, replies: int = 0, leaves: int = 0, exposed_at: Any = AT
) -> list[Contact]:
    """Contacts in one variant, written to at `exposed_at`; the first `replies` of them answered, the last `leaves` left, a day later."""
    basis = {"client": experiment.client, "created_at": AT, "updated_at": AT}
    numbered = [f"{key}{next(_numbers)}@crowd.example" for _ in range(people)]
    contacts = Contact.objects.bulk_create(
        [Contact(email=email, email_normalised=email, **basis) for email in numbered]
    )
    variant = experiment.variants.get(key=key)
    Assignment.objects.bulk_create(
        [
            Assignment(
                experiment=experiment,
                contact=contact,
                variant=variant,
                bucket=0.5,
                assigned_at=AT,
                exposed_at=exposed_at,
            )
            for contact in contacts
        ]
    )
    happened = [(contact, OutcomeKind.REPLIED) for contact in contacts[:replies]]
    happened += [(contact, OutcomeKind.UNSUBSCRIBED) for contact in contacts[people - leaves :]]
    for contact, kind in happened:
        make_outcome(contact, kind, occurred_at=exposed_at + timedelta(days=1))
    return contacts


def make_outcome(contact: Contact, kind: str = OutcomeKind.REPLIED, **values: Any) -> OutcomeEvent:
    values.setdefault("occurred_at", AT + timedelta(days=1))
    values.setdefault("received_at", values["occurred_at"])
    basis = {
        "client": contact.client,
        "contact": contact,
        "kind": kind,
        "source": "outcomes",
        "event_key": f"event-{next(_numbers)}",
    }
    return OutcomeEvent.objects.create(**{**basis, **values})


def make_outcome_event(
    client: Client, kind: str = OutcomeKind.REPLIED, *, occurred_at: Any = AT, **payload: Any
) -> Event:
    """What a mail service posted, stored and parsed, before anybody looked whom it is about."""
    connection = Connection.objects.filter(client=client, party=Connection.Party.OUTCOMES).first()
    connection = connection or make_connection(client, Connection.Party.OUTCOMES)
    delivery = Delivery.objects.create(connection=connection, received_at=occurred_at, body=b"{}", body_sha256="0" * 64)
    basis = {"client": client, "delivery": delivery, "source": "outcomes", "event_key": f"event-{next(_numbers)}"}
    return Event.objects.create(kind=kind, occurred_at=occurred_at, payload=payload, **basis)


# runs, as they are planned and executed in earnest


def make_ready_client(slug: str = "", **values: Any) -> Client:
    """A client with an offer to write about and both research sources, in the sandbox."""
    texts = {
        "tone": "formal",
        "offer": "We gather audit evidence on demand from the systems a bank already runs.",
        "proof_points": ["Harbour Pay cut audit preparation from six weeks to nine days."],
        "call_to_action": "a 20-minute call",
        "sender_name": "Kim Novak",
        "sender_title": "Partner",
    }
    client = make_client(slug, **{**texts, **values})
    for party in (Connection.Party.PEOPLE_DATA_LABS, Connection.Party.NEWSAPI):
        make_connection(client, party)
    return client


def make_ready_request(**values: Any) -> Request:
    """Asked for a contact of a client that has all it needs."""
    return make_request(make_contact(make_ready_client()), **values)


def make_account_request(people: int, **values: Any) -> Request:
    """About a company as a whole, where the client knows so many people."""
    client = make_ready_client()
    for number in range(1, people + 1):
        name = f"Lee {number}"
        make_contact(client, first_name="Ada", last_name=name, full_name=f"Ada {name}", title="Head of Audit")
    about = {"company_domain": "northwind-bank.example", "company_name": "Northwind Bank"}
    return Request.objects.create(client=client, **{**about, "purpose": "account", "asked_at": AT, **values})


def plan_run(request: Request | None = None, **values: Any) -> FlowRun:
    """The request's run, planned by the public function with the client's own settings and the live prompts."""
    request = request or make_ready_request()
    settled = {
        "config": requests.settings_of(request),
        "prompts": versions.live(at=AT),
        "variants": {},
        "hints": [],
        "at": AT,
    }
    return flow.plan(request, **{**settled, **values})


def answer_mails(run: FlowRun) -> None:
    """Each mail of a run is sent, and its contact answers; the first one is written to again on the run's basis."""
    for draft in run.drafts.order_by("pk"):
        Draft.objects.filter(pk=draft.pk).update(status="sent")
        make_outcome(draft.contact, send=make_send(draft))
    make_request(run.drafts.order_by("pk")[0].contact, follows=run)


def make_connected_client() -> Client:
    """Formal, in fintech, with a CRM and live prompts: all that a deployment holds."""
    make_industry()
    client = config.create_client({"industry": "fintech", "tone": "formal"}, slug="acme", name="Acme", by=None, at=AT)
    make_connection(client, name="HubSpot")
    versions.live(at=AT)
    return client
