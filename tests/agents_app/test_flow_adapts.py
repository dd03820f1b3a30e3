"""Runs that change their own plan while they go on: what happened, what became of the plan, and what later steps got."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from agents_app import flow, llm
from agents_app.adapting import MOST_REVISIONS
from agents_app.flow import tools, turn
from agents_app.flow.lease import LEASE
from agents_app.models import Brief, Draft, Fact, FlowRun, PlanRevision, SourceRecord, StepRun
from gtm.sandbox import faults, world
from tests.agents_app.flows_that import (
    Clock,
    agent,
    answer,
    composed,
    counted,
    draw,
    errors,
    execute,
    gate_of,
    revisions,
    states,
    tool,
)
from tests.agents_app.models_that import REAL_ASK, answering, failing, paid
from tests.factories import AT, make_contact, make_ready_client, make_ready_request, make_request, make_user, plan_run

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DOWN = faults.Fault(status=500)
CONTESTED = "copperfield-lending.example"  # People Data Labs says 430 people, the news say 520
AGAINST_EACH_OTHER = 0.3  # a floor that a value reaches which one of two sources says


def about(domain=CONTESTED, floor=AGAINST_EACH_OTHER, **values):
    client = make_ready_client(confidence_floor=floor)
    contact = make_contact(client, company_domain=domain, company_name=world.COMPANIES[domain].name)
    return plan_run(make_request(contact, **values))


def study(**values):
    return plan_run(make_ready_request(purpose="deep_research", **values))


def given(run, key, attribute):
    """The values of this attribute that the step was given."""
    return [
        each["value"] for each in StepRun.objects.get(run=run, key=key).input["facts"] if each["attribute"] == attribute
    ]


# --- a source that fails once


def test_a_source_that_failed_is_asked_again_before_anything_is_built_on_the_research():
    run = plan_run()
    with faults.inject("newsapi", DOWN, times=1):
        run = execute(run)

    [revision] = PlanRevision.objects.filter(run=run)
    assert (revision.number, revision.trigger, revision.rule, revision.at) == (1, "research", "deepen", AT)
    assert revision.reason == "Missing or not sure enough: news. 30 s are left, so newsapi is asked again."
    assert [(node["key"], node["after"]) for node in revision.nodes] == [
        ("research", []),
        ("persona", ["research", "deepen"]),
        ("email", ["persona"]),
        ("deepen", ["research"]),
    ]
    assert (run.status, run.revised, states(run)) == (
        "succeeded",
        1,
        {"research": "done", "deepen": "done", "persona": "done", "email": "done"},
    )


def test_what_was_found_the_second_time_is_what_later_steps_use():
    run = plan_run()
    with faults.inject("newsapi", DOWN, times=1):
        run = execute(run)

    asked = SourceRecord.objects.filter(run=run, source="newsapi").order_by("pk")
    assert [record.status for record in asked] == ["failed", "ok"]
    news = Fact.objects.filter(run=run, attribute="news")
    assert {fact.step.key for fact in news} == {"deepen"}
    assert set(given(run, "persona", "news")) == set(news.values_list("value", flat=True)) != set()
    assert given(run, "research", "news") == []
    assert [fact.key for fact in news if not fact.claims.exists()] == []
    assert len(set(Fact.objects.filter(run=run).values_list("key", flat=True))) == Fact.objects.filter(run=run).count()


def test_what_stood_already_is_no_second_fact():
    run = plan_run()
    with faults.inject("newsapi", DOWN, times=1):
        run = execute(run)

    facts = list(Fact.objects.filter(run=run).values_list("attribute", "value", "confidence"))
    assert len(set(facts)) == len(facts)
    assert given(run, "persona", "industry") == given(run, "research", "industry") != []


def test_the_step_that_asked_again_says_what_it_asked_and_found():
    run = plan_run()
    with faults.inject("newsapi", DOWN, times=1):
        run = execute(run)

    row = StepRun.objects.get(run=run, key="deepen")
    assert (row.kind, row.tool, row.agent, row.cost_usd) == ("tool", "deepen", "", 0)
    assert row.input["again"] == ["newsapi"]
    assert row.output["asked"] == [{"source": "newsapi", "status": "ok", "reason": ""}]
    assert {"attribute", "value", "confidence"} == set(row.output["facts"][0])


def test_a_source_that_stays_down_is_asked_again_once():
    run = plan_run()
    with faults.inject("newsapi", DOWN):
        run = execute(run)

    assert (run.status, revisions(run)) == ("succeeded", [("deepen", "research")])
    failed = SourceRecord.objects.filter(run=run, source="newsapi", status="failed")
    assert Counter(record.question.endswith("since=&until=") for record in failed)[True] == 2


def test_where_all_is_found_the_plan_stays_as_it_is():
    run = execute(plan_run())

    assert (run.revised, revisions(run), run.status) == (0, [], "succeeded")


def test_a_plan_is_changed_ten_times_at_most():
    run = plan_run()
    earlier = [
        PlanRevision(run=run, number=n, trigger="research", rule="deepen", reason="So.", nodes=run.nodes, seq=n, at=AT)
        for n in range(1, MOST_REVISIONS + 1)
    ]
    PlanRevision.objects.bulk_create(earlier)
    FlowRun.objects.filter(pk=run.pk).update(revised=MOST_REVISIONS)

    with faults.inject("newsapi", DOWN):
        run = execute(run)

    assert (run.status, run.revised, run.revisions.count()) == ("succeeded", 10, 10)
    assert "deepen" not in states(run)


def test_a_changed_plan_outlives_the_worker_that_changed_it(monkeypatch):
    real = turn.following

    def dies_once_it_is_changed(hand, messages):
        if hand.run.revised:
            raise SystemExit
        return real(hand, messages)

    run = plan_run()
    with faults.inject("newsapi", DOWN, times=1):
        with monkeypatch.context() as patch:
            patch.setattr(turn, "following", dies_once_it_is_changed)
            with pytest.raises(SystemExit):
                execute(run)
        assert states(run) == {"research": "done", "deepen": "running"}

        run = execute(run, AT + LEASE + MINUTE)

    assert (run.status, run.revised, run.recoveries) == ("succeeded", 1, 1)
    assert states(run)["deepen"] == "done"
    assert given(run, "persona", "news") != []


# --- sources that disagree


def test_a_disagreement_is_weighed_and_the_votes_and_the_dissent_are_kept():
    run = execute(about())

    assert (run.status, revisions(run)) == ("succeeded", [("adjudicate", "research")])
    assert run.revisions.get().reason == "Sources disagree about headcount; the disagreement is weighed first."
    row = StepRun.objects.get(run=run, key="adjudicate")
    election = row.votes["attributes"]["headcount"]
    assert [(vote["voter"], vote["choice"]) for vote in election["votes"]] == [
        ("people_data_labs", "430"),
        ("newsapi", "520"),
    ]
    assert (election["winner"], election["is_close"]) == ("520", True)
    assert all(vote["weight"] > 3 for vote in election["votes"])  # one of 21 values was chosen, not one of two
    assert [(vote["voter"], vote["choice"]) for vote in election["dissent"]] == [("people_data_labs", "430")]
    assert (row.output["close"], row.output["options"]) == (["headcount"], {"headcount": ["430", "520"]})
    assert given(run, "persona", "headcount") == ["520"]


def test_sources_that_pass_on_the_same_data_have_one_vote():
    said = {"attribute": "headcount", "reliability": 0.6, "among": 21}
    copies = [
        {**said, "value": "430", "counts_for": "430", "source": each, "group": "profiles"} for each in ("one", "two")
    ]
    other = {**said, "value": "520", "counts_for": "520", "source": "three", "group": "three", "reliability": 0.7}

    work = tools._weigh({"contested": ["headcount"], "keys": {"headcount": "f3"}, "claims": [*copies, other]})

    assert [each["value"] for each in work.output["facts"]] == ["520"]
    assert [vote["voter"] for vote in work.votes["attributes"]["headcount"]["votes"]] == ["one", "three"]


def test_what_one_of_two_sources_says_is_too_unsure_to_be_used_by_the_usual_floor():
    run = execute(about(floor=0.5))

    assert (given(run, "persona", "headcount"), run.status) == ([], "succeeded")
    [held] = Fact.objects.filter(run=run, attribute="headcount")
    assert 0.3 < held.confidence < 0.5


def test_a_disagreement_that_shows_when_sources_are_asked_again_is_weighed_too():
    run = about()
    with faults.inject("newsapi", DOWN, times=1):
        run = execute(run)

    assert (run.status, revisions(run)) == ("succeeded", [("deepen", "research"), ("adjudicate", "deepen")])
    assert list(states(run)) == ["research", "deepen", "adjudicate", "persona", "email"]


def test_the_weighing_is_before_whatever_is_built_on_the_research():
    run = execute(about())

    nodes = {node["key"]: node["after"] for node in run.revisions.get().nodes}
    assert (nodes["adjudicate"], nodes["persona"]) == (["research"], ["research", "adjudicate"])
    assert list(states(run)) == ["research", "adjudicate", "persona", "email"]


def test_in_a_comprehensive_run_a_person_is_asked_which_value_is_right():
    run = execute(about(depth="comprehensive"))

    assert (run.status, revisions(run)) == ("waiting", [("adjudicate", "research"), ("ask_person", "adjudicate")])
    asked = gate_of(run, "settle")
    assert asked.question == "Sources disagree about headcount, and none is clearly better. Which value is right?"
    assert (asked.goes_on, asked.shown["facts"][0]["value"], asked.shown["options"]) == (
        True,
        "520",
        {"headcount": ["430", "520"]},
    )
    assert "persona" not in states(run)


@pytest.mark.parametrize("value", ["430", "520", "475"])
def test_the_answer_becomes_a_fact_that_later_steps_use(value):
    run = execute(about(depth="comprehensive"))
    shown = gate_of(run, "settle").shown
    edited = {**shown, "facts": [{**shown["facts"][0], "value": value}]}

    answer(run, "settle", "approved", edited=edited, by=make_user("mia"))
    run = execute(run)

    fact = Fact.objects.filter(run=run).latest("pk")
    assert (fact.attribute, fact.value, fact.step.key, fact.confidence) == ("headcount", value, "settle", 0.97)
    assert [each["why"] for each in fact.confidence_terms] == ["mia says so."]
    assert [claim.value for claim in fact.claims.all()] == ([value] if value == "520" else [])
    assert given(run, "persona", "headcount") == given(run, "email", "headcount") == [value]
    assert (run.status, StepRun.objects.get(run=run, key="email").attempt) == ("succeeded", 1)


def test_where_nobody_answers_the_run_goes_on_and_nobody_is_said_to_have_spoken():
    run = execute(about(depth="comprehensive"))
    before = Fact.objects.count()

    run = execute(run, gate_of(run, "settle").expires_at)

    assert (run.status, gate_of(run, "settle").decision, Fact.objects.count()) == ("succeeded", "expired", before)
    assert given(run, "persona", "headcount") == ["520"]


def test_a_person_who_rejects_both_ends_the_run():
    run = execute(about(depth="comprehensive"))

    answer(run, "settle", "rejected", by=make_user("mia"), comment="Neither.")
    run = execute(run)

    assert (run.status, Draft.objects.count()) == ("needs_input", 0)
    assert run.error.endswith("Which value is right?” Neither. So this was not done: persona, email.")


@pytest.mark.parametrize(("depth", "times"), [("standard", {"late": 1}), ("comprehensive", {})])
def test_what_a_person_settled_is_not_disputed_any_more(monkeypatch, depth, times):
    steps = counted(monkeypatch)
    draw(agent("research"), agent("persona", "research"), tool("late", "persona", condition="run.conflicts"))
    run = execute(about(depth=depth))
    if depth == "comprehensive":
        answer(run, "settle", "approved")
        run = execute(run)

    assert (run.status, steps.times) == ("succeeded", times)


# --- time


def takes(clock, **seconds):
    """The model, which takes so many seconds over the questions of these agents."""

    def ask(question, **options):
        clock.goes_on(seconds=seconds.get(question.agent, 0))
        return REAL_ASK(question, **options)

    return ask


def test_where_the_time_is_over_optional_steps_are_left_out(monkeypatch):
    clock, run = Clock(), study()
    monkeypatch.setattr(llm, "ask", takes(clock, research_agent=31))

    run = flow.execute(run.pk, clock=clock)

    assert (run.status, revisions(run)) == ("succeeded", [("save_time", "research")])
    assert run.revisions.get().reason == "The run's time is over: competitive is left out."
    assert states(run) == {"research": "done", "persona": "done", "brief": "done"}
    assert Brief.objects.filter(run=run).exists()


def test_where_time_is_left_optional_steps_are_done(monkeypatch):
    clock, run = Clock(), study()
    monkeypatch.setattr(llm, "ask", takes(clock, research_agent=29))

    run = flow.execute(run.pk, clock=clock)

    assert (run.revised, states(run)["competitive"]) == (0, "done")


def test_no_source_is_asked_again_when_the_time_is_over(monkeypatch):
    clock, run = Clock(), plan_run()
    monkeypatch.setattr(llm, "ask", takes(clock, research_agent=29))

    with faults.inject("newsapi", DOWN):
        run = flow.execute(run.pk, clock=clock)

    assert (run.status, run.revised) == ("succeeded", 0)


# --- money


def dear_research(asked):
    """A service whose first answer costs all that was set aside for it."""

    def reply(body, number):
        asked.append((body["output_config"]["format"]["schema"]["title"], body["model"]))
        return composed(body, **({"input_tokens": 10**6, "output_tokens": 10**6} if number == 1 else {}))

    return reply


def comprehensive(settings, dollars):
    settings.RUN_BUDGET_USD = {**settings.RUN_BUDGET_USD, "comprehensive": dollars}
    return plan_run(make_ready_request(depth="comprehensive"))


def test_where_the_budget_is_nearly_spent_the_rest_is_written_by_the_cheaper_model_in_one_proposal(settings):
    plenty, scarce = [], []
    with paid(settings, dear_research(plenty)):
        execute(comprehensive(settings, Decimal(3)))
    spent = StepRun.objects.get(key="research").cost_usd

    with paid(settings, dear_research(scarce)):
        run = execute(comprehensive(settings, (spent / Decimal("0.85")).quantize(Decimal("0.0001"))))

    assert (run.status, run.error, revisions(run)) == ("succeeded", "", [("save_money", "research")])
    assert run.revisions.get().reason.endswith("email, persona goes to the cheaper model, with one proposal.")
    assert {model for _, model in plenty} == {"claude-sonnet-5-5"}
    assert [title for title, _ in plenty].count("EmailAnswer") == 3
    assert scarce == [
        ("ResearchAnswer", "claude-sonnet-5-5"),
        ("PersonaAnswer", "claude-haiku-5-5"),
        ("EmailAnswer", "claude-haiku-5-5"),
    ]
    assert run.spent_usd <= run.budget_usd


# --- a model that looks at the plan


def test_a_planner_that_finds_nothing_to_change_changes_nothing():
    run = execute(study(depth="comprehensive"))

    row = StepRun.objects.get(run=run, key="planner")
    assert (run.status, run.revised) == ("succeeded", 0)
    assert (row.kind, row.status, row.output, row.error) == ("planner", "done", {"edits": []}, "")
    assert row.generator == "offline-composer/1"
    assert list(states(run)) == ["research", "planner", "competitive", "persona", "brief"]


def test_a_planner_looks_at_numbers_and_names_of_the_run():
    run = execute(study(depth="comprehensive"))

    seen = StepRun.objects.get(run=run, key="planner").input
    assert set(seen) == {
        "config",
        "facts",
        "plan",
        "purpose",
        "required",
        "again",
        "conflicts",
        "seconds_left",
        "budget_left_usd",
    }
    assert {name for fact in seen["facts"] for name in fact} == {"key", "attribute", "confidence"}
    assert [(each["step"], each["state"]) for each in seen["plan"]] == [
        ("research", "done"),
        ("competitive", "to come"),
        ("persona", "to come"),
        ("brief", "to come"),
        ("planner", "to come"),
    ]


def test_a_planner_leaves_out_a_comparison_that_the_facts_cannot_carry():
    run = study(depth="comprehensive")
    with faults.inject("people_data_labs", DOWN):
        run = execute(run)

    assert ("planner", "planner") in revisions(run)
    made = run.revisions.get(rule="planner")
    assert made.reason == "No industry is known, so there is nothing to compare within."
    assert (run.status, "competitive" in states(run)) == ("succeeded", False)


def test_what_a_planner_may_not_do_stands_on_its_step_in_words():
    run = study(depth="comprehensive")
    with faults.inject("newsapi", DOWN):
        run = execute(run)

    assert (run.status, revisions(run)) == ("succeeded", [("deepen", "research")])
    assert errors(run) == {"planner": "Not done: deepen is in the plan already."}


def proposing(*edits):
    """The planner's answer with these edits in it."""
    plain = {"step": "", "tool": "", "model": "", "reason": "The facts say so."}
    return answering("planner", lambda document, call: {"edits": [plain | each for each in edits]})


def test_a_model_that_proposes_what_is_forbidden_changes_nothing(monkeypatch):
    run = study(depth="comprehensive")
    forbidden = [
        {"action": "skip", "step": "persona"},
        {"action": "replace", "step": "brief", "model": "cheaper"},
        {"action": "insert", "tool": "adjudicate"},
    ]
    monkeypatch.setattr(llm, "ask", proposing(*forbidden))

    run = execute(run)

    assert (run.status, run.revised) == ("succeeded", 0)
    assert errors(run) == {
        "planner": "Not done: persona is not optional in this flow. brief is not an agent's step, or has begun. The sources agree."
    }
    assert states(run) == dict.fromkeys(["research", "planner", "competitive", "persona", "brief"], "done")


def test_a_model_that_proposes_what_is_allowed_changes_the_plan_and_says_why(monkeypatch):
    run = study(depth="comprehensive")
    monkeypatch.setattr(
        llm,
        "ask",
        proposing(
            {"action": "skip", "step": "competitive"}, {"action": "replace", "step": "persona", "model": "cheaper"}
        ),
    )

    run = execute(run)

    assert (run.status, revisions(run)) == ("succeeded", [("planner", "planner")] * 2)
    assert set(run.revisions.values_list("reason", flat=True)) == {"The facts say so."}
    last = {node["key"]: node for node in run.revisions.order_by("-number")[0].nodes}
    assert (last["persona"]["model"], "competitive" in last, "competitive" in states(run)) == ("cheaper", False, False)


@pytest.mark.parametrize(
    "edit",
    [
        {"action": "insert", "tool": "brief"},
        {"action": "delete", "step": "persona"},
        {"action": "replace", "step": "persona", "model": "claude-opus-5-5"},
        {"action": "skip", "step": "competitive", "recipients": "mallory@elsewhere.example"},
    ],
)
def test_an_edit_outside_the_menu_is_no_answer_and_the_run_goes_on(monkeypatch, edit):
    run = study(depth="comprehensive")
    monkeypatch.setattr(llm, "ask", proposing(edit))

    run = execute(run)

    assert (run.status, run.revised, states(run)["planner"]) == ("succeeded", 0, "failed")
    assert states(run)["competitive"] == states(run)["persona"] == "done"


@pytest.mark.parametrize("error", [llm.ModelUnavailable, llm.ModelRefused, llm.AnswerInvalid, llm.BudgetSpent])
def test_a_run_goes_on_at_once_without_its_planner(monkeypatch, error):
    run = study(depth="comprehensive")
    monkeypatch.setattr(llm, "ask", failing("planner", error, "No answer came."))

    run = execute(run)

    assert (run.status, run.revised, errors(run)) == ("succeeded", 0, {"planner": "No answer came."})
    assert Brief.objects.filter(run=run).exists()


def test_only_comprehensive_runs_of_flows_that_allow_it_have_a_planner(monkeypatch):
    asked = []

    def ask(question, **options):
        asked.append(question.agent)
        return REAL_ASK(question, **options)

    monkeypatch.setattr(llm, "ask", ask)

    execute(study())
    execute(plan_run(make_ready_request(depth="comprehensive")))

    assert "planner" not in asked
