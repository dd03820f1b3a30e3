"""A run while it goes on: events after a number, nothing twice and nothing missing; its page with plan, money, cancel."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agents_app import flow, llm, progress
from agents_app.models import Brief, BudgetDay, FlowRun, PlanRevision, StepRun
from gtm import loop
from tests.agents_app import flows_that
from tests.agents_app.flows_that import agent, counted, gate, gate_of, join, tool
from tests.agents_app.models_that import failing
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_draft,
    make_request,
    make_run,
    make_step,
    plan_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def lanes_run(monkeypatch) -> FlowRun:
    """Three steps side by side, a join, and a gate that waits for a person."""
    counted(monkeypatch)
    return flows_that.drawn_run(
        tool("first"),
        tool("left", "first"),
        tool("right", "first"),
        join("both", "left", "right"),
        gate("check", "both"),
    )


def words(found: progress.Progress) -> list[str]:
    return [event.words for event in found.events]


def poll(browser: Browser, run: FlowRun, after: int | str = 0, **headers: str) -> Any:
    answer = browser.get(reverse("run_progress", args=[run.pk]), {"after": after}, headers=headers)
    assert answer.status_code == 200
    return answer


def page(browser: Browser, run: FlowRun) -> str:
    answer = browser.get(reverse("run_page", args=[run.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


# --- events


def test_a_run_is_told_in_the_order_in_which_it_happened(lanes_run):
    run = flow.execute(lanes_run.pk)

    found = progress.after(run, 0)

    assert words(found)[:2] == ["First begins.", "First is done."]
    assert sorted(words(found)[2:6]) == ["Left begins.", "Left is done.", "Right begins.", "Right is done."]
    assert words(found)[6:] == ["Both is done.", "Check asks a person. “Is both right?”"]
    assert [event.seq for event in found.events] == sorted({event.seq for event in found.events})
    assert (found.is_open, found.is_working, found.steps_over, len(found.plan)) == (True, False, 4, 5)
    assert [asked.question for asked in found.questions] == ["Is both right?"]


def test_an_answer_and_the_end_are_told_after_it(lanes_run):
    run = flow.execute(lanes_run.pk)
    seen = progress.after(run, 0).last
    flows_that.answer(run, "check", "approved", at=timezone.now())
    run = flow.execute(run.pk)

    found = progress.after(run, seen)

    assert words(found) == ["Check was approved.", "The run has ended: succeeded."]
    assert (found.is_open, found.questions, found.steps_over) == (False, [], 5)


def test_an_end_that_no_step_came_with_is_told_too(lanes_run):
    run = flow.execute(lanes_run.pk)
    seen = progress.after(run, 0).last
    flow.cancel(run, by=make_user_of("operator", "ann"), at=timezone.now())
    run = flow.execute(run.pk)

    found = progress.after(run, seen)

    said = "The run has ended: cancelled. ann cancelled it. 0 of its 5 steps had not begun."
    assert (words(found), found.is_open) == ([said], False)


def test_polls_at_every_number_tell_each_event_once_and_none_is_lost(lanes_run):
    run = flow.execute(lanes_run.pk)
    flows_that.answer(run, "check", "approved", at=timezone.now())
    run = flow.execute(run.pk)
    whole = [(event.seq, event.words) for event in progress.after(run, 0).events]
    last, told = 0, []

    for seq in range(run.seq + 1):  # the run as a poll met it when it was so far, with rows that were further already
        run_then = FlowRun.objects.get(pk=run.pk)
        run_then.seq, run_then.finished_at = seq, run.finished_at if seq == run.seq else None
        found = progress.after(run_then, last)
        told += [(event.seq, event.words) for event in found.events]
        last = found.last

    assert told == whole
    assert len(whole) == 10


def test_polls_that_overlap_tell_the_same(lanes_run):
    run = flow.execute(lanes_run.pk)
    seen = progress.after(run, 0).events[3].seq

    assert progress.after(run, seen) == progress.after(run, seen)
    assert all(event.seq > seen for event in progress.after(run, seen).events)


def test_what_was_written_after_the_run_was_read_waits_for_the_next_poll(lanes_run):
    run = flow.execute(lanes_run.pk)
    PlanRevision.objects.create(
        run=run,
        number=1,
        trigger="both",
        rule="save_time",
        reason="Time is over.",
        nodes=run.nodes,
        seq=run.seq + 2,
        at=AT,
    )

    found = progress.after(run, 0)
    run.seq += 2
    later = progress.after(run, found.last)

    assert not any("Time is over." in each for each in words(found))
    assert words(later) == ["The plan was changed. Time is over."]


def test_failures_and_changes_of_the_plan_are_told_with_their_reason(monkeypatch):
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))
    run = plan_run()
    run = flow.execute(run.pk)

    found = progress.after(run, 0)

    assert "Persona failed. The model is busy." in words(found)
    assert (found.state, found.is_working) == ("Goes on later", False)
    assert found.waits_for.startswith("The model is busy. It is tried again by itself at")


def test_a_map_is_told_by_the_names_of_its_contacts():
    run = make_run(
        nodes=[{"key": "persona", "kind": "map", "agent": "persona_agent", "after": [], "reason": "", "items": [1]}],
        seq=2,
    )
    contact = make_contact(run.client, full_name="Bob Ray")
    make_step(run, "persona_agent", kind="map", map_index=1, contact=contact, started_seq=1, finished_seq=2, attempt=2)

    assert words(progress.after(run, 0)) == [
        "Persona for Bob Ray, try 2 begins.",
        "Persona for Bob Ray, try 2 is done.",
    ]


def test_what_is_spent_counts_calls_whose_answer_never_came():
    run = make_run(status="running", spent_usd=Decimal("0.01"), reserved_usd=Decimal("0.2"))
    make_step(run, status="running", finished_at=None, cost_usd="0.03", uncertain_usd="0.04")

    found = progress.after(run, 0)

    assert (found.cost_usd, found.set_aside_usd) == (Decimal("0.07"), Decimal("0.2"))


def test_it_takes_two_queries_beside_the_run(lanes_run, django_assert_num_queries):
    run = flow.execute(lanes_run.pk)
    for number in range(20):
        make_step(run, key=f"more{number}")

    with django_assert_num_queries(2):
        progress.after(run, 0)


# --- pieces of the page


def test_a_poll_brings_the_news_and_the_next_poll(operator, lanes_run):
    run = flow.execute(lanes_run.pk)
    events = progress.after(run, 0).events

    piece = poll(operator, run, events[4].seq).content.decode()

    assert f'id="event-{events[4].seq}"' not in piece
    assert f'id="event-{events[5].seq}"' in piece
    assert f"after={run.seq}" in piece
    assert 'hx-trigger="every 5s"' in piece
    assert reverse("gate", args=[gate_of(run, "check").pk]) in piece
    assert "<html" not in piece


def test_a_run_that_works_is_asked_every_second(operator):
    run = make_run(status="running", started_at=AT, seq=3)

    assert 'hx-trigger="every 1s"' in poll(operator, run).content.decode()


def test_a_poll_without_news_draws_nothing_anew(operator, lanes_run):
    run = flow.execute(lanes_run.pk)

    piece = poll(operator, run, run.seq).content.decode()

    assert 'id="lanes"' not in piece
    assert "<li id=" not in piece


def test_the_last_poll_fetches_what_came_of_it_and_stops(operator):
    run = make_run(status="succeeded", started_at=AT, finished_at=AT, seq=3)

    piece = poll(operator, run).content.decode()

    assert "The run has ended: succeeded." in piece
    assert "every" not in piece
    assert 'hx-select="#results"' in piece


def test_whoever_asks_for_json_gets_json(operator, lanes_run):
    run = flow.execute(lanes_run.pk)

    answer = poll(operator, run, 0, accept="application/json")
    found = answer.json()

    assert answer["Content-Type"] == "application/json"
    assert found["events"][0] == {
        "seq": found["events"][0]["seq"],
        "at": StepRun.objects.get(key="first").started_at.isoformat(),
        "words": "First begins.",
        "tone": "running",
    }
    assert (found["last"], found["is_open"], found["steps_over"], found["steps"]) == (run.seq, True, 4, 5)
    assert found["questions"] == [{"id": gate_of(run, "check").pk, "question": "Is both right?"}]


@pytest.mark.parametrize("after", ["", "x", "-3", "9" * 30, "1e3"])
def test_any_number_is_answered(operator, after):
    assert poll(operator, make_run(status="running", seq=3), after)


def test_progress_of_another_client_s_run_is_not_found(client):
    manager = make_user_of("manager")
    client.force_login(manager)
    run = make_run()
    url = reverse("run_progress", args=[run.pk])

    before = client.get(url).status_code
    run.client.managers.add(manager)

    assert (before, client.get(url).status_code) == (404, 200)


def test_a_poll_takes_few_queries_however_long_the_run_is(operator, lanes_run, django_assert_max_num_queries):
    run = flow.execute(lanes_run.pk)
    poll(operator, run)
    for number in range(20):
        make_step(run, key=f"more{number}", contact=make_contact(run.client))

    with django_assert_max_num_queries(8):
        poll(operator, run)


# --- the page


def test_an_open_run_polls_and_an_ended_one_does_not(operator, lanes_run):
    is_open = page(operator, flow.execute(lanes_run.pk))
    flows_that.answer(lanes_run, "check", "approved", at=timezone.now())
    ended = page(operator, flow.execute(lanes_run.pk))

    assert reverse("run_progress", args=[lanes_run.pk]) in is_open
    assert "htmx-4.min.js" in is_open
    assert "<noscript>" in is_open
    assert reverse("run_progress", args=[lanes_run.pk]) not in ended
    assert "htmx-4.min.js" not in ended
    assert "What happened, in order: 10 events" in ended


def test_the_page_draws_each_step_with_its_state_and_what_it_waits_for(operator, lanes_run):
    shown = page(operator, flow.execute(lanes_run.pk))

    for said in (
        "2 side by side",
        "Brings branches together",
        "Waits for a person",
        "Is both right?",
        "4 of 5",
        "Answer",
    ):
        assert said in shown


def test_how_the_plan_changed_is_told_with_rule_reason_and_difference(operator):
    run = make_run(status="succeeded", finished_at=AT, revised=1)
    nodes = [
        *run.nodes,
        {"key": "deepen", "kind": "tool", "tool": "deepen", "agent": "", "after": ["email"], "reason": "Weak."},
    ]
    PlanRevision.objects.create(
        run=run, number=1, trigger="email", rule="deepen", reason="Headcount is weak.", nodes=nodes, seq=4, at=AT
    )

    shown = page(operator, run)

    for said in ("How the plan changed", "Headcount is weak.", "Deepen is added.", "Not begun", "plan changed 1 time"):
        assert said in shown


def test_money_is_told_to_the_last_dollar(operator):
    run = make_run(
        status="running", budget_usd=1, spent_usd="0.25", reserved_usd="0.5", time_budget_s=30, started_at=AT
    )
    make_step(run, status="lost", output=None, uncertain_usd="0.2")
    BudgetDay.objects.create(client=run.client, day=AT.date(), cap_usd=25, spent_usd=3, reserved_usd=1)

    shown = page(operator, run)

    for said in (
        "$1.00, and 30 s for research", "$0.2500, of which $0.2000 is uncertain", "$0.5000 for calls under way", "$0.2500</dd>",
        "16 November: $3.0000 of $25.00 spent, $1.0000 set aside for runs at work, $21.0000 left",
    ):  # fmt: skip
        assert said in shown


@pytest.mark.parametrize(
    ("lasted", "said"),
    [
        (timedelta(seconds=4.25), "4.2 s"),
        (timedelta(seconds=200), "3 min 20 s"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=33), "33 days"),
    ],
)
def test_how_long_a_run_took_is_told_in_words_that_fit(operator, lasted, said):
    run = make_run(status="succeeded", started_at=AT, finished_at=AT + lasted)

    assert f'<span class="kpi-value">{said}</span>' in page(operator, run)


def test_a_brief_names_the_companies_that_it_compares_with(operator):
    run = make_run(status="succeeded")
    Brief.objects.create(run=run, sentences=[{"text": "It is larger than Marlow.", "rests_on": ["p1"]}])
    make_step(run, "competitive_agent", input={"peers": [{"key": "p1", "name": "Marlow Clinics"}]})

    shown = page(operator, run)

    assert "Marlow Clinics" in shown
    assert "nothing of this name was given" not in shown


def test_votes_are_shown_side_by_side_with_the_dissent(operator):
    vote = {"voter": "facts", "choice": "proposal 1", "why": "It cites 2 facts.", "reliability": 0.6, "weight": 0.41}
    dissent = vote | {"voter": "brevity", "choice": "proposal 2", "why": "It says it in 40 words."}
    texts = {
        name: {"subject": f"Subject of {name}", "sentences": [{"text": "A line.", "rests_on": ["f1"]}]}
        for name in ("proposal 1", "proposal 2")
    }
    votes = {
        "winner": "proposal 1", "margin": 0.7, "is_close": False, "totals": [{"option": "proposal 1", "total": 0.4}, {"option": "proposal 2", "total": 0.1}],
        "votes": [vote, dissent], "dissent": [dissent], "not_asked": ["judge 3"], "proposals": texts, "broken": 1,
    }  # fmt: skip
    step = make_step(make_run(status="succeeded"), votes=votes)

    shown = page(operator, step.run)

    for said in (
        "Subject of proposal 1", "Subject of proposal 2", "Chosen", "Dissent", "It says it in 40 words.", "judge 3",
        "It is clear: by the votes, it is more likely right than the second by 70 of 100 points.",
        "1 more broke a promise and did not stand for election.",
    ):  # fmt: skip
        assert said in shown


def test_what_each_step_was_given_is_named_by_its_hash(operator):
    step = make_step(make_run(status="succeeded"), input={"context": {"company": "Northwind"}})

    assert step.context_id[:12] in page(operator, step.run)


def test_an_account_run_shows_the_draft_of_every_contact(operator):
    run = make_run(status="succeeded")
    for number, name in enumerate(("Ada Lee", "Bob Ray"), start=1):
        contact = make_contact(run.client, full_name=name)
        step = make_step(run, kind="map", map_index=number, contact=contact)
        make_draft(run, step=step, contact=contact, subject=f"To {name}")

    shown, story = page(operator, run), operator.get(reverse("request_trace", args=[run.request_id])).content.decode()

    for said in ("2 drafts", "To Ada Lee", "To Bob Ray"):
        assert said in shown
    for said in ("To Ada Lee", "To Bob Ray", "Bob Ray (Northwind Bank)"):
        assert said in story


def test_the_page_of_a_long_run_stays_light(operator):
    run = make_run(status="succeeded")
    for number in range(1, 26):
        make_step(
            run,
            kind="map",
            map_index=number,
            contact=make_contact(run.client),
            prompt_sent="x" * 20_000,
            input={"n": number},
        )

    shown = page(operator, run)

    assert len(shown) < 150_000
    assert reverse("run_step", args=[run.pk, StepRun.objects.filter(run=run).first().pk]) in shown


# --- cancel


def cancel(browser: Browser, run: FlowRun) -> Any:
    return browser.post(reverse("run_page", args=[run.pk]), {"action": "cancel"})


def test_a_run_is_cancelled_with_one_press_and_ends_at_its_next_boundary(operator, rung, lanes_run):
    run = flow.execute(lanes_run.pk)

    answer = cancel(operator, run)

    run.refresh_from_db()
    assert answer.url == reverse("run_page", args=[run.pk])
    assert run.cancel_asked_by.username == "operator"
    assert rung == [(loop.execute_run, run.pk)]
    asked = page(operator, run)
    assert "Being cancelled" in asked
    assert "Cancel run" not in asked
    ended = flow.execute(run.pk)
    assert ended.status == "cancelled"
    assert "operator cancelled it." in page(operator, ended)


def test_the_second_to_cancel_is_told_who_was_first(operator, rung, lanes_run):
    flow.cancel(lanes_run, by=make_user_of("operator", "ann"), at=AT)

    cancel(operator, lanes_run)

    assert "Ann has asked for that already" in page(operator, lanes_run)
    assert rung == []


def test_what_has_ended_cannot_be_cancelled(operator, rung):
    run = make_run(status="succeeded", finished_at=AT)

    assert "Cancel run" not in page(operator, run)
    cancel(operator, run)

    run.refresh_from_db()
    assert "has ended: succeeded" in page(operator, run)
    assert (run.cancel_asked_at, rung) == (None, [])


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("manager", 404)])
def test_nobody_cancels_what_is_not_theirs(client, rung, role, status):
    client.force_login(make_user_of(role))
    run = make_run(status="running")

    assert cancel(client, run).status_code == status

    run.refresh_from_db()
    assert (run.cancel_asked_at, rung) == (None, [])


def test_an_account_manager_cancels_the_own_client_s_run(client, rung):
    manager = make_user_of("manager")
    client.force_login(manager)
    owner = make_client()
    owner.managers.add(manager)
    run = make_run(make_request(make_contact(owner)), status="waiting")

    cancel(client, run)

    run.refresh_from_db()
    assert (run.cancel_asked_by, rung) == (manager, [(loop.execute_run, run.pk)])


def test_agents_flow_is_told_as_people_call_it():
    run = flows_that.drawn_run(agent("research"), agent("persona", "research"), agent("email", "persona"), goal="draft")
    run = flow.execute(run.pk)

    told = words(progress.after(run, 0))

    assert told[0] == "Research begins."
    assert told[-1] == "The run has ended: succeeded."
    assert run.finished_at - run.started_at < timedelta(minutes=1)
