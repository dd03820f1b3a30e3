"""Which exact prompt text, settings and model wrote an e-mail: one query, and one click from wherever it stands."""

import html
import json

import pytest
from django.urls import reverse

from agents_app import origins, versions
from agents_app.models import StepRun
from clients.models import AgentKey
from gtm import loop
from tests.agents_app.flows_that import composed, execute
from tests.agents_app.models_that import paid
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_contact,
    make_draft,
    make_experiment,
    make_prompt,
    make_ready_client,
    make_request,
    make_send,
)

pytestmark = pytest.mark.django_db
AGENT = AgentKey.EMAIL


def written():
    """The e-mail's step of a run that was planned and executed in earnest."""
    contact = make_contact(make_ready_client("acme"))
    run = execute(loop.plan_run(make_request(contact).pk, at=AT))
    return run.steps.get(agent=AGENT)


def page_of(step, browser):
    return html.unescape(browser.get(reverse("written_by", args=[step.pk])).content.decode())


def test_one_query_answers_which_prompt_settings_and_model_wrote_an_e_mail(django_assert_num_queries):
    step = written()

    with django_assert_num_queries(1):
        found = origins.of_step(step.pk)
        told = (
            found.version.title, found.planned, found.answered, found.run.config["client_name"],
            found.run.config_version, found.run.deployment.tag, found.draft.subject, found.step.prompt_sent,
            found.run.client.name, found.draft.contact.email, found.run.hints, found.variant,
        )  # fmt: skip

    assert told[0] == "E-mail 1.0.0 (v1)"
    assert told[1] == {"model": "claude-sonnet-5-5", "effort": "low", "max_tokens": 2000}
    assert (told[2], told[3], told[5]) == (["offline-composer/1"], "Acme", "acme@1")
    assert told[6] == step.draft.subject
    assert told[7] == StepRun.objects.get(pk=step.pk).prompt_sent != ""


def test_the_model_that_answered_is_the_one_that_was_asked_with_what_the_version_says(settings):
    draft = versions.create(AGENT, text="Write.", note="", by=None, at=AT, model="claude-opus-5-5", effort="high", max_tokens=900)  # fmt: skip
    versions.go_live(draft, by=None, at=AT)

    with paid(settings, lambda body, number: composed(body)) as service:
        step = written()

    sent = [json.loads(body) for _, _, body in service.requests]
    asked = [each for each in sent if each["output_config"]["format"]["schema"]["title"] == "EmailAnswer"]
    assert {(each["model"], each["output_config"]["effort"], each["max_tokens"]) for each in asked} == {
        ("claude-opus-5-5", "high", 900)
    }
    found = origins.of_step(step.pk)
    assert found.planned == {"model": "claude-opus-5-5", "effort": "high", "max_tokens": 900}
    assert found.answered == ["claude-opus-5-5"]


def test_the_page_shows_the_exact_prompt_and_a_click_leads_to_it(operator):
    step = written()
    there = reverse("written_by", args=[step.pk])

    shown = page_of(step, operator)
    sent = make_send(step.draft)
    rows = {"steprun": step.pk, "draft": step.draft.pk, "send": sent.pk}
    doors = [reverse("approval", args=[step.draft.pk]), reverse("run_page", args=[step.run_id])]
    doors += [reverse(f"admin:agents_app_{model}_change", args=[pk]) for model, pk in rows.items()]

    assert step.prompt_sent in shown
    for words in (
        "E-mail 1.0.0 (v1)",
        "acme@1",
        "model claude-sonnet-5-5, effort low, at most 2,000 tokens",
        "no experiment",
    ):
        assert words in shown
    assert [there in operator.get(door).content.decode() for door in doors] == [True] * 5


def test_the_experiment_that_gave_the_version_is_named(operator):
    client = make_ready_client("acme")
    experiment = make_experiment(client, control=make_prompt(AGENT), challenger=make_prompt(AGENT))
    run = execute(loop.plan_run(make_request(make_contact(client)).pk, at=AT))
    step = run.steps.get(agent=AGENT)

    found = origins.of_step(step.pk)

    assert (found.variant["experiment"], found.version.pk) == (experiment.pk, run.prompts.get(agent=AGENT).version_id)
    assert f"experiment {experiment.pk}" in page_of(step, operator)


def test_a_run_from_before_what_was_planned_was_kept_says_so(operator):
    draft = make_draft()

    assert origins.of_step(draft.step_id).planned == {}
    assert "not kept in runs of that time" in page_of(draft.step, operator)


def test_nobody_sees_what_wrote_an_e_mail_of_a_client_that_is_not_theirs(client):
    step = written()
    client.force_login(make_user_of("manager"))

    assert client.get(reverse("written_by", args=[step.pk])).status_code == 404
    assert origins.of_step(step.pk, StepRun.objects.none()) is None


def test_an_e_mail_that_a_person_edited_says_who(operator):
    draft = make_draft(status="approved", was_edited=True, final_body="Ours.", decided_by=make_user_of("viewer", "kim"))

    assert "kim changed the text before it was approved" in page_of(draft.step, operator)
