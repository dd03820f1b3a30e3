"""What a run asks a person: whatever is answered, wherever the gate stands and whoever dies meanwhile, no step is repeated."""

from datetime import timedelta
from itertools import product

import pytest

from agents_app import flow, llm
from agents_app.flow import lease, work
from agents_app.models import Draft, Fact, FlowRun, Gate, Persona, StepRun
from tests.agents_app.flows_that import (
    Clock,
    Held,
    agent,
    agents_counted,
    answer,
    counted,
    drawn_run,
    execute,
    fails,
    gate,
    gate_of,
    join,
    meanwhile,
    revisions,
    states,
    tool,
)
from tests.agents_app.models_that import failing
from tests.factories import AT, make_user, plan_run

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)

# --- sixty cases: the place of the gate, what becomes of it, and when

BESIDE = [tool("beside", "plan"), tool("more", "beside")]
PLACES = {
    "before everything": ("plan", [tool("plan")], [tool("rest", "check"), tool("end", "rest")]),
    "before a join": ("plan", [tool("plan")], [tool("side", "plan"), join("all", "check", "side"), tool("end", "all")]),
    "at the end": ("rest", [tool("plan"), tool("rest", "plan")], []),
}
DECISIONS = ["approved", "edited", "rejected", "expired, which stops it", "expired, and it goes on"]
MOMENTS = [
    "while the run waits",
    "while the run waits, and the worker that hears of it dies",
    "while another branch works",
    "while another branch works, and the worker dies",
]
CASES = list(product(PLACES, DECISIONS, MOMENTS))


def answered(run, decision, clock):
    """What a person says, or, when nobody does, that the time is over."""
    if decision.startswith("expired"):
        clock.at = gate_of(run, "check").expires_at
    elif decision == "edited":
        answer(run, "check", "approved", clock.at, edited={"said by": "mia"}, by=make_user("mia"))
    else:
        answer(run, "check", decision, clock.at, by=make_user("mia"), comment="See the news.")


def driven(run, clock):
    """As the sweep drives it: until it ends or waits for somebody."""
    for _ in range(4):
        clock.goes_on(seconds=1)
        found = flow.execute(run.pk, clock=clock)
        if found.status not in ("retry", "running"):
            return found
    raise AssertionError(f"It never came to an end: {found.status}, {found.error}")


def die_in_the_turn(monkeypatch, run, clock):
    """Whoever takes the answer up dies before the turn is written."""

    def die(*arguments, **options):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(lease, "renew", die)
        patch.setattr(lease, "leave", die)
        with pytest.raises(SystemExit):
            flow.execute(run.pk, clock=clock)


@pytest.mark.parametrize(("place", "decision", "moment"), CASES, ids=[", ".join(case) for case in CASES])
def test_no_step_is_repeated_for_an_answer(monkeypatch, place, decision, moment):
    before, first, behind = PLACES[place]
    clock, held = Clock(), Held()
    is_beside, has_crash = "another branch" in moment, "dies" in moment
    steps = counted(monkeypatch, **({"beside": held} if is_beside else {}))
    check = gate("check", before, goes_on="goes on" in decision)
    run = drawn_run(*first, check, *behind, *BESIDE)

    if is_beside:
        with monkeypatch.context() as patch:
            meanwhile(patch, held, lambda: answered(run, decision, clock), dies=has_crash)
            _execute_or_die(run, clock, dies=has_crash)
        held.may_go.set()
        steps.doing.clear()
    else:
        assert flow.execute(run.pk, clock=clock).status == "waiting"
        assert states(run)["more"] == "done"  # the branch that is not behind the gate went on
        answered(run, decision, clock)
        if has_crash:
            die_in_the_turn(monkeypatch, run, clock)
    clock.goes_on(seconds=31 if has_crash else 0)
    run = driven(run, clock)

    is_over = decision in ("rejected", "expired, which stops it")
    done = {step["key"] for step in [*first, *BESIDE, *([] if is_over else behind)] if step["kind"] == "tool"}
    done |= {"side"} if place == "before a join" else set()
    assert steps.times == dict.fromkeys(done, 1) | ({"beside": 2} if is_beside and has_crash else {})
    if is_over:
        assert (run.status, states(run)["check"]) == ("needs_input", "rejected")
        assert run.error.startswith(
            "mia rejected it" if decision == "rejected" else f"Nobody answered “Is {before} right?” by 19 November"
        )
        left = [step["key"] for step in behind if step["key"] != "side"]
        assert run.error.endswith(
            f"So this was not done: {', '.join(left)}." if left else ("news." if decision == "rejected" else "09:00.")
        )
    else:
        assert (run.status, run.error, states(run)["check"]) == ("succeeded", "", "done")
    assert gate_of(run, "check").decision == decision.split(",")[0]


def _execute_or_die(run, clock, *, dies):
    if not dies:
        flow.execute(run.pk, clock=clock)
        return
    with pytest.raises(SystemExit):
        flow.execute(run.pk, clock=clock)


# --- two gates


@pytest.mark.parametrize("order", [("left_gate", "right_gate"), ("right_gate", "left_gate")])
@pytest.mark.parametrize("first_says", ["approved", "rejected"])
@pytest.mark.parametrize("second_says", ["approved", "rejected"])
@pytest.mark.parametrize("is_driven_between", [True, False])
def test_two_gates_may_be_answered_in_either_order(monkeypatch, order, first_says, second_says, is_driven_between):
    steps = counted(monkeypatch)
    branches = [
        step
        for side in ("left", "right")
        for step in (tool(side, "plan"), gate(f"{side}_gate", side), tool(f"{side}_end", f"{side}_gate"))
    ]
    run = execute(drawn_run(tool("plan"), *branches, join("all", "left_end", "right_end"), tool("end", "all")))
    assert (run.status, run.error) == ("waiting", "A person is asked: Is left right? Is right right?")
    said = dict(zip(order, (first_says, second_says), strict=True))

    answer(run, order[0], first_says)
    if is_driven_between:
        run = execute(run)
        question = f"A person is asked: Is {order[1].removesuffix('_gate')} right?"
        assert (run.status, run.error.startswith(question)) == ("waiting", True)
        assert ("rejected it" in run.error) == (first_says == "rejected")
    answer(run, order[1], second_says)
    run = execute(run)

    went_on = {key.removesuffix("_gate") + "_end" for key, decision in said.items() if decision == "approved"}
    end = {"end"} if len(went_on) == 2 else set()
    assert steps.times == dict.fromkeys({"plan", "left", "right"} | went_on | end, 1)
    assert run.status == ("succeeded" if end else "needs_input")


def test_a_gate_that_nobody_answered_in_time_leaves_the_other_one_open(monkeypatch):
    steps, clock = counted(monkeypatch), Clock()
    short, long = gate("short", "a", expires_hours=1), gate("long", "b", expires_hours=200)
    run = drawn_run(tool("a"), short, tool("c", "short"), tool("b"), long, tool("d", "long"))
    flow.execute(run.pk, clock=clock)
    clock.goes_on(seconds=2 * 3600)

    run = flow.execute(run.pk, clock=clock)

    assert (run.status, states(run)["short"], states(run)["long"]) == ("waiting", "rejected", "waiting")
    assert run.error.startswith("A person is asked: Is b right? Nobody answered “Is a right?”")
    flow.answer(gate_of(run, "long"), "approved", by=make_user("ben"), at=clock())
    run = flow.execute(run.pk, clock=clock)
    assert (run.status, steps.times["d"], "c" in steps.times) == ("needs_input", 1, False)


def test_a_branch_goes_on_to_its_end_while_two_gates_wait(monkeypatch):
    steps = counted(monkeypatch)

    run = execute(
        drawn_run(tool("a"), gate("one", "a"), tool("b"), gate("two", "b"), tool("c"), tool("d", "c"), tool("e", "d"))
    )

    assert (run.status, steps.times["e"]) == ("waiting", 1)
    assert states(run) == {
        "a": "done",
        "b": "done",
        "c": "done",
        "one": "waiting",
        "two": "waiting",
        "d": "done",
        "e": "done",
    }


def test_a_gate_behind_a_gate_is_asked_when_the_first_is_answered(monkeypatch):
    steps = counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("one", "a"), gate("two", "one"), tool("b", "two")))
    assert [each.question for each in Gate.objects.all()] == ["Is a right?"]

    answer(run, "one", "approved", edited={"said by": "mia"})
    run = execute(run)
    assert (run.status, gate_of(run, "two").shown) == ("waiting", {"said by": "mia"})
    answer(run, "two", "approved")

    assert (execute(run).status, steps.times) == ("succeeded", {"a": 1, "b": 1})


# --- the question itself


def test_a_gate_shows_what_is_decided_about_and_until_when(monkeypatch):
    counted(monkeypatch)

    run = execute(drawn_run(tool("a"), gate("check", "a", expires_hours=5)))

    asked = gate_of(run, "check")
    assert (asked.shown, asked.asked_at, asked.expires_at) == ({"said by": "a"}, AT, AT + timedelta(hours=5))
    assert (run.status, run.error, run.lease_until) == ("waiting", "A person is asked: Is a right?", None)
    assert list(Gate.objects.open()) == [asked]


def test_an_answer_is_written_once_with_who_and_when_and_why(monkeypatch):
    counted(monkeypatch)
    run, mia = execute(drawn_run(tool("a"), gate("check", "a"))), make_user("mia")

    said = answer(run, "check", "approved", AT + MINUTE, by=mia, comment="  Looks \n right. ")

    assert (said.decision, said.decided_by, said.decided_at, said.comment, said.answer) == (
        "approved",
        mia,
        AT + MINUTE,
        "Looks right.",
        None,
    )
    assert states(run)["check"] == "waiting"  # whoever drives the run takes it up
    assert list(Gate.objects.open()) == []


def test_an_edit_that_changes_nothing_is_an_approval(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a")))

    assert answer(run, "check", "approved", edited={"said by": "a"}).decision == "approved"


# --- answers that are refused, and then nothing happened


def refused(run, key="check", decision="approved", at=AT, **said):
    said.setdefault("by", make_user())
    before = _rows(run)
    with pytest.raises(flow.AnswerRefused) as error:
        flow.answer(gate_of(run, key), decision, at=at, **said)
    assert _rows(run) == before
    return str(error.value)


def _rows(run):
    return [list(model.objects.order_by("pk").values()) for model in (FlowRun, StepRun, Gate, Fact, Persona, Draft)]


def test_a_second_answer_is_refused_with_who_was_first(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a"), tool("b", "check")))
    answer(run, "check", "approved", AT + MINUTE, by=make_user("mia"))

    assert refused(run, decision="rejected", at=AT + 2 * MINUTE) == "mia was first: approved, 09:01."
    assert refused(run, at=AT + 2 * MINUTE, edited={"said by": "ben"}) == "mia was first: approved, 09:01."


def test_two_people_who_looked_at_the_same_time_are_told_apart(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a")))
    seen_by_mia, seen_by_ben = gate_of(run, "check"), gate_of(run, "check")
    flow.answer(seen_by_mia, "rejected", by=make_user("mia"), at=AT)

    with pytest.raises(flow.AnswerRefused) as error:
        flow.answer(seen_by_ben, "approved", by=make_user("ben"), at=AT)

    assert str(error.value) == "mia was first: rejected, 09:00."
    assert gate_of(run, "check").decision == "rejected"


def test_an_answer_after_the_run_has_ended_is_refused(monkeypatch):
    counted(monkeypatch, b=fails(work.NothingKnown("No source knows it.")))
    run = execute(drawn_run(tool("a"), gate("one", "a"), tool("b", "a")))

    assert (run.status, refused(run, "one")) == (
        "needs_input",
        f"Run {run.pk} has ended (needs input); there is nothing to decide any more.",
    )


def test_an_answer_to_a_run_that_is_being_cancelled_is_refused(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a")))
    flow.cancel(run, by=make_user(), at=AT)

    assert refused(run) == f"Run {run.pk} is being cancelled; there is nothing to decide any more."


@pytest.mark.parametrize("is_taken_up", [True, False])
def test_an_answer_that_comes_too_late_is_refused(monkeypatch, is_taken_up):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a"), gate("other", "a", expires_hours=99)))
    late = gate_of(run, "check").expires_at
    said = "The question expired on 19 November, 09:00. Ask for the work again."
    if is_taken_up:
        assert execute(run, late).status == "waiting"  # for the other one

    assert refused(run, at=late) == refused(run, at=late + MINUTE) == said
    assert gate_of(run, "check").decision == ("expired" if is_taken_up else "")


def test_an_answer_to_a_question_that_expired_and_the_run_went_on_is_refused(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a", goes_on=True), gate("other", "a", expires_hours=99)))
    late = gate_of(run, "check").expires_at
    assert execute(run, late).status == "waiting"

    assert refused(run, at=late + MINUTE) == "The question expired on 19 November, 09:00. Ask for the work again."


def test_an_answer_that_is_none_is_refused(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a")))

    assert refused(run, decision="perhaps") == "Choose whether to approve or to reject."
    assert refused(run, decision="expired") == "Choose whether to approve or to reject."


@pytest.mark.parametrize(
    "edited",
    [
        {},
        {"said by": "mia", "and": "more"},
        {"said": "mia"},
        {"said by": 5},
        {"said by": None},
        {"said by": ["mia"]},
        ["mia"],
    ],
)
def test_an_edit_of_another_shape_is_refused(monkeypatch, edited):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a")))

    assert (
        refused(run, edited=edited)
        == "Only the texts of what is shown can be changed. Open the question again and change them."
    )


def test_a_no_needs_no_fitting_text_and_keeps_none(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a")))

    said = answer(run, "check", "rejected", edited={"of another": "shape"})

    assert (said.decision, said.answer, said.shown) == ("rejected", None, {"said by": "a"})


def test_of_a_long_comment_300_characters_are_kept(monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a")))

    assert answer(run, "check", "approved", comment="x" * 301).comment == "x" * 300


def test_an_edit_beyond_the_bounds_of_the_step_is_refused():
    run = execute(
        drawn_run(agent("research"), agent("persona", "research"), agent("email", "persona"), gate("check", "email"))
    )
    shown = gate_of(run, "check").shown

    assert (
        refused(run, edited={**shown, "subject": "x" * 201})
        == "The text cannot be taken: subject: String should have at most 200 characters."
    )
    empty = [{**line, "text": ""} for line in shown["sentences"]]
    assert refused(run, edited={**shown, "sentences": empty}).startswith("The text cannot be taken: sentences 0 text: ")
    only_texts = "Only the texts of what is shown can be changed. Open the question again and change them."
    assert refused(run, edited={**shown, "sentences": shown["sentences"][:-1]}) == only_texts
    assert refused(run, edited={**shown, "sentences": [*shown["sentences"], shown["sentences"][0]]}) == only_texts
    cites = [{**line, "rests_on": ["f99"]} for line in shown["sentences"]]
    assert refused(run, edited={**shown, "sentences": cites}).startswith(
        "Only the texts of what is shown can be changed."
    )


# --- what an answer changes


def checked_research():
    return drawn_run(agent("research"), gate("check", "research"), agent("persona", "check"), agent("email", "persona"))


def test_a_corrected_fact_is_what_later_steps_use(monkeypatch):
    times = agents_counted(monkeypatch)
    run = execute(checked_research())
    shown = gate_of(run, "check").shown
    facts = [
        {**each, "value": "2,500" if each["attribute"] == "headcount" else each["value"]} for each in shown["facts"]
    ]

    answer(run, "check", "approved", edited={**shown, "facts": facts}, by=make_user("mia"))
    run = execute(run)

    new = Fact.objects.filter(run=run).latest("pk")
    assert (new.attribute, new.value, new.step.key) == ("headcount", "2,500", "check")
    assert [each["why"] for each in new.confidence_terms] == ["mia says so."]
    assert Fact.objects.filter(run=run, step__key="check").count() == 1  # what stood as it was is no new fact
    for row in StepRun.objects.filter(run=run, key__in=["persona", "email"]):
        assert [each["value"] for each in row.input["facts"] if each["attribute"] == "headcount"] == ["2,500"]
    assert (run.status, set(times.values())) == ("succeeded", {1})


def test_a_fact_without_a_value_is_refused():
    run = execute(checked_research())
    shown = gate_of(run, "check").shown

    blank = [{**each, "value": " "} for each in shown["facts"]]
    assert refused(run, edited={**shown, "facts": blank}) == "The value of name needs 1 to 300 characters."
    long = [{**shown["facts"][0], "value": "x" * 301}, *shown["facts"][1:]]
    assert refused(run, edited={**shown, "facts": long}) == "The value of name needs 1 to 300 characters."
    other = [{**each, "attribute": "headcount"} for each in shown["facts"]]
    assert refused(run, edited={**shown, "facts": other}).startswith("Only the texts of what is shown can be changed.")


def test_a_value_may_be_as_long_as_a_fact():
    run = execute(checked_research())
    shown = gate_of(run, "check").shown

    answer(
        run,
        "check",
        "approved",
        edited={**shown, "facts": [{**shown["facts"][0], "value": "x" * 300}, *shown["facts"][1:]]},
    )
    execute(run)

    assert [fact.value for fact in Fact.objects.filter(step__key="check")] == ["x" * 300]


def test_an_edit_counts_also_where_it_is_made_while_another_branch_works(monkeypatch):
    held = Held()
    counted(monkeypatch, beside=held)
    run = drawn_run(agent("research"), gate("check", "research"), agent("persona", "check"), tool("beside", "research"))

    def edits():
        shown = gate_of(run, "check").shown
        facts = [
            {**each, "value": "2,500" if each["attribute"] == "headcount" else each["value"]} for each in shown["facts"]
        ]
        answer(run, "check", "approved", edited={**shown, "facts": facts})

    meanwhile(monkeypatch, held, edits)

    run = execute(run)

    assert (run.status, run.fence) == ("succeeded", 1)  # all in one drive
    given = StepRun.objects.get(run=run, key="persona").input["facts"]
    assert [each["value"] for each in given if each["attribute"] == "headcount"] == ["2,500"]


def test_nobodys_silence_makes_nothing_a_fact():
    run = execute(drawn_run(agent("research"), gate("check", "research", goes_on=True), agent("persona", "check")))
    before = Fact.objects.count()

    run = execute(run, gate_of(run, "check").expires_at)

    assert (run.status, Fact.objects.count()) == ("succeeded", before)


def test_an_edited_persona_is_what_the_mail_is_written_for():
    run = execute(
        drawn_run(agent("research"), agent("persona", "research"), gate("check", "persona"), agent("email", "check"))
    )
    shown = gate_of(run, "check").shown
    edited = {**shown, "role": "Head of Audit", "angle": {**shown["angle"], "text": "Evidence takes her weeks."}}

    answer(run, "check", "approved", edited=edited)
    run = execute(run)

    given = StepRun.objects.get(run=run, key="email").input["persona"]
    assert (run.status, given["role"], given["angle"]["text"]) == (
        "succeeded",
        "Head of Audit",
        "Evidence takes her weeks.",
    )
    assert Persona.objects.filter(run=run).count() == 2  # the first one stays, as it was said


def test_an_edited_comparison_is_what_the_brief_says():
    steps = [agent("research"), gate("check", "research"), {**tool("brief", "check"), "tool": "brief"}]
    run = execute(drawn_run(*steps, purpose="deep_research", goal="brief"))
    shown = gate_of(run, "check").shown
    summary = [{**each, "text": f"{each['text']} We checked."} for each in shown["summary"]]

    answer(run, "check", "approved", edited={**shown, "summary": summary})
    run = execute(run)

    assert (run.status, run.brief.sentences) == ("succeeded", summary)


def test_a_mail_that_was_edited_at_its_gate_waits_for_approval_in_the_new_words():
    run = execute(
        drawn_run(agent("research"), agent("persona", "research"), agent("email", "persona"), gate("check", "email"))
    )
    shown, draft = gate_of(run, "check").shown, Draft.objects.get()

    answer(run, "check", "approved", edited={**shown, "subject": "Evidence in nine days"})
    run = execute(run)

    draft.refresh_from_db()
    assert (run.status, draft.status, draft.was_edited) == ("succeeded", "waiting", True)
    assert (draft.final_subject, draft.subject, draft.final_body) == (
        "Evidence in nine days",
        shown["subject"],
        draft.body,
    )


def test_a_mail_that_was_rejected_at_its_gate_is_rejected():
    run = execute(
        drawn_run(agent("research"), agent("persona", "research"), agent("email", "persona"), gate("check", "email"))
    )
    mia = make_user("mia")

    answer(run, "check", "rejected", by=mia, comment="Too long.")
    run = execute(run)

    draft = Draft.objects.get()
    assert (draft.status, draft.rejection, draft.comment, draft.decided_by, draft.decided_at) == (
        "rejected",
        "other",
        "Too long.",
        mia,
        AT,
    )
    assert (run.status, run.error) == ("needs_input", "mia rejected it: “Is email right?” Too long.")


# --- an answer that stays invalid


LADDER = [llm.AnswerInvalid, "The model's answer was invalid twice: sentences: Field required"]


def test_an_invalid_answer_asks_a_person_and_a_yes_tries_it_once_more(monkeypatch):
    run = plan_run()
    times = agents_counted(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(llm, "ask", failing("persona_agent", *LADDER))
        run = execute(run)
    assert (run.status, revisions(run)) == ("waiting", [("ask_again", "persona")])
    asked = gate_of(run, "persona_again_1")
    assert (asked.question, asked.may_edit) == (
        "The model's answer to the step persona was invalid twice. Ask it once more?",
        False,
    )

    answer(run, "persona_again_1", "approved")
    run = execute(run)

    assert (run.status, Draft.objects.count()) == ("succeeded", 1)
    assert times == {("research_agent", ""): 1, ("persona_agent", "Ada Lee"): 2, ("email_agent", "Ada Lee"): 1}


def test_a_try_that_was_allowed_and_finds_the_model_busy_is_a_failure_like_any_other(monkeypatch):
    run = plan_run()
    with monkeypatch.context() as patch:
        patch.setattr(llm, "ask", failing("persona_agent", *LADDER))
        execute(run)
    answer(run, "persona_again_1", "approved")
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))

    run = execute(run)

    assert (run.status, run.error) == ("retry", "The model is busy. It is tried again by itself at 09:10.")
    assert StepRun.objects.filter(run=run, key="persona").count() == 2


def test_an_answer_that_is_invalid_after_the_model_was_busy_asks_a_person_too(monkeypatch):
    run = plan_run()
    with monkeypatch.context() as patch:
        patch.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))
        execute(run)
    with monkeypatch.context() as patch:
        patch.setattr(llm, "ask", failing("persona_agent", *LADDER))
        run = execute(run, AT + 2 * MINUTE)
    assert (run.status, states(run)["persona_again_1"]) == ("waiting", "waiting")

    answer(run, "persona_again_1", "approved")

    assert execute(run, AT + 3 * MINUTE).status == "succeeded"


def test_a_no_ends_the_run_in_words(monkeypatch):
    run = plan_run()
    monkeypatch.setattr(llm, "ask", failing("persona_agent", *LADDER))
    execute(run)

    answer(run, "persona_again_1", "rejected", by=make_user("mia"))
    run = execute(run)

    assert (run.status, Draft.objects.count()) == ("needs_input", 0)
    assert run.error == (
        "mia rejected it: “The model's answer to the step persona was invalid twice. Ask it once more?” So this was not done: persona, email."
    )


def test_the_ladder_has_two_questions_and_then_an_end(monkeypatch):
    run = plan_run()
    monkeypatch.setattr(llm, "ask", failing("persona_agent", *LADDER))
    execute(run)
    for number in (1, 2):
        answer(run, f"persona_again_{number}", "approved")
        run = execute(run)

    assert (run.status, revisions(run)) == ("failed", [("ask_again", "persona")] * 2)
    assert run.error == f"The persona step got no answer: {LADDER[1]}"
    assert StepRun.objects.filter(run=run, key="persona").count() == 3


@pytest.mark.parametrize("step", ["research_agent", "persona_agent", "email_agent"])
def test_a_yes_to_a_second_try_changes_nothing_that_was_said_before(monkeypatch, step):
    run = plan_run()
    with monkeypatch.context() as patch:
        patch.setattr(llm, "ask", failing(step, *LADDER))
        run = execute(run)
    facts = Fact.objects.count()
    key = step.removesuffix("_agent")

    answer(run, f"{key}_again_1", "approved")
    run = execute(run)

    assert (run.status, Draft.objects.count()) == ("succeeded", 1)
    assert Fact.objects.count() == facts if step != "research_agent" else facts == 0


def test_a_no_to_a_second_try_behind_a_mail_leaves_the_mail(monkeypatch):
    run = drawn_run(agent("research"), agent("email", "research"), agent("persona", "email"))
    monkeypatch.setattr(llm, "ask", failing("persona_agent", *LADDER))
    execute(run)

    answer(run, "persona_again_1", "rejected")
    execute(run)

    assert Draft.objects.get().status == "waiting"


def test_a_question_that_takes_a_yes_takes_no_text(monkeypatch):
    run = plan_run()
    monkeypatch.setattr(llm, "ask", failing("persona_agent", *LADDER))
    run = execute(run)

    assert refused(run, "persona_again_1", edited={}) == "This question takes a yes or a no; there is no text to edit."
    assert lease.lost(AT) == []
