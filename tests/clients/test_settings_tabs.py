"""The pages of settings in tabs: what stands where, and what is told when something is wrong."""

import re

import pytest
from django.urls import reverse

from clients.models import AgencySettings, Client, ConfigKey
from tests.clients.test_admin import page, whole_form
from tests.clients.test_config_radius import form_of
from tests.crowd import make_user_of
from tests.factories import make_client, make_industry

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


@pytest.fixture
def acme():
    return make_client("acme")


def tabs_of(answer):
    return {tab.name: [fieldset.name for fieldset in tab.fieldsets] for tab in answer.context["parts"].tabs}


def summary_of(answer):
    """The lines of what is told at the top, as text."""
    box = re.search(r'<section id="problems".*?</section>', answer.content.decode(), re.DOTALL)[0]
    return [" ".join(re.sub(r"<[^>]+>", "", line).split()) for line in re.findall(r"<li>.*?</li>", box, re.DOTALL)]


def test_every_group_of_a_clients_settings_has_its_tab_and_the_reason_stands_after_all(operator, acme):
    ConfigKey.objects.create(name="region", label="Region", kind="text", merge="replace", longest=40)

    answer = operator.get(page("change", "client", acme.pk))

    assert tabs_of(answer) == {
        "Overview": ["At a glance"],
        "Who they are": ["Who they are", "Who looks after them"],
        "Writing": ["How we write", "What we say"],
        "Sending": ["Who signs", "When we send"],
        "Agents": ["What their runs may cost", "How the agents work"],
        "Words to agents": [
            "What we say to the research agent",
            "What we say to the competitive agent",
            "What we say to the persona agent",
            "What we say to the e-mail agent",
        ],
        "Our own settings": ["Our own settings"],
    }
    assert [fieldset.name for fieldset in answer.context["parts"].closing] == ["This change"]


def test_the_layers_below_and_campaigns_have_tabs_too(operator):
    agency = AgencySettings.objects.get()
    template = make_industry("ledgers")

    of_agency = tabs_of(operator.get(page("change", "agencysettings", agency.pk)))
    of_template = tabs_of(operator.get(page("change", "settingstemplate", template.pk)))

    assert list(of_agency) == ["Writing", "Sending", "Agents", "Words to agents", "Locks"]
    assert list(of_template) == ["Overview", *of_agency]


def test_no_field_is_lost_between_the_tabs(operator, acme):
    answer = operator.get(page("change", "client", acme.pk))

    named = set(re.findall(r'<(?:input|select|textarea)[^>]* name="([^"]+)"', answer.content.decode()))
    assert set(answer.context["adminform"].form.fields) <= named


def test_those_who_only_read_have_one_page_without_tabs(client, acme):
    client.force_login(make_user_of("viewer"))

    answer = client.get(page("change", "client", acme.pk))

    assert "parts" not in answer.context
    assert "tabs.js" not in answer.content.decode()


def test_what_is_wrong_on_two_tabs_is_told_at_the_top_with_a_way_to_each_field(operator, acme):
    answer = operator.post(
        page("change", "client", acme.pk), whole_form(acme, avoid_terms="x" * 61, max_words="9", from_hour="77")
    )

    shown = answer.content.decode()
    assert summary_of(answer) == [
        "Writing: Words to avoid. Line 1 is longer than 60 characters. Split it or shorten it.",
        "Writing: Longest e-mail. Enter 40 or more.",
        "Sending: From. Enter 23 or less.",
    ]
    assert '<a href="#id_custom_fields__avoid_terms">Words to avoid</a>' in shown
    assert "Not saved yet: 3 things to mend" in shown
    assert [len(tab.problems) for tab in answer.context["parts"].tabs] == [0, 0, 2, 1, 0, 0]
    assert "<title>Error: " in shown
    assert "x" * 61 in shown
    assert Client.objects.get().settings == {}


def test_a_missing_reason_is_told_though_it_stands_on_no_tab(operator):
    acme = make_client("acme", status="active")

    answer = operator.post(page("change", "client", acme.pk), whole_form(acme, tone="direct", reason=""))

    assert summary_of(answer) == ["Why. This client is active. Say in a few words why its settings change."]


def test_what_contradicts_itself_is_told_once_and_is_no_warning(operator, acme):
    answer = operator.post(
        page("change", "client", acme.pk), whole_form(acme, avoid_terms="audit", offer="An audit in a day.")
    )

    assert answer.content.decode().count("is among the words to avoid, and stands in the offer.") == 1
    assert "Save as it is" not in answer.content.decode()


def test_a_warning_can_be_answered_where_it_stands_with_the_button_that_was_pressed(operator):
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    make_client("acme", industry=ledgers)
    make_client("stays", industry=ledgers, tone="casual")
    address = reverse("admin:clients_settingstemplate_change", args=[ledgers.pk])

    answer = operator.post(address, form_of(ledgers, tone="direct") | {"_continue": ""})

    assert summary_of(answer) == [
        "This changes the settings of 1 client.",
        "Acme: Tone: Formal becomes Direct.",
        "Stays keeps its tone, Casual: its own settings say so.",
        "Save again if it is meant so.",
    ]
    assert '<button class="button" name="_continue">Save as it is</button>' in answer.content.decode()
    assert "Not saved yet: look at this first" in answer.content.decode()


def test_each_value_in_force_leads_to_the_very_field(operator):
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    acme = make_client(
        "acme", industry=ledgers, settings={"prompt_overrides.email_agent": [{"mode": "add", "text": "Hi"}]}
    )

    shown = operator.get(reverse("client_settings", args=["acme"])).content.decode()

    here, template = page("change", "client", acme.pk), page("change", "settingstemplate", ledgers.pk)
    assert f'<a href="{template}#id_tone">' in shown
    assert f'<a class="small" href="{here}#id_tone">Set it for this client' in shown
    assert f'<a href="{here}#id_words__email_agent__0__text">' in shown
    assert f"{page('change', 'agencysettings', AgencySettings.objects.get().pk)}#id_confidence_floor" in shown


def test_every_address_of_a_field_is_the_id_of_one(operator):
    acme = make_client("acme", industry=make_industry("ledgers"))
    links = set(
        re.findall(
            rf'{page("change", "client", acme.pk)}#([^"]+)', operator.get("/clients/acme/settings/").content.decode()
        )
    )

    shown = operator.get(page("change", "client", acme.pk)).content.decode()

    assert len(links) > 10
    assert [each for each in links if f'id="{each}"' not in shown] == []
