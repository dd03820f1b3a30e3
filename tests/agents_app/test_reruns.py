"""Runs done again from a step: what is taken over, what is given, what differs; and all that it must not touch."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from agents_app import comparisons, estimates, flow, llm, requests, reruns
from agents_app.flow import knowledge, lease, reliability
from agents_app.models import (
    BudgetDay,
    Correction,
    Draft,
    Fact,
    FlowRun,
    Gate,
    PromptVersion,
    Request,
    Rerun,
    Send,
    SourceRecord,
    StepRun,
)
from agents_app.reruns import Wanted
from experiments import reading
from experiments.figures import Work
from experiments.models import OutcomeEvent
from gtm import desk, loop, navigation
from gtm.sandbox import faults
from insights import metrics
from insights.weeks import week
from tests.agents_app import flows_that
from tests.agents_app.desks import said
from tests.agents_app.flows_that import agent, agents_counted, drawn_run, execute, states
from tests.agents_app.models_that import answering, failing, paid
from tests.agents_app.test_flow_adapts import DOWN, about, comprehensive, dear_research, study
from tests.agents_app.test_replaying import account, assert_same_to_the_byte, judged, replayed
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_campaign,
    make_contact,
    make_experiment,
    make_prompt,
    make_ready_client,
    make_ready_request,
    make_request,
    make_user,
    plan_run,
)

pytestmark = pytest.mark.django_db


def executed(**values):
    return execute(plan_run(make_ready_request(**values)))


def step_of(run, key, number=0):
    return StepRun.objects.select_related("run__client", "run__request__contact", "context").get(
        run=run, key=key, map_index=number
    )


def asked(run, key, number=0, **wanted):
    return reruns.ask(step_of(run, key, number), Wanted(**wanted), by=make_user(), at=AT)


def again(run, key, number=0, **wanted):
    return execute(asked(run, key, number, **wanted))


def compared(run, other):
    return comparisons.of(*(comparisons.RUNS.get(pk=each.pk) for each in (run, other)))


def reworded(name="email_agent", word="Gladly"):
    live = PromptVersion.objects.get(agent=name, label="live")
    return make_prompt(name, text=f"{word} {live.text}", number=live.number + 50)


# --- the same


@pytest.mark.parametrize("key", ["research", "persona", "email"])
def test_with_nothing_changed_nothing_differs(key):
    run = executed()

    made = again(run, key)

    assert (made.status, states(made)) == ("succeeded", states(run))
    found = compared(run, made)
    assert (found.paths, found.changed) == ([], [])
    assert step_of(made, key).context_id == step_of(run, key).context_id


def test_a_run_in_production_and_the_same_again_differ_in_nothing_but_what_it_took():
    """Planned as production does, on a deployment and in an experiment."""
    client = make_ready_client()
    make_experiment(client)
    run = execute(loop.plan_run(make_request(make_contact(client)).pk, at=AT))
    assert (run.deployment.number, bool(run.variants)) == (1, True)

    found = compared(run, again(run, "email"))

    assert (found.paths, found.changed) == ([], [])
    assert {each.name for each in found.deltas} <= {"Cost", "Tokens in", "Tokens out", "Seconds"}


def test_steps_before_the_chosen_one_are_taken_over_and_not_done_again(monkeypatch):
    run = executed()
    times = agents_counted(monkeypatch)

    made = again(run, "email")

    assert {name for name, _ in times} == {"email_agent"}
    assert {row.key: (row.fence > 0, row.cost_usd) for row in made.steps.all()} == {
        "research": (False, 0),
        "persona": (False, 0),
        "email": (True, 0),
    }
    said, before = (list(each.facts.order_by("key").values_list("key", "value")) for each in (made, run))
    assert said == before
    ours, theirs = (
        [sorted(f.claims.values_list("pk", flat=True)) for f in r.facts.order_by("key")] for r in (made, run)
    )
    assert ours == theirs
    assert step_of(made, "email").output == step_of(run, "email").output


def test_research_is_given_the_facts_of_then_and_asks_no_source():
    run = executed()
    asked_before = SourceRecord.objects.count()

    made = again(run, "research")

    assert (made.status, SourceRecord.objects.count()) == ("succeeded", asked_before)
    assert step_of(made, "research").input["facts"] == step_of(run, "research").input["facts"]


def test_research_asks_again_where_that_is_wanted():
    run = executed()

    made = again(run, "research", asks_sources=True)

    assert (made.status, made.source_records.count()) == ("succeeded", run.source_records.count())
    assert {row.same_as_id is not None for row in made.source_records.all()} == {True}  # what is fresh is used again
    fact_ids = {fact["fact_id"] for fact in step_of(made, "email").input["facts"]}
    assert fact_ids <= set(made.facts.values_list("pk", flat=True))


def test_a_step_of_a_map_is_done_again_for_its_contact_alone(monkeypatch):
    run = account()
    times = agents_counted(monkeypatch)

    made = again(run, "persona", 2)

    assert (made.status, dict(times)) == ("succeeded", {("persona_agent", "Ben Ray"): 1, ("email_agent", "Ben Ray"): 1})
    assert {(row.key, row.map_index) for row in made.steps.filter(fence=0)} == {
        ("research", 0), ("persona", 1), ("email", 1),
    }  # fmt: skip


def test_a_run_done_again_can_be_replayed_byte_for_byte_and_done_again():
    run = executed()
    made = again(run, "persona")

    found = replayed(made)
    twice = again(made, "email")

    own = {name: each for name, each in found.items() if each.step.fence}
    assert sorted(own) == ["email", "persona"]
    assert_same_to_the_byte(own)
    assert (twice.status, twice.request.rerun.original) == ("succeeded", made)
    assert step_of(twice, "email").output == step_of(run, "email").output


# --- something changed


def test_one_word_of_the_prompt_makes_exactly_one_path_differ():
    run, version = executed(), reworded()

    made = again(run, "email", version=version)

    found = compared(run, made)
    assert found.paths == [("email", "prompt_sent")]
    [pair] = found.changed
    assert [piece.text for piece in pair.differences[0].words.right if piece.is_changed] == ["Gladly "]
    assert made.prompts.get(agent="email_agent").version == version
    rerun = Rerun.objects.get()
    assert [(each["label"], each["after"]) for each in rerun.changes] == [("Prompt", str(version))]


def test_what_somebody_edits_is_given_to_the_step_and_those_behind_it():
    run = executed()
    facts = step_of(run, "persona").input["facts"]
    edited = [{**fact, "value": "77"} if fact["attribute"] == "headcount" else fact for fact in facts]

    made = again(run, "persona", edited={"facts": edited})

    for key in ("persona", "email"):
        assert [f["value"] for f in step_of(made, key).input["facts"] if f["attribute"] == "headcount"] == ["77"]
    assert "77" in step_of(made, "email").prompt_sent
    assert set(made.facts.values_list("value", flat=True)) == set(run.facts.values_list("value", flat=True))
    labels = [each["label"] for each in Rerun.objects.get().changes]
    assert labels == [f"Given: facts[{fact['key']}].value" for fact in facts if fact["attribute"] == "headcount"]


def test_a_persona_made_anew_is_what_the_e_mail_is_given(monkeypatch):
    run = executed()
    monkeypatch.setattr("agents_app.llm.ask", _renaming("persona_agent", "Treasurer"))

    made = again(run, "persona")

    assert step_of(run, "email").input["context"]["persona"]["role"] != "Treasurer"
    assert step_of(made, "email").input["context"]["persona"]["role"] == "Treasurer"


def _renaming(name, role):
    return answering(name, lambda document, number: document | {"role": role})


def test_settings_of_now_effort_and_model_can_be_another():
    run = executed()
    run.client.settings |= {"tone": "direct"}
    run.client.save()

    made = again(run, "email", settings="now", effort="high", model="claude-opus-5-5")

    assert (run.config["tone"], made.config["tone"], made.config["effort"]) == ("formal", "direct", "high")
    assert step_of(made, "email").input["config"]["tone"] == "direct"
    assert ("", "config.tone") in compared(run, made).paths
    assert [each["label"] for each in Rerun.objects.get().changes] == ["Settings", "Effort", "Model"]


def test_another_model_is_really_asked(settings):
    with paid(settings, judged) as service:
        run = executed()
        before = len(service.requests)
        made = again(run, "email", model=settings.MODEL_CHEAPER)

    models = [body for _, _, body in service.requests[before:]]
    assert len(models) == 1
    assert settings.MODEL_CHEAPER.encode() in models[0]
    assert Rerun.objects.get().changes == [
        {"label": "Model", "before": settings.MODEL, "after": settings.MODEL_CHEAPER}
    ]
    assert dict(made.prompts.values_list("agent", "model")) == {
        "research_agent": settings.MODEL,
        "persona_agent": settings.MODEL,
        "email_agent": settings.MODEL_CHEAPER,
    }


def test_a_step_that_was_to_ask_the_cheaper_model_asks_the_one_that_was_chosen(settings):
    asked_for = []
    with paid(settings, dear_research(asked_for)):
        run = execute(comprehensive(settings, Decimal("0.0727")))
        assert asked_for[-1] == ("EmailAnswer", settings.MODEL_CHEAPER)
        again(run, "email", model="claude-haiku-4-5")

    assert asked_for[-1] == ("EmailAnswer", "claude-haiku-4-5")


def test_the_settings_of_an_earlier_deployment_can_be_tried():
    run = executed()
    asked_for = requests.ask(run.client, contact=run.request.contact, at=AT)
    loop.plan_run(asked_for.pk)
    run.client.settings |= {"tone": "friendly"}
    run.client.save()

    made = again(run, "email", settings="1")

    assert made.config["tone"] == "formal"


# --- what stands against it


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        ({"edited": {"facts": [{"key": "f1"}]}}, "The step cannot be given that. facts 0 attribute: Field required."),
        ({"edited": {"mood": "good"}}, "E-mail is given nothing called mood. Its parts:"),
        ({"breakpoints": ["research"]}, "The run cannot pause before research. It can before: email."),
        ({"settings": "9"}, "has no deployment 9. Choose one from the list."),
        ({"effort": "utmost"}, "Choose the effort from the list."),
        (
            {"model": "strange-1"},
            "No price of strange-1 is known, so it could not be paid. Choose a model from the list.",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_written(wanted, refusal):
    run = executed()

    with pytest.raises(reruns.RerunRefused) as refused:
        asked(run, "email", **wanted)

    assert refusal in str(refused.value)
    assert (FlowRun.objects.count(), Request.objects.count(), Rerun.objects.count()) == (1, 1, 0)


def test_a_prompt_of_another_agent_is_refused():
    run = executed()

    with pytest.raises(reruns.RerunRefused, match="is no prompt of E-mail"):
        asked(run, "email", version=make_prompt("persona_agent"))


def test_nothing_is_done_again_for_somebody_who_asked_to_be_forgotten():
    run = executed()
    contact = run.request.contact
    contact.erased_at = AT
    contact.save()

    with pytest.raises(reruns.RerunRefused, match="asked to be forgotten"):
        asked(run, "email")


def test_where_the_day_is_spent_nothing_begins_and_nothing_is_asked(settings):
    with paid(settings, judged) as service:
        run = executed()
        BudgetDay.objects.update(spent_usd=Decimal(100))
        before = len(service.requests)
        with pytest.raises(reruns.RerunRefused, match=r"has spent its \$\d+\.\d\d of today"):
            asked(run, "email")

    assert (len(service.requests), FlowRun.objects.count()) == (before, 1)


def test_it_is_paid_from_the_client_s_day_and_within_the_budget_of_a_run(settings):
    with paid(settings, judged):
        run = executed()
        before = BudgetDay.objects.get().spent_usd
        made = again(run, "email")

    cost = step_of(made, "email").cost_usd
    assert 0 < cost <= made.budget_usd == run.budget_usd
    assert made.spent_usd == cost
    assert BudgetDay.objects.get().spent_usd == before + cost


def test_a_step_that_failed_is_done_again_and_what_never_began_goes_on_from_there(monkeypatch):
    contact = make_contact(make_ready_client())
    campaign = make_campaign(contact.client, [contact], goal="Book a demo.")
    with monkeypatch.context() as broken:
        broken.setattr(llm, "ask", failing("persona_agent", llm.ModelRefused, "The key is not accepted."))
        run = execute(plan_run(make_request(contact, campaign=campaign)))

    made = again(run, "persona")

    assert (run.status, states(run)) == ("failed", {"research": "done", "persona": "failed"})
    assert (made.status, made.request.campaign) == ("succeeded", None)
    given = step_of(made, "email").input
    assert (given["goal"], bool(given["context"]["persona"])) == ("Book a demo.", True)
    assert {fact["fact_id"] for fact in given["facts"]} <= set(made.facts.values_list("pk", flat=True))


def test_the_command_names_what_was_done_again(capsys):
    run = executed()
    made = again(run, "email")

    call_command("trace", str(run.request_id))

    assert f"Done again as run {made.pk} (request {made.request_id}): succeeded." in capsys.readouterr().out


def test_two_clicks_make_one_run():
    run = executed()

    first, second, other = asked(run, "email"), asked(run, "email"), asked(run, "email", effort="high")

    assert first.pk == second.pk != other.pk


# --- what it must not touch


def everything_counted(client, user):
    at = timezone.now() + timedelta(minutes=1)
    span = week((AT.date() - timedelta(days=AT.weekday())), timezone.get_current_timezone())
    return (
        {key: metrics.count(key, span, at=at) for key in metrics.METRICS},
        reading.read(client, since=AT - timedelta(days=1), until=at, at=at),
        navigation._count(user),
        desk.of(user, at=at).failed,
        reliability.of_voters("email_agent", at),
    )


def test_nothing_is_sent_no_draft_is_there_and_no_statistic_moves():
    run = executed(depth="comprehensive")
    user = make_user_of("operator")
    before = everything_counted(run.client, user)
    drafts = Draft.objects.count()

    for key in ("research", "persona", "email"):
        assert again(run, key).status == "succeeded"
    loop.send_due_drafts()
    for made in FlowRun.objects.exclude(pk=run.pk):
        loop.absorb_run(made.pk)

    assert (Draft.objects.count(), drafts, Send.objects.count(), OutcomeEvent.objects.count()) == (1, 1, 0, 0)
    assert everything_counted(run.client, user) == before
    assert before[1] != Work([], [], [], [])


def test_what_was_taken_over_tells_nothing_of_what_steps_cost():
    run = executed()

    again(run, "email")

    counted = {name: estimates._done(f"{name}_agent", "standard").count() for name in ("research", "persona", "email")}
    assert counted == {"research": 1, "persona": 1, "email": 2}


def test_a_person_s_answer_in_a_run_done_again_teaches_research_nothing():
    run = drawn_run(agent("research"), flows_that.gate("check", "research"), agent("persona", "check"))
    execute(run)
    flows_that.answer(run, "check", "approved")
    execute(run)
    made = again(run, "research")
    shown = flows_that.gate_of(made, "check").shown
    facts = [{**fact, "value": "4321"} if fact["attribute"] == "headcount" else fact for fact in shown["facts"]]

    flows_that.answer(made, "check", "edited", edited={**shown, "facts": facts})
    made = execute(made)

    assert "4321" in step_of(made, "persona").prompt_sent
    assert Correction.objects.count() == 0
    assert list(reliability._decisions(AT + timedelta(days=1), {"newsapi": True, "people_data_labs": True})) == []


def test_an_answer_of_a_person_that_was_taken_over_counts_as_it_did():
    run = drawn_run(
        agent("research"), flows_that.gate("check", "research"), agent("persona", "check"), agent("email", "persona")
    )
    execute(run)
    shown = flows_that.gate_of(run, "check").shown
    facts = [{**fact, "value": "4321"} if fact["attribute"] == "headcount" else fact for fact in shown["facts"]]
    flows_that.answer(run, "check", "edited", edited={**shown, "facts": facts})
    run = execute(run)

    made = again(run, "persona")

    assert (made.status, Gate.objects.filter(step__run=made).get().decision) == ("succeeded", "edited")
    assert "4321" in step_of(made, "persona").prompt_sent
    assert Gate.objects.open().count() == 0


def test_a_crash_in_the_middle_is_taken_up_as_usual(monkeypatch):
    run = executed()
    made = asked(run, "persona")
    real = lease.renew

    def dies(*args, **options):
        real(*args, **options)
        raise SystemExit

    monkeypatch.setattr(lease, "renew", dies)
    with pytest.raises(SystemExit):
        execute(made)
    monkeypatch.setattr(lease, "renew", real)
    FlowRun.objects.filter(pk=made.pk, status="running").update(lease_until=AT - timedelta(seconds=1))

    made = execute(made, AT + timedelta(minutes=5))

    assert made.status == "succeeded"
    assert sorted(row.key for row in made.steps.filter(fence=0)) == ["research"]
    assert step_of_done(made, "email").output == step_of(run, "email").output


def step_of_done(run, key):
    return StepRun.objects.get(run=run, key=key, status="done")


# --- pauses


def test_the_run_pauses_before_a_step_and_goes_on_with_what_a_person_left():
    run = executed()
    made = again(run, "persona", breakpoints=["email"])
    pause = flows_that.gate_of(made, "before_email")
    assert (made.status, pause.shown["facts"]) == ("waiting", step_of(run, "email").input["facts"])
    assert "config" not in pause.shown

    user = make_user()
    flows_that.answer(made, "before_email", "edited", edited={**pause.shown, "hints": ["Say hello."]}, by=user)
    made = execute(made)

    pause.refresh_from_db()
    assert (made.status, pause.decision, pause.decided_by, pause.answer["hints"]) == (
        "succeeded", "edited", user, ["Say hello."],
    )  # fmt: skip
    assert step_of(made, "email").input["hints"] == ["Say hello."]
    assert "Say hello." in step_of(made, "email").prompt_sent


def test_the_first_step_can_be_paused_before_and_left_as_it_is():
    run = executed()
    made = again(run, "research", breakpoints=["research"])
    assert made.status == "waiting"

    flows_that.answer(made, "before_research", "approved")
    made = execute(made)

    assert made.status == "succeeded"
    assert compared(run, made).paths == [("", "plan[research].after[0]"), ("", "plan[before_research]")]
    assert step_of(made, "research").output == step_of(run, "research").output


def test_a_no_at_a_pause_ends_the_run():
    run = executed()
    made = again(run, "email", breakpoints=["email"])

    flows_that.answer(made, "before_email", "rejected")
    made = execute(made)

    assert (made.status, made.steps.filter(key="email").count()) == ("needs_input", 0)


def test_a_pause_that_nobody_answers_expires():
    run = executed()
    made = again(run, "email", breakpoints=["email"])

    made = execute(made, AT + timedelta(hours=25))

    assert made.status == "needs_input"
    assert made.error.startswith("Nobody answered “Before email")


def test_the_pause_before_a_map_shows_what_each_contact_s_step_is_to_be_given(monkeypatch):
    run = account()
    made = again(run, "research", breakpoints=["persona"])
    pause = flows_that.gate_of(made, "before_persona")
    assert {number: each["contact"]["full_name"] for number, each in pause.shown.items()} == {
        "1": "Ada Lee", "2": "Ben Ray",
    }  # fmt: skip
    assert "config" not in pause.shown["1"]

    ben = pause.shown["2"]
    left = {**pause.shown, "2": {**ben, "contact": {**ben["contact"], "title": "Treasurer"}}}
    flows_that.answer(made, "before_persona", "edited", edited=left)
    made = execute(made)

    assert made.status == "succeeded"
    titles = [step_of(made, "persona", number).input["context"]["contact"]["title"] for number in (1, 2)]
    assert titles == [pause.shown["1"]["contact"]["title"], "Treasurer"]


def test_at_the_pause_before_a_map_only_the_contacts_that_are_done_again_are_shown():
    run = account()

    made = again(run, "persona", 2, breakpoints=["persona"])

    assert list(flows_that.gate_of(made, "before_persona").shown) == ["2"]


@pytest.mark.parametrize(
    ("edit", "refusal"),
    [
        (lambda shown: {"1": shown["1"]}, "Keep all parts of what the step is given, and no others: 1, 2."),
        (
            lambda shown: {**shown, "2": "Ben"},
            "Keep all parts of what the step is given, and no others: facts, company",
        ),
        (
            lambda shown: {**shown, "2": {**shown["2"], "facts": 7}},
            "The step cannot be given that for contact 2. facts: Input should be a valid list.",
        ),
    ],
)
def test_what_a_contact_s_step_cannot_be_given_is_refused_at_the_pause(edit, refusal):
    made = again(account(), "research", breakpoints=["persona"])
    pause = flows_that.gate_of(made, "before_persona")

    with pytest.raises(flow.AnswerRefused, match=refusal):
        flows_that.answer(made, "before_persona", "edited", edited=edit(pause.shown))

    pause.refresh_from_db()
    assert (pause.decision, pause.answer) == ("", None)


def test_the_pause_before_a_tool_shows_what_it_is_to_work_on_and_it_works_on_what_is_left():
    run = execute(about())
    made = again(run, "adjudicate", breakpoints=["adjudicate"])
    pause = flows_that.gate_of(made, "before_adjudicate")
    assert pause.shown == step_of(run, "adjudicate").input

    kept = [claim for claim in pause.shown["claims"] if claim["source"] == "people_data_labs"]
    flows_that.answer(made, "before_adjudicate", "edited", edited={**pause.shown, "claims": kept})
    made = execute(made)

    assert made.status == "succeeded"
    assert [step_of(each, "adjudicate").output["facts"][0]["value"] for each in (run, made)] == ["520", "430"]


def test_a_tool_is_done_again_on_what_it_was_given_then_and_on_what_somebody_edits():
    run = execute(about())
    then = step_of(run, "adjudicate").input

    same = again(run, "adjudicate")
    other = again(run, "adjudicate", edited={"claims": then["claims"][:1]})

    assert step_of(same, "adjudicate").context_id == step_of(run, "adjudicate").context_id
    assert (then["claims"][0]["value"], step_of(other, "adjudicate").output["facts"][0]["value"]) == ("430", "430")


@pytest.mark.parametrize(
    ("edited", "refusal"),
    [
        ({"claims": []}, "headcount is contested, so it needs a key and at least one claim"),
        ({"contested": "headcount"}, "contested: Input should be a valid array."),
        ({"mood": "good"}, "Adjudicate is given nothing called mood. Its parts: contested, keys, claims."),
    ],
)
def test_what_a_tool_cannot_work_on_is_refused_and_nothing_begins(edited, refusal):
    run = execute(about())

    with pytest.raises(reruns.RerunRefused, match=refusal):
        asked(run, "adjudicate", edited=edited)

    assert FlowRun.objects.count() == 1


def test_a_source_that_a_person_takes_out_at_the_pause_is_not_asked_again():
    run = plan_run()
    with faults.inject("newsapi", DOWN, times=1):
        run = execute(run)
    made = again(run, "deepen", breakpoints=["deepen"])
    pause = flows_that.gate_of(made, "before_deepen")
    assert (pause.shown, pause.shown["again"]) == (step_of(run, "deepen").input, ["newsapi"])

    with pytest.raises(flow.AnswerRefused, match="again 0: Value error, there is no source nobody; the sources are"):
        flows_that.answer(made, "before_deepen", "edited", edited={**pause.shown, "again": ["nobody"]})
    flows_that.answer(made, "before_deepen", "edited", edited={**pause.shown, "again": []})
    made = execute(made)

    assert [step_of(each, "deepen").output["asked"] for each in (run, made)] == [
        [{"source": "newsapi", "status": "ok", "reason": ""}], [],
    ]  # fmt: skip


def test_the_planner_can_be_paused_before_too():
    run = execute(study(depth="comprehensive"))
    made = again(run, "planner", breakpoints=["planner"])
    pause = flows_that.gate_of(made, "before_planner")
    assert set(pause.shown) == set(step_of(run, "planner").input) - {"config"}

    flows_that.answer(made, "before_planner", "edited", edited={**pause.shown, "seconds_left": 7})
    made = execute(made)

    assert (made.status, step_of(made, "planner").input["seconds_left"]) == ("succeeded", 7)


def test_what_a_rule_puts_before_a_step_comes_before_the_pause_too():
    run = execute(about())

    made = again(run, "research", breakpoints=["persona"])

    nodes = {node.key: node.after for node in made.plan_now}
    assert "adjudicate" in nodes["before_persona"]
    shown = flows_that.gate_of(made, "before_persona").shown
    assert [fact["value"] for fact in shown["facts"] if fact["attribute"] == "headcount"] == ["520"]


@pytest.mark.parametrize(
    ("edit", "refusal"),
    [
        (lambda shown: {**shown, "facts": [{"key": 1}]}, "The step cannot be given that. facts 0"),
        (lambda shown: {name: each for name, each in shown.items() if name != "facts"}, "Keep all parts of what"),
    ],
)
def test_what_a_step_cannot_be_given_is_refused_at_the_pause(edit, refusal):
    run = executed()
    made = again(run, "email", breakpoints=["email"])
    pause = flows_that.gate_of(made, "before_email")

    with pytest.raises(flow.AnswerRefused, match=refusal):
        flows_that.answer(made, "before_email", "edited", edited=edit(pause.shown))

    pause.refresh_from_db()
    assert (pause.decision, pause.answer) == ("", None)


# --- the pages


def test_an_operator_does_a_run_again_with_another_prompt_and_sees_what_differs(operator, rung):
    run = executed()
    version = reworded()
    step = step_of(run, "email")
    address = reverse("run_again", args=[run.pk, step.pk])
    assert address in operator.get(reverse("run_page", args=[run.pk])).content.decode()

    answer = operator.post(address, {"version": version.pk, "given": ""})

    made = FlowRun.objects.latest("pk")
    assert (answer.url, rung) == (reverse("run_page", args=[made.pk]), [(loop.execute_run, made.pk)])
    execute(made)
    page = operator.get(answer.url)
    both = reverse("runs_compared", args=[run.pk, made.pk])
    assert both in page.content.decode()
    assert f"Run again. Run {run.pk} from email, with something changed: Prompt" in said(page)
    assert both in operator.get(reverse("run_page", args=[run.pk])).content.decode()
    assert f"Run {made.pk}" in said(operator.get(reverse("request_trace", args=[run.request_id])))
    assert "<ins>Gladly" in operator.get(both).content.decode()


def test_what_is_typed_wrong_is_said_in_words_and_nothing_begins(operator, rung):
    run = executed()
    address = reverse("run_again", args=[run.pk, step_of(run, "email").pk])

    broken = operator.post(address, {"given": '{"facts": [}'})
    given = reruns.given(step_of(run, "email"))
    wrong = operator.post(address, {"given": json.dumps({**given, "facts": [{"key": "f1"}]})})
    lacking = operator.post(address, {"given": json.dumps({name: given[name] for name in list(given)[1:]})})
    emptied = operator.post(address, {"given": "{}"})

    assert "This is no JSON at line 1, character 12." in said(broken)
    assert "The step cannot be given that. facts 0 attribute: Field required." in said(wrong)
    assert "is missing. Keep all parts of what the step is given:" in said(lacking)
    assert "is missing. Keep all parts of what the step is given:" in said(emptied)
    assert (FlowRun.objects.count(), rung) == (1, [])


def test_a_pause_is_answered_on_the_question_s_page_as_json(operator, rung):
    run = executed()
    made = again(run, "email", breakpoints=["email"])
    pause = flows_that.gate_of(made, "before_email")
    Gate.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    address = reverse("gate", args=[pause.pk])
    shown = operator.get(address)
    assert shown.context["form"]["given"].value()

    answer = operator.post(address, {"action": "edit", "given": '{"facts": []}', "comment": ""})
    assert "Keep all parts of what the step is given" in said(answer)
    taken = operator.post(address, {"action": "edit", "given": json.dumps({**pause.shown, "hints": ["Be brief."]})})
    assert taken.status_code == 302, said(taken)

    pause.refresh_from_db()
    assert (pause.decision, pause.answer["hints"]) == ("edited", ["Be brief."])
    assert rung == [(loop.execute_run, made.pk)]


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_only_who_may_debug_does_runs_again(client, role):
    run = executed()
    user = make_user_of(role)
    run.client.managers.add(user)
    client.force_login(user)
    address = reverse("run_again", args=[run.pk, step_of(run, "email").pk])

    assert (client.get(address).status_code, client.post(address).status_code) == (403, 403)
    assert FlowRun.objects.count() == 1
    assert "Run again from here" not in client.get(reverse("run_page", args=[run.pk])).content.decode()


def test_an_operator_of_other_clients_finds_nothing(client, settings):
    run = executed()
    manager = make_user_of("manager")
    manager.user_permissions.add(Permission.objects.get(codename="add_rerun"))
    client.force_login(manager)

    assert client.get(reverse("run_again", args=[run.pk, step_of(run, "email").pk])).status_code == 404


def test_a_run_at_work_is_not_done_again():
    run = executed()
    FlowRun.objects.filter(pk=run.pk).update(status="running")

    with pytest.raises(reruns.RerunRefused, match="is still at work"):
        asked(run, "email")


def test_facts_that_were_taken_over_are_no_facts_of_the_client_in_earnest():
    run = executed()
    again(run, "email")
    assert Fact.objects.count() == 2 * run.facts.count()

    newer = requests.ask(run.client, contact=run.request.contact, at=AT)

    assert knowledge.researched(newer) == run
