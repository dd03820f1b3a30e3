"""What one layer says and what another says may not contradict each other: whoever saves the second one is told."""

import pytest
from django.urls import reverse

from clients import config
from clients.config import ChangeNotTaken, proposing
from clients.models import AgencySettings, Client, ProposedChange, SettingsTemplate
from tests.clients.test_config_radius import form_of
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_industry, make_user

pytestmark = pytest.mark.django_db
NEVER = "Acme: E-mails would leave from 14 o'clock until 12 o'clock, which is never."


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def post(browser, row, **typed):
    address = reverse("admin:clients_settingstemplate_change", args=[row.pk])
    return browser.post(address, form_of(row, **typed)).content.decode().replace("&#x27;", "'")


def window(slug):
    found = config.effective(Client.objects.get(slug=slug)).document["send_window"]
    return found["from_hour"], found["to_hour"]


def test_a_template_whose_hours_leave_a_client_none_is_refused_with_the_client_s_name(operator):
    ledgers = make_industry("ledgers")
    make_client("acme", industry=ledgers, to_hour=12)
    make_client("zeta", industry=ledgers)

    shown = post(operator, ledgers, from_hour="14")

    assert "Nothing is saved: it would contradict what clients say themselves, once." in shown
    assert NEVER in shown
    assert "Zeta: E-mails" not in shown
    assert 'name="heeded" value=' not in shown
    assert (SettingsTemplate.objects.get(pk=ledgers.pk).settings, window("acme")) == ({}, (0, 12))


def test_the_first_of_many_are_named_and_the_rest_counted(operator):
    ledgers = make_industry("ledgers")
    for number in range(23):
        make_client(f"client-{number:02}", industry=ledgers, to_hour=12)

    shown = post(operator, ledgers, from_hour="14")

    assert "contradict what clients say themselves, 23 times." in shown
    assert ("Client 19: E-mails" in shown, "Client 20: E-mails" in shown, "And 3 more." in shown) == (True, False, True)


def test_a_lock_that_leaves_no_hour_is_refused_too(operator):
    ledgers = make_industry("ledgers")
    make_client("acme", industry=ledgers, from_hour=8, to_hour=12)

    shown = post(operator, ledgers, from_hour="14", locked=["send_window.from_hour"])

    assert NEVER in shown
    assert SettingsTemplate.objects.get(pk=ledgers.pk).locks == []


def test_what_was_wrong_before_keeps_nobody_from_changing_something_else(operator):
    ledgers = make_industry("ledgers", from_hour=14)
    make_client("acme", industry=ledgers, to_hour=12)

    shown = post(operator, ledgers, from_hour="14", tone="direct")

    assert "Nothing is saved" not in shown
    assert "Save again if it is meant so." in shown


def test_a_change_that_waited_is_refused_when_a_client_contradicts_it_by_now():
    agency = AgencySettings.objects.get()
    change = proposing.propose(
        agency, proposing.Wanted({"send_window.from_hour": 14}), reach=9, by=make_user("priya"), at=AT
    )
    make_client("acme", to_hour=12)

    with pytest.raises(ChangeNotTaken, match="Acme: E-mails would leave from 14"):
        proposing.apply(change, by=make_user("tom"), at=AT)

    assert ProposedChange.objects.get().decision == ""
    assert "send_window.from_hour" not in AgencySettings.objects.get().settings
