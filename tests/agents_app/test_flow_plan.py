"""Planning a run: everything it needs is fixed, once."""

import pytest

from agents_app import flow, versions
from agents_app.models import FlowRun, PlannedPrompt
from clients import config
from tests.factories import AT, make_contact, make_ready_client, make_request, plan_run

pytestmark = pytest.mark.django_db


def agents(run):
    return [[choice["agent"] for choice in stage] for stage in run.stages]


def test_a_planned_run_holds_all_its_inputs():
    request = make_request(make_contact(make_ready_client()))
    in_force = config.effective(request.client)
    variants = {
        "email_agent": {"experiment": 7, "variant": 9, "key": "b"},
        "competitive_agent": {"experiment": 8, "variant": 1, "key": "a"},
    }

    run = plan_run(request, variants=variants, hints=["Short mails get more replies."])

    run.refresh_from_db()
    assert (run.status, run.route, run.planned_at) == ("planned", "default", AT)
    assert agents(run) == [["research_agent"], ["persona_agent"], ["email_agent"]]
    assert [choice["agent"] for choice in run.skipped] == ["competitive_agent"]
    assert (run.config, run.config_sources, run.config_sha256) == (in_force.document, in_force.sources, in_force.sha256)
    assert run.hints == ["Short mails get more replies."]
    assert run.variants == {"email_agent": variants["email_agent"]}


def test_a_planned_run_keeps_the_prompt_version_of_each_of_its_agents():
    run = plan_run()

    live = versions.live()
    planned = {row.agent: row.version for row in PlannedPrompt.objects.filter(run=run)}
    assert planned == {agent: live[agent] for agent in ("research_agent", "persona_agent", "email_agent")}


def test_planning_twice_gives_the_same_run():
    request = make_request(make_contact(make_ready_client()))
    first = plan_run(request, hints=["First."])

    second = plan_run(request, hints=["Second."])

    assert second.pk == first.pk
    assert FlowRun.objects.count() == 1
    assert PlannedPrompt.objects.count() == 3
    assert FlowRun.objects.get().hints == ["First."]


def test_a_route_that_cannot_end_is_kept_with_words_that_say_what_to_mend():
    client = make_ready_client(enabled_agents=["research_agent", "persona_agent"])

    run = plan_run(make_request(make_contact(client)))

    assert (run.status, run.stages, run.finished_at) == ("needs_input", [], AT)
    assert run.error.startswith("Without the e-mail agent this request cannot end with an e-mail.")
    assert flow.execute(run.pk, clock=lambda: AT).steps.count() == 0


def test_a_follow_up_says_that_an_earlier_run_researched_the_company():
    contact = make_contact(make_ready_client())
    first = flow.execute(plan_run(make_request(contact)).pk, clock=lambda: AT)

    run = plan_run(make_request(contact, purpose="follow_up", sequence_step=2))

    assert (run.route, agents(run)) == ("follow_up", [["persona_agent"], ["email_agent"]])
    assert run.skipped[0] == {
        "agent": "research_agent",
        "reason": f"Run {first.pk} already researched this company for this client.",
    }


def test_another_clients_research_is_not_known():
    flow.execute(plan_run().pk, clock=lambda: AT)

    run = plan_run(make_request(make_contact(make_ready_client()), purpose="follow_up", sequence_step=2))

    assert (
        run.skipped[0]["reason"]
        == "A follow-up does not research, and no earlier run of this client holds facts on the company."
    )


def test_a_request_that_starts_from_a_brief_uses_its_facts():
    client = make_ready_client()
    brief = flow.execute(plan_run(make_request(make_contact(client), purpose="deep_research")).pk, clock=lambda: AT)

    run = plan_run(make_request(make_contact(client), follows=brief))

    assert (run.route, agents(run)) == ("continues_brief", [["persona_agent"], ["email_agent"]])


def test_a_contact_without_a_company_is_not_researched():
    contact = make_contact(make_ready_client(), company_domain="", company_name="")

    run = plan_run(make_request(contact))

    assert agents(run) == [["persona_agent"], ["email_agent"]]
    assert (
        run.skipped[-1]["reason"] == "There is no company domain to research: add it to the contact or to the request."
    )
