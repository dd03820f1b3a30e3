import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse

from agents_app.models import Draft
from clients.models import Client, Delivery
from gtm import menu, navigation
from tests.crowd import make_crowd, make_user_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_counts():
    cache.clear()


def labels(browser: Browser) -> list[str]:
    return [link.label for group in browser.get("/").context["navigation"]() for link in group.links]


def test_every_item_leads_somewhere():
    assert [reverse(item.url_name) for section in menu.SECTIONS for item in section.items]


def test_a_viewer_is_shown_only_what_a_viewer_may_open():
    browser = Browser()
    browser.force_login(make_user_of("viewer"))

    shown = labels(browser)

    assert "Approval queue" in shown
    assert not {"Health", "Background jobs", "Users"} & set(shown)


def test_an_account_manager_is_counted_only_the_own_clients_work():
    manager = make_user_of("manager")
    make_crowd(3)[Client][0].managers.add(manager)

    counts = navigation.waiting(manager)

    assert (counts["waiting_drafts"], counts["quarantine"], counts["open_tickets"]) == (1, 1, 1)


def test_an_operator_is_counted_everybodys_work():
    make_crowd(3)

    counts = navigation.waiting(make_user_of("operator"))

    assert (counts["waiting_drafts"], counts["quarantine"], counts["open_tickets"]) == (3, 3, 3)


def test_counts_are_asked_for_once_in_half_a_minute(django_assert_num_queries):
    operator = make_user_of("operator")
    navigation.waiting(operator)
    make_crowd(1)

    with django_assert_num_queries(0):
        counts = navigation.waiting(operator)

    assert counts["waiting_drafts"] == 0


def test_what_waits_stands_beside_its_link_in_words():
    make_crowd(2)
    browser = Browser()
    browser.force_login(make_user_of("operator"))

    page = browser.get("/").content.decode()

    assert '2<span class="visually-hidden"> waiting for approval</span>' in page


def test_the_page_one_is_on_is_marked():
    browser = Browser()
    browser.force_login(make_user_of("operator"))

    links = [link for group in browser.get("/health/").context["navigation"]() for link in group.links]

    assert [link.label for link in links if link.is_current] == ["Health"]


@pytest.mark.parametrize(
    ("model", "section"),
    [
        ("clients.contact", "clients"),
        ("clients.delivery", "system"),
        ("agents_app.draft", "outreach"),
        ("agents_app.flowrun", "agents"),
        ("insights.ticket", "review"),
        ("auth.user", "system"),
        ("somebody.else", "system"),
    ],
)
def test_every_model_stands_under_one_job(model, section):
    assert menu.section_of(model).key == section


@pytest.mark.parametrize(
    ("key", "debug", "name"),
    [("", True, "Demo: offline composer"), ("", False, "Offline composer"), ("k", True, "Demo"), ("k", False, "Live")],
)
def test_the_badge_says_how_real_this_is(settings, key, debug, name):
    settings.ANTHROPIC_API_KEY, settings.DEBUG = key, debug

    assert navigation.environment().name == name


def test_an_address_that_stands_for_nothing_is_counted_as_nothing():
    assert Draft.objects.count() == Delivery.objects.count() == 0

    assert set(navigation.waiting(make_user_of("operator")).values()) == {0}
