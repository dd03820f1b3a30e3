"""The pages of prompt versions: what one is made of, what it changes, how far it got, and the two clicks back."""

import html

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from agents_app import versions
from agents_app.models import PromptVersion, Release
from clients.models import AgentKey
from gtm import loop
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_experiment,
    make_prompt,
    make_ready_client,
    make_request,
    make_user,
)

pytestmark = pytest.mark.django_db
AGENT = AgentKey.EMAIL
TEXT = "You write one e-mail.\n\n## Rules\n\nNo figure from memory. At most 120 words.\n\n## Course\n\nGreet first.\n"


def url(page, *args):
    return reverse(f"admin:agents_app_promptversion_{page}", args=args)


def shown(browser, address):
    """The words of a page."""
    return " ".join(strip_tags(html.unescape(browser.get(address).content.decode())).split())


@pytest.fixture
def two(db):
    """The version that is live, and a draft made from it with fewer words."""
    first = versions.create(AGENT, text=TEXT, note="", by=None, at=AT)
    versions.go_live(first, by=None, at=AT)
    return first, versions.create(AGENT, text=TEXT.replace("120", "90"), note="Shorter", by=None, at=AT)


def test_a_version_is_shown_with_its_components_settings_and_why_it_is_so_large(two, operator):
    page = shown(operator, url("change", two[1].pk))

    for words in (
        "E-mail 1.1.0 (v2)",
        "Minor Rules: a number or an amount changed: “120” becomes “90”",
        "What stands first Role",
        "Rules Constraints",
        "Course Instructions",
        "Model: as the client's settings choose",
        "-No figure from memory. At most 120 words. +No figure from memory. At most 90 words.",
        "Never.",
        "No experiment.",
    ):
        assert words in page
    assert url("change", two[0].pk) in operator.get(url("change", two[1].pk)).content.decode()


def test_only_the_components_that_changed_are_told_as_changed(two, operator):
    page = shown(operator, url("compare", two[1].pk))

    assert "E-mail 1.0.0 (v1) → E-mail 1.1.0 (v2)" in page
    assert "Rules Constraints, changed" in page
    assert "Course Instructions" not in page


def test_any_other_version_can_stand_beside_it(two, operator):
    third = versions.create(AGENT, text=TEXT, note="", by=None, at=AT, effort="high", parent=two[1])

    page = shown(operator, f"{url('compare', third.pk)}?with={two[0].pk}")

    assert "E-mail 1.0.0 (v1) → E-mail 1.2.0 (v3)" in page
    assert "The texts are the same." in page
    assert "Effort: as settings or depth ask becomes High" in page


def test_a_version_of_another_agent_is_no_choice(two, operator):
    other = make_prompt(AgentKey.PERSONA)

    page = shown(operator, f"{url('compare', two[1].pk)}?with={other.pk}")

    assert "E-mail 1.0.0 (v1) → E-mail 1.1.0 (v2)" in page


def test_how_large_a_change_counts_is_raised_with_a_reason(two, operator):
    operator.post(url("compare", two[1].pk), {"level": "major", "reason": "Half the cases changed"})

    version = PromptVersion.objects.get(pk=two[1].pk)
    assert version.semver == "2.0.0"
    assert version.history.first().history_change_reason == "Raised to major: Half the cases changed"


@pytest.mark.parametrize("level", ["patch", "minor", ""])
def test_how_large_a_change_counts_is_never_lowered(two, operator, level):
    answer = operator.post(url("compare", two[1].pk), {"level": level}, follow=True)

    assert "can only be raised" in html.unescape(answer.content.decode())
    assert PromptVersion.objects.get(pk=two[1].pk).semver == "1.1.0"


def test_who_only_looks_raises_nothing(two, client):
    client.force_login(make_user_of("viewer"))

    page = shown(client, url("compare", two[1].pk))
    answer = client.post(url("compare", two[1].pk), {"level": "major"})

    assert "It changes more than that" not in page
    assert answer.status_code == 403
    assert PromptVersion.objects.get(pk=two[1].pk).semver == "1.1.0"


def test_a_new_version_takes_over_the_settings_and_the_parent_it_was_opened_from(two, operator):
    old = versions.create(AGENT, text="Old.", note="", by=None, at=AT, effort="high", max_tokens=900)
    form = operator.get(f"{url('add')}?from={old.pk}").context["adminform"].form

    typed = {name: form[name].value() for name in ("agent", "text", "effort", "max_tokens", "parent")}
    operator.post(url("add"), typed | {"text": "Old, but new.", "note": "", "at_least": "major"})

    made = PromptVersion.objects.get(number=4)
    assert (made.parent, made.effort, made.max_tokens) == (old, "high", 900)
    assert (made.level, made.semver) == ("major", "2.0.0")


def test_from_the_list_two_clicks_go_back(two, operator):
    versions.go_live(two[1], by=None, at=AT)
    there = url("roll_back", two[1].pk)

    listed = operator.get(url("changelist")).content.decode()
    page = shown(operator, there)
    operator.post(there, {"reason": ""})

    assert f'href="{there}"' in listed
    assert "E-mail 1.1.0 (v2) is retired, and E-mail 1.0.0 (v1), which was live before it, becomes live again." in page
    assert "-No figure from memory. At most 90 words. +No figure from memory. At most 120 words." in page
    assert PromptVersion.objects.get(label="live") == two[0]


def test_the_list_offers_no_way_back_to_who_may_not_move_labels(two, client):
    versions.go_live(two[1], by=None, at=AT)
    client.force_login(make_user_of("viewer"))

    listed = client.get(url("changelist")).content.decode()

    assert url("roll_back", two[1].pk) not in listed
    assert url("make_live", two[0].pk) not in listed


def test_before_a_release_one_reads_what_changes_who_stays_and_how_to_go_back(two, operator):
    acme = make_client(name="Acme")
    versions.pin(acme, two[0], by=None, at=AT, reason="Their lawyers read it")

    page = shown(operator, url("make_live", two[1].pk))

    for words in (
        "Minor Rules: a number or an amount changed: “120” becomes “90”",
        "Acme stays with v1: Their lawyers read it",
        "makes E-mail 1.0.0 (v1) live again, at once",
    ):
        assert words in page


def test_the_changelog_names_only_clients_that_one_sees(two, client):
    mine, other = make_client(name="Acme"), make_client(name="Others")
    for each in (mine, other):
        versions.pin(each, two[0], by=None, at=AT)
    versions.go_live(two[1], by=None, at=AT)
    manager = make_user_of("manager")
    mine.managers.add(manager)
    client.force_login(manager)

    page = shown(client, reverse("admin:agents_app_release_change", args=[Release.objects.latest("pk").pk]))

    assert "Acme with v1, pinned for it" in page
    assert "Others" not in page


def test_a_version_tells_who_moved_its_label_and_why(two, operator):
    versions.go_live(two[1], by=make_user("ann"), at=AT, reason="Won the test")

    page = shown(operator, url("change", two[1].pk))

    assert "16 November 2026, 09:00 Live by ann: Won the test" in page
    assert "16 November 2026, 09:00 Draft: Written" in page
    assert "in place of E-mail 1.0.0 (v1), by ann: Won the test" in page


def test_where_a_version_is_used_leads_to_its_runs_and_experiments(two, operator):
    client = make_ready_client()
    run = loop.plan_run(make_request(make_contact(client)).pk, at=AT)
    experiment = make_experiment(client, control=two[0], challenger=two[1], name="Fewer words")

    page = operator.get(url("change", two[0].pk)).content.decode()
    runs = reverse("admin:agents_app_flowrun_changelist") + f"?prompts__version__exact={two[0].pk}&amp;trial=no"

    assert runs in page
    assert "Fewer words" in page
    assert reverse("admin:experiments_experiment_change", args=[experiment.pk]) in page
    listed = operator.get(html.unescape(runs))
    assert list(listed.context["cl"].queryset) == [run]


@pytest.mark.parametrize("role", ["operator", "manager"])
def test_the_history_of_a_version_is_no_door_to_its_label(two, client, role):
    versions.go_live(two[1], by=None, at=AT)
    client.force_login(make_user_of(role))
    past = two[0].history.filter(label="live").get()
    stood = list(PromptVersion.objects.order_by("pk").values())

    there, typed = url("simple_history", two[0].pk, past.pk), {"agent": AGENT, "text": "Other.", "label": "live"}
    answer = client.post(there, typed)

    assert answer.status_code == 403
    assert list(PromptVersion.objects.order_by("pk").values()) == stood
