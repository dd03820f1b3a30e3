"""What steps are given, which of them begin, and how they end: in time, too late, left out, cancelled, or in another task."""

from datetime import timedelta

import pytest

from agents_app import flow, llm
from agents_app.flow import hand, knowledge, results, turn, work
from agents_app.models import Fact, FlowRun, SourceRecord, StepContext, StepRun
from agents_app.models.flow import LONGEST_DRIVE_S
from tests.agents_app import flows_that
from tests.agents_app.flows_that import Held, agent, counted, drawn_run, execute, fails, gate, join, states, tool
from tests.agents_app.models_that import failing
from tests.factories import (
    AT,
    make_connection,
    make_contact,
    make_ready_client,
    make_ready_request,
    make_request,
    make_user,
    plan_run,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


# --- what a step is given


def test_a_step_is_given_the_parts_that_its_agent_declares_and_no_other():
    run = execute(plan_run(make_ready_request(purpose="deep_research")))

    given = {row.key: set(row.input) for row in StepRun.objects.filter(run=run)}
    beside = {"context", "facts_from"}  # what was asked of the model, and whose research the facts are
    assert given == {
        "research": {"company", "purpose", "config", "required", "facts", "context", "sources", "search"},
        "competitive": {"company", "config", "facts", "peers"} | beside,
        "persona": {"company", "contact", "purpose", "config", "facts"} | beside,
        "brief": {"sentences"},
    }


def test_a_step_sees_only_the_settings_that_its_agent_declares():
    run = execute(plan_run())

    config = {row.agent: row.input["config"] for row in StepRun.objects.filter(run=run)}
    assert set(config["research_agent"]) == {
        "client_name",
        "industry",
        "confidence_floor",
        "custom_fields",
        "prompt_overrides",
    }
    assert set(config["research_agent"]["custom_fields"]) == {"emphasis", "avoid_terms"}
    assert "tone" in config["email_agent"]
    assert "sender_name" in config["email_agent"]["custom_fields"]


def test_a_contacts_address_is_given_to_nobody():
    contact = make_contact(make_ready_client(), email="ada.lee@northwind-bank.example")

    run = execute(plan_run(make_request(contact)))

    sent = {row.key: row.prompt_sent + str(row.input) for row in StepRun.objects.filter(run=run)}
    assert {key: "ada.lee@" in text for key, text in sent.items()} == dict.fromkeys(
        ("research", "persona", "email"), False
    )
    assert "Ada Lee" in sent["email"]


def test_a_context_is_found_by_the_hash_of_its_content():
    execute(plan_run())

    contexts = list(StepContext.objects.all())
    assert len(contexts) >= 3
    assert [each.sha256 for each in contexts if each.sha256 != results.digest(each.document)] == []
    for row in StepRun.objects.select_related("context"):
        assert StepContext.objects.filter(sha256=row.input_sha256).exists()  # what it began with
        assert row.context.document["company"]["name"] == "Northwind Bank"  # what it saw in the end


def test_equal_contexts_of_two_runs_stand_there_once(monkeypatch):
    counted(monkeypatch)
    first = execute(drawn_run(tool("one"), tool("two", "one")))

    second = execute(plan_run())

    given = {row.context_id for row in StepRun.objects.filter(run__in=[first, second])}
    assert (StepRun.objects.count(), len(given), StepContext.objects.count()) == (4, 2, 2)


def test_a_part_of_another_shape_stops_the_step_in_words(monkeypatch, caplog):
    monkeypatch.setitem(knowledge.PARTS, "contact", lambda asking, facts: {"email": "ada@northwind-bank.example"})

    run = execute(plan_run())

    assert states(run) == {"research": "done", "persona": "failed"}
    assert (run.status, run.error) == ("failed", "The persona step stopped on a fault of this system; the log has it.")
    assert "Extra inputs are not permitted" not in run.error
    assert "ValidationError" in caplog.text


# --- the same question is asked once


def test_a_step_that_asks_what_another_has_answered_is_left_out_with_the_reason(monkeypatch):
    times = flows_that.agents_counted(monkeypatch)
    again = agent("research", "research") | {"key": "again"}

    run = execute(drawn_run(agent("research"), again, agent("persona", "again")))

    assert states(run) == {"research": "done", "again": "skipped", "persona": "done"}
    assert flows_that.errors(run) == {"again": "The step research of this run has answered the same question already."}
    assert times == {("research_agent", ""): 1, ("persona_agent", "Ada Lee"): 1}
    asked = SourceRecord.objects.values_list("question", flat=True)
    assert (run.status, len(asked)) == ("succeeded", len(set(asked)))


def test_steps_that_ask_the_same_side_by_side_ask_once(monkeypatch):
    times = flows_that.agents_counted(monkeypatch)
    twin = agent("research") | {"key": "twin"}

    run = execute(drawn_run(agent("research"), twin, join("both", "research", "twin")))

    assert states(run) == {"research": "done", "twin": "skipped", "both": "done"}
    assert flows_that.errors(run) == {"twin": "The step research of this run asks the same question."}
    assert (run.status, times) == ("succeeded", {("research_agent", ""): 1})


def test_what_failed_may_be_asked_again(monkeypatch):
    run = plan_run()
    with monkeypatch.context() as busy:
        busy.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))
        execute(run)

    execute(run, at=AT + 2 * MINUTE)

    one, two = StepRun.objects.filter(run=run, key="persona").order_by("attempt")
    assert (one.status, two.status, one.input_sha256) == ("failed", "done", two.input_sha256)


# --- conditions that only the run can answer


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('"headcount" in run.missing', "Left out because run.missing is "),
        ("step.research.confidence < 0.2", "Left out because step.research.confidence is 0."),
        ("run.conflicts", "Left out because run.conflicts is "),
        ("run.seconds_left > 100", "Left out because run.seconds_left is 30"),
        ("run.budget_left_usd < 0.1", "Left out because run.budget_left_usd is 0.6"),
        ('step.research.status == "failed"', "Left out because step.research.status is done."),
        ('depth == "quick" and run.found', "Left out because"),
    ],
)
def test_a_step_whose_late_condition_does_not_hold_is_left_out_with_the_values(monkeypatch, condition, said):
    steps = counted(monkeypatch)

    run = execute(drawn_run(agent("research"), tool("more", "research", condition=condition), tool("last", "more")))

    assert (run.status, steps.times) == ("succeeded", {"last": 1})
    row = StepRun.objects.get(run=run, key="more")
    assert (row.status, row.error.startswith(said), row.error.endswith(".")) == ("skipped", True, True)
    assert (row.kind, row.tool, row.agent) == ("tool", "count", "")


@pytest.mark.parametrize(
    "condition",
    [
        '"headcount" in run.found',
        "step.research.confidence > 0.2",
        "not run.conflicts",
        "run.seconds_left > 10",
        'step.research.status == "done"',
    ],
)
def test_a_step_whose_late_condition_holds_begins(monkeypatch, condition):
    steps = counted(monkeypatch)

    run = execute(drawn_run(agent("research"), tool("more", "research", condition=condition)))

    assert (run.status, steps.times["more"], states(run)["more"]) == ("succeeded", 1, "done")


def test_what_was_found_but_not_surely_enough_is_still_missing(monkeypatch):
    steps = counted(monkeypatch)
    more = tool("more", "research", condition='"headcount" in run.missing and "headcount" not in run.found')
    flows_that.draw(agent("research"), more)

    sure = execute(plan_run(make_request(make_contact(make_ready_client(confidence_floor=0.5)))))
    unsure = execute(plan_run(make_request(make_contact(make_ready_client(confidence_floor=0.95)))))

    assert [states(run)["more"] for run in (sure, unsure)] == ["skipped", "done"]
    assert unsure.facts.filter(attribute="headcount").exists()
    assert steps.times == {"more": 1}


def test_a_fact_that_is_as_sure_as_the_clients_floor_is_found(monkeypatch):
    counted(monkeypatch)
    flows_that.draw(agent("research"), tool("more", "research", condition='"industry" in run.found'))
    known = execute(plan_run()).facts.get(attribute="industry").confidence

    at_floor = execute(plan_run(make_request(make_contact(make_ready_client(confidence_floor=known)))))
    below = execute(plan_run(make_request(make_contact(make_ready_client(confidence_floor=known + 0.0001)))))

    assert [states(run)["more"] for run in (at_floor, below)] == ["done", "skipped"]


def test_a_step_that_is_left_out_late_says_it_in_the_words_of_the_flow(monkeypatch):
    counted(monkeypatch)
    more = tool("more", "research", condition="run.missing", otherwise="Everything wanted was found: {run.found}.")

    run = execute(drawn_run(agent("research"), more))

    assert flows_that.errors(run)["more"].startswith("Everything wanted was found: founded_year, ")


def test_a_gate_about_a_step_that_was_left_out_asks_nobody(monkeypatch):
    steps = counted(monkeypatch)
    more = tool("more", "research", condition="run.conflicts")

    run = execute(drawn_run(agent("research"), more, gate("check", "more"), tool("last", "check")))

    assert (run.status, states(run)["check"], steps.times) == ("succeeded", "skipped", {"last": 1})
    assert flows_that.errors(run)["check"] == "There is nothing to decide: the step before it was left out."


def test_whether_a_step_is_tried_again_is_asked_also_where_the_step_before_it_was_left_out(monkeypatch):
    counted(monkeypatch)
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.AnswerInvalid, "The answer was invalid twice."))
    more = tool("more", "research", condition="run.conflicts")

    run = execute(drawn_run(agent("research"), more, agent("persona", "more")))

    assert (run.status, states(run)) == (
        "waiting",
        {"research": "done", "more": "skipped", "persona": "failed", "persona_again_1": "waiting"},
    )


# --- steps that fail


def test_a_no_does_not_end_a_run_whose_other_branch_waits_for_a_busy_service(monkeypatch):
    steps = counted(monkeypatch, busy=fails(work.SourcesUnavailable("Nobody answers.")))
    run = execute(drawn_run(tool("one"), gate("check", "one"), tool("busy")))
    assert (run.status, run.lease_until) == ("retry", AT + MINUTE)  # not the wait for a person, which has no end

    flows_that.answer(run, "check", "rejected")
    run = execute(run, AT + 2 * MINUTE)

    assert (run.status, states(run)) == ("retry", {"one": "done", "busy": "failed", "check": "rejected"})
    assert run.error.startswith("Nobody answers. It is tried again by itself at")
    assert "rejected it" in run.error
    steps.doing.clear()
    run = execute(run, AT + 60 * MINUTE)
    assert (run.status, states(run)["busy"]) == ("needs_input", "done")


def test_an_optional_step_that_fails_leaves_the_run_going(monkeypatch):
    run = plan_run(make_ready_request(purpose="deep_research"))
    monkeypatch.setattr(llm, "ask", failing("competitive_agent", llm.ModelRefused, "The model declined to answer."))

    run = execute(run)

    assert (run.status, run.error) == ("succeeded", "")
    assert states(run) == {"research": "done", "competitive": "failed", "persona": "done", "brief": "done"}


def test_an_optional_step_whose_answer_stays_invalid_asks_nobody(monkeypatch):
    run = plan_run(make_ready_request(purpose="deep_research"))
    monkeypatch.setattr(llm, "ask", failing("competitive_agent", llm.AnswerInvalid, "The answer was invalid twice."))

    run = execute(run)

    assert (run.status, states(run)["competitive"], flows_that.revisions(run)) == ("succeeded", "failed", [])


def test_a_step_that_fails_for_good_lets_those_beside_it_end_and_nothing_more_begin(monkeypatch):
    held = Held()
    steps = counted(monkeypatch, left=fails(ZeroDivisionError("no")), right=held)
    held.may_go.set()

    run = execute(drawn_run(tool("left"), tool("right"), tool("more", "right"), join("end", "left", "more")))

    assert (run.status, steps.times["right"]) == ("failed", 1)
    assert "end" not in states(run)
    assert states(run)["right"] == "done"


@pytest.mark.parametrize(
    ("retry", "tries", "waits"),
    [("never", 1, []), ("standard", 3, [1, 10]), ("patient", 5, [1, 10, 60, 240])],
)
def test_a_step_is_tried_as_often_as_its_class_says(monkeypatch, retry, tries, waits):
    steps = counted(monkeypatch, one=fails(work.SourcesUnavailable("Nobody answers.")))
    run, at = drawn_run(tool("one", retry=retry)), AT

    for minutes in waits:
        run = execute(run, at)
        assert (run.status, run.lease_until) == ("retry", at + minutes * MINUTE)
        assert run.error.startswith("Nobody answers. It is tried again by itself at ")
        assert execute(run, run.lease_until - MINUTE / 2).fence == run.fence  # not before its time
        at = run.lease_until + MINUTE / 60
    run = execute(run, at)

    assert (run.status, steps.times["one"], run.recoveries) == ("failed", tries, 0)
    times = "once" if tries == 1 else f"{tries} times"
    assert run.error == f"The step “one” was tried {times}. The last time: Nobody answers."


def test_a_run_that_goes_on_later_has_its_time_again(monkeypatch):
    left = []
    steps = counted(monkeypatch, one=fails(work.SourcesUnavailable("Nobody answers.")))
    run = drawn_run(tool("one"), tool("extra", "one", is_optional=True))
    execute(run)
    steps.doing.clear()
    real = turn.adaptation.after
    monkeypatch.setattr(
        turn.adaptation, "after", lambda hand, ended: (left.append(hand.seconds_left()), real(hand, ended))[1]
    )

    run = execute(run, AT + 2 * MINUTE)

    assert (run.status, states(run)["extra"], set(left)) == ("succeeded", "done", {30.0})


# --- deadlines


def test_a_step_that_is_too_slow_is_not_waited_for(monkeypatch):
    held = Held()
    counted(monkeypatch, slow=held)

    run = execute(drawn_run(tool("slow", deadline_s=0), tool("other")))

    held.may_go.set()
    assert (run.status, states(run)) == ("retry", {"slow": "failed", "other": "done"})
    row = StepRun.objects.get(run=run, key="slow")
    assert (row.error, row.error_class) == ("The step “slow” did not end within 0 s.", "StepTooSlow")
    assert run.error == "The step “slow” did not end within 0 s. It is tried again by itself at 09:01."


def test_what_a_step_says_after_its_deadline_is_not_heard(monkeypatch):
    slow, beside = Held(), Held()
    counted(monkeypatch, slow=slow, beside=beside)
    real = turn._too_slow

    def too_slow(hand, row):
        slow.may_go.set()  # it ends just after it was given up
        beside.may_go.set()
        return real(hand, row)

    monkeypatch.setattr(turn, "_too_slow", too_slow)

    run = execute(drawn_run(tool("slow", deadline_s=0), tool("beside")))

    assert states(run) == {"slow": "failed", "beside": "done"}
    assert StepRun.objects.get(run=run, key="slow").output is None


def test_a_step_that_was_too_slow_once_is_done_the_next_time(monkeypatch):
    held = Held()
    steps = counted(monkeypatch, slow=held)
    run = drawn_run(tool("slow", deadline_s=0))
    execute(run)
    held.may_go.set()
    steps.doing.clear()
    monkeypatch.setattr(hand.Hand, "late", lambda self: [])

    run = execute(run, AT + 2 * MINUTE)

    assert (run.status, steps.times["slow"]) == ("succeeded", 2)


# --- cancelling


def test_a_run_that_is_cancelled_before_it_began_does_nothing(monkeypatch):
    steps, person = counted(monkeypatch), make_user("mia")
    run = drawn_run(tool("one"), tool("two", "one"))

    flow.cancel(run, by=person, at=AT)
    run = execute(run)

    assert (run.status, run.error, run.finished_at) == (
        "cancelled",
        "mia cancelled it. 2 of its 2 steps had not begun.",
        AT,
    )
    assert (steps.times, run.steps.count()) == ({}, 0)


def test_a_run_that_is_cancelled_in_mid_step_keeps_what_was_under_way_and_begins_no_more(monkeypatch):
    held, person = Held(), make_user("mia")
    steps = counted(monkeypatch, one=held)
    run = drawn_run(tool("one"), tool("two", "one"), tool("three", "two"))
    flows_that.meanwhile(monkeypatch, held, lambda: flow.cancel(run, by=person, at=AT))

    run = execute(run)

    assert (run.status, states(run), steps.times) == ("cancelled", {"one": "done"}, {"one": 1})
    assert run.error == "mia cancelled it. 2 of its 3 steps had not begun."
    assert (run.cancel_asked_at, run.cancel_asked_by) == (
        AT,
        person,
    )  # what is given back is what stands in the database


def test_a_run_that_waits_for_a_person_can_be_cancelled(monkeypatch):
    steps = counted(monkeypatch)
    run = execute(drawn_run(tool("one"), gate("check", "one"), tool("two", "check")))

    flow.cancel(run, by=make_user("mia"), at=AT)
    assert flow.lost(AT) == [run.pk]
    run = execute(run)

    assert (run.status, run.error) == ("cancelled", "mia cancelled it. 1 of its 3 steps had not begun.")
    assert steps.times == {"one": 1}


def test_a_run_that_waits_for_a_better_time_is_cancelled_at_once(monkeypatch):
    steps = counted(monkeypatch, one=fails(work.SourcesUnavailable("Nobody answers.")))
    run = execute(drawn_run(tool("one")))

    flow.cancel(run, by=make_user("mia"), at=AT + MINUTE / 2)
    run = execute(run, AT + MINUTE / 2 + MINUTE / 60)

    assert (run.status, steps.times["one"]) == ("cancelled", 1)


def test_a_second_wish_to_cancel_is_told_who_was_first(monkeypatch):
    counted(monkeypatch)
    run = drawn_run(tool("one"))
    flow.cancel(run, by=make_user("mia"), at=AT)

    with pytest.raises(flow.CancelRefused) as refused:
        flow.cancel(run, by=make_user("ben"), at=AT + MINUTE)

    assert str(refused.value) == "mia has asked for that already, at 09:00."
    assert FlowRun.objects.get(pk=run.pk).cancel_asked_at == AT


def test_a_run_that_has_ended_cannot_be_cancelled(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("one")))
    before = FlowRun.objects.values().get(pk=run.pk)

    with pytest.raises(flow.CancelRefused) as refused:
        flow.cancel(run, by=make_user("mia"), at=AT)

    assert str(refused.value) == f"Run {run.pk} has ended: succeeded."
    assert FlowRun.objects.values().get(pk=run.pk) == before


# --- long drives


def test_a_drive_that_takes_too_long_goes_on_in_the_next_task(monkeypatch):
    clock = flows_that.Clock()
    steps = counted(monkeypatch, one=lambda: clock.goes_on(seconds=LONGEST_DRIVE_S + 1) and work.Work(output={}))
    run = drawn_run(tool("one"), tool("two", "one"), tool("three", "two"))

    left = flow.execute(run.pk, clock=clock)

    assert (left.status, left.error) == ("retry", "It goes on in a moment, in another task.")
    assert (states(run), left.lease_until, left.finished_at) == ({"one": "done"}, clock.at, None)
    clock.goes_on(seconds=1)
    assert flow.lost(clock.at) == [run.pk]
    done = flow.execute(run.pk, clock=clock)
    assert (done.status, done.recoveries, steps.times) == ("succeeded", 0, {"one": 1, "two": 1, "three": 1})


def test_a_drive_that_takes_as_long_as_it_may_goes_on(monkeypatch):
    clock = flows_that.Clock()
    steps = counted(monkeypatch, one=lambda: clock.goes_on(seconds=LONGEST_DRIVE_S) and work.Work(output={}))

    run = flow.execute(drawn_run(tool("one"), tool("two", "one")).pk, clock=clock)

    assert (run.status, steps.times) == ("succeeded", {"one": 1, "two": 1})


def test_a_run_that_is_cancelled_in_a_long_drive_ends_there(monkeypatch):
    clock, held = flows_that.Clock(), Held()
    counted(monkeypatch, one=held)
    run = drawn_run(tool("one"), tool("two", "one"))

    def cancels():
        flow.cancel(run, by=make_user("mia"), at=clock.goes_on(seconds=LONGEST_DRIVE_S + 1))

    flows_that.meanwhile(monkeypatch, held, cancels)

    run = flow.execute(run.pk, clock=clock)

    assert (run.status, run.error) == ("cancelled", "mia cancelled it. 1 of its 2 steps had not begun.")


def test_a_failure_for_good_in_a_long_drive_ends_the_run_there(monkeypatch):
    clock = flows_that.Clock()
    fault = work.Work(error=llm.ModelRefused("The model says no."))
    steps = counted(monkeypatch, one=lambda: clock.goes_on(seconds=LONGEST_DRIVE_S + 1) and fault)

    run = flow.execute(drawn_run(tool("one"), tool("two"), tool("three", "two")).pk, clock=clock)

    assert (run.status, run.error) == ("failed", "The step “one” got no answer: The model says no.")
    assert steps.times["three"] == 0


def test_a_long_drive_whose_last_step_is_done_has_nothing_to_go_on_with(monkeypatch):
    clock = flows_that.Clock()
    counted(monkeypatch, one=lambda: clock.goes_on(seconds=LONGEST_DRIVE_S + 1) and work.Work(output={}))

    run = flow.execute(drawn_run(tool("one")).pk, clock=clock)

    assert (run.status, run.finished_at) == ("succeeded", clock.at)


def test_a_study_of_a_subsidiary_finds_what_is_written_of_its_owner_and_a_first_mail_does_not_ask():
    client = make_ready_client()
    make_connection(client, "crunchbase")
    velden = make_contact(client, company_domain="velden-castings.example", company_name="Velden Castings")

    study = execute(plan_run(make_request(velden, purpose="deep_research")))
    mail = execute(plan_run(make_request(velden, company_domain="velden-castings.example")))

    told = Fact.objects.filter(run=study, attribute="parent_news").values_list("value", flat=True)
    assert told
    assert all("Holzmann" in each for each in told)
    assert not Fact.objects.filter(run=mail, attribute="parent_news").exists()
