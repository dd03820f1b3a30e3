"""What the settings in force change about a run: its money, its model, its layers, and when its e-mail leaves."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from agents_app import drafts, llm
from gtm import loop
from gtm.sandbox.composer import given
from tests.agents_app.flows_that import composed, execute
from tests.agents_app.models_that import REAL_ASK, paid
from tests.factories import (
    AT,
    make_campaign,
    make_contact,
    make_draft,
    make_ready_client,
    make_request,
    make_user,
    plan_run,
)

pytestmark = pytest.mark.django_db
USUAL = ("claude-sonnet-5-5", "claude-haiku-5-5")


def request_of(*, campaign=None, settings=None, **client):
    contact = make_contact(make_ready_client(**client))
    if campaign is not None:
        campaign = make_campaign(contact.client, [contact], settings=campaign)
    return make_request(contact, campaign=campaign, settings=settings or {})


def test_a_campaign_stands_above_its_client_and_a_request_above_both():
    asked = request_of(
        tone="formal",
        max_words=90,
        campaign={"tone": "direct", "custom_fields.emphasis": "audit"},
        settings={"tone": "casual"},
    )

    run = loop.plan_run(asked.pk, at=AT)

    assert (run.config["tone"], run.config_sources["tone"]) == ("casual", "run")
    assert (run.config["custom_fields"]["emphasis"], run.config_sources["custom_fields.emphasis"]) == (
        "audit",
        "campaign",
    )
    assert (run.config["custom_fields"]["max_words"], run.config_sources["custom_fields.max_words"]) == (90, "client")


def test_a_campaigns_word_to_an_agent_reaches_its_prompt_alone():
    word = {"prompt_overrides.email_agent": [{"mode": "add", "text": "Speak of the spring rules."}]}
    asked, other = request_of(campaign=word), request_of()

    run, without = execute(plan_run(asked)), execute(plan_run(other))

    assert "For this campaign:\nSpeak of the spring rules." in run.steps.get(key="email").prompt_sent
    assert "spring rules" not in without.steps.get(key="email").prompt_sent


def test_a_run_may_spend_what_its_depth_allows_or_less_where_the_settings_say_so(settings):
    usual = settings.RUN_BUDGET_USD["standard"]

    assert plan_run(request_of(run_budget_usd=0.02)).budget_usd == Decimal("0.02")
    assert plan_run(request_of(run_budget_usd=50)).budget_usd == usual
    assert plan_run(request_of()).budget_usd == usual


def asked_with(monkeypatch, run):
    """(effort, longest answer, models) of every question that the run's agents put."""
    found = set()

    def ask(question, *, models=None, **options):
        found.add((question.effort, question.max_tokens, models))
        return REAL_ASK(question, models=None, **options)

    monkeypatch.setattr(llm, "ask", ask)
    execute(run)
    return found


def test_effort_is_as_the_settings_say_else_as_the_depth_asks(monkeypatch):
    assert asked_with(monkeypatch, plan_run(request_of(effort="high"))) == {("high", 2000, USUAL)}
    assert asked_with(monkeypatch, plan_run(request_of())) == {("low", 2000, USUAL)}


def test_the_cheaper_model_is_asked_where_the_settings_say_so(settings):
    with paid(settings, lambda body, number: composed(body)) as service:
        execute(plan_run(request_of(model_tier="cheaper")))

    assert {json.loads(body)["model"] for _, _, body in service.requests} == {settings.MODEL_CHEAPER}


def test_an_approved_e_mail_leaves_when_the_clients_window_opens():
    window = {"send_window.days": ["mon", "tue"], "send_window.from_hour": 8, "send_window.to_hour": 18}
    run = plan_run(request_of(settings=window))
    sunday = AT - timedelta(days=1)
    draft, late = make_draft(run), make_draft(plan_run(request_of()))

    drafts.approve(draft, by=make_user(), at=sunday)
    drafts.approve(late, by=make_user(), at=sunday)

    draft.refresh_from_db()
    late.refresh_from_db()
    assert (draft.send_at, late.send_at) == (AT.replace(hour=8), sunday)


@pytest.mark.parametrize(
    ("style", "asks"),
    [("material", "send material"), ("time", "offer a time"), ("question", "question"), ("", "offer a time")],
)
def test_how_an_e_mail_asks_is_as_the_settings_say_else_as_the_prompt_does(style, asks):
    config = json.dumps({"call_to_action_style": style})
    material = f"<config>{config}</config><facts>[]</facts><context>{{}}</context>"

    assert given.parse("EmailAnswer", "Ask: offer a time", material).asks == asks
