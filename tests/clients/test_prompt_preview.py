"""What an agent would be told after a save, beside what it is told now."""

import pytest
from django.urls import reverse

from agents_app import versions
from clients.models import Client
from tests.clients.test_admin import whole_form
from tests.crowd import make_user_of
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_client("acme", tone="formal")


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def changed(answer):
    return [(line.left.strip(), line.right.strip()) for line in answer.context["lines"] if line.how != "same"]


def preview(browser, acme, **typed):
    return browser.post(
        reverse("client_prompts", args=["acme"]), whole_form(acme, **typed), headers={"HX-Request": "true"}
    )


def test_what_is_typed_is_shown_beside_what_is_in_use_and_nothing_is_saved(acme, operator):
    answer = preview(operator, acme, tone="direct", preview_agent="email_agent")

    assert changed(answer) == [('"tone": "formal"', '"tone": "direct"')]
    shown = answer.content.decode()
    assert "<html" not in shown
    assert "1 line of what the e-mail agent is told changes." in shown
    assert Client.objects.get().settings == {"tone": "formal"}


def test_a_word_to_the_agent_is_shown_where_it_will_stand(acme, operator):
    word = {"words__email_agent__0__mode": "add", "words__email_agent__0__text": "Mention the audit."}

    answer = preview(operator, acme, tone="formal", **word)

    assert ("", "For this client:") in changed(answer)
    assert ("", "Mention the audit.") in changed(answer)


def test_other_agents_that_it_also_changes_are_named(acme, operator):
    answer = preview(operator, acme, tone="formal", confidence_floor="0.8")

    assert answer.context["elsewhere"] == ["Research", "Competitive", "Persona"]


def test_what_is_wrong_is_said_and_the_rest_is_shown(acme, operator):
    answer = preview(operator, acme, tone="direct", max_words="9")

    assert "Longest e-mail: Enter 40 or more." in answer.content.decode()
    assert changed(answer) == [('"tone": "formal"', '"tone": "direct"')]


def test_a_word_to_a_component_that_the_prompt_has_no_more_is_flagged(acme, operator):
    acme.settings |= {"prompt_overrides.email_agent": [{"mode": "replace", "text": "Be kind.", "slot": "constraints"}]}
    acme.save()

    shown = operator.get(reverse("client_prompts", args=["acme"])).content.decode()

    assert "has no component “constraints” any more" in shown


def test_a_component_is_replaced_in_its_place(acme, operator):
    text = "You write.\n\n## Constraints\nNo praise.\n\n## Output\nJSON."
    versions.go_live(versions.create("email_agent", text=text, note="", by=None, at=AT), by=None, at=AT)
    word = {"mode": "replace", "slot": "constraints", "text": "No figures."}

    answer = preview(
        operator, acme, tone="formal", **{f"words__email_agent__0__{name}": value for name, value in word.items()}
    )

    assert changed(answer) == [("No praise.", "No figures.")]


def test_without_script_the_button_opens_the_comparison_as_a_page(acme, operator):
    shown = operator.post(reverse("client_prompts", args=["acme"]), whole_form(acme, tone="direct")).content.decode()

    assert "<h1>What the agents are told for Acme</h1>" in shown
    assert "<ins>" in shown


def test_an_account_manager_previews_no_other_client(acme, client):
    client.force_login(make_user_of("manager"))

    assert preview(client, acme, tone="direct").status_code == 404
