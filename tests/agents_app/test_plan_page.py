"""The plan page: what a request would do, before anybody asks for it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from agents_app import flows
from agents_app.models import FlowRun, FlowTemplate, Request, RoutingRule
from clients import config, suppression
from gtm import loop
from tests.agents_app import flows_that
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_draft,
    make_prompt,
    make_ready_client,
    make_request,
    make_run,
    make_send,
    make_step,
)

pytestmark = pytest.mark.django_db

DOMAIN = "northwind-bank.example"


def wanted(client: Any, **typed: str) -> dict[str, str]:
    return {"client": str(client.pk), "purpose": "outreach", "depth": "standard", "company_domain": DOMAIN, **typed}


def shown(browser: Browser, **typed: str) -> str:
    answer = browser.get(reverse("plan"), typed)
    assert answer.status_code == 200
    return answer.content.decode()


def ask(browser: Browser, typed: dict[str, str]) -> Any:
    return browser.post(reverse("plan"), typed)


def test_the_empty_page_says_what_to_type_and_calls_nothing_wrong(operator):
    make_client("acme")

    page = shown(operator)

    assert "Choose a client, and name a contact or a company." in page
    assert "Acme" in page
    assert "required" not in page.split('id="preview"')[1]


def test_what_is_half_typed_is_kept_and_not_called_wrong(operator):
    client = make_client("acme")

    page = shown(operator, client=str(client.pk), depth="quick", reason="For the fair")

    assert f'<option value="{client.pk}" selected>' in page
    assert "For the fair" in page
    assert "It cannot be asked for" not in page


def test_the_plan_shows_its_rule_its_steps_what_is_left_out_and_why(operator):
    client = make_ready_client("acme")

    page = shown(operator, **wanted(client))

    for words in (
        "First e-mail", "research the company, then find the person&#x27;s angle, then write", "rule default",
        "A first e-mail opens with something true of the company.", "Agent, after research", "Step 3",
        "Comparisons belong to deep research; an e-mail does not use them.", "never above $0.60", "standard: 30 s for research",
        "No basis yet for Research, Persona, E-mail", "Edit this flow", ">Run</button>",
    ):  # fmt: skip
        assert words in page


def test_a_plan_whose_agents_have_a_past_says_what_it_usually_costs_and_takes(operator, settings):
    settings.ANTHROPIC_API_KEY = "sk-test"
    client = make_ready_client("acme")
    for agent, usd in (("research_agent", "0.01"), ("persona_agent", "0.02"), ("email_agent", "0.03")):
        past(agent, usd=Decimal(usd), seconds=(1, 2, 3, 4, 10))

    page = shown(operator, **wanted(client))

    for words in (
        ">$0.1800<",  # the third of five costs three times usd: 0.03 + 0.06 + 0.09
        "seldom above $0.2760, never above $0.60",  # nine in ten stay under 4.6 times usd
        ">9.0 s<",  # one after the other, three seconds each
        "From the newest steps of runs of this depth: 5 of Research and 5 of Persona and 5 of E-mail",
    ):
        assert words in page
    assert "No basis" not in page


def past(agent: str, *, usd: Decimal, seconds: tuple[int, ...]) -> None:
    """Done steps of `agent`, one for each length; the n-th costs n times `usd`."""
    run, prompt = make_run(make_request(depth="standard")), make_prompt(agent)
    for number, lasted in enumerate(seconds, start=1):
        make_step(
            run, agent, key=f"{agent}{number}", prompt_version=prompt, generator="claude-sonnet-5", cost_usd=number * usd,
            finished_at=AT + timedelta(seconds=lasted),
        )  # fmt: skip


def test_a_map_says_over_how_many_contacts_it_goes(operator):
    client = make_ready_client("acme")
    for _ in range(3):
        make_contact(client)

    page = shown(operator, **wanted(client, purpose="account"))

    assert "for 3 contacts" in page
    assert "Agent, once for each contact" in page


def test_side_by_side_steps_and_gates_are_drawn_as_such(operator):
    flows_that.draw(
        flows_that.agent("research"),
        flows_that.agent("persona", "research", is_optional=True),
        flows_that.gate("check", "research"),
        flows_that.agent("email", "persona", "check"),
        name="Two lanes",
    )

    page = shown(operator, **wanted(make_ready_client("acme")))

    for words in ("Two lanes", "2 side by side", "Is research right?", "may be left out", "not counted"):
        assert words in page


def test_a_route_that_cannot_end_says_what_to_mend_and_cannot_be_run(operator):
    client = make_ready_client("acme", enabled_agents=["research_agent", "persona_agent"])

    page = shown(operator, **wanted(client))

    assert "This cannot end, so it is not run." in page
    assert "Without the e-mail agent this request cannot end with an e-mail." in page
    assert reverse("client_settings", args=["acme"]) in page
    assert ">Run</button>" not in page


def test_looking_at_a_plan_writes_no_request_and_rings_no_bell(operator, rung):
    flows.in_force(at=AT)

    shown(operator, **wanted(make_ready_client("acme")))

    assert (Request.objects.count(), FlowRun.objects.count(), rung) == (0, 0, [])


def test_running_makes_the_request_and_its_run_is_planned_by_a_worker(operator, rung):
    contact = make_contact(make_ready_client("acme"), "ada@northwind-bank.example")

    answer = ask(operator, wanted(contact.client, email=" Ada@northwind-bank.example", depth="quick", reason="Fair"))

    asked = Request.objects.get()
    assert answer.url == reverse("request_trace", args=[asked.pk])
    assert (asked.contact, asked.depth, asked.reason, asked.company_domain) == (contact, "quick", "Fair", DOMAIN)
    assert asked.asked_by.username == "operator"
    assert rung == [(loop.start_run, asked.pk)]


def test_the_run_that_comes_of_it_is_the_plan_that_was_shown(operator, rung):
    client = make_ready_client("acme")
    page = shown(operator, **wanted(client))

    ask(operator, wanted(client))

    run = loop.plan_run(Request.objects.get().pk)
    assert [node["key"] for node in run.nodes] == ["research", "persona", "email"]
    assert all(node["reason"] in page for node in run.nodes)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"company_domain": "not a domain"}, "is not a company&#x27;s domain"),
        ({"email": "nobody@northwind-bank.example"}, "has no contact with this address"),
        ({"email": "nonsense"}, "is not an e-mail address"),
        ({"email": "ada@northwind-bank.example", "purpose": "follow_up"}, "there is nothing to follow up"),
        ({"email": "ada@northwind-bank.example", "purpose": "account"}, "An account is a company"),
        ({"depth": "endless"}, "endless is not one of the available choices"),
        ({"company_domain": ""}, "Name a contact, or the domain of a company."),
    ],
)  # fmt: skip
def test_what_cannot_be_met_is_refused_in_words_with_what_was_typed_kept(operator, rung, typed, words):
    client = make_ready_client("acme")
    make_contact(client, "ada@northwind-bank.example")

    page = ask(operator, wanted(client, reason="Keep me", **typed)).content.decode()

    assert words in page
    assert "Keep me" in page
    assert (Request.objects.count(), rung) == (0, [])


def test_whom_the_client_must_not_write_to_is_refused_before_and_after(operator, rung):
    contact = make_contact(make_ready_client("acme"), "ada@northwind-bank.example")
    suppression.suppress(contact.client, contact.email, reason="unsubscribed", at=AT)
    typed = wanted(contact.client, email=contact.email)

    before, after = shown(operator, **typed), ask(operator, typed).content.decode()

    assert "must not be written to" in before
    assert "must not be written to" in after
    assert (Request.objects.count(), rung) == (0, [])


def test_a_follow_up_is_planned_from_what_went_out(operator):
    contact = make_contact(make_ready_client("acme"), "ada@northwind-bank.example")
    make_send(make_draft(make_run(make_request(contact)), status="sent"))

    page = shown(operator, **wanted(contact.client, email=contact.email, purpose="follow_up"))

    assert "A follow-up: it starts with the person" in page
    assert ">Run</button>" in page


def test_what_is_set_for_one_run_is_in_its_plan_and_holds_for_it_alone(operator, rung):
    contact = make_contact(make_ready_client("acme", tone="formal"), "ada@northwind-bank.example")
    own = {"tone": "casual", "custom_fields__max_words": "80", "run_budget_usd": "0.02"}
    typed = wanted(contact.client, email=contact.email, **own)

    page = shown(operator, **typed)
    ask(operator, typed)

    asked = Request.objects.get()
    assert "$0.02" in page
    assert asked.settings == {"tone": "casual", "custom_fields.max_words": 80, "run_budget_usd": 0.02}
    run = loop.plan_run(asked.pk, at=AT)
    assert (run.config["tone"], run.config_sources["tone"], float(run.budget_usd)) == ("casual", "run", 0.02)
    assert config.effective(contact.client).document["tone"] == "formal"


def test_a_setting_for_one_run_beyond_its_bounds_is_refused_beside_its_field(operator):
    contact = make_contact(make_ready_client("acme"), "ada@northwind-bank.example")

    page = ask(operator, wanted(contact.client, email=contact.email, custom_fields__max_words="9")).content.decode()

    assert "Enter 40 or more." in page
    assert Request.objects.count() == 0


def test_htmx_gets_the_plan_alone(operator):
    client = make_ready_client("acme")

    answer = operator.get(reverse("plan"), wanted(client), headers={"HX-Request": "true"})

    part = answer.content.decode()
    assert "rule default" in part
    assert "<html" not in part
    assert 'id="ask"' not in part
    assert "HX-Request" in answer["Vary"]


def test_contacts_of_the_chosen_client_are_offered_as_they_are_typed(operator):
    client = make_client("acme")
    make_contact(client, "ada@northwind-bank.example")
    make_contact(client, "bob@northwind-bank.example", full_name="Bob Ray")
    make_contact(make_client("other"), "ada@elsewhere.example")

    page = shown(operator, client=str(client.pk), email="ada")

    assert '<option value="ada@northwind-bank.example">' in page
    assert "bob@northwind-bank.example" not in page
    assert "ada@elsewhere.example" not in page


@pytest.mark.parametrize("text", ["9" * 40, "x", "-1", "\x00", "1; drop table"])
def test_a_client_that_is_no_number_is_answered_in_words(operator, text):
    assert "Select a valid choice" in shown(operator, client=text, company_domain=DOMAIN)


def test_an_account_manager_plans_for_the_own_clients_only(client, rung):
    manager = make_user_of("manager")
    client.force_login(manager)
    mine, others = make_ready_client("mine"), make_ready_client("others")
    mine.managers.add(manager)
    make_contact(others, "ada@northwind-bank.example")

    page = shown(client, **wanted(mine))
    foreign = shown(client, **wanted(others, email="ada"))
    refused = ask(client, wanted(others))

    assert "rule default" in page
    assert "Edit this flow" not in page
    assert "Others" not in page
    assert "Select a valid choice" in foreign
    assert "ada@northwind-bank.example" not in foreign
    assert refused.status_code == 200
    assert (Request.objects.count(), rung) == (0, [])


def test_a_viewer_may_not_ask_for_work(client, rung):
    client.force_login(make_user_of("viewer"))

    assert client.get(reverse("plan")).status_code == 403
    assert ask(client, wanted(make_client())).status_code == 403
    assert (Request.objects.count(), rung) == (0, [])


def test_an_operator_is_led_to_the_flow_that_answered(operator):
    flows.in_force(at=AT)
    template = FlowTemplate.objects.get(key="first_mail")

    page = shown(operator, **wanted(make_ready_client("acme")))

    assert reverse("admin:agents_app_flowtemplate_change", args=[template.pk]) in page


def test_markup_in_a_rule_s_reason_stays_text(operator):
    flows.in_force(at=AT)
    RoutingRule.objects.filter(key="default").update(reason="<script>alert(1)</script>")
    flows.publish_rules(by=None, at=AT)

    page = shown(operator, **wanted(make_ready_client("acme")))

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("purpose", "with_contact"), [("outreach", False), ("outreach", True), ("deep_research", False)]
)
def test_the_page_takes_as_few_queries_however_much_there_is(client, purpose, with_contact, django_assert_num_queries):
    manager = make_user_of("manager")
    client.force_login(manager)
    mine = make_ready_client("mine")
    mine.managers.add(manager)
    contact = make_contact(mine, "ada@northwind-bank.example")
    typed = wanted(mine, purpose=purpose, email=contact.email if with_contact else "")
    flows.in_force(at=AT)
    shown(client, **typed)  # fills what is remembered

    for _ in range(2):
        with django_assert_num_queries(16 if with_contact else 10):
            shown(client, **typed)
        for _ in range(12):
            make_contact(mine)
            make_client().managers.add(manager)
            make_step(make_run(make_request(contact)), generator="offline-composer/1")
