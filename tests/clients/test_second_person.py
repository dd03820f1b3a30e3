"""A change of a template that reaches many clients waits for a second person."""

import re

import pytest
from django.urls import reverse

from clients.config import ChangeNotTaken, proposing
from clients.models import Client, ProposedChange, SettingsTemplate
from tests.clients.test_config_radius import form_of
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_industry, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledgers(settings):
    settings.TEMPLATE_REACH_ALONE = 2
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    for number in range(3):
        make_client(f"client-of-ledgers-{number}", industry=ledgers)
    return ledgers


def saved_twice(browser, template, **typed):
    """As somebody saves who reads what it changes and presses again."""
    address = reverse("admin:clients_settingstemplate_change", args=[template.pk])
    first = browser.post(address, form_of(template, **typed)).content.decode()
    mark = re.search(r'name="heeded" value="([^"]+)"', first)[1]
    return browser.post(address, form_of(template, heeded=mark, **typed), follow=True).content.decode()


def stored(template):
    return SettingsTemplate.objects.get(pk=template.pk)


def proposed(ledgers, by=None):
    stored(ledgers)
    return proposing.propose(ledgers, proposing.Wanted({"tone": "direct"}), reach=3, by=by or make_user("priya"), at=AT)


def test_it_is_written_down_and_the_template_stays_as_it_is(ledgers, client):
    client.force_login(make_user_of("operator"))

    shown = saved_twice(client, ledgers, tone="direct")

    assert "Nothing is changed yet: it reaches 3 clients, so a second person has to confirm it." in shown
    assert "Client Of Ledgers 0: Tone: Formal becomes Direct." in shown
    assert stored(ledgers).settings == {"tone": "formal"}
    change = ProposedChange.objects.get()
    assert (change.template, change.settings, change.reach, change.author.username, change.decision) == (
        ledgers,
        {"tone": "direct"},
        3,
        "operator",
        "",
    )


def test_another_person_confirms_it(ledgers, client):
    change = proposed(ledgers)
    client.force_login(make_user_of("operator"))

    client.post(reverse("admin:clients_proposedchange_decide", args=[change.pk]), {"decision": "apply"})

    change.refresh_from_db()
    template = stored(ledgers)
    assert (change.decision, change.decided_by.username) == ("applied", "operator")
    assert (template.settings, template.revision) == ({"tone": "direct"}, 1)
    newest = template.history.latest("history_id")
    assert (newest.history_change_reason, newest.history_user.username) == (
        "By priya, confirmed by operator",
        "operator",
    )


def test_its_author_cannot_confirm_it_and_can_take_it_back(ledgers):
    priya = make_user("priya")
    change = proposed(ledgers, by=priya)

    with pytest.raises(ChangeNotTaken, match="Another person has to confirm it"):
        proposing.apply(change, by=priya, at=AT)
    assert (stored(ledgers).settings, ProposedChange.objects.get().decision) == ({"tone": "formal"}, "")
    proposing.decline(change, by=priya, at=AT)

    assert ProposedChange.objects.get().decision == "declined"


def test_it_is_refused_when_the_template_was_saved_since(ledgers):
    change = proposed(ledgers)
    SettingsTemplate.objects.filter(pk=ledgers.pk).update(revision=5, settings={"tone": "casual"})

    with pytest.raises(ChangeNotTaken, match="was saved since"):
        proposing.apply(change, by=make_user("tom"), at=AT)

    assert (stored(ledgers).settings, ProposedChange.objects.get().decision) == ({"tone": "casual"}, "")


def test_the_second_of_two_who_decide_is_told_who_was_first(ledgers):
    change, tom = proposed(ledgers), make_user("tom")
    proposing.apply(change, by=tom, at=AT)

    with pytest.raises(ChangeNotTaken, match="tom was first: applied"):
        proposing.decline(change, by=make_user("ann"), at=AT)


def test_who_may_not_change_templates_decides_nothing(ledgers, client):
    change = proposed(ledgers)
    client.force_login(make_user_of("viewer"))

    answer = client.post(reverse("admin:clients_proposedchange_decide", args=[change.pk]), {"decision": "apply"})

    assert answer.status_code == 403
    assert (stored(ledgers).settings, Client.objects.count()) == ({"tone": "formal"}, 3)


def test_few_clients_need_no_second_person(ledgers, client, settings):
    settings.TEMPLATE_REACH_ALONE = 3
    client.force_login(make_user_of("operator"))

    saved_twice(client, ledgers, tone="direct")

    assert (stored(ledgers).settings, ProposedChange.objects.count()) == ({"tone": "direct"}, 0)


def test_who_may_look_sees_of_it_only_the_clients_they_may_see(ledgers, client):
    change, manager = proposed(ledgers), make_user_of("manager")
    Client.objects.get(slug="client-of-ledgers-1").managers.add(manager)
    client.force_login(manager)

    shown = client.get(reverse("admin:clients_proposedchange_change", args=[change.pk])).content.decode()

    assert "Client Of Ledgers 1: Tone: Formal becomes Direct." in shown
    assert "Client Of Ledgers 0" not in shown
