"""The admin's pages of runs, steps, questions and money: what an operator needs to see why a run did what it did."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents_app import flows
from agents_app.models import (
    BudgetDay,
    FlowVersion,
    Gate,
    ModelPrice,
    PlannedPrompt,
    PlanRevision,
    SourceRecord,
    StepRun,
)
from gtm.models import RateLimit
from tests.agents_app.desks import said, url
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_context,
    make_prompt,
    make_request,
    make_run,
    make_step,
    make_user,
)

pytestmark = pytest.mark.django_db

RESEARCH = {"key": "research", "kind": "agent", "agent": "research_agent", "after": [], "reason": "Facts come first."}
EMAIL = {"key": "email", "kind": "agent", "agent": "email_agent", "after": ["research"], "reason": "It was asked for."}


@pytest.fixture
def operator(client: Browser) -> Browser:
    client.force_login(make_user_of("operator"))
    return client


def rows_of(answer: Any) -> list[Any]:
    return list(answer.context["cl"].result_list)


def make_gate(run=None, step_status="waiting", **values) -> Gate:
    step = StepRun.objects.create(
        run=run or make_run(status="waiting"),
        key="check",
        kind="gate",
        stage=1,
        status=step_status,
        fence=1,
        started_at=AT,
    )
    basis = {"question": "Is this right?", "asked_at": AT, "expires_at": AT + timedelta(hours=72)}
    return Gate.objects.create(step=step, **{**basis, **values})


# --- runs


def test_a_runs_page_tells_how_it_was_planned_and_what_it_may_spend(operator):
    flows.install(at=AT)
    flow, rules = FlowVersion.objects.get(key="first_mail"), FlowVersion.objects.get(kind="rules")
    skipped = [{"key": "competitive", "agent": "competitive_agent", "reason": "Comparisons belong to deep research."}]
    run = make_run(
        nodes=[RESEARCH, EMAIL], skipped=skipped, reason="A first e-mail.", template_version=flow, rules_version=rules,
        code_revision="1a2b3c4", budget_usd=Decimal("0.60"), time_budget_s=30, spent_usd=Decimal("0.1234"),
        reserved_usd=Decimal("0.05"), cancel_asked_at=AT, cancel_asked_by=make_user("ada"),
        lent_usd=Decimal("0.10"), lent_date=AT.date(), untold_usd=Decimal("0.02"),
    )  # fmt: skip

    page = operator.get(url("flowrun", "change", run.pk))

    shown, markup = said(page), page.content.decode()
    for words in (
        "A first e-mail.", "First e-mail, v1", "Version 1", "1a2b3c4", "competitive: Comparisons belong to deep research.",
        "$0.60 and 30 seconds", "$0.1234, the worst case of calls without an answer included", "$0.0500 for calls under way",
        "$0.1000, on 16 November 2026; $0.0200 of it are spent, and the day was not told yet",
        "Asked at 16 November 2026, 09:00 by ada", "Facts come first.",
    ):  # fmt: skip
        assert words in shown
    assert re.findall(r"<b>(\w+)</b>", markup[markup.index("flow-drawing") :])[:2] == ["research", "email"]
    assert f'href="{url("flowversion", "change", rules.pk)}"' in markup


def test_a_run_that_could_not_be_planned_says_so(operator):
    run = make_run(nodes=[], status="needs_input", error="Without the e-mail agent this request cannot end.")

    shown = said(operator.get(url("flowrun", "change", run.pk)))

    assert "No step: the request could not be met." in shown
    assert "Nobody asked." in shown


def test_a_runs_changes_lead_to_what_each_changed(operator):
    run = make_run(nodes=[RESEARCH, EMAIL], revised=2)
    deepen = {
        "key": "deepen",
        "kind": "tool",
        "tool": "deepen",
        "after": ["research"],
        "reason": "Too little is known.",
    }
    plans = [[RESEARCH, deepen, EMAIL], [RESEARCH, deepen, EMAIL | {"model": "cheaper"}]]
    first, second = (
        PlanRevision.objects.create(run=run, number=number, trigger="research", rule="deepen", reason="x", nodes=plan, seq=number, at=AT)
        for number, plan in enumerate(plans, start=1)
    )  # fmt: skip
    PlanRevision.objects.create(run=make_run(), number=1, trigger="x", rule="x", reason="x", nodes=[], seq=1, at=AT)

    link = f"{url('planrevision', 'changelist')}?run__id__exact={run.pk}"
    assert f'href="{link}"' in operator.get(url("flowrun", "changelist")).content.decode()
    assert rows_of(operator.get(link)) == [second, first]
    assert changes(operator, first) == [
        "+Step deepen: Tool, Asks sources again that failed, or that may answer better now that more is known.",
        "+    waits for: research",
        "+    why: Too little is known.",
    ]
    assert changes(operator, second) == ["+    model: cheaper"]


def changes(browser: Browser, revision: PlanRevision) -> list[str]:
    page = browser.get(url("planrevision", "change", revision.pk)).content.decode()
    return [unescape(text) for text in re.findall(r"<(?:ins|del)>([^<]*)</", page)]


# --- steps


def test_a_steps_page_tells_what_it_was_given_how_it_was_chosen_and_what_it_cost(operator):
    contact = make_contact()
    step = make_step(
        make_run(make_request(contact)), map_index=2, contact=contact, input={"persona": "CFO of a bank"},
        votes={"winner": "proposal 2"}, attempts=[{"model": "claude-sonnet-5-5", "ms": 812, "outcome": "ok"}], uncertain_usd=Decimal("0.02"),
        reserved_usd=Decimal("0.03"), tokens_cache_write_1h=4321,
    )  # fmt: skip

    page = operator.get(url("steprun", "change", step.pk))

    for words in (
        "E-mail, contact 2 of the map",
        "CFO of a bank",
        "proposal 2",
        '"ms": 812',
        "$0.0200, the worst case of calls whose answer never came",
        "$0.0300 for calls under way",
        "4321",
    ):
        assert words in said(page)
    assert f'href="{url("stepcontext", "change", step.context_id)}"' in page.content.decode()
    assert f'href="{reverse("admin:clients_contact_change", args=[contact.pk])}"' in page.content.decode()


def test_a_steps_page_tells_why_in_words_and_what_it_asked_in_time(operator):
    terms = [{"term": "facts", "value": 0.83, "weight": 2.0, "why": "Two sources agree."}]
    call = {"model": "claude-sonnet-5-5", "kind": "repair", "ms": 812, "outcome": "ok", "started_at": AT.isoformat()}
    run = make_run(route="first_mail", reason="Nobody has written to this contact.")
    step = make_step(run, "research_agent", confidence_terms=terms, attempts=[call])
    SourceRecord.objects.create(
        run=run, step=step, source="newsapi", company_domain="northwind-bank.example", request_key="GET /v2",
        status="failed", elapsed_ms=250, fetched_at=AT,
    )  # fmt: skip

    page = operator.get(url("steprun", "change", step.pk)).content.decode()

    assert "<strong>Routing rule first_mail</strong>: Nobody has written to this contact." in page
    assert (
        '<th scope="row">facts</th><td class="num">0.83</td><td class="num">2.00</td><td>Two sources agree.</td>'
        in page
    )
    assert "&quot;alternatives&quot;" not in page
    assert 'aria-label="1.0 s in all: Research 1.0 s (claude-sonnet-5-5, repair 812 ms, NewsAPI 250 ms)."' in page


def test_a_tools_step_has_no_agent_and_was_given_nothing(operator):
    step = StepRun.objects.create(
        run=make_run(), key="deepen", kind="tool", tool="deepen", stage=1, status="done", fence=1, started_at=AT
    )

    shown = said(operator.get(url("steprun", "change", step.pk)))

    assert "Agent or tool: deepen" in shown
    assert "Nothing was given." in shown


def test_a_list_of_steps_leaves_the_long_texts_where_they_are(operator):
    make_step(prompt_sent="A very long prompt.")

    with CaptureQueriesContext(connection) as captured:
        operator.get(url("steprun", "changelist"))

    asked = [query["sql"] for query in captured if 'FROM "agents_app_steprun"' in query["sql"]]
    assert asked
    assert [sql for sql in asked if "prompt_sent" in sql] == []


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("operator", 200), ("manager", 403), ("viewer", 403)])
def test_what_steps_were_given_belongs_to_no_client_and_is_for_operators(client, role, status):
    context = make_context({"client_name": "Acme"})
    make_step(context=context)
    client.force_login(make_user_of(role))

    assert client.get(url("stepcontext", "changelist")).status_code == status
    assert client.get(url("stepcontext", "change", context.pk)).status_code == status
    assert ("/stepcontext/" in client.get(reverse("admin:index")).content.decode()) is (status == 200)


def test_a_context_leads_to_the_steps_that_were_given_it(operator):
    context = make_context({"client_name": "Acme"})
    step = make_step(context=context)
    make_step()
    link = f"{url('steprun', 'changelist')}?context__sha256__exact={context.pk}"

    assert f'href="{link}"' in operator.get(url("stepcontext", "change", context.pk)).content.decode()
    assert rows_of(operator.get(link)) == [step]


# --- questions


def test_a_question_is_open_answered_or_left_behind(operator):
    waits = make_gate()
    edited = make_gate(decision="edited", decided_by=make_user("ada"), decided_at=AT)
    left = make_gate(make_run(status="cancelled"))
    cancelled = make_gate(make_run(status="waiting", cancel_asked_at=AT))

    page = operator.get(url("gate", "changelist"))

    state = page.context["cl"].model_admin.decision_state
    assert {gate: re.sub("<[^>]+>", "", state(gate)) for gate in rows_of(page)} == {
        waits: "Open",
        edited: "Edited and approved",
        left: "Never answered",
        cancelled: "Never answered",
    }
    assert rows_of(operator.get(f"{url('gate', 'changelist')}?state=open")) == [waits]
    assert rows_of(operator.get(f"{url('gate', 'changelist')}?state=edited")) == [edited]
    assert (
        f'href="{reverse("gate", args=[waits.pk])}"' in operator.get(url("gate", "change", waits.pk)).content.decode()
    )


# --- what belongs to a client is seen by who looks after the client


@pytest.mark.parametrize("model", ["planrevision", "gate", "budgetday", "steprun"])
def test_an_account_manager_sees_the_own_clients_rows_only(client, model):
    manager = make_user_of("manager")
    mine, other = (make_everything(make_client(slug))[model] for slug in ("mine", "other"))
    mine_client = BudgetDay.objects.order_by("pk")[0].client
    mine_client.managers.add(manager)
    client.force_login(manager)

    assert mine in rows_of(client.get(url(model, "changelist")))
    assert other not in rows_of(client.get(url(model, "changelist")))
    assert client.get(url(model, "change", mine.pk)).status_code == 200
    assert client.get(url(model, "change", other.pk)).status_code == 302


def make_everything(owner) -> dict[str, Any]:
    run = make_run(make_request(make_contact(owner)), status="waiting")
    revision = {
        "number": 1,
        "trigger": "research",
        "rule": "deepen",
        "reason": "x",
        "nodes": [EMAIL | {"after": []}],
        "seq": 1,
        "at": AT,
    }
    return {
        "planrevision": PlanRevision.objects.create(run=run, **revision),
        "gate": make_gate(run),
        "budgetday": BudgetDay.objects.create(client=owner, day=AT.date(), cap_usd=25),
        "steprun": make_step(run),
    }


# --- money


def test_a_day_tells_what_is_left_and_is_found_by_the_clients_name(operator):
    acme = make_client("acme-fintech")
    day = BudgetDay.objects.create(
        client=acme, day=AT.date(), cap_usd=Decimal(25), spent_usd=Decimal("20.5"), reserved_usd=Decimal("1.25")
    )
    BudgetDay.objects.create(client=make_client("other"), day=AT.date(), cap_usd=1)

    page = operator.get(f"{url('budgetday', 'changelist')}?q=acme")

    assert rows_of(page) == [day]
    for amount in ("$25.00", "$20.5000", "$1.2500", "$3.2500"):
        assert amount in said(page)


def test_a_price_names_both_kinds_of_cache_write(operator):
    ModelPrice.objects.create(
        model="model-x", valid_from=AT.date(), input=3, output=15, cache_read=Decimal("0.3"), cache_write=Decimal("3.75"),
        cache_write_1h=6,
    )  # fmt: skip

    page = operator.get(f"{url('modelprice', 'changelist')}?model=model-x")

    assert "Cache write, 1 hour" in said(page)
    assert "6.0000" in said(page)


def make_steps(version, count, generator="claude-sonnet-5", **tokens) -> None:
    run = make_run()
    PlannedPrompt.objects.create(run=run, agent="email_agent", version=version)
    StepRun.objects.bulk_create(
        StepRun(
            run=run, key=f"email{number}", agent="email_agent", stage=0, fence=1, status="done", started_at=AT,
            prompt_version=version, generator=generator, **tokens,
        )
        for number in range(StepRun.objects.count(), StepRun.objects.count() + count)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "flag", "counts"),
    [
        ([], "Not known yet", "No step asked a real model with this version."),
        ([(9, {"generator": "offline-composer/1"})], "Not known yet", "No step asked a real model with this version."),
        ([(9, {"generator": ""})], "Not known yet", "No step asked a real model with this version."),
        ([(4, {})], "Not known yet", "Its last 4 steps on a real model: 0 tokens written to the cache"),
        ([(5, {"tokens_input": 300})], "The cache never formed", "0 read from it, 1,500 sent at full price."),
        ([(4, {}), (1, {"tokens_cache_write": 900})], "Written, never read", "Its last 5 steps on a real model: 900 tokens written"),
        ([(4, {}), (1, {"tokens_cache_write_1h": 900})], "Written, never read", "900 tokens written"),
        ([(4, {}), (1, {"tokens_cache_read": 1200})], "In use", "1,200 read from it"),
        ([(1, {"tokens_cache_read": 1200}), (200, {})], "The cache never formed", "Its last 200 steps on a real model"),
    ],
)  # fmt: skip
def test_a_prompt_whose_cache_never_formed_says_so_with_the_counts_behind_it(operator, steps, flag, counts):
    version = make_prompt()
    for count, values in steps:
        make_steps(version, count, **values)
    make_steps(make_prompt(), 9, tokens_cache_read=5)

    page = operator.get(url("promptversion", "change", version.pk))
    listed = operator.get(f"{url('promptversion', 'changelist')}?number={version.number}")

    assert flag in said(page)
    assert counts in said(page)
    assert flag in said(listed)


# --- limits of outside parties


def test_a_partys_limits_are_told_only_as_long_as_they_hold(operator):
    soon, past = timezone.now() + timedelta(minutes=5), timezone.now() - timedelta(minutes=5)
    RateLimit.objects.create(
        name="messages model-x", requests_remaining=48, requests_reset_at=soon, input_tokens_remaining=9_000,
        input_tokens_reset_at=past, blocked_until=soon, updated_at=AT,
    )  # fmt: skip
    RateLimit.objects.create(name="newsapi", updated_at=AT, blocked_until=past)

    page = operator.get(f"{reverse('admin:gtm_ratelimit_changelist')}?q=model-x")
    both = operator.get(reverse("admin:gtm_ratelimit_changelist"))

    assert f"48 until {timezone.localtime(soon):%H:%M:%S}" in said(page)
    assert "9,000" not in said(page)
    assert "Nobody may ask" in said(page)
    assert said(both).count("Nobody may ask") == 1


# --- requests


def test_who_asks_for_something_is_led_to_the_plan_first(operator):
    page = operator.get(url("request", "add")).content.decode()

    assert f'<a class="button" href="{reverse("plan")}">See the plan first</a>' in page
    assert "See the plan first" not in operator.get(url("request", "change", make_request().pk)).content.decode()
