"""The questions that runs ask people: the list, one question in words, and its answer."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agents_app import flow
from agents_app.models import Draft, FlowRun, Gate, StepRun
from gtm import loop
from tests.agents_app import flows_that
from tests.agents_app.flows_that import agent, gate, gate_of
from tests.crowd import make_user_of
from tests.factories import make_client, make_contact, make_request, make_run, make_step, make_user

pytestmark = pytest.mark.django_db

VOTES = {
    "attributes": {
        "headcount": {
            "winner": "180",
            "margin": 0.06,
            "is_close": True,
            "totals": [{"option": "175", "total": 1.39}, {"option": "180", "total": 1.52}],
            "votes": [
                {"voter": "people_data_labs", "choice": "175", "why": "", "reliability": 0.8, "weight": 1.39},
                {"voter": "newsapi", "choice": "180", "why": "", "reliability": 0.82, "weight": 1.52},
            ],
            "dissent": [{"voter": "people_data_labs", "choice": "175", "why": "", "reliability": 0.8, "weight": 1.39}],
            "not_asked": [],
        }
    }
}


def waiting_run() -> FlowRun:
    """A run that has researched a company and waits for a person to check it before it writes."""
    run = flows_that.drawn_run(
        agent("research"), gate("check", "research"), agent("persona", "check"), agent("email", "persona"), goal="draft"
    )
    return flow.execute(run.pk)


def close_call(**columns: Any) -> Gate:
    """A question of which value is right, as an adjudication leaves it."""
    nodes = [
        {"key": "adjudicate", "kind": "tool", "tool": "adjudicate", "agent": "", "after": [], "reason": "Sources disagree."},
        {"key": "settle", "kind": "gate", "agent": "", "after": ["adjudicate"], "reason": "Too close.", "question": "Which?"},
    ]  # fmt: skip
    run = make_run(nodes=nodes, status="waiting")
    at = timezone.now()
    StepRun.objects.create(
        run=run, key="adjudicate", kind="tool", tool="adjudicate", stage=0, fence=1, status="done", votes=VOTES, started_at=at,
        finished_at=at,
    )  # fmt: skip
    step = StepRun.objects.create(run=run, key="settle", kind="gate", stage=1, fence=1, status="waiting", started_at=at)
    shown = {
        "facts": [{"key": "f3", "attribute": "headcount", "value": "180"}],
        "close": ["headcount"],
        "options": {"headcount": ["175", "180"]},
    }
    basis = {"shown": shown, "goes_on": True, "asked_at": at, "expires_at": at + timedelta(hours=72)}
    return Gate.objects.create(step=step, **{"question": "Which headcount is right?", **basis, **columns})


def url(asked: Gate) -> str:
    return reverse("gate", args=[asked.pk])


def read(browser: Browser, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def texts(page: Any) -> dict[str, str]:
    """The fields of the edit form as they stand in it."""
    form = page.context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def test_the_list_holds_what_is_open_the_most_urgent_first(operator):
    later = close_call(question="Later?", expires_at=timezone.now() + timedelta(hours=9))
    sooner = close_call(question="Sooner?", expires_at=timezone.now() + timedelta(hours=1))
    close_call(question="Answered?", decision="approved")
    FlowRun.objects.filter(steps__gate=close_call(question="Ended?")).update(status="cancelled")

    page = read(operator, reverse("questions"))

    assert page.index("Sooner?") < page.index("Later?")
    assert url(later) in page
    assert url(sooner) in page
    assert "Answered?" not in page
    assert "Ended?" not in page


def test_an_empty_list_says_when_runs_ask_and_what_to_do_next(operator):
    page = read(operator, reverse("questions"))

    assert "No run asks anything." in page
    assert reverse("plan") in page


def test_a_question_shows_what_it_is_about_with_sources_and_what_follows(operator):
    run = waiting_run()

    page = read(operator, url(gate_of(run, "check")))

    for words in (
        "Is research right?", "It was drawn for a test.", "Persona, E-mail", "nothing behind it is done", "What was written",
        "Fact: headcount", "sure, from people data labs", "The facts behind it", "People Data Labs", "Approve as it stands",
        "Edit, then approve", "Then this is not done: Persona, E-mail.",
    ):  # fmt: skip
        assert words in page
    assert "rests_on" not in page


def test_approving_as_it_stands_takes_one_press_and_the_run_goes_on(operator, rung):
    run = waiting_run()
    asked = gate_of(run, "check")

    answer = operator.post(url(asked), {"action": "approve"})

    asked.refresh_from_db()
    assert (asked.decision, asked.answer, asked.decided_by.username) == ("approved", None, "operator")
    assert answer.url == reverse("run_page", args=[run.pk])
    assert rung == [(loop.execute_run, run.pk)]
    assert flow.execute(run.pk).status == "succeeded"
    assert "is taken up again within seconds" in read(operator, answer.url)


def test_an_edit_changes_the_text_and_what_is_written_on_it(operator, rung):
    run = waiting_run()
    asked = gate_of(run, "check")
    form = texts(operator.get(url(asked)))
    at = next(n for n, fact in enumerate(asked.shown["facts"]) if fact["attribute"] == "headcount")

    operator.post(url(asked), {**form, f"text_facts_{at}_value": "77", "comment": "Counted them", "action": "edit"})

    asked.refresh_from_db()
    assert (asked.decision, asked.comment) == ("edited", "Counted them")
    assert asked.answer["facts"][at] == {**asked.shown["facts"][at], "value": "77"}
    assert asked.answer["summary"] == asked.shown["summary"]
    assert rung == [(loop.execute_run, run.pk)]
    flow.execute(run.pk)
    assert run.facts.get(value="77").attribute == "headcount"
    assert "no source: a person said so" in read(operator, reverse("run_page", args=[run.pk]))


def test_an_edit_that_changes_nothing_is_an_approval(operator, rung):
    asked = gate_of(waiting_run(), "check")

    operator.post(url(asked), {**texts(operator.get(url(asked))), "comment": "", "action": "edit"})

    asked.refresh_from_db()
    assert (asked.decision, asked.answer) == ("approved", None)


def test_a_text_that_is_emptied_is_refused_and_the_rest_is_kept(operator, rung):
    asked = gate_of(waiting_run(), "check")
    form = texts(operator.get(url(asked)))

    page = operator.post(
        url(asked), {**form, "text_summary_0_text": "", "text_facts_0_value": "My own value", "action": "edit"}
    ).content.decode()

    assert "This cannot be left empty." in page
    assert "My own value" in page
    assert 'id="edit" class="card no-print" open' in page
    asked.refresh_from_db()
    assert (asked.decision, rung) == ("", [])


def test_rejecting_keeps_the_reason_and_leaves_the_rest_undone(operator, rung):
    run = waiting_run()
    asked = gate_of(run, "check")

    operator.post(url(asked), {"action": "reject", "comment": "Another company"})

    asked.refresh_from_db()
    assert (asked.decision, asked.comment, asked.answer) == ("rejected", "Another company", None)
    assert flow.execute(run.pk).status == "needs_input"
    assert Draft.objects.count() == 0
    assert "“Another company”" in read(operator, url(asked))


def test_an_answer_that_comes_second_is_refused_with_what_was_typed_kept(operator, rung):
    asked = gate_of(waiting_run(), "check")
    form = texts(operator.get(url(asked)))
    flow.answer(asked, "rejected", by=make_user("ann"), at=timezone.now())

    page = operator.post(
        url(asked), {**form, "text_summary_0_text": "My own sentence.", "action": "edit"}
    ).content.decode()

    assert "ann was first: rejected" in page
    assert "My own sentence." in page
    assert "Approve as it stands" not in page
    asked.refresh_from_db()
    assert (asked.decision, asked.decided_by.username, rung) == ("rejected", "ann", [])


@pytest.mark.parametrize("typed", [{"action": "approve"}, {"action": "reject", "comment": "No"}])
def test_a_run_that_is_being_cancelled_takes_no_answer(operator, rung, typed):
    run = waiting_run()
    asked = gate_of(run, "check")
    flow.cancel(run, by=make_user("ann"), at=timezone.now())

    page = operator.post(url(asked), typed).content.decode()

    assert "is being cancelled; there is nothing to decide any more" in page
    asked.refresh_from_db()
    assert (asked.decision, rung) == ("", [])
    assert "Approve as it stands" not in read(operator, url(asked))


def test_a_question_whose_time_is_over_says_so(operator, rung):
    asked = close_call(expires_at=timezone.now() - timedelta(minutes=1))

    page = read(operator, url(asked))
    refused = operator.post(url(asked), {"action": "approve"}).content.decode()

    assert "The question expired on" in page
    assert "Use this value" not in page
    assert "Your answer was not taken." in refused
    assert rung == []


def test_an_unknown_action_changes_nothing(operator, rung):
    asked = close_call()

    assert operator.post(url(asked), {"action": "explode"}).status_code == 200

    asked.refresh_from_db()
    assert (asked.decision, rung) == ("", [])


# --- which value is right


def test_where_sources_disagree_each_is_heard_and_the_values_are_choices(operator):
    page = read(operator, url(close_call()))

    for words in (
        "Which headcount is right?", "People Data Labs", "Dissent", "It is a close call", "by 6 of 100 points",
        '<input type="radio" name="text_facts_0_value" value="175"', "Another value", "the run goes on with what stands here",
        "Use this value",
    ):  # fmt: skip
        assert words in page
    assert "Approve as it stands" not in page


@pytest.mark.parametrize(
    ("typed", "decision", "value"),
    [
        ({"text_facts_0_value": "180"}, "approved", None),
        ({"text_facts_0_value": "175"}, "edited", "175"),
        ({"text_facts_0_value": "another value", "text_facts_0_value_other": " 182 "}, "edited", "182"),
    ],
)
def test_a_person_takes_the_winner_another_source_or_a_value_of_the_own(operator, rung, typed, decision, value):
    asked = close_call()

    operator.post(url(asked), {**typed, "action": "edit"})

    asked.refresh_from_db()
    assert asked.decision == decision
    assert (asked.answer["facts"][0]["value"] if asked.answer else None) == value
    assert asked.shown["options"] == {"headcount": ["175", "180"]}
    assert rung == [(loop.execute_run, asked.step.run_id)]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"text_facts_0_value": "another value", "text_facts_0_value_other": ""}, "Write the value that is right"),
        ({"text_facts_0_value": "999"}, "Select a valid choice"),
        ({}, "This field is required"),
    ],
)
def test_no_value_is_no_answer(operator, rung, typed, words):
    asked = close_call()

    assert words in operator.post(url(asked), {**typed, "action": "edit"}).content.decode()

    asked.refresh_from_db()
    assert (asked.decision, rung) == ("", [])


def test_a_question_that_takes_a_yes_or_a_no_offers_no_text_to_edit(operator, rung):
    asked = close_call(may_edit=False, shown={"sentences": [{"text": "One.", "rests_on": []}]})

    page = read(operator, url(asked))
    operator.post(url(asked), {"action": "approve"})

    assert "Yes, go on" in page
    assert "Edit, then approve" not in page
    asked.refresh_from_db()
    assert asked.decision == "approved"


def test_of_a_map_each_contact_s_answer_is_shown_with_its_name(operator):
    nodes = [
        {"key": "persona", "kind": "map", "agent": "persona_agent", "after": [], "reason": "", "items": [1, 2]},
        {"key": "settle", "kind": "gate", "agent": "", "after": ["persona"], "reason": "", "question": "Good?"},
    ]
    client = make_client()
    run = make_run(make_request(make_contact(client)), nodes=nodes, status="waiting")
    answers = []
    for number, name in enumerate(("Ada Lee", "Bob Ray"), start=1):
        contact = make_contact(client, full_name=name)
        answers.append({"role": name, "angle": {"text": f"Angle of {name}.", "rests_on": []}})
        make_step(
            run, "persona_agent", kind="map", map_index=number, contact=contact, input={"context": {}}, output=answers[-1]
        )  # fmt: skip
    at = timezone.now()
    step = StepRun.objects.create(run=run, key="settle", kind="gate", stage=1, fence=1, status="waiting", started_at=at)
    asked = Gate.objects.create(
        step=step, question="Good?", shown={"answers": answers}, asked_at=at, expires_at=at + timedelta(hours=1)
    )

    page = read(operator, url(asked))

    assert "For Ada Lee" in page
    assert "For Bob Ray" in page
    assert "Bob Ray: angle" in page


# --- who may


def test_an_account_manager_sees_and_answers_the_own_clients_questions_only(client, rung):
    manager = make_user_of("manager")
    client.force_login(manager)
    mine, others = close_call(question="Mine?"), close_call(question="Others'?")
    mine.step.run.client.managers.add(manager)

    listed = read(client, reverse("questions"))
    answers = [client.get(url(one)).status_code for one in (mine, others)]
    refused = client.post(url(others), {"action": "approve"}).status_code
    client.post(url(mine), {"action": "reject"})

    assert "Mine?" in listed
    assert "Others&#x27;?" not in listed
    assert (answers, refused) == ([200, 404], 404)
    others.refresh_from_db()
    mine.refresh_from_db()
    assert (mine.decision, others.decision) == ("rejected", "")
    assert rung == [(loop.execute_run, mine.step.run_id)]


def test_a_viewer_reads_the_question_and_cannot_answer_it(client, rung):
    client.force_login(make_user_of("viewer"))
    asked = close_call()

    page = read(client, url(asked))
    answer = client.post(url(asked), {"action": "approve"})

    assert "Which headcount is right?" in page
    assert "Account managers, operators and admins answer questions." in page
    for control in ("Use this value", 'value="reject"', 'value="approve"'):
        assert control not in page
    asked.refresh_from_db()
    assert (answer.status_code, asked.decision, rung) == (403, "", [])


def test_open_questions_stand_on_the_home_page_and_on_their_run(operator):
    asked = close_call()

    home = read(operator, "/")
    run = read(operator, reverse("run_page", args=[asked.step.run_id]))

    assert url(asked) in home
    assert url(asked) in run
    assert reverse("questions") in home


def test_markup_in_what_was_found_stays_text(operator):
    asked = close_call(shown={"summary": [{"text": "<script>alert(1)</script>", "rests_on": []}]})

    page = read(operator, url(asked))

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_pages_of_questions_take_as_few_queries_however_many_there_are(operator, django_assert_max_num_queries):
    first = gate_of(waiting_run(), "check")
    for _ in range(20):
        close_call()
    read(operator, "/")  # fills the navigation's cache

    for address in (reverse("questions"), url(first)):
        with django_assert_max_num_queries(12):
            read(operator, address)


def test_a_question_that_is_not_there_is_not_found(operator):
    assert operator.get(reverse("gate", args=[10**9])).status_code == 404
