"""The whole loop, from a webhook to a measured ticket: the ten steps of README's picture, each through its own door."""

import json
from datetime import UTC, datetime, timedelta
from email import message_from_string

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from agents_app import campaigns, drafts, versions
from agents_app.models import Draft, FlowRun, Request, RequestRule, Send
from clients import config, connections, suppression
from clients.models import AgentKey, Client, Connection, Contact, Delivery
from experiments import assign, lifecycle, outcomes
from experiments.models import Assignment, Decision, Experiment, OutcomeEvent
from gtm import loop, roles
from insights import changes, tickets
from insights.models import ChangeLink, OutcomeEvaluation, SatisfactionScore, Ticket
from tests.factories import make_contact, make_draft, make_request, make_run, make_send, make_step, make_user
from tests.queue import drain

pytestmark = pytest.mark.django_db

CONFIG = {
    "industry": "fintech",
    "tone": "formal",
    "custom_fields": {
        "emphasis": "regulatory_compliance",
        "avoid_terms": ["disruptive"],
        "offer": "Acme turns regulatory reporting into a daily job of minutes",
        "proof_points": ["Eleven banks file their capital reports with Acme"],
        "call_to_action": "Would a call of twenty minutes next week suit you?",
        "sender_name": "Priya Raman",
        "sender_title": "Client Director",
    },
}


@pytest.fixture
def operator():
    roles.sync()
    return make_user("olu", is_staff=True, is_superuser=True)


@pytest.fixture
def acme(operator):
    now = timezone.now()
    acme = config.create_client(CONFIG, slug="acme-fintech", name="Acme Fintech", by=operator, at=now)
    Client.objects.filter(pk=acme.pk).update(status="active", postal_address="1 Example Street, Springfield")
    acme.refresh_from_db()
    for source in (Connection.Party.PEOPLE_DATA_LABS, Connection.Party.NEWSAPI):
        connect(acme, source)
    return acme


def connect(client, party) -> str:
    """The endpoint key of a new connection."""
    return connections.create(client, party=party, name=party, mode="sandbox", at=timezone.now())[1]


def post(browser, key, body):
    return browser.post(f"/api/hooks/{key}", json.dumps(body), content_type="application/json")


ADA = {
    "email": "Ada.Lee@northwind-bank.example",
    "firstname": "Ada",
    "lastname": "Lee",
    "company": "Northwind Bank",
    "jobtitle": "Chief Financial Officer",
}


def test_from_a_crm_webhook_to_an_e_mail_that_was_answered(client, acme, operator):
    RequestRule.objects.create(client=acme, change="created", is_active=True)

    # 1 and 2: a webhook becomes a contact, and the client's own rule asks for a first e-mail
    answer = post(client, connect(acme, "hubspot"), ADA)
    assert answer.status_code == 200
    assert drain() == ["process_delivery", "start_run", "execute_run"]
    ada = Contact.objects.get(client=acme)
    assert (ada.email_normalised, ada.full_name, ada.title) == (
        "ada.lee@northwind-bank.example",
        "Ada Lee",
        ADA["jobtitle"],
    )

    # 3 and 4: the request became a run with all its inputs fixed, its steps, its facts and a draft
    run = FlowRun.objects.get(request__contact=ada)
    assert (run.status, run.route) == ("succeeded", "default")
    assert list(run.steps.order_by("stage").values_list("agent", "status")) == [
        ("research_agent", "done"), ("persona_agent", "done"), ("email_agent", "done"),
    ]  # fmt: skip
    assert set(run.source_records.filter(status="ok").values_list("source", flat=True)) == {
        "people_data_labs",
        "newsapi",
    }
    draft = Draft.objects.get(run=run)
    assert draft.generator == "offline-composer/1"
    assert "Northwind Bank" in draft.body

    # 5: a person approves, and it leaves at its hour, once, with a way out of the list
    drafts.approve(draft, by=operator, at=timezone.now())
    loop.send_due_drafts()
    loop.send_due_drafts()
    assert [message.to for message in mail.outbox] == [[ada.email]]
    sent = message_from_string(mail.outbox[0].message().as_string())
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    send = Send.objects.get(draft=draft)

    # 6: the mail service tells what became of it, twice; it counts once
    events = connect(acme, "outcomes")
    told = {
        "event_id": "e-1",
        "kind": "replied",
        "message_id": send.message_id,
        "occurred_at": timezone.now().isoformat(),
    }
    post(client, events, told)
    post(client, events, told)
    drain()
    assert sorted(OutcomeEvent.objects.filter(contact=ada).values_list("kind", flat=True)) == ["replied", "sent"]


def test_a_click_on_the_unsubscribe_link_ends_the_sequence(client, acme, operator):
    ada = make_contact(acme, "ada@northwind-bank.example")
    campaign = campaigns.create(
        acme, name="Audit season", goal="Meet finance chiefs.", at=timezone.now(), contacts=[ada], waits=(2,)
    )
    campaigns.launch(campaign, by=operator, at=timezone.now())
    loop.start_run(Request.objects.get().pk)
    drain()
    drafts.approve(Draft.objects.get(), by=operator, at=timezone.now())
    loop.send_due_drafts()

    client.get(reverse("unsubscribe", args=[suppression.token(ada)]))
    harmless = suppression.is_suppressed(acme, ada.email)
    client.post(reverse("unsubscribe", args=[suppression.token(ada)]))
    loop.continue_campaigns(at=timezone.now() + timedelta(days=3))

    assert harmless is False
    assert suppression.is_suppressed(acme, ada.email)
    assert Request.objects.count() == 1


def test_silence_brings_a_follow_up_that_answers_the_first_mail(acme, operator):
    ada = make_contact(acme, "ada@northwind-bank.example")
    campaign = campaigns.create(
        acme, name="Audit season", goal="Meet finance chiefs.", at=timezone.now(), contacts=[ada], waits=(2,)
    )
    campaigns.launch(campaign, by=operator, at=timezone.now())
    loop.start_run(Request.objects.get().pk)
    drain()
    drafts.approve(Draft.objects.get(), by=operator, at=timezone.now())
    loop.send_due_drafts()

    loop.continue_campaigns(at=timezone.now() + timedelta(days=1))
    assert drain() == []
    loop.continue_campaigns(at=timezone.now() + timedelta(days=3))
    assert drain() == ["start_run", "execute_run"]

    follow_up = FlowRun.objects.get(route="follow_up")
    assert [[choice["agent"] for choice in stage] for stage in follow_up.stages] == [["persona_agent"], ["email_agent"]]
    assert follow_up.drafts.get().sequence_step == 2


def test_an_experiment_decides_at_its_size_and_a_person_makes_the_winner_live(acme, operator):
    control = versions.live()[AgentKey.EMAIL]
    challenger = versions.create(
        AgentKey.EMAIL,
        text=control.text + "\n\nLength: at most 80 words\n",
        note="Shorter",
        by=operator,
        at=timezone.now(),
    )
    start = datetime(2026, 9, 7, 9, tzinfo=UTC)
    experiment = lifecycle.create(
        acme, name="Shorter", hypothesis="Shorter mails are answered more.", agent=AgentKey.EMAIL, control=control, challenger=challenger,
        metric="replied", base_rate=0.1, smallest_lift=0.5, window_days=7, by=operator, at=start,
    )  # fmt: skip
    lifecycle.start(experiment, by=operator, at=start)
    for number in range(60):
        send = sent_to(make_contact(acme, f"p{number}@northwind-bank.example"), start + timedelta(minutes=number))
        if send.draft.run.variants[AgentKey.EMAIL]["key"] == "b":
            answered(send, start + timedelta(days=1))

    early = loop.decide_experiments(at=start + timedelta(days=3))
    decisions = loop.decide_experiments(at=start + timedelta(days=9))
    again = loop.decide_experiments(at=start + timedelta(days=10))

    assert (early, again) == ([], [])
    assert [(decision.outcome, decision.winner.key) for decision in decisions] == [(Decision.Outcome.WINNER, "b")]
    assert versions.live()[AgentKey.EMAIL] == control
    lifecycle.promote(decisions[0], by=operator, at=timezone.now())
    assert versions.live()[AgentKey.EMAIL] == challenger
    assert Experiment.objects.get().status == "finished"
    assert Assignment.objects.filter(exposed_at__isnull=False).count() == 60


def sent_to(contact, at) -> Send:
    """A first e-mail that went out at `at`, planned with the variants the contact was given."""
    assigned = assign.prompts_for(contact.client, contact, live=versions.live(), at=at)
    run = make_run(make_request(contact, asked_at=at), planned_at=at, status="succeeded", variants=assigned.variants)
    step = make_step(run, prompt_version=assigned.prompts[AgentKey.EMAIL], started_at=at, finished_at=at)
    draft = make_draft(step=step, status="sent", written_at=at, decided_at=at)
    send = make_send(draft, sent_at=at)
    loop.record_send(send)
    return send


def answered(send, at) -> None:
    outcomes.record(
        send.contact, kind="replied", send=send, occurred_at=at, received_at=at, source="mail", event_key=f"reply:{send.pk}"
    )  # fmt: skip


def test_a_week_becomes_a_review_a_suggestion_a_ticket_a_change_and_its_measured_effect(acme, operator):
    start = datetime(2026, 9, 7, 9, tzinfo=UTC)
    for number in range(12):
        send = sent_to(make_contact(acme, f"w{number}@northwind-bank.example"), start + timedelta(minutes=number))
        if number < 3:
            answered(send, start + timedelta(days=1))
    SatisfactionScore.objects.create(client=acme, score=4, comment="Too stiff.", answered_at=start + timedelta(days=2))
    monday = start + timedelta(weeks=1)
    report = loop.build_review(at=monday - timedelta(hours=3))
    same = loop.build_review(at=monday - timedelta(hours=3))
    suggestion = report.suggestions.order_by("rank").first()

    assert same == report
    assert report.week.isoformat() == "2026-09-07"
    assert report.payload["sent"] == 12
    assert suggestion.title == "Talk to Acme Fintech: it gave us 4 out of 10"
    assert all(row["url"] for row in suggestion.evidence)

    ticket = tickets.accept(
        suggestion, owner=operator, due_date=monday.date() + timedelta(days=7), by=operator, at=monday
    )
    loop.apply_ticket(ticket, change=changes.SettingChanges(acme.pk, "tone", "direct"), by=operator, at=monday)

    assert Client.objects.get(pk=acme.pk).settings["tone"] == "direct"
    link = ChangeLink.objects.get(ticket=ticket)
    assert (link.before, link.after) == ({"tone": "formal"}, {"tone": "direct"})
    loop.measure_tickets(at=monday + timedelta(weeks=16))
    assert OutcomeEvaluation.objects.get(ticket=ticket).result["sentence"]
    assert Ticket.objects.get(pk=ticket.pk).status == "measured"


def test_a_fault_of_ours_is_met_five_times_and_then_waits_for_a_person(client, acme, monkeypatch):
    def breaks(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("clients.observations.apply", breaks)
    post(client, connect(acme, "hubspot"), ADA)
    delivery = Delivery.objects.get()

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            loop.process_delivery(delivery.pk)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("quarantined", 5)
    assert delivery.error.startswith("It was tried 5 times")
    assert not Contact.objects.filter(client=acme).exists()
