"""Two people who edit one client at once: the second sees what the first did, and nothing is lost."""

import re

import pytest

from clients import config
from clients.models import Client
from tests.clients.test_admin import page, whole_form
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_client("acme", tone="formal", avoid_terms=["cheap"])


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def opened(browser, acme):
    """The hidden mark of what stood there when the page was opened."""
    shown = browser.get(page("change", "client", acme.pk)).content.decode()
    return re.search(r'name="base" value="([^"]+)"', shown)[1]


def saved_by_priya(acme, **settings):
    row = Client.objects.get(pk=acme.pk)
    author = config.Author(make_user("priya"), "", AT)
    config.put(row, {**row.settings, **settings}, author)
    config.save(row, author)


def send(browser, acme, base, **typed):
    """What the second person's page sends; typed is by the settings' last names."""
    return browser.post(page("change", "client", acme.pk), whole_form(acme, base=base, **typed))


def test_what_only_the_other_changed_is_taken_over_and_what_this_person_typed_stays(acme, operator):
    base = opened(operator, acme)
    saved_by_priya(acme, tone="direct")

    answer = send(operator, acme, base, tone="formal", avoid_terms="cheap\nbold", reason="A word")

    shown = answer.content.decode()
    assert "priya saved other settings at 09:00, while you were editing. Nothing is saved yet." in shown
    assert "Taken over from them: Tone." in shown
    assert '<option value="direct" selected>' in shown
    assert "cheap\nbold" in shown
    assert Client.objects.get().settings == {"tone": "direct", "custom_fields.avoid_terms": ["cheap"]}


def test_what_both_changed_is_kept_as_typed_and_told(acme, operator):
    base = opened(operator, acme)
    saved_by_priya(acme, tone="direct")

    shown = send(operator, acme, base, tone="casual", avoid_terms="cheap").content.decode()

    assert "Tone: they set it to “Direct”. What you typed is kept below." in shown
    assert '<option value="casual" selected>' in shown
    assert Client.objects.get().settings["tone"] == "direct"


def test_saving_again_keeps_both_peoples_changes(acme, operator):
    base = opened(operator, acme)
    saved_by_priya(acme, tone="direct", **{"custom_fields.offer": "Audit in a day."})
    shown = send(operator, acme, base, tone="formal", avoid_terms="bold").content.decode()
    base = re.search(r'name="base" value="([^"]+)"', shown)[1]

    answer = send(operator, acme, base, tone="direct", avoid_terms="bold", offer="Audit in a day.")

    assert answer.status_code == 302
    assert Client.objects.get().settings == {
        "tone": "direct",
        "custom_fields.avoid_terms": ["bold"],
        "custom_fields.offer": "Audit in a day.",
    }


def test_a_word_to_an_agent_that_the_other_added_is_not_lost(acme, operator):
    base = opened(operator, acme)
    saved_by_priya(acme, **{"prompt_overrides.email_agent": [{"mode": "add", "text": "Be brief."}]})

    shown = send(operator, acme, base, tone="casual", avoid_terms="cheap").content.decode()

    assert "Taken over from them: What we say to the e-mail agent." in shown
    assert "Be brief." in shown


def test_one_who_edits_alone_meets_nobody(acme, operator):
    base = opened(operator, acme)

    assert send(operator, acme, base, tone="casual", avoid_terms="cheap").status_code == 302
    assert Client.objects.get().settings == {"tone": "casual", "custom_fields.avoid_terms": ["cheap"]}


def test_a_mark_that_somebody_made_up_counts_as_none(acme, operator):
    assert send(operator, acme, "made-up", tone="casual", avoid_terms="cheap").status_code == 302
