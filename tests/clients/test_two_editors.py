"""Two people who edit one client at once: the second sees what the first did, and nothing is lost."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients import config
from clients.models import AgencySettings, Client, SettingsTemplate
from tests.clients.test_admin import page, whole_form
from tests.clients.test_config_radius import form_of
from tests.crowd import make_user_of
from tests.factories import AT, make_campaign, make_client, make_industry, make_user

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


def test_a_column_that_the_other_changed_is_taken_over(acme, operator):
    base = opened(operator, acme)
    Client.objects.filter(pk=acme.pk).update(website="acme.example", daily_budget_usd="20.00", shares_patterns=False)

    shown = send(operator, acme, base, tone="casual", avoid_terms="cheap", shares_patterns="on").content.decode()

    assert "Taken over from them: " in shown
    assert 'value="acme.example"' in shown
    assert not re.search(r'name="shares_patterns"[^>]* checked', shown)
    row = Client.objects.get()
    assert (row.website, row.shares_patterns, row.settings["tone"]) == ("acme.example", False, "formal")


def test_a_column_that_both_changed_is_told_in_words(acme, operator):
    base = opened(operator, acme)
    paused = Client.objects.get(pk=acme.pk)
    paused.status, paused._history_user = "paused", make_user("tom")
    paused.save()

    shown = send(operator, acme, base, status="draft", tone="formal", avoid_terms="cheap").content.decode()

    assert "tom saved other settings at " in shown
    assert "Status: they set it to “Paused: cannot send”. What you typed is kept below." in shown
    assert Client.objects.get().status == "paused"


# --- the layers below, and campaigns


def layer_page(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def opened_layer(browser, row):
    shown = browser.get(layer_page(row)).content.decode()
    return re.search(r'name="base" value="([^"]+)"', shown)[1]


def saved_by_another(row, settings, locks=()):
    fresh = type(row).objects.get(pk=row.pk)
    config.put(fresh, settings, config.Author(make_user("priya"), "", AT), locks=locks)
    config.save(fresh, config.Author(make_user("tom"), "", AT))


def a_template():
    return make_industry("ledgers", settings={"tone": "formal"})


def the_agency():
    AgencySettings.objects.update(settings={"tone": "formal"})
    return AgencySettings.objects.get()


def a_campaign():
    return make_campaign(settings={"tone": "formal"})


def whole_layer_form(row, **typed):
    if isinstance(row, SettingsTemplate):
        return form_of(row, **typed)
    empty = {f"{prefix}-{name}": "0" for prefix in ("steps", "members") for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    basis = {"name": row.name, "goal": row.goal, **empty} if hasattr(row, "goal") else {}
    return basis | {{"avoid_terms": "custom_fields__avoid_terms"}.get(name, name): each for name, each in typed.items()}


@pytest.mark.parametrize("make", [a_template, the_agency, a_campaign])
def test_of_every_layer_the_second_sees_what_the_first_did_and_nothing_is_lost(operator, make):
    row = make()
    base = opened_layer(operator, row)
    saved_by_another(row, {"tone": "direct", "custom_fields.offer": "Audits."})

    answer = operator.post(layer_page(row), whole_layer_form(row, base=base, tone="casual", avoid_terms="bold"))

    shown = answer.content.decode()
    assert "priya saved other settings at 09:00, while you were editing. Nothing is saved yet." in shown
    assert "Tone: they set it to “Direct”. What you typed is kept below." in shown
    assert "Taken over from them: Offer." in shown
    assert '<option value="casual" selected>' in shown
    assert ">\nAudits.</textarea>" in shown
    assert type(row).objects.get(pk=row.pk).settings == {"tone": "direct", "custom_fields.offer": "Audits."}


@pytest.mark.parametrize("make", [a_template, the_agency, a_campaign])
def test_of_every_layer_pressing_again_keeps_both(operator, make):
    row = make()
    base = opened_layer(operator, row)
    saved_by_another(row, {"tone": "formal", "custom_fields.offer": "Audits."})
    shown = operator.post(layer_page(row), whole_layer_form(row, base=base, tone="casual")).content.decode()
    base = re.search(r'name="base" value="([^"]+)"', shown)[1]

    typed = {"base": base, "tone": "casual", "custom_fields__offer": "Audits."}
    operator.post(layer_page(row), whole_layer_form(row, **typed))

    assert type(row).objects.get(pk=row.pk).settings == {"tone": "casual", "custom_fields.offer": "Audits."}


def test_locks_of_both_are_kept(operator):
    row = a_template()
    base = opened_layer(operator, row)
    saved_by_another(row, {"tone": "formal"}, locks=["tone"])

    typed = {"base": base, "tone": "formal", "locked": ["custom_fields.offer"]}
    shown = operator.post(layer_page(row), whole_layer_form(row, **typed)).content.decode()

    assert "Taken over from them: whether Tone is locked." in shown
    ticked = re.findall(r'name="locked" value="([^"]+)"[^>]* checked', shown)
    assert ticked == ["tone", "custom_fields.offer"]
    assert SettingsTemplate.objects.get(pk=row.pk).locks == ["tone"]


def test_a_lock_that_the_other_took_away_is_taken_away_here_too(operator):
    row = a_template()
    SettingsTemplate.objects.filter(pk=row.pk).update(locks=["tone"])
    base = opened_layer(operator, row)
    SettingsTemplate.objects.filter(pk=row.pk).update(locks=[])

    typed = {"base": base, "tone": "formal", "locked": ["tone"]}
    shown = operator.post(layer_page(row), whole_layer_form(row, **typed)).content.decode()

    assert not re.search(r'name="locked" value="tone"[^>]* checked', shown)
    assert SettingsTemplate.objects.get(pk=row.pk).locks == []


def test_the_name_of_a_template_that_the_other_changed_is_not_lost(operator):
    row = a_template()
    base = opened_layer(operator, row)
    SettingsTemplate.objects.filter(pk=row.pk).update(name="Ledger houses")

    shown = operator.post(layer_page(row), whole_layer_form(row, base=base, tone="casual")).content.decode()

    assert "Taken over from them: Name." in shown
    assert 'value="Ledger houses"' in shown
    assert SettingsTemplate.objects.get(pk=row.pk).name == "Ledger houses"


def test_whom_it_changes_is_asked_only_once_the_two_have_met(operator):
    row = a_template()
    make_client("of-ledgers", industry=row)
    base = opened_layer(operator, row)
    saved_by_another(row, {"tone": "direct"})

    met = operator.post(layer_page(row), whole_layer_form(row, base=base, tone="casual")).content.decode()
    base = re.search(r'name="base" value="([^"]+)"', met)[1]
    asked = operator.post(layer_page(row), whole_layer_form(row, base=base, tone="casual")).content.decode()

    assert "This changes the settings of" not in met
    assert "Of Ledgers: Tone: Direct becomes Casual." in asked


@pytest.mark.parametrize("make", [a_template, the_agency, a_campaign])
def test_the_row_is_held_while_it_is_saved(operator, make):
    row = make()
    with CaptureQueriesContext(connection) as captured:
        operator.post(layer_page(row), whole_layer_form(row, tone="casual"))

    held = [query["sql"] for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
    assert any(f'FROM "{row._meta.db_table}"' in sql for sql in held)
