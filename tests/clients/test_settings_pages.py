"""Settings in force, import and export, as an account manager meets them."""

import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from agents_app import versions
from clients import config
from clients.models import AgencySettings, Client, SettingsTemplate
from tests.crowd import make_user_of
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db

TEXT = (Path(__file__).parent.parent / "payloads/config/client_123.json").read_text()


@pytest.fixture
def acme():
    return config.create_client(json.loads(TEXT), slug="acme", name="Acme Fintech", by=None, at=AT)


@pytest.fixture
def manager(client, acme):
    user = make_user_of("manager")
    acme.managers.add(user)
    client.force_login(user)
    return client


def test_every_setting_stands_with_where_it_comes_from(manager, acme):
    response = manager.get(reverse("client_settings", args=["acme"]))

    rows = {
        row["setting"].label: (row["setting"].value, [source.name for source in row["sources"]])
        for row in response.context["rows"]
    }
    assert rows["Tone"] == ("Formal", ["Acme Fintech"])
    assert rows["Longest e-mail"] == ("130 words", ["Agency"])
    assert rows["Offer"] == ("", [])
    assert rows["Words to avoid"][1] == ["Agency", "Fintech template", "Acme Fintech"]
    assert "disruptive" in rows["Words to avoid"][0]
    assert "Target CFOs and risk managers" in response.content.decode()


def test_links_lead_only_to_what_one_may_change(client, manager, acme):
    template = reverse("admin:clients_settingstemplate_change", args=[acme.industry_id])
    agency = reverse("admin:clients_agencysettings_change", args=[AgencySettings.objects.get().pk])

    as_manager = manager.get(reverse("client_settings", args=["acme"])).content.decode()
    client.force_login(make_user_of("operator"))
    as_operator = client.get(reverse("client_settings", args=["acme"])).content.decode()
    client.force_login(make_user_of("viewer"))
    as_viewer = client.get(reverse("client_settings", args=["acme"])).content.decode()

    assert [template in page for page in (as_manager, as_operator, as_viewer)] == [False, True, False]
    assert [agency in page for page in (as_manager, as_operator, as_viewer)] == [False, True, False]
    assert "Import JSON" in as_manager
    assert "Import JSON" not in as_viewer


def test_the_page_costs_few_queries(manager, acme, django_assert_max_num_queries):
    manager.get(reverse("client_settings", args=["acme"]))

    with django_assert_max_num_queries(12):
        manager.get(reverse("client_settings", args=["acme"]))


def test_what_is_exported_is_what_was_imported(manager, acme):
    response = manager.get(reverse("client_export", args=["acme"]))

    assert response.content.decode() == TEXT
    assert response["Content-Disposition"] == 'attachment; filename="client_acme.json"'


def compared(browser, text):
    """The mark of what the page shows."""
    return browser.post(reverse("client_import", args=["acme"]), {"text": text}).context["form"]["seen"].value()


def applied(browser, text, seen, **typed):
    sent = {"text": text, "seen": seen, "apply": "yes", **typed}
    return browser.post(reverse("client_import", args=["acme"]), sent)


def test_what_somebody_saved_since_the_comparison_is_shown_and_not_written_over(manager, acme):
    text = TEXT.replace("formal", "direct")
    seen = compared(manager, text)
    config.apply({**config.export(acme), "tone": "casual"}, client=acme, by=None, reason="Meanwhile", at=AT)

    answer = applied(manager, text, seen, reason="My words")

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Nothing was written: the settings of Acme" in shown
    assert 'value="My words"' in shown
    assert [str(change) for change in answer.context["changes"]] == ['tone: "casual" becomes "direct"']
    assert config.newest_version(acme).reason == "Meanwhile"

    again = applied(manager, text, answer.context["form"]["seen"].value())

    assert (again.status_code, Client.objects.get().settings["tone"]) == (302, "direct")


def test_what_was_typed_after_the_comparison_is_shown_before_it_is_written(manager, acme):
    seen = compared(manager, TEXT.replace("formal", "direct"))

    answer = applied(manager, TEXT.replace("formal", "casual"), seen)

    assert (answer.status_code, Client.objects.get().settings["tone"]) == (409, "formal")


def test_an_import_into_an_active_client_asks_why_and_keeps_what_was_typed(manager, acme):
    Client.objects.update(status="active")
    text = TEXT.replace("formal", "direct")
    seen = compared(manager, text)

    asked = applied(manager, text, seen)
    unchanged = Client.objects.get().settings["tone"]
    applied(manager, text, asked.context["form"]["seen"].value(), reason="New voice")

    assert (asked.status_code, unchanged) == (400, "formal")
    assert "This client is active. Say in a few words why its settings change." in asked.content.decode()
    assert asked.context["form"]["text"].value() == text
    assert (Client.objects.get().settings["tone"], config.newest_version(acme).reason) == ("direct", "New voice")


def test_an_import_is_compared_first_and_changes_nothing(manager, acme):
    text = TEXT.replace("formal", "direct")

    response = manager.post(reverse("client_import", args=["acme"]), {"text": text})

    assert [str(change) for change in response.context["changes"]] == ['tone: "formal" becomes "direct"']
    assert text in response.context["form"]["text"].value()
    assert Client.objects.get().settings["tone"] == "formal"


def test_applying_changes_the_settings_and_says_who_did(manager, acme):
    text = TEXT.replace("formal", "direct")

    response = applied(manager, text, compared(manager, text))

    assert response.url == reverse("client_settings", args=["acme"])
    assert Client.objects.get().settings["tone"] == "direct"
    assert acme.history.latest("history_id").history_user.username == "manager"


def test_a_misspelt_key_is_refused_with_its_path_and_the_text_stays(manager, acme):
    text = TEXT.replace("research_agent", "reserch_agent")

    response = manager.post(reverse("client_import", args=["acme"]), {"text": text, "apply": "yes"})

    page = response.content.decode()
    assert response.status_code == 400
    assert "prompt_overrides → reserch_agent" in page
    assert "Did you mean research_agent?" in page
    assert response.context["form"]["text"].value() == text
    assert config.as_text(config.export(Client.objects.get())) == TEXT


def test_an_uploaded_file_is_read_and_its_text_stands_in_the_form(manager, acme):
    upload = SimpleUploadedFile("client_acme.json", TEXT.replace("formal", "casual").encode())

    response = manager.post(reverse("client_import", args=["acme"]), {"text": "", "file": upload})

    assert [change.after for change in response.context["changes"]] == ["casual"]
    assert '"casual"' in response.context["form"]["text"].value()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"text": "  "}, "Paste the settings, or choose a file."),
        ({"file": SimpleUploadedFile("x.json", b"\xff\xfe")}, "not UTF-8 text"),
        ({"text": "{"}, "This is not JSON"),
        ({"text": "[]"}, "A JSON object is needed."),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(manager, acme, sent, words):
    response = manager.post(reverse("client_import", args=["acme"]), sent)

    assert response.status_code == 400
    assert words in response.content.decode()


def test_a_new_client_comes_from_a_document(client):
    client.force_login(make_user_of("manager"))
    typed = {"name": "Fresh Ltd", "slug": "fresh", "text": TEXT}

    compared = client.post(reverse("new_client_import"), typed)
    made = client.post(reverse("new_client_import"), {**typed, "apply": "yes"})

    fresh = Client.objects.get()
    assert len(compared.context["changes"]) == 6
    assert made.url == reverse("admin:clients_client_change", args=[fresh.pk])
    assert (fresh.slug, fresh.status, [user.username for user in fresh.managers.all()]) == (
        "fresh",
        "draft",
        ["manager"],
    )


def test_a_taken_short_name_is_refused_and_nothing_is_made(client):
    make_client("fresh")
    client.force_login(make_user_of("manager"))
    typed = {"name": "Fresh Ltd", "slug": "fresh", "text": TEXT, "apply": "yes"}

    response = client.post(reverse("new_client_import"), typed)

    assert response.status_code == 400
    assert "already exists" in response.content.decode()
    assert Client.objects.count() == 1


def test_six_industries_are_there_to_start_from():
    templates = SettingsTemplate.objects.filter(kind="industry").order_by("key")

    assert [template.key for template in templates] == [
        "fintech", "healthcare", "logistics", "manufacturing", "retail", "saas",
    ]  # fmt: skip
    for template in templates:
        said = template.settings
        assert said["tone"]
        assert said["custom_fields.emphasis"]
        assert len(said["custom_fields.avoid_terms"]) >= 4
        agents = ("research_agent", "persona_agent", "email_agent")
        assert {f"prompt_overrides.{agent}" for agent in agents} <= said.keys()


def test_a_word_to_a_component_that_the_prompt_lost_is_flagged(manager, acme):
    words = [{"mode": "add", "text": f"To {slot}.", "slot": slot} for slot in ("rules", "form")]
    acme.settings = {"prompt_overrides.email_agent": words}
    acme.save()
    version = versions.create("email_agent", text="Write.\n\n## Form\n\nShort.", note="", by=None, at=AT)
    versions.go_live(version, by=None, at=AT)

    rows = manager.get(reverse("client_settings", args=["acme"])).context["additions"]

    flagged = {row["text"]: row["is_homeless"] for row in rows if row["source"].name == "Acme Fintech"}
    assert flagged == {"To rules.": True, "To form.": False}


@pytest.mark.parametrize(
    ("page", "typed"),
    [("new_client_import", {"text": '{"industry": "fintech"}', "apply": "yes"}), ("client_clone", {})],
)
def test_a_new_client_says_what_it_inherits_from_however_it_is_made(client, acme, page, typed):
    client.force_login(make_user_of("operator"))
    where = reverse(page, args=["acme"] if page == "client_clone" else [])

    answer = client.post(where, {"name": "Fresh Ltd", "slug": "fresh", **typed}, follow=True)

    assert "Fresh Ltd is made, in draft. It inherits from: Fintech template" in answer.content.decode()
