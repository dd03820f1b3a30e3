"""Whichever door settings come through, the rules are those of the form: nothing that contradicts itself, and nothing
that a lock below does not hear."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from clients import config
from clients.config import ConfigRefused, importing, sets
from clients.models import AgencySettings, Client, ConfigVersion
from insights import changes, tickets
from insights.models import ChangeLink
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_industry, make_user

pytestmark = pytest.mark.django_db
NEVER = {"industry": "fintech", "send_window": {"from_hour": 20, "to_hour": 8}}
AVOIDED = {"industry": "fintech", "custom_fields": {"avoid_terms": ["cheap"], "offer": "The cheap one"}}
CASUAL = {"industry": "fintech", "tone": "casual"}
LOCKED = "tone: Agency locks it: it can only be tightened."
WHY = [
    (NEVER, "E-mails would leave from 20 o'clock until 8 o'clock, which is never."),
    (AVOIDED, "“cheap” is among the words to avoid"),
    (CASUAL, LOCKED),
]


@pytest.fixture(autouse=True)
def _agency():
    make_industry("fintech")
    lock(tone="formal")


def lock(**settings):
    row, _ = AgencySettings.objects.get_or_create()
    config.put(row, settings, config.Author(None, "", AT), locks=list(settings))
    config.save(row, config.Author(None, "", AT))


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def said():
    return Client.objects.get().settings


@pytest.mark.parametrize(("document", "why"), WHY)
def test_what_is_applied_is_refused_in_words_and_nothing_changes(document, why):
    acme = make_client("acme")

    with pytest.raises(ConfigRefused) as refused:
        config.apply(document, client=acme, by=None, reason="", at=AT)

    assert why in str(refused.value)
    assert (said(), acme.settings, ConfigVersion.objects.count()) == ({}, {}, 0)


@pytest.mark.parametrize(("document", "why"), WHY)
def test_a_new_client_is_not_made_of_it(document, why):
    with pytest.raises(ConfigRefused) as refused:
        config.create_client(document, slug="acme", name="Acme", by=None, at=AT)

    assert why in str(refused.value)
    assert not Client.objects.exists()


@pytest.mark.parametrize("name", ["client_acme.json", "client_new.json"])
@pytest.mark.parametrize(("document", "why"), WHY)
def test_a_file_of_a_folder_says_why_it_cannot_be_used(document, why, name):
    make_client("acme")
    files = {name: json.dumps(document).encode()}

    [look] = importing.look(files, Client.objects.all(), may_add=True)
    with pytest.raises(sets.SetRefused):
        importing.apply(files, Client.objects.all(), may_add=True, seen=None, author=config.Author(None, "", AT))

    assert any(why in str(problem) for problem in look.problems)
    assert (said(), ConfigVersion.objects.count()) == ({}, 0)


def test_the_command_prints_it(tmp_path):
    (tmp_path / "client_acme.json").write_text(json.dumps(CASUAL))
    printed = StringIO()

    with pytest.raises(CommandError):
        call_command("import_clients", str(tmp_path), "--apply", stdout=StringIO(), stderr=printed)

    assert LOCKED in printed.getvalue()
    assert not Client.objects.exists()


@pytest.mark.parametrize("more", [{}, {"apply": "yes", "reason": "x"}])
def test_the_page_of_one_client_shows_it_when_it_compares(operator, more):
    make_client("acme")

    answer = operator.post(reverse("client_import", args=["acme"]), {"text": json.dumps(CASUAL), **more})

    assert answer.status_code == 400
    assert "<strong>tone</strong>: Agency locks it: it can only be tightened." in answer.content.decode()
    assert said() == {}


@pytest.mark.parametrize("is_trial", [True, False])
def test_other_programs_are_told_it(operator, is_trial):
    make_client("acme")
    body = {"document": CASUAL, "version": 0, "reason": "x", "is_trial": is_trial}

    answer = operator.put("/api/clients/acme/settings", json.dumps(body), content_type="application/json")

    assert answer.status_code == 422
    assert "Agency locks it" in answer.content.decode()
    assert said() == {}


def test_a_version_that_a_lock_would_not_hear_any_more_does_not_come_back(operator):
    lock()
    acme = config.create_client(CASUAL, slug="acme", name="Acme", by=None, at=AT)
    config.apply({"industry": "fintech"}, client=acme, by=None, reason="", at=AT)
    lock(tone="formal")

    shown = operator.post(reverse("client_versions", args=["acme"]), {"back": 1}, follow=True).content.decode()

    assert f"Version 1 cannot be used as it is any more: {LOCKED}" in shown
    assert (said(), ConfigVersion.objects.count()) == ({}, 2)


def test_a_ticket_whose_change_a_lock_would_not_hear_stays_open():
    acme = make_client("acme")
    ticket = tickets.create("Warmer", description="", owner=make_user(), due_date=AT.date(), by=None, at=AT)

    with pytest.raises(changes.ChangeRefused, match="Agency locks it"):
        changes.apply(ticket, change=changes.SettingChanges(acme.pk, "tone", "casual"), by=None, at=AT)

    ticket.refresh_from_db()
    assert (ticket.status, ChangeLink.objects.count(), said()) == ("open", 0, {})


def test_an_old_word_that_a_later_lock_silenced_keeps_nobody_from_changing_others():
    acme = make_client("acme", tone="casual")

    config.apply({**CASUAL, "custom_fields": {"max_words": 90}}, client=acme, by=None, reason="", at=AT)

    assert said() == {"tone": "casual", "custom_fields.max_words": 90}


def test_what_tightens_a_lock_is_taken():
    lock(**{"custom_fields.max_words": 120, "custom_fields.avoid_terms": ["cheap"]})
    acme = make_client("acme")
    tighter = {"industry": "fintech", "custom_fields": {"max_words": 90, "avoid_terms": ["bold"]}}

    config.apply(tighter, client=acme, by=None, reason="", at=AT)

    assert said() == {"custom_fields.max_words": 90, "custom_fields.avoid_terms": ["bold"]}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ({"$remove": ["cheap"]}, "Agency locks “cheap”: it cannot be taken out."),
        ({"$unset": True}, "Agency locks it: it can only be tightened."),
    ],
)
def test_what_is_locked_of_a_list_is_not_taken_out(word, why):
    lock(**{"custom_fields.avoid_terms": ["cheap"]})
    acme = make_client("acme")

    with pytest.raises(ConfigRefused) as refused:
        config.apply(
            {"industry": "fintech", "custom_fields": {"avoid_terms": word}}, client=acme, by=None, reason="", at=AT
        )

    assert str(refused.value) == f"custom_fields → avoid_terms: {why}"
    assert said() == {}


def test_a_copy_of_a_client_whose_own_word_a_lock_silenced_is_refused_with_where_to_mend_it(operator):
    make_client("acme", tone="casual")

    answer = operator.post(reverse("client_clone", args=["acme"]), {"name": "Acme Two", "slug": "acme-two"})

    assert answer.status_code == 400
    assert f"{LOCKED} Mend it in the settings of Acme first." in answer.content.decode()
    assert Client.objects.count() == 1


def test_what_somebody_saved_meanwhile_of_the_row_is_not_written_over():
    acme = make_client("acme", status="active", daily_budget_usd=5)
    Client.objects.filter(pk=acme.pk).update(status="paused", daily_budget_usd=9)

    config.apply({"industry": "fintech", "custom_fields": {"max_words": 90}}, client=acme, by=None, reason="", at=AT)

    row = Client.objects.get()
    assert (row.status, row.daily_budget_usd, row.settings) == ("paused", 9, {"custom_fields.max_words": 90})
