"""Versions of a client's own settings: kept with every change, compared, and brought back."""

import pytest
from django.urls import reverse

from clients import config
from clients.models import Client, ConfigVersion
from gtm import loop
from gtm.records import RecordChanged
from tests.clients.test_admin import page, whole_form
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_contact, make_industry, make_request, make_user

pytestmark = pytest.mark.django_db
FIRST = {"industry": "fintech", "tone": "formal", "custom_fields": {"avoid_terms": ["cheap"]}}
SECOND = {
    "industry": "fintech",
    "tone": "direct",
    "prompt_overrides": {"email_agent": "Be brief.", "persona_agent": {"mode": "replace", "text": "Write to CFOs."}},
}


@pytest.fixture
def acme():
    make_industry()
    return config.create_client(FIRST, slug="acme", name="Acme", by=make_user("priya"), at=AT)


def numbers(client):
    return list(ConfigVersion.objects.filter(client=client).order_by("number").values_list("number", flat=True))


def test_every_change_is_a_version_with_who_and_why_and_a_change_of_nothing_is_none(acme):
    tom = make_user("tom")

    config.apply(SECOND, client=acme, by=tom, reason="New market", at=AT)
    config.apply(SECOND, client=acme, by=tom, reason="Again", at=AT)

    first, second = ConfigVersion.objects.order_by("number")
    assert (first.number, first.document, first.author.username, first.reason) == (1, FIRST, "priya", "Created")
    assert (second.number, second.document, second.author, second.reason) == (2, SECOND, tom, "New market")


def test_a_version_comes_back_word_for_word_as_a_new_version(acme):
    config.apply(SECOND, client=acme, by=None, reason="", at=AT)

    config.revert(ConfigVersion.objects.get(number=1), by=None, at=AT)

    acme = Client.objects.get(pk=acme.pk)
    assert config.as_text(config.export(acme)) == config.as_text(FIRST)
    assert numbers(acme) == [1, 2, 3]
    newest = config.newest_version(acme)
    assert (newest.document, newest.reason) == (FIRST, "Back to v1")


def test_a_version_never_changes(acme):
    version = ConfigVersion.objects.get()
    version.document = SECOND

    with pytest.raises(RecordChanged):
        version.save()


def test_saving_the_clients_page_makes_a_version_and_says_who_touched_what(acme, client):
    client.force_login(make_user_of("operator"))

    client.post(
        page("change", "client", acme.pk), whole_form(acme, tone="casual", avoid_terms="cheap", reason="Warmer")
    )

    acme = Client.objects.get(pk=acme.pk)
    newest = config.newest_version(acme)
    assert (newest.number, newest.reason, newest.author.username) == (2, "Warmer", "operator")
    assert (acme.touched["tone"][0], acme.touched["custom_fields.avoid_terms"][0]) == ("operator", "priya")


def test_the_page_compares_any_two_and_brings_one_back(acme, client):
    client.force_login(make_user_of("operator"))
    config.apply(SECOND, client=acme, by=None, reason="New market", at=AT)
    config.apply(FIRST | {"tone": "casual"}, client=acme, by=None, reason="", at=AT)
    here = reverse("client_versions", args=["acme"])

    shown = client.get(here, {"left": 1, "right": 2})
    compared = {pair.label: (pair.left, pair.right) for pair in shown.context["compared"] if pair.differs}
    client.post(here, {"back": 1})

    assert compared["Tone"] == ("Formal", "Direct")
    assert compared["Words to avoid"] == ("cheap", "inherited")
    assert "New market" in shown.content.decode()
    assert config.export(Client.objects.get()) == FIRST
    assert numbers(acme) == [1, 2, 3, 4]


@pytest.mark.parametrize("back", ["", "9", "1x"])
def test_a_version_that_is_none_brings_nothing_back(acme, client, back):
    client.force_login(make_user_of("operator"))

    assert client.post(reverse("client_versions", args=["acme"]), {"back": back}).status_code == 404
    assert numbers(acme) == [1]


def test_a_viewer_sees_versions_and_brings_none_back(acme, client):
    client.force_login(make_user_of("viewer"))
    config.apply(SECOND, client=acme, by=None, reason="", at=AT)
    here = reverse("client_versions", args=["acme"])

    assert "Back to v1" not in client.get(here).content.decode()
    assert client.post(here, {"back": 1}).status_code == 403
    assert config.export(Client.objects.get()) == SECOND


def test_an_account_manager_finds_no_versions_of_another_client(acme, client):
    client.force_login(make_user_of("manager"))

    assert client.get(reverse("client_versions", args=["acme"])).status_code == 404


def test_a_version_whose_keys_are_no_longer_known_is_refused_in_words(acme, client):
    client.force_login(make_user_of("operator"))
    ConfigVersion.objects.create(
        client=acme, number=2, document=FIRST | {"mood": "good"}, sha256="0" * 64, created_at=AT
    )

    shown = client.post(reverse("client_versions", args=["acme"]), {"back": 2}, follow=True).content.decode()

    assert "Version 2 cannot be used as it is any more: mood: This setting is not known." in shown
    assert config.export(Client.objects.get()) == FIRST


def test_a_client_that_was_never_saved_says_what_makes_its_first_version(client):
    client.force_login(make_user_of("operator"))
    make_client("plain")

    assert "The first save makes version 1." in client.get(reverse("client_versions", args=["plain"])).content.decode()


def test_a_run_keeps_which_version_it_was_planned_with(acme):
    config.apply(SECOND, client=acme, by=None, reason="", at=AT)
    asked = make_request(make_contact(Client.objects.get(pk=acme.pk)))

    run = loop.plan_run(asked.pk, at=AT)
    config.apply(FIRST, client=acme, by=None, reason="", at=AT)

    run.refresh_from_db()
    assert (run.config_version, run.config["tone"]) == (2, "direct")
    assert loop.plan_run(make_request(make_contact()).pk, at=AT).config_version is None


def test_the_page_of_a_client_s_past_row_opens(client):
    client.force_login(make_user_of("operator"))
    acme = make_client("acme", tone="formal")
    past = acme.history.latest("history_id")

    answer = client.get(reverse("admin:clients_client_simple_history", args=[acme.pk, past.history_id]))

    assert answer.status_code == 200


def test_a_row_that_comes_back_from_its_history_counts_on_from_the_newest_revision():
    acme = make_client("acme", tone="formal")
    old = acme.history.latest("history_id").instance
    Client.objects.filter(pk=acme.pk).update(revision=7)

    config.save(old, config.Author(None, "Back", AT))

    assert Client.objects.get().revision == 8


def test_a_version_of_an_active_client_comes_back_once_somebody_says_why(acme, client):
    client.force_login(make_user_of("operator"))
    config.apply(SECOND, client=acme, by=None, reason="", at=AT)
    Client.objects.update(status="active")
    here = reverse("client_versions", args=["acme"])

    asked = client.post(here, {"back": 1})
    unchanged = config.export(Client.objects.get())
    answer = client.post(here, {"back": 1, "reason": "The market moved back"})

    assert (asked.status_code, unchanged) == (400, SECOND)
    assert "This client is active. Say in a few words why its settings change." in asked.content.decode()
    assert answer.status_code == 302
    assert config.export(Client.objects.get()) == FIRST
    assert config.newest_version(acme).reason == "Back to v1: The market moved back"


def test_what_was_typed_stays_where_a_version_cannot_come_back(acme, client):
    client.force_login(make_user_of("operator"))
    ConfigVersion.objects.create(
        client=acme, number=2, document=FIRST | {"mood": "good"}, sha256="0" * 64, created_at=AT
    )

    answer = client.post(reverse("client_versions", args=["acme"]), {"back": 2, "reason": "A better mood"})

    assert answer.status_code == 400
    assert 'value="A better mood"' in answer.content.decode()
