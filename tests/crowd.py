"""Many rows of every model at once, one of each per client, so that list pages can be measured and rows told apart."""

from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django_q.models import OrmQ, Schedule, Task

from agents_app.models import (
    Campaign,
    CampaignContact,
    CampaignStep,
    Draft,
    PromptVersion,
    Request,
    RequestRule,
    Send,
    StepRun,
)
from clients.models import (
    ChangeSet,
    Client,
    ClientChange,
    ConfigKey,
    ConfigVersion,
    Connection,
    Contact,
    ContactQuality,
    Delivery,
    Erasure,
    Event,
    FieldRule,
    FieldState,
    Mapping,
    MappingRow,
    Observation,
    ProposedChange,
    Push,
    QualityRule,
    QualityWeek,
    Reconciliation,
    RecordAddress,
    Replay,
    ReviewItem,
    SamePerson,
    SettingsTemplate,
    SigningSecret,
    SourceRecord,
    Suppression,
)
from experiments.models import (
    AnalysisSnapshot,
    Assignment,
    Decision,
    Experiment,
    OutcomeEvent,
    ProposalEffect,
    SettingProposal,
    Variant,
)
from experiments.results import Arm, Plan, judge
from gtm import roles
from gtm.models import RateLimit
from insights.models import (
    ChangeLink,
    ClientPattern,
    OutcomeEvaluation,
    SatisfactionScore,
    SharedInsight,
    Suggestion,
    SupportTicket,
    Ticket,
    WeeklyReport,
)
from tests.crowd_runs import (
    SHA,
    Rows,
    a_number,
    cases,
    flows,
    knowledge,
    known,
    numbers,
    questions,
    rehearsals,
    runs,
    trials,
)
from tests.factories import AT

PASSWORD = "correct horse"
EFFECT = {
    "before": {"numerator": 1, "denominator": 20},
    "after": {"numerator": 2, "denominator": 20},
    "difference": 0.05,
    "low": -0.1,
    "high": 0.2,
    "verdict": "no effect seen",
    "sentence": "No effect seen.",
}


def make_user_of(role: str, username: str = "") -> User:
    """A user of the role ("admin", "operator", "manager", "viewer"), who may log in to the admin."""
    if not Group.objects.exists():
        roles.sync()
    user = User.objects.create_user(username or role, password=PASSWORD, is_staff=True)
    name = next(one.name for one in roles.ROLES if one.key == role)
    user.groups.add(Group.objects.get(name=name))
    return user


def make_crowd(size: int) -> Rows:
    """`size` rows of every model; row i of each belongs to client i (where it belongs to one)."""
    rows: Rows = {}
    for build in (
        _agency,
        _people,
        _prompts,
        _requests,
        flows,
        runs,
        questions,
        cases,
        rehearsals,
        trials,
        knowledge,
        known,
        _mails,
        _experiments,
        _proposals,
        _effects,
        _insights,
        _tickets,
        _frame,
    ):
        for model, made in build(size, rows).items():
            rows[model] = model._default_manager.bulk_create(made)
    return rows


def _agency(size: int, rows: Rows) -> Rows:
    industries = [SettingsTemplate(key=f"industry-{n}", name=f"Industry {n}") for n in numbers(size)]
    SettingsTemplate.objects.bulk_create(industries)
    clients = [
        Client(slug=f"crowd-{n}", name=f"Crowd {n}", industry=industry, status="active", created_at=AT)
        for n, industry in zip(numbers(size), industries, strict=True)
    ]
    Client.objects.bulk_create(clients)
    author, _ = User.objects.get_or_create(username="who-proposes")
    rows[SettingsTemplate], rows[Client] = industries, clients
    sets = [ChangeSet(kind="edit", what="Tone: set it to “Formal”", author=author, created_at=AT) for _ in clients]
    ChangeSet.objects.bulk_create(sets)
    rows[ChangeSet] = sets
    return {
        ConfigKey: [ConfigKey(name=f"own_{n}", label=f"Own {n}", kind="text") for n in numbers(size)],
        ProposedChange: [
            ProposedChange(template=each, settings={}, revision=0, reach=1, author=author, created_at=AT)
            for each in industries
        ],
        ClientChange: [
            ClientChange(change_set=made, client=client, paths={"tone": [None, "formal"]})
            for made, client in zip(sets, clients, strict=True)
        ],
        ConfigVersion: [ConfigVersion(client=client, number=1, document={}, sha256=SHA, created_at=AT) for client in clients],
        Connection: [Connection(client=client, party="hubspot", name="HubSpot", created_at=AT) for client in clients],
        Contact: [
            Contact(
                client=client, email=f"ada@{client.slug}.example", email_normalised=f"ada@{client.slug}.example", full_name="Ada Lee",
                title="Chief Financial Officer", company_name="Northwind Bank", company_domain="northwind-bank.example",
                created_at=AT, updated_at=AT,
            )
            for client in clients
        ],
    }  # fmt: skip


def _people(size: int, rows: Rows) -> Rows:
    deliveries = [
        Delivery(
            connection=one,
            received_at=AT,
            body=b"{}",
            body_sha256=SHA,
            status="quarantined",
            error="No e-mail address.",
            error_class="no_address",
        )
        for one in rows[Connection]
    ]
    Delivery.objects.bulk_create(deliveries)
    rows[Delivery] = deliveries
    SigningSecret.objects.bulk_create(
        SigningSecret(connection=one, secret=b"x", hint="abcd", active_from=AT, created_at=AT)
        for one in rows[Connection]
    )
    both = list(zip(rows[Client], deliveries, rows[Contact], strict=True))
    events = [
        Event(
            client=client,
            delivery=delivery,
            contact=contact,
            source="hubspot",
            event_key="e1",
            kind="contact_changed",
            occurred_at=AT,
            payload={},
        )
        for client, delivery, contact in both
    ]
    Event.objects.bulk_create(events)
    rows[Event] = events
    rows[SourceRecord] = SourceRecord.objects.bulk_create(
        SourceRecord(
            client=client, connection=delivery.connection, source="hubspot", ext_id="1", contact=contact, created_at=AT
        )
        for client, delivery, contact in both
    )
    observations = [
        Observation(record=record, field="title", value="CFO", occurred_at=AT, event=event)
        for record, event in zip(rows[SourceRecord], events, strict=True)
    ]
    Observation.objects.bulk_create(observations)
    rows[Observation] = observations
    drafts = [Mapping(connection=one, number=1, made_at=AT) for one in rows[Connection]]
    rows[Mapping] = Mapping.objects.bulk_create(drafts)
    return {
        MappingRow: [MappingRow(mapping=draft, position=0, field="email", path="email") for draft in drafts],
        FieldState: [
            FieldState(contact=seen.record.contact, field="title", observation=seen, rule="latest", decided_at=AT)
            for seen in observations
        ],
        Suppression: [
            Suppression(client=client, address_hmac=f"{client.pk:064d}", reason="manual", created_at=AT)
            for client in rows[Client]
        ],
        SamePerson: [SamePerson(one=record, other=record, since=AT) for record in rows[SourceRecord]],
        RecordAddress: [RecordAddress(record=record, address_hmac=SHA) for record in rows[SourceRecord]],
        FieldRule: [FieldRule(client=client, field="title") for client in rows[Client]],
        QualityRule: [QualityRule(client=client, rule="stale", severity="warn") for client in rows[Client]],
        ContactQuality: [
            ContactQuality(contact=contact, client=contact.client, score=90, found={"picklist": "warn"}, checked_at=AT)
            for contact in rows[Contact]
        ],
        QualityWeek: [
            QualityWeek(client=client, source="hubspot", week=AT.date(), contacts=1, score=90, held=0, made_at=AT)
            for client in rows[Client]
        ],
        ReviewItem: [
            ReviewItem(
                client=client,
                kind="conflict",
                contact=contact,
                field="title",
                observations=[seen.pk],
                question=f"title:{contact.pk}",
                opened_at=AT,
            )
            for client, contact, seen in zip(rows[Client], rows[Contact], observations, strict=True)
        ],
        Replay: [Replay(connection=one, per_minute=60, upto=0, asked_at=AT, ended_at=AT) for one in rows[Connection]],
        Push: [
            Push(connection=record.connection, record=record, fields={"title": "CEO"}, made_at=AT, due_at=AT)
            for record in rows[SourceRecord]
        ],
        Reconciliation: [
            Reconciliation(connection=one, from_at=AT, until_at=AT, started_at=AT, ended_at=AT, records_seen=9)
            for one in rows[Connection]
        ],
        Erasure: [Erasure(client=client, reason="asked_here", asked_at=AT) for client in rows[Client]],
    }


def _prompts(size: int, rows: Rows) -> Rows:
    return {
        PromptVersion: [
            PromptVersion(agent="email_agent", number=n, minor=n, text=f"Prompt {n}.", sha256=SHA, created_at=AT)
            for n in numbers(size)
        ]
    }


def _requests(size: int, rows: Rows) -> Rows:
    campaigns = [
        Campaign(client=client, name="Spring", goal="Book first meetings.", created_at=AT) for client in rows[Client]
    ]
    Campaign.objects.bulk_create(campaigns)
    rows[Campaign] = campaigns
    pairs = list(zip(campaigns, rows[Contact], strict=True))
    return {
        CampaignStep: [CampaignStep(campaign=campaign, number=1) for campaign in campaigns],
        CampaignContact: [
            CampaignContact(campaign=campaign, contact=contact, added_at=AT) for campaign, contact in pairs
        ],
        Request: [
            Request(
                client=contact.client,
                contact=contact,
                campaign=campaign,
                company_domain="northwind-bank.example",
                asked_at=AT,
            )
            for campaign, contact in pairs
        ],
        RequestRule: [RequestRule(client=client) for client in rows[Client]],
    }


def _mails(size: int, rows: Rows) -> Rows:
    text = {
        "subject": "Closing the books faster",
        "body": "Dear Ada Lee,\n\nNorthwind Bank has 1,240 people.\n\nKind regards",
    }
    drafts = [
        Draft(
            run=step.run, step=step, contact=contact, **text, final_subject=text["subject"], final_body=text["body"], written_at=AT,
            generator="offline-composer/1", sentences=[{"text": "Northwind Bank has 1,240 people.", "rests_on": ["f1"]}],
        )
        for step, contact in zip(rows[StepRun], rows[Contact], strict=True)
    ]  # fmt: skip
    Draft.objects.bulk_create(drafts)
    rows[Draft] = drafts
    sends = [
        Send(
            draft=draft, contact=draft.contact, message_id=f"<draft-{draft.pk}@localhost>", sent_at=AT, generator=draft.generator,
            address_is_reserved=True,
        )
        for draft in drafts
    ]  # fmt: skip
    Send.objects.bulk_create(sends)
    rows[Send] = sends
    return {
        OutcomeEvent: [
            OutcomeEvent(
                client=send.contact.client, contact=send.contact, send=send, kind="replied", occurred_at=AT, received_at=AT,
                source="outcomes", event_key=f"o{send.pk}",
            )
            for send in sends
        ]
    }  # fmt: skip


def _experiments(size: int, rows: Rows) -> Rows:
    experiments = [
        Experiment(
            client=client, name=f"Question last {client.pk}", hypothesis="A question brings more replies.", planned_per_variant=100,
            salt="salt", status="running", created_at=AT, started_at=AT,
        )
        for client in rows[Client]
    ]  # fmt: skip
    Experiment.objects.bulk_create(experiments)
    rows[Experiment] = experiments
    pairs = list(zip(experiments, rows[PromptVersion], strict=True))
    controls = [Variant(experiment=one, key="a", is_control=True, prompt_version=version) for one, version in pairs]
    Variant.objects.bulk_create(
        [*controls, *(Variant(experiment=one, key="b", prompt_version=version) for one, version in pairs)]
    )
    plan = Plan(planned_per_variant=100, alpha=0.05, window_days=14, counted="replies")
    arms = [
        Arm(key=key, version=1, label="E-mail v1", is_control=key == "a", weight=1, exposed=9, mature=9, successes=1)
        for key in "ab"
    ]
    result = judge(*arms, plan)
    snapshots = [AnalysisSnapshot(experiment=one, as_of=AT, result=result) for one in experiments]
    AnalysisSnapshot.objects.bulk_create(snapshots)
    rows[Variant], rows[AnalysisSnapshot] = controls, snapshots
    return {
        Assignment: [
            Assignment(
                experiment=control.experiment,
                contact=contact,
                variant=control,
                bucket=0.2,
                assigned_at=AT,
                exposed_at=AT,
            )
            for control, contact in zip(controls, rows[Contact], strict=True)
        ],
        Decision: [
            Decision(
                experiment=one.experiment, snapshot=one, outcome="no_difference", reason="None seen.", decided_at=AT
            )
            for one in snapshots
        ],
    }


def _proposals(size: int, rows: Rows) -> Rows:
    """One that waits and one that was approved, of each client."""
    basis = {
        "rule": "choices", "in_force": {"value": "friendly", "sources": ["built in"]}, "risk": "It changes every e-mail.", "made_at": AT,
        "expected": {"metric": "replied", "label": "contacts who replied", "sentence": "More replies."},
    }  # fmt: skip
    rate = {"part": 3, "whole": 40, "rate": 0.075, "low": 0.03, "high": 0.2}
    return {
        SettingProposal: [
            SettingProposal(
                client=draft.run.client, path="tone", proposed="direct", status=status, decided_at=decided_at, written=written,
                evidence={
                    "n": 80, "counts": {"Friendly": rate, "Direct": rate}, "sentence": "Direct was answered more often.", "looked_at": 9,
                    "since": AT.isoformat(), "drafts": [draft.pk], "runs": [draft.run_id],
                },
                **basis,
            )
            for status, decided_at, written in (("open", None, None), ("approved", AT, "direct"))
            for draft in rows[Draft]
        ]
    }  # fmt: skip


def _effects(size: int, rows: Rows) -> Rows:
    rate = {"part": 3, "whole": 40, "rate": 0.075}
    result = {
        "metric": "replied",
        "label": "contacts who replied",
        "before": rate,
        "after": rate,
        "verdict": "Not yet to tell",
    }
    approved = [one for one in rows[SettingProposal] if one.status == "approved"]
    return {
        ProposalEffect: [
            ProposalEffect(proposal=one, as_of=AT, result=result | {"sentence": "Chance."}) for one in approved
        ]
    }


def _insights(size: int, rows: Rows) -> Rows:
    week = AT.date() - timedelta(days=7 * (a_number() % 1000 + 20))
    reports = [WeeklyReport(week=week, version=n, payload={}, sha256=SHA, built_at=AT) for n in range(1, size + 1)]
    WeeklyReport.objects.bulk_create(reports)
    rows[WeeklyReport] = reports
    return {
        Suggestion: [
            Suggestion(
                report=report, rule="low_reply_rate", rank=1, title="Shorten the first e-mail", text="Replies fell.", evidence=[],
                client=client, metric="reply_rate",
            )
            for report, client in zip(reports, rows[Client], strict=True)
        ],
        SatisfactionScore: [SatisfactionScore(client=client, score=9, answered_at=AT) for client in rows[Client]],
        SupportTicket: [SupportTicket(client=client, subject="A question", opened_at=AT) for client in rows[Client]],
        ClientPattern: [
            ClientPattern(client=client, pattern="asks", campaigns=3, on_contacts=9, on_replies=1, off_contacts=9, off_replies=1, computed_at=AT)
            for client in rows[Client]
        ],
        SharedInsight: [
            SharedInsight(
                pattern=f"p{n}", week=AT.date(), clients_rounded=5, effect_rounded=0.01, supporting_share=0.8, sentence="Ask.", released_at=AT
            )
            for n in numbers(size)
        ],
    }  # fmt: skip


def _tickets(size: int, rows: Rows) -> Rows:
    owners = [User(username=f"owner-{n}", is_staff=True) for n in numbers(size)]
    User.objects.bulk_create(owners)
    rows[User] = owners
    tickets = [
        Ticket(
            title=one.title, description="As suggested.", suggestion=one, report=one.report, client=one.client, owner=owner,
            due_date=AT.date(), created_at=AT,
        )
        for one, owner in zip(rows[Suggestion], owners, strict=True)
    ]  # fmt: skip
    Ticket.objects.bulk_create(tickets)
    rows[Ticket] = tickets
    kind = ContentType.objects.get_for_model(PromptVersion)
    return {
        ChangeLink: [
            ChangeLink(
                ticket=ticket,
                content_type=kind,
                object_id=version.pk,
                description="Made live.",
                applied_by=ticket.owner,
                applied_at=AT,
            )
            for ticket, version in zip(tickets, rows[PromptVersion], strict=True)
        ],
        OutcomeEvaluation: [OutcomeEvaluation(ticket=ticket, result=EFFECT, measured_at=AT) for ticket in tickets],
    }


def _frame(size: int, rows: Rows) -> Rows:
    keys = numbers(size)
    return {
        Task: [
            Task(id=f"{n:032d}", name=f"job {n}", func="gtm.caretaking.sweep", started=AT, stopped=AT, success=True)
            for n in keys
        ],
        Schedule: [Schedule(name=f"job {n}", func="gtm.caretaking.sweep", next_run=AT) for n in keys],
        OrmQ: [OrmQ(key="runs", payload="", lock=AT) for _ in keys],
        RateLimit: [RateLimit(name=f"messages model-{n}", requests_remaining=50, updated_at=AT) for n in keys],
    }
