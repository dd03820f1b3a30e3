"""Steps that are done for each contact at a company, and branches that are brought together again."""

import threading
from collections import Counter
from datetime import timedelta

import pytest

from agents_app import flow, llm
from agents_app.flow import turn, work
from agents_app.flow.lease import LEASE
from agents_app.models import Draft, Persona, Request, StepRun
from tests.agents_app.flows_that import (
    agent,
    agents_counted,
    answer,
    counted,
    draw,
    drawn_run,
    errors,
    execute,
    gate,
    gate_of,
    join,
    states,
    tool,
)
from tests.agents_app.models_that import ATTEMPT, REAL_ASK, answering
from tests.factories import AT, make_contact, make_ready_client, plan_run

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
NAMES = [("Ada", "Lee"), ("Ben", "Okoro"), ("Cleo", "Marsh")]


def account(names=NAMES, **values):
    """A request about a company where these people work, and their contacts."""
    client = make_ready_client()
    people = [
        make_contact(client, first_name=first, last_name=last, full_name=f"{first} {last}", title="Head of Audit")
        for first, last in names
    ]
    domain = people[0].company_domain if people else "northwind-bank.example"
    basis = {"company_domain": domain, "purpose": "account", "asked_at": AT}
    return Request.objects.create(client=client, **basis | values), people


def refusing(*told):
    """The model, which says `told` instead of an answer to the persona agent about those people."""
    errors = dict(told)

    def ask(question, **options):
        name = next((name for name in errors if question.agent == "persona_agent" and name in question.user), None)
        if name is None or errors[name] is None:
            return REAL_ASK(question, **options)
        raise errors[name]("The model says no.", llm.Tally(attempts=[dict(ATTEMPT)]))

    return ask


# --- an account


def test_an_account_is_researched_once_and_written_to_each_contact(monkeypatch):
    times = agents_counted(monkeypatch)
    request, people = account()

    run = execute(plan_run(request))

    assert (run.status, run.error) == ("succeeded", "")
    once_each = {(name, f"{first} {last}"): 1 for name in ("persona_agent", "email_agent") for first, last in NAMES}
    assert times == {("research_agent", ""): 1} | once_each
    assert [draft.contact for draft in Draft.objects.filter(run=run).order_by("contact_id")] == people
    assert {persona.contact_id for persona in Persona.objects.filter(run=run)} == {each.pk for each in people}
    assert states(run) == {"research": "done"} | {
        f"{key} {n}": "done" for key in ("persona", "email") for n in (1, 2, 3)
    }


def test_each_contact_is_given_its_own_name_and_persona():
    request, people = account()

    run = execute(plan_run(request))

    rows = StepRun.objects.filter(run=run, key="email").order_by("map_index")
    assert [row.input["contact"]["full_name"] for row in rows] == ["Ada Lee", "Ben Okoro", "Cleo Marsh"]
    assert [row.contact for row in rows] == people
    for row in rows:
        persona = Persona.objects.get(run=run, contact=row.contact)
        assert row.input["persona"]["role"] == persona.role
        assert row.draft.body.startswith(f"Dear {row.contact.first_name}")
    other_names = [
        name
        for row in rows
        for name in ("Ada", "Ben", "Cleo")
        if name != row.contact.first_name and name in str(row.input)
    ]
    assert other_names == []


def test_the_steps_of_a_map_work_side_by_side(monkeypatch):
    meeting = threading.Barrier(3, timeout=10)

    def together(question, **options):
        if question.agent == "persona_agent":
            meeting.wait()  # breaks, and fails the step, when the others are not there at the same time
        return REAL_ASK(question, **options)

    request, _ = account()
    run = plan_run(request)
    monkeypatch.setattr(llm, "ask", together)

    assert execute(run).status == "succeeded"


def test_two_contacts_that_no_agent_can_tell_apart_are_both_written_to(monkeypatch):
    times = agents_counted(monkeypatch)
    request, people = account([("", ""), ("", "")])

    run = execute(plan_run(request))

    assert (run.status, times["email_agent", " "]) == ("succeeded", 2)
    assert [draft.contact for draft in Draft.objects.filter(run=run).order_by("contact_id")] == people


def test_a_map_over_an_agent_that_is_told_of_no_contact_asks_once(monkeypatch):
    times = agents_counted(monkeypatch)
    request, _ = account()
    draw(agent("research", kind="map"), agent("email", "research", kind="map"))

    run = execute(plan_run(request))

    assert (run.status, times["research_agent", ""]) == ("succeeded", 1)
    assert errors(run) == {f"research {n}": "The step research of this run asks the same question." for n in (2, 3)}


# --- when one of them fails


def test_one_contact_that_fails_leaves_the_others(monkeypatch):
    request, people = account()
    run = plan_run(request)
    monkeypatch.setattr(llm, "ask", refusing(("Ben", llm.ModelRefused)))

    run = execute(run)

    assert (run.status, run.error) == ("succeeded", "")
    assert (states(run)["persona 2"], errors(run)["persona 2"]) == ("failed", "The model says no.")
    left_out = StepRun.objects.get(run=run, key="email", map_index=2)
    assert (left_out.status, left_out.contact, left_out.agent) == ("skipped", people[1], "email_agent")
    assert left_out.error == "The persona step did not succeed for this contact."
    assert [draft.contact for draft in Draft.objects.filter(run=run).order_by("contact_id")] == [people[0], people[2]]


def test_a_contact_that_was_left_out_stays_so_behind_a_gate_and_in_the_maps_that_follow(monkeypatch):
    request, _ = account(NAMES[:2])
    second = agent("second", "email", kind="map", agent="email_agent", otherwise="It is written to once.")
    draw(
        agent("research"),
        agent("persona", "research", kind="map"),
        gate("look", "persona"),
        agent("email", "look", kind="map"),
        second,
    )
    monkeypatch.setattr(llm, "ask", refusing(("Ben", llm.ModelRefused)))
    run = execute(plan_run(request))
    answer(run, "look", "approved")

    run = execute(run, AT + MINUTE)

    of_ben = {key: state for key, state in states(run).items() if key.endswith(" 2")}
    assert of_ben == {"persona 2": "failed", "email 2": "skipped", "second 2": "skipped"}


def test_where_the_step_before_is_optional_a_contact_is_written_to_without_it(monkeypatch):
    request, _ = account(NAMES[:2])
    persona = agent("persona", "research", kind="map", is_optional=True)
    draw(agent("research"), persona, agent("email", "persona", kind="map"))
    monkeypatch.setattr(llm, "ask", refusing(("Ben", llm.ModelRefused)))

    run = execute(plan_run(request))

    assert (run.status, states(run)["persona 2"], states(run)["email 2"]) == ("succeeded", "failed", "done")


def test_a_map_of_which_every_contact_failed_ends_the_run(monkeypatch):
    request, _ = account()
    run = plan_run(request)
    monkeypatch.setattr(llm, "ask", refusing(*((first, llm.ModelRefused) for first, _ in NAMES)))

    run = execute(run)

    assert (run.status, run.error) == ("failed", "The persona step got no answer: The model says no.")
    assert "email 1" not in states(run)


def test_a_contact_whose_model_was_busy_is_asked_again_and_the_others_are_not(monkeypatch):
    request, _ = account()
    run = plan_run(request)
    times = agents_counted(monkeypatch)
    with monkeypatch.context() as busy:
        busy.setattr(llm, "ask", refusing(("Ben", llm.ModelUnavailable)))
        run = execute(run)
    assert (run.status, run.lease_until) == ("retry", AT + MINUTE)
    assert states(run) == {"research": "done", "persona 1": "done", "persona 2": "failed", "persona 3": "done"}

    run = execute(run, AT + 2 * MINUTE)

    assert (run.status, Draft.objects.filter(run=run).count()) == ("succeeded", 3)
    assert {key: n for key, n in times.items() if n > 1} == {("persona_agent", "Ben Okoro"): 2}


def test_a_contact_that_failed_for_good_is_not_asked_again_with_those_that_may_pass(monkeypatch):
    request, _ = account()
    run = plan_run(request)
    times = agents_counted(monkeypatch)
    with monkeypatch.context() as busy:
        busy.setattr(llm, "ask", refusing(("Ada", llm.ModelRefused), ("Ben", llm.ModelUnavailable)))
        run = execute(run)
    assert (run.status, run.lease_until) == ("retry", AT + MINUTE)

    run = execute(run, AT + 2 * MINUTE)

    assert (run.status, states(run)["persona 1"], states(run)["persona 2"]) == ("succeeded", "failed", "done")
    assert {name: n for (key, name), n in times.items() if key == "persona_agent"} == {
        "Ada Lee": 1,
        "Ben Okoro": 2,
        "Cleo Marsh": 1,
    }


def test_a_contact_that_stays_busy_is_left_out_in_the_end(monkeypatch):
    request, people = account()
    run = plan_run(request)
    monkeypatch.setattr(llm, "ask", refusing(("Ben", llm.ModelUnavailable)))

    for minutes in (0, 2, 20):
        run = execute(run, AT + minutes * MINUTE)

    assert (run.status, StepRun.objects.filter(run=run, key="persona", map_index=2).count()) == ("succeeded", 3)
    assert Draft.objects.filter(run=run, contact=people[0]).count() == 1


def test_an_answer_that_stays_invalid_for_one_contact_asks_no_person(monkeypatch):
    request, _ = account()
    run = plan_run(request)
    monkeypatch.setattr(llm, "ask", refusing(("Ben", llm.AnswerInvalid)))

    run = execute(run)

    assert (run.status, run.revised, states(run)["persona 2"]) == ("succeeded", 0, "failed")


def test_a_mail_that_could_not_be_written_to_one_contact_leaves_the_others(monkeypatch):
    def second_has_no_words(document, call):
        return {**document, "sentences": [], "missing": ["No angle."]} if "Ben" in document["greeting"] else document

    request, people = account()
    monkeypatch.setattr(llm, "ask", answering("email_agent", second_has_no_words))

    run = execute(plan_run(request))

    assert run.status == "succeeded"
    assert [draft.contact for draft in Draft.objects.filter(run=run).order_by("contact_id")] == [people[0], people[2]]


def test_where_no_mail_of_a_map_could_be_written_the_run_says_why(monkeypatch):
    monkeypatch.setattr(
        llm,
        "ask",
        answering("email_agent", lambda document, call: {**document, "sentences": [], "missing": ["No angle."]}),
    )
    request, _ = account()

    run = execute(plan_run(request))

    assert (run.status, run.error) == ("needs_input", "The e-mail was not written. No angle.")


# --- after a crash


def test_after_a_lost_worker_only_those_contacts_begin_that_were_not_done(monkeypatch):
    request, people = account()
    run = plan_run(request)
    times = agents_counted(monkeypatch)
    real, died, others_done = turn.following, [], threading.Event()

    def dies(hand, messages):
        """Once, right after two of the three personas were written: the process is gone with the third in its hand."""
        now = real(hand, messages)
        if [row.status for row in hand.rows_of("persona")].count("done") == 2 and not died:
            died.append(hand.run.fence)
            others_done.set()
            raise SystemExit
        return now

    def the_third_is_last(question, **options):
        if "Cleo" in question.user and question.agent == "persona_agent":
            assert others_done.wait(10)
        return REAL_ASK(question, **options)

    monkeypatch.setattr(llm, "ask", the_third_is_last)
    monkeypatch.setattr(turn, "following", dies)
    with pytest.raises(SystemExit):
        execute(run)

    run = execute(run, AT + LEASE + MINUTE)

    assert (run.status, run.recoveries, died) == ("succeeded", 1, [1])
    begun = Counter((row.key, row.map_index) for row in StepRun.objects.filter(run=run))
    assert {key: n for key, n in begun.items() if n > 1} == {("persona", 3): 2}
    assert times["persona_agent", "Ada Lee"] == times["persona_agent", "Ben Okoro"] == 1
    assert [draft.contact for draft in Draft.objects.filter(run=run).order_by("contact_id")] == people


# --- conditions and gates around a map


def test_a_map_that_is_left_out_late_is_left_out_as_a_whole():
    request, _ = account()
    persona = agent("persona", "research", kind="map", condition="run.conflicts", otherwise="The sources agree.")
    draw(agent("research"), persona, agent("email", "persona", kind="map"))

    run = execute(plan_run(request))

    assert (run.status, Draft.objects.filter(run=run).count()) == ("succeeded", 3)
    assert (states(run)["persona"], errors(run)) == ("skipped", {"persona": "The sources agree."})


def test_a_map_behind_a_gate_waits_for_the_person(monkeypatch):
    times = agents_counted(monkeypatch)
    request, _ = account()
    draw(agent("research"), gate("check", "research"), agent("persona", "check", kind="map"))
    run = execute(plan_run(request))
    assert (run.status, times) == ("waiting", {("research_agent", ""): 1})

    answer(run, "check", "approved")
    run = execute(run)

    assert (run.status, sum(times.values())) == ("succeeded", 4)


def test_a_gate_behind_a_map_decides_about_each_of_its_contacts():
    request, _ = account()
    draw(agent("research"), agent("email", "research", kind="map"), gate("check", "email"))
    run = execute(plan_run(request))
    shown = gate_of(run, "check").shown["answers"]
    assert [each["greeting"] for each in shown] == ["Dear Ada Lee,", "Dear Ben Okoro,", "Dear Cleo Marsh,"]

    edited = [shown[0], {**shown[1], "subject": "Evidence in nine days"}, shown[2]]
    answer(run, "check", "approved", edited={"answers": edited})
    run = execute(run)

    subjects = [draft.final_subject for draft in Draft.objects.filter(run=run).order_by("contact_id")]
    assert (run.status, subjects[1]) == ("succeeded", "Evidence in nine days")
    assert subjects[::2] == [shown[0]["subject"], shown[2]["subject"]]


def test_what_a_map_gave_is_shown_in_the_order_of_the_contacts_whoever_was_late(monkeypatch):
    request, _ = account()
    draw(agent("research"), agent("persona", "research", kind="map"), gate("check", "persona"))
    run = plan_run(request)
    with monkeypatch.context() as busy:
        busy.setattr(llm, "ask", refusing(("Ada", llm.ModelUnavailable)))
        execute(run)

    run = execute(run, AT + 2 * MINUTE)

    rows = StepRun.objects.filter(run=run, key="persona", status="done").order_by("map_index")
    assert [row.attempt for row in rows] == [2, 1, 1]
    assert gate_of(run, "check").shown == {"answers": [row.output for row in rows]}


def test_an_edit_beyond_the_bounds_of_one_contacts_step_is_refused():
    request, _ = account()
    draw(agent("research"), agent("email", "research", kind="map"), gate("check", "email"))
    run = execute(plan_run(request))
    shown = gate_of(run, "check").shown["answers"]

    with pytest.raises(flow.AnswerRefused) as refused:
        answer(run, "check", "approved", edited={"answers": [*shown[:2], {**shown[2], "subject": "x" * 201}]})

    assert str(refused.value) == "The text cannot be taken: subject: String should have at most 200 characters."
    assert gate_of(run, "check").decision == ""


def test_an_optional_map_of_which_every_contact_failed_counts_as_left_out(monkeypatch):
    steps = counted(monkeypatch)
    request, _ = account()
    persona = agent("persona", "research", kind="map", is_optional=True)
    draw(agent("research"), persona, tool("instead", "persona", condition='step.persona.status == "skipped"'))
    monkeypatch.setattr(llm, "ask", refusing(*((first, llm.ModelRefused) for first, _ in NAMES)))

    run = execute(plan_run(request))

    assert (run.status, steps.times) == ("succeeded", {"instead": 1})


def test_a_no_behind_a_map_rejects_every_mail():
    request, _ = account()
    draw(agent("research"), agent("email", "research", kind="map"), gate("check", "email"))
    run = execute(plan_run(request))

    answer(run, "check", "rejected")
    execute(run)

    assert [draft.status for draft in Draft.objects.all()] == ["rejected"] * 3


# --- joins


def test_a_join_waits_for_all_its_branches_and_brings_their_outputs_together(monkeypatch):
    steps = counted(monkeypatch)

    run = execute(
        drawn_run(
            tool("plan"),
            tool("a", "plan"),
            tool("b", "plan"),
            tool("c", "plan"),
            join("all", "a", "b", "c"),
            tool("end", "all"),
        )
    )

    row = StepRun.objects.get(run=run, key="all")
    assert (run.status, row.status, row.started_at, row.finished_at) == ("succeeded", "done", AT, AT)
    assert row.output == {"joined": {key: {"said by": key} for key in "abc"}}
    assert (steps.times, row.stage) == (dict.fromkeys(("plan", "a", "b", "c", "end"), 1), 2)


def test_a_join_goes_on_without_a_branch_that_was_left_out(monkeypatch):
    counted(monkeypatch, b=lambda: work.Work(error=llm.ModelRefused("The model declined.")))
    steps = [tool("a"), tool("b", is_optional=True), tool("c", condition="run.conflicts"), join("all", "a", "b", "c")]

    run = execute(drawn_run(*steps))

    assert (run.status, states(run)) == ("succeeded", {"a": "done", "b": "failed", "c": "skipped", "all": "done"})
    assert StepRun.objects.get(run=run, key="all").output == {"joined": {"a": {"said by": "a"}}}


def test_a_join_behind_a_gate_waits_for_the_person(monkeypatch):
    steps = counted(monkeypatch)
    run = execute(drawn_run(tool("a"), gate("check", "a"), tool("b"), join("all", "check", "b"), tool("end", "all")))
    assert (run.status, states(run)) == ("waiting", {"a": "done", "check": "waiting", "b": "done"})

    answer(run, "check", "approved")
    run = execute(run)

    assert (run.status, steps.times) == ("succeeded", {"a": 1, "b": 1, "end": 1})
    assert set(StepRun.objects.get(run=run, key="all").output["joined"]) == {"check", "b"}


def test_a_wide_stage_works_side_by_side(monkeypatch):
    meeting = threading.Barrier(3, timeout=10)

    def meets():
        meeting.wait()  # breaks, and fails the step, when the others are not there at the same time
        return work.Work(output={})

    counted(monkeypatch, a=meets, b=meets, c=meets)

    run = execute(drawn_run(tool("a"), tool("b"), tool("c"), join("all", "a", "b", "c")))

    assert run.status == "succeeded"
