"""Planning a run: everything it needs is fixed, once."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest

from agents_app import first_flows, flow, flows, routing, versions
from agents_app.flow import planning
from agents_app.models import FlowRun, FlowVersion, PlannedPrompt, Request, RoutingRule
from clients import config, suppression
from tests.agents_app import flows_that
from tests.factories import (
    AT,
    make_campaign,
    make_client,
    make_contact,
    make_draft,
    make_ready_client,
    make_ready_request,
    make_request,
    make_run,
    make_send,
    plan_run,
)

pytestmark = pytest.mark.django_db


def agents(run):
    return [[choice["agent"] for choice in stage] for stage in run.stages]


def test_a_planned_run_holds_all_its_inputs():
    request = make_ready_request()
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
    assert run.reason == "A first e-mail: research the company, then find the person's angle, then write."
    assert (run.template_version.key, run.template_version.number) == ("first_mail", 1)
    assert (run.rules_version.kind, run.rules_version.number) == ("rules", 1)
    assert (run.config, run.config_sources, run.config_sha256) == (in_force.document, in_force.sources, in_force.sha256)
    assert run.hints == ["Short mails get more replies."]
    assert run.variants == {"email_agent": variants["email_agent"]}


def test_a_planned_run_keeps_the_commit_of_the_code_that_planned_it(settings):
    settings.CODE_REVISION = "1a2b3c4d" * 5

    run = plan_run()

    run.refresh_from_db()
    assert run.code_revision == settings.CODE_REVISION


def test_a_planned_run_keeps_the_prompt_version_of_each_of_its_agents():
    run = plan_run()

    live = versions.live()
    planned = {row.agent: row.version for row in PlannedPrompt.objects.filter(run=run)}
    assert planned == {agent: live[agent] for agent in ("research_agent", "persona_agent", "email_agent")}


def test_planning_twice_gives_the_same_run():
    request = make_ready_request()
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
        "key": "research",
        "agent": "research_agent",
        "reason": f"Run {first.pk} already researched this company for this client.",
    }


def test_another_clients_research_is_not_known():
    flow.execute(plan_run().pk, clock=lambda: AT)

    run = plan_run(make_ready_request(purpose="follow_up", sequence_step=2))

    assert agents(run) == [["research_agent"], ["persona_agent"], ["email_agent"]]
    assert run.stages[0][0]["reason"] == "Nothing fresh is known of this company, so it is researched before the mail."
    assert run.facts_routed["earlier_run"] is None


def test_a_request_that_starts_from_a_brief_uses_its_facts():
    client = make_ready_client()
    brief = flow.execute(plan_run(make_request(make_contact(client), purpose="deep_research")).pk, clock=lambda: AT)

    run = plan_run(make_request(make_contact(client), follows=brief))

    assert (run.route, agents(run)) == ("continues_brief", [["persona_agent"], ["email_agent"]])


def test_a_contact_without_a_company_is_not_researched():
    contact = make_contact(make_ready_client(), company_domain="", company_name="")

    run = plan_run(make_request(contact))

    assert agents(run) == [["persona_agent"], ["email_agent"]]
    reasons = {each["key"]: each["reason"] for each in run.skipped}
    assert reasons["research"] == "There is no company domain to research: add it to the contact or to the request."


# --- what routing looks at


def test_a_planned_run_keeps_what_routing_looked_at():
    client = make_ready_client(company_size="51-500", tone="casual", confidence_floor=0.6)
    contact = make_contact(client)
    make_send(make_draft(make_run(make_request(contact)), status="sent"))
    campaign = make_campaign(client, [contact])
    request = make_request(contact, purpose="follow_up", sequence_step=2, campaign=campaign, depth="quick")

    run = plan_run(request)

    run.refresh_from_db()
    assert run.facts_routed == {
        "purpose": "follow_up",
        "depth": "quick",
        "has_contact": True,
        "has_company": True,
        "sequence_step": 2,
        "in_campaign": True,
        "contacts": 0,
        "industry": "fintech",
        "company_size": "51-500",
        "tone": "casual",
        "confidence_floor": 0.6,
        "enabled_agents": ["competitive_agent", "email_agent", "persona_agent", "research_agent"],
        "mails_sent": 1,
        "earlier_run": None,
        "continues_run": None,
        "research_age_days": None,
        "known": None,  # no rule and no flow asks
        "missing": None,
    }


def test_earlier_research_is_told_with_its_age_and_with_what_is_sure_enough_in_it():
    client = make_ready_client(confidence_floor=0.9)
    contact = make_contact(client)
    first = flow.execute(plan_run(make_request(contact)).pk, clock=lambda: AT)
    asking = flows_that.tool("again", condition='"headcount" in missing', tool="deepen")
    flows_that.draw(asking, flows_that.agent("email"))

    later = AT + timedelta(days=40)
    routed = plan_run(make_request(contact, purpose="follow_up"), at=later).facts_routed

    assert (routed["earlier_run"], routed["research_age_days"]) == (first.pk, 40)
    sure = set(first.facts.filter(confidence__gte=0.9).values_list("attribute", flat=True))
    assert set(routed["known"]) == sure != set(first.facts.values_list("attribute", flat=True))
    assert set(routed["missing"]) == {"industry", "headcount", "news"} - sure


@pytest.mark.parametrize(
    ("depth", "seconds", "dollars"), [("quick", 5, "0.25"), ("standard", 30, "0.60"), ("comprehensive", 300, "3.00")]
)
def test_depth_decides_the_time_and_the_money_of_a_run(depth, seconds, dollars):
    run = plan_run(make_ready_request(depth=depth))

    assert (run.time_budget_s, run.budget_usd) == (seconds, Decimal(dollars))


def test_an_account_goes_over_the_contacts_that_may_be_written_to():
    client = make_ready_client()
    people = [make_contact(client) for _ in range(4)]
    suppression.suppress(client, people[1].email, reason="unsubscribed", at=AT)
    make_contact(client, company_domain="arden.example")
    make_contact(make_client())  # somebody else's
    request = Request.objects.create(
        client=client, company_domain="northwind-bank.example", purpose="account", asked_at=AT
    )

    run = plan_run(request)

    allowed = [people[0].pk, people[2].pk, people[3].pk]
    assert [(node["key"], node.get("items", [])) for node in run.nodes] == [
        ("research", []),
        ("persona", allowed),
        ("email", allowed),
    ]
    assert run.facts_routed["contacts"] == 3


def test_an_account_goes_over_so_many_contacts_at_most(monkeypatch):
    monkeypatch.setattr(planning, "MOST_CONTACTS", 2)
    client = make_ready_client()
    people = [make_contact(client) for _ in range(3)]
    request = Request.objects.create(
        client=client, company_domain="northwind-bank.example", purpose="account", asked_at=AT
    )

    assert plan_run(request).nodes[-1]["items"] == [people[0].pk, people[1].pk]


# --- rules and flows as rows


def test_a_new_installation_gets_the_first_flows_and_rules():
    found = flows.in_force(at=AT)

    in_order = sorted(first_flows.RULES, key=lambda row: row["priority"])
    assert [rule.key for rule in found.rules] == [row["key"] for row in in_order if row.get("is_active", True)]
    first = {each["key"]: routing.template_of({"allows_planner": False} | each) for each in first_flows.TEMPLATES}
    assert {key: asdict(each) for key, each in found.templates.items()} == {
        key: asdict(each) for key, each in first.items()
    }


def test_a_run_is_planned_from_the_newest_versions_and_keeps_them():
    before = plan_run()
    template = flows_that.draw(flows_that.agent("persona"), key="short")
    template.steps.create(position=2, key="email", agent="email_agent", after=["persona"], reason="It is asked for.")
    flows.publish(template, by=None, at=AT)

    run = plan_run()

    assert (run.route, run.template_version.key, run.template_version.number) == ("short", "short", 2)
    assert (run.rules_version.number, agents(run)) == (2, [["persona_agent"], ["email_agent"]])
    before.refresh_from_db()
    assert (before.route, before.rules_version.number, len(before.nodes)) == ("default", 1, 3)


def test_an_operators_change_counts_once_it_is_published():
    plan_run()
    RoutingRule.objects.filter(key="default").update(reason="Because we say so.")
    unpublished = plan_run()
    flows.publish_rules(by=None, at=AT)

    assert (unpublished.reason, plan_run().reason) == (
        "A first e-mail: research the company, then find the person's angle, then write.",
        "Because we say so.",
    )


def test_a_rule_may_choose_by_what_is_known_of_client_and_research():
    flows.install(at=AT)
    checked = RoutingRule.objects.get(key="checked")
    checked.condition, checked.is_active = 'company_size == "501+" and "headcount" in missing', True
    checked.save()
    flows.publish_rules(by=None, at=AT)

    large = plan_run(make_request(make_contact(make_ready_client(company_size="501+"))))
    small = plan_run(make_request(make_contact(make_ready_client(company_size="1-50"))))

    assert (large.route, agents(large)) == ("checked", [["research_agent"], [""], ["persona_agent"], ["email_agent"]])
    assert small.route == "default"


def test_a_rule_whose_flow_has_no_version_gives_a_run_that_says_what_to_mend():
    flows.install(at=AT)
    rules = FlowVersion.objects.get(kind="rules")
    document = {"rules": [{"key": "odd", "condition": "", "template": "nowhere", "reason": "Because."}]}
    FlowVersion.objects.create(kind="rules", key=rules.key, number=2, document=document, sha256="0" * 64, created_at=AT)

    run = plan_run()

    assert (run.status, run.route, run.template_version, run.nodes) == ("needs_input", "odd", None, [])
    assert run.error.startswith("The routing rule odd chooses the flow nowhere, of which no version was ever saved.")


# --- a plan before it is asked for


def test_a_preview_says_what_planning_would_do_and_writes_nothing():
    request = make_ready_request(purpose="deep_research")
    flows.install(at=AT)

    seen = flow.preview(request, config=config.effective(request.client), at=AT)

    assert (FlowRun.objects.count(), seen.template, seen.problem) == (0, "Deep research", "")
    run = plan_run(request)
    assert [node.document() for node in seen.route.nodes] == run.nodes
    assert [asdict(each) for each in seen.route.skipped] == run.skipped


def test_a_preview_of_what_cannot_end_says_what_to_mend():
    request = make_request(make_contact(make_ready_client(enabled_agents=["research_agent"])))

    seen = flow.preview(request, config=config.effective(request.client), at=AT)

    assert (seen.template, seen.route.nodes) == ("First e-mail", ())
    assert seen.problem == plan_run(request).error != ""


# --- what a flow may not hold


FIRST_MAIL = {"allows_planner": False} | first_flows.TEMPLATES[0]


def broken(**change):
    return [problem.says for problem in flows.problems(FIRST_MAIL | change)]


def with_step(**step):
    return broken(steps=[*FIRST_MAIL["steps"], {"key": "more", "after": ["email"], "reason": "More."} | step])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"agent": "sales_agent"}, "more: there is no agent “sales_agent”. Choose one of: research_agent, competitive_agent, persona_agent, email_agent."),
        ({"kind": "tool", "tool": "hammer"}, "more: there is no tool “hammer”. Choose one of: deepen, adjudicate, brief."),
        ({"kind": "dance"}, "more: there is no kind of step “dance”. Choose one of: agent, map, tool, gate, join, planner."),
        ({"kind": "planner"}, "more: the planner joins by itself where the flow allows it. Choose another kind."),
        ({"kind": "gate"}, "more: it asks nothing. Write the question that the person answers."),
        ({"agent": "email_agent", "after": ["nobody"]}, "more waits for nobody, which is no step of this flow. Its steps: competitive, email, more, persona, research."),
        ({"agent": "email_agent", "after": ["more"]}, "These steps wait for each other in a circle, or stand behind one, and could never begin: more."),
        ({"agent": "email_agent", "key": "email"}, "Two steps are called email. Give each its own key."),
    ],
)  # fmt: skip
def test_a_flow_with_unknown_things_is_told_each_in_a_sentence(step, said):
    assert said in with_step(**step)


def test_a_condition_on_something_unknown_is_told_with_its_place():
    [said] = with_step(agent="email_agent", condition="weather == 'rain'")

    assert said.startswith("more: Column 1: ")
    assert "weather" in said


def test_a_flow_without_the_step_for_its_goal_is_refused():
    steps = [step for step in FIRST_MAIL["steps"] if step["key"] != "email"]

    assert broken(steps=steps) == [
        "It has to end with an e-mail, and no step is the e-mail agent. Add one, or choose another goal."
    ]
