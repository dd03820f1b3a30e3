"""Why a step did what it did: read from rows that its own commit wrote, with ids, hashes, scores and reasons."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from agents_app import confidence, explaining, llm, trace
from agents_app.flow import noting, results
from agents_app.models import Correction, Fact, FlowRun, SourceAccount, StepRun
from agents_app.research import Conflict, FactValue
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault
from tests.agents_app.flows_that import agent, composed, counted, drawn_run, execute, tool
from tests.agents_app.models_that import answering, paid
from tests.factories import (
    AT,
    make_connection,
    make_contact,
    make_ready_client,
    make_ready_request,
    make_request,
    plan_run,
)

pytestmark = pytest.mark.django_db


def executed(depth="standard", **client):
    return execute(plan_run(make_request(make_contact(make_ready_client(**client)), depth=depth)))


def why(run, key):
    """Of a row that is read afresh."""
    return explaining.explain(StepRun.objects.filter(run=run, key=key).order_by("pk").last())


def rule(found, name):
    return next(each for each in found.rules if each.name.startswith(name))


# --- what was considered


def test_every_fact_that_was_used_stands_with_its_row_and_its_hash():
    run = executed()

    facts = [each for each in why(run, "email").inputs if each.kind == "fact"]

    rows = {fact.key: fact for fact in Fact.objects.filter(run=run)}
    given = {fact["key"]: fact for fact in run.steps.get(key="email").input["facts"]}
    assert facts
    assert [(each.name, each.id, each.sha256) for each in facts] == [
        (key, rows[key].pk, results.digest({name: fact[name] for name in fact if name != "fact_id"}))
        for key, fact in given.items()
    ]
    assert facts[0].said.endswith(f": {rows[facts[0].name].value}")


def test_settings_prompt_hints_and_the_whole_context_stand_with_their_hashes():
    request = make_ready_request()
    run = execute(plan_run(request, hints=["Short subjects were answered more often."]))
    step = run.steps.get(key="email")

    found = {each.kind: each for each in why(run, "email").inputs}

    assert (found["settings"].sha256, found["settings"].id) == (run.config_sha256, run.config_version)
    assert (found["prompt"].id, found["prompt"].sha256) == (step.prompt_version_id, step.prompt_version.sha256)
    assert found["hint"].said == "Short subjects were answered more often."
    assert {each.sha256 for each in why(run, "email").inputs if each.kind == "context"} == {
        step.context_id,
        step.planned_sha256,
    }
    both = {each.sha256 for each in why(run, "research").inputs if each.kind == "context"}
    research = run.steps.get(key="research")
    assert both == {research.context_id, research.planned_sha256}


# --- rules with what they saw


def test_the_routing_rule_is_told_with_the_values_that_it_asked():
    run = execute(plan_run(make_ready_request(purpose="deep_research")))

    found = rule(why(run, "research"), "routing rule")

    assert found.name == f"routing rule {run.route}"
    assert found.values["purpose"] == "deep_research"
    assert set(found.values) - {"condition"} <= set(run.facts_routed)


def test_a_condition_is_told_with_what_it_saw_whether_it_held_or_not():
    run = drawn_run(
        agent("research"),
        agent("persona", "research", condition="step.research.confidence > 0.01"),
        {"key": "brief", "kind": "tool", "tool": "brief", "after": ["research"], "reason": "Never.", "condition": "run.missing"},
    )  # fmt: skip
    run = execute(run)

    held, left_out = rule(why(run, "persona"), "condition"), rule(why(run, "brief"), "condition")

    research = run.steps.get(key="research")
    assert (held.outcome, held.values) == ("It held.", {"step.research.confidence": research.confidence})
    assert left_out.outcome == "It did not hold, so the step was left out."
    assert left_out.values == {"run.missing": []}


def test_the_floor_tells_how_many_facts_it_let_through():
    run = executed(confidence_floor=0.9)

    found = why(run, "persona")

    withheld = run.steps.get(key="persona").input["withheld"]
    assert rule(found, "confidence floor").values == {"confidence_floor": 0.9}
    assert f"{len(withheld)} withheld." in rule(found, "confidence floor").outcome
    assert [each.why for each in found.alternatives if "below this client's floor" in each.why] == [
        fact["reason"] for fact in withheld
    ]
    assert withheld


def test_a_change_of_the_plan_is_told_at_the_step_that_gave_rise_to_it_and_those_it_changed():
    run = plan_run()
    with faults.inject("newsapi", Fault(503), times=1):
        run = execute(run)

    told = {key: [each.name for each in why(run, key).rules if "change of" in each.name] for key in
            ("research", "deepen", "persona", "email")}  # fmt: skip

    assert told == {
        "research": ["change of the plan deepen"],
        "deepen": ["change of the plan deepen"],
        "persona": ["change of the plan deepen"],
        "email": [],
    }


def test_a_model_that_did_not_fit_the_budget_is_told_with_its_price(settings):
    settings.RUN_BUDGET_USD = {**settings.RUN_BUDGET_USD, "standard": Decimal("0.03")}
    with paid(settings, lambda body, number: composed(body)):
        run = executed()

    found = rule(why(run, "research"), "budget")

    assert found.name == f"budget, for {settings.MODEL}"
    assert found.outcome.startswith("The next call may cost $0.0")
    assert Decimal(found.values["worst_usd"]) > Decimal("0.01")
    assert {call["model"] for call in run.steps.get(key="research").attempts} == {settings.MODEL_CHEAPER}


def test_promises_are_told_with_how_they_were_kept():
    run = executed()

    checks = run.steps.get(key="email").checks
    assert [each.name for each in why(run, "email").promises] == [check["check"] for check in checks]
    assert all(each.outcome.startswith("Kept.") for each in why(run, "research").promises)


# --- the number


@pytest.mark.parametrize("depth", ["quick", "standard", "comprehensive"])
def test_the_terms_of_every_step_add_up_to_its_confidence(depth):
    run = executed(depth)

    for step in run.steps.exclude(confidence=None):
        found = explaining.explain(step)
        assert found.adds_up
        assert found.confidence == confidence.confidence(found.terms)
        assert found.total == pytest.approx(sum(each["value"] * each["weight"] for each in found.terms), abs=1e-4)


def test_a_number_that_does_not_follow_from_its_terms_is_told():
    step = executed().steps.get(key="email")
    step.confidence = 0.99

    assert not explaining.explain(step).adds_up


# --- what was not chosen


def test_proposals_that_lost_stand_with_their_score():
    run = executed("comprehensive")
    votes = run.steps.get(key="email").votes

    found = [each for each in why(run, "email").alternatives if each.what.startswith("Proposal")]

    lost = {each["option"]: each["total"] for each in votes["totals"] if each["option"] != votes["winner"]}
    assert {each.what.lower(): each.score for each in found} == lost
    assert all(f"“{votes['winner']}” has" in each.why for each in found)


def test_an_answer_that_broke_a_promise_stands_with_the_promise(monkeypatch):
    def breaks_once(document, number):
        return {**document, "subject": "A disruptive idea for you"} if number == 1 else document

    monkeypatch.setattr(llm, "ask", answering("email_agent", breaks_once))
    run = executed(avoid_terms=["disruptive"])

    [answer] = run.steps.get(key="email").decisions["answers"]
    [found] = [each for each in why(run, "email").alternatives if each.what == "Answer 1"]
    assert found.why == "It broke a promise that decides. Contains “disruptive”."
    assert (found.score, answer["question"], answer["proposal"]) == (answer["confidence"], 1, 1)
    assert run.steps.get(key="email").decisions["revised"] == [
        {"question": 1, "objections": ["Contains “disruptive”."]}
    ]


def test_a_value_that_was_outweighed_is_noted_with_both_scores():
    fact = FactValue(
        "f1", "headcount", "1,240", 0.8, [], [], "apollo", None, 2, [Conflict("430", ["linkedin"], score=0.4)], 2.1
    )

    assert noting.outweighed([fact]) == [
        {"attribute": "headcount", "key": "f1", "held": "1,240", "score": 2.1,
         "others": [{"value": "430", "score": 0.4, "sources": ["linkedin"]}]}
    ]  # fmt: skip


def test_what_sources_said_otherwise_stands_with_its_score():
    client = make_ready_client()
    make_connection(client, "apollo")
    Correction.objects.create(
        client=client, company_domain="northwind-bank.example", attribute="headcount", value="99", at=AT
    )
    run = execute(plan_run(make_request(make_contact(client))))

    decided = {each["attribute"]: each for each in run.steps.get(key="research").decisions["values"]}
    found = [each for each in why(run, "research").alternatives if each.unit == "nats"]

    assert decided["headcount"]["held"] == "99"
    assert [each.score for each in found if "eadcount" in each.what or "mployees" in each.what] == [
        each["score"] for each in decided["headcount"]["others"]
    ]
    assert "“99” has" in found[0].why


def test_sources_that_were_not_asked_stand_with_the_reason():
    client = make_ready_client()
    make_connection(client, "crunchbase")
    SourceAccount.objects.create(source="builtwith", mode="sandbox", created_at=AT)
    run = execute(plan_run(make_request(make_contact(client))))

    search = run.steps.get(key="research").input["search"]
    asked = {action["source"] for action in search["actions"]}
    left = {each["source"]: each["reason"] for each in search["not_asked"]}

    assert asked | set(left) == {"people_data_labs", "newsapi", "crunchbase", "builtwith"}
    assert asked & set(left) == set()
    assert left
    told = {each.what: each.why for each in why(run, "research").alternatives if each.what.startswith("Asking")}
    assert set(told.values()) == set(left.values())


# --- where it is read


def test_it_takes_no_query_where_the_run_was_read_before(django_assert_num_queries):
    run = executed()
    known = explaining.around(FlowRun.objects.select_related("rules_version").get(pk=run.pk))
    steps = list(StepRun.objects.filter(run=run).select_related("context", "prompt_version"))

    with django_assert_num_queries(0):
        for step in steps:
            explaining.explain(step, known)


def test_nothing_is_asked_of_a_model(monkeypatch):
    run = executed()
    monkeypatch.setattr(llm, "ask", None)

    assert why(run, "email").terms


def test_the_command_and_its_json_tell_it_too():
    run = executed(confidence_floor=0.9)
    out = StringIO()

    call_command("trace", str(run.request_id), stdout=out)

    assert "by routing rule default" in out.getvalue()
    assert "by confidence floor" in out.getvalue()
    assert "below this client's floor" in out.getvalue()
    [told] = trace.of_request(run.request)
    document = json.loads(json.dumps(trace.document(told)))
    assert document["steps"][0]["why"]["adds_up"] is True


def test_the_page_of_a_run_shows_why_each_step_came_out_like_this(operator):
    run = executed(confidence_floor=0.9)

    page = operator.get(reverse("run_page", args=[run.pk])).content.decode()

    assert page.count("Why it came out like this") == 3
    assert "Rules that applied" in page
    assert "What was not chosen" in page
    assert f"/fact/{Fact.objects.filter(run=run, confidence__gte=0.9).first().pk}/" in page
    assert "The stored number is another one" not in page


def test_a_step_of_a_tool_is_explained_by_its_place_in_the_plan(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), tool("b", "a")))

    found = why(run, "b")

    assert ([each.name for each in found.rules][1], found.terms, found.alternatives) == ("in the plan", [], [])
