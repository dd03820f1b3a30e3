"""A real step as a test case, what people think of runs, and a run as a file."""

import json

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from agents_app import cases, marks, prompts
from agents_app.models import GoldenCase, RunMark, StepRun
from agents_app.prompts import Material
from gtm.records import RecordChanged
from tests.agents_app.desks import said
from tests.agents_app.flows_that import execute
from tests.crowd import make_user_of
from tests.factories import AT, make_ready_request, make_user, plan_run

pytestmark = pytest.mark.django_db


def executed(**values):
    return execute(plan_run(make_ready_request(**values)))


def step_of(run, key):
    return StepRun.objects.select_related("run__client", "context", "prompt_version").get(run=run, key=key)


# --- test cases


@pytest.mark.parametrize("key", ["research", "persona", "email"])
def test_a_test_case_asks_what_the_step_was_asked_to_the_byte(key):
    step = step_of(executed(), key)

    [case] = cases.copy(step, by=make_user(), at=AT)

    prompt = prompts.build(step.prompt_version.text, step.agent, Material(case.config, case.facts, case.context))
    assert prompt.as_text() == step.prompt_sent
    assert (case.agent, case.client, case.step) == (step.agent, step.run.client, step)
    assert case.title == f"{step.label} for Northwind Bank"


def test_a_step_that_was_asked_several_questions_makes_a_case_of_each():
    step = step_of(executed(purpose="deep_research"), "persona")

    made = cases.copy(step, by=make_user(), at=AT, title="Who decides")

    assert [case.title for case in made] == [f"Who decides ({n} of {len(made)})" for n in range(1, len(made) + 1)]
    assert len({json.dumps(case.context) for case in made}) == len(made) > 1


def test_the_same_step_is_one_case_until_that_is_switched_off():
    step, user = step_of(executed(), "email"), make_user()
    first = cases.copy(step, by=user, at=AT)
    again = cases.copy(step, by=user, at=AT)
    GoldenCase.objects.update(is_active=False)
    new = cases.copy(step, by=user, at=AT)

    assert ([c.pk for c in first], GoldenCase.objects.count()) == ([c.pk for c in again], 2)
    assert new[0].pk != first[0].pk


def test_what_a_case_froze_never_changes_and_its_note_may():
    [made] = cases.copy(step_of(executed(), "email"), by=make_user(), at=AT)
    case = GoldenCase.objects.get(pk=made.pk)
    case.note, case.is_active = "Says what we offer.", False
    case.save()
    case.context = {}
    with pytest.raises(RecordChanged):
        case.save()
    with pytest.raises(DatabaseError), transaction.atomic():
        GoldenCase.objects.update(facts=[])

    kept = GoldenCase.objects.get()
    assert (kept.note, kept.is_active, kept.context != {}) == ("Says what we offer.", False, True)


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        ({"agent": ""}, "is no agent's step"),
        ({"status": "failed"}, "did not end with an answer"),
    ],
)
def test_a_step_that_was_asked_nothing_whole_is_no_case(columns, refusal):
    step = step_of(executed(), "email")
    for name, value in columns.items():
        setattr(step, name, value)

    with pytest.raises(cases.CaseRefused, match=refusal):
        cases.copy(step, by=make_user(), at=AT)

    assert GoldenCase.objects.count() == 0


def test_an_operator_keeps_a_step_as_a_case_and_notes_what_a_good_answer_has(operator):
    run = executed()
    address = reverse("step_case", args=[run.pk, step_of(run, "email").pk])
    assert address in operator.get(reverse("run_page", args=[run.pk])).content.decode()

    answer = operator.post(address, {"title": "", "note": "One question at the end."})

    case = GoldenCase.objects.get()
    assert answer.url == reverse("admin:agents_app_goldencase_change", args=[case.pk])
    assert case.note == "One question at the end."
    page = operator.get(answer.url)
    assert "Northwind Bank" in said(page)
    operator.post(answer.url, {"note": "Two.", "context": "{}"})
    case.refresh_from_db()
    assert (case.note, case.is_active, case.context != {}) == ("Two.", False, True)
    assert "It is one already." not in said(operator.get(address))


# --- marks


def test_a_mark_stands_beside_the_run_with_who_said_it_and_why(client):
    run = executed()
    manager = make_user_of("manager")
    run.client.managers.add(manager)
    client.force_login(manager)
    step = step_of(run, "email")

    client.post(reverse("run_marks", args=[run.pk]), {"verdict": "bad", "note": "Too  long."})
    client.post(reverse("run_marks", args=[run.pk]), {"verdict": "good", "note": "", "step": step.pk})

    rows = RunMark.objects.order_by("pk").values_list("verdict", "note", "step", "author__username")
    assert list(rows) == [("bad", "Too long.", None, "manager"), ("good", "", step.pk, "manager")]
    page = said(client.get(reverse("run_page", args=[run.pk])))
    assert "Bad the run as a whole: Too long. manager" in page
    assert "Good a step of it" in page
    assert "Good E-mail" in said(client.get(reverse("run_marks", args=[run.pk])))


def test_a_mark_that_is_none_or_of_another_run_is_refused():
    run, other = executed(), executed()

    with pytest.raises(marks.MarkRefused, match="Choose good or bad"):
        marks.mark(run, "so-so", by=make_user(), at=AT)
    with pytest.raises(marks.MarkRefused, match="is no step of"):
        marks.mark(run, "good", by=make_user(), at=AT, step=step_of(other, "email"))

    assert RunMark.objects.count() == 0


def test_a_viewer_reads_marks_and_sets_none(client):
    run = executed()
    client.force_login(make_user_of("viewer"))

    assert client.get(reverse("run_marks", args=[run.pk])).status_code == 200
    assert client.post(reverse("run_marks", args=[run.pk]), {"verdict": "good"}).status_code == 403
    assert RunMark.objects.count() == 0


# --- as a file


def test_a_run_is_downloaded_whole_as_json_within_the_client(client):
    run = executed()
    manager = make_user_of("manager")
    client.force_login(manager)
    address = reverse("run_document", args=[run.pk])
    assert client.get(address).status_code == 404
    run.client.managers.add(manager)

    answer = client.get(address)

    document = json.loads(answer.content)
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.pk}.json"'
    assert (document["id"], [step["key"] for step in document["steps"]]) == (run.pk, ["research", "persona", "email"])
