"""No template comes to inherit from itself, whoever saves what first; and where one does, every page still opens."""

import threading

import pytest
from django.db import connection, transaction
from django.urls import reverse

from clients import config
from clients.config import ChangeNotTaken, TemplateCycle, proposing
from clients.models import ProposedChange, SettingsTemplate
from tests.clients.test_config_radius import form_of
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_industry, make_user

AUTHOR = config.Author(None, "", AT)


def parents():
    return dict(SettingsTemplate.objects.filter(key__in="ab").values_list("key", "parent__key"))


@pytest.fixture
def two(db):
    return make_industry("a", settings={"tone": "formal"}), make_industry("b", settings={"tone": "direct"})


@pytest.fixture
def circle(two):
    a, b = two
    SettingsTemplate.objects.filter(pk=a.pk).update(parent=b)
    SettingsTemplate.objects.filter(pk=b.pk).update(parent=a)
    return a, b


def test_a_change_that_waited_is_refused_when_it_would_make_a_circle_by_now(two):
    a, b = two
    edited = SettingsTemplate.objects.get(pk=a.pk)
    edited.parent = b
    change = proposing.propose(edited, proposing.Wanted({"tone": "casual"}), reach=3, by=make_user("priya"), at=AT)
    b.parent = a
    config.save(b, AUTHOR)

    with pytest.raises(ChangeNotTaken, match=r"B inherits from this template already\. Nothing is changed\."):
        proposing.apply(change, by=make_user("tom"), at=AT)

    assert parents() == {"a": None, "b": "a"}
    assert SettingsTemplate.objects.get(pk=a.pk).settings == {"tone": "formal"}
    assert ProposedChange.objects.get().decision == ""


def test_no_save_makes_a_circle(two):
    a, b = two
    a.parent = b
    config.save(a, AUTHOR)
    b.parent = a

    with pytest.raises(TemplateCycle, match=r"A inherits from this template already\."):
        config.save(b, AUTHOR)

    assert parents() == {"a": "b", "b": None}


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_once_that_make_a_circle_together_the_second_is_refused():
    a, b = make_industry("a"), make_industry("b")
    refused = []

    def save_b():
        try:
            b.parent = a
            config.save(b, AUTHOR)
        except TemplateCycle as circle:
            refused.append(str(circle))
        finally:
            connection.close()

    other = threading.Thread(target=save_b)
    with transaction.atomic():
        a.parent = b
        config.save(a, AUTHOR)
        other.start()
        other.join(0.5)
        waits = other.is_alive()
    other.join(10)

    assert (waits, refused) == (True, ["A inherits from this template already."])
    assert parents() == {"a": "b", "b": None}


@pytest.mark.parametrize("page", ["client_settings", "client_deployments", "client_prompts", "client_export"])
def test_pages_of_a_client_in_a_circle_open(circle, client, page):
    client.force_login(make_user_of("operator"))
    make_client("acme", industry=circle[0])

    assert client.get(reverse(page, args=["acme"])).status_code == 200


def test_in_a_circle_each_template_is_heard_once_the_client_s_own_last(circle):
    acme = make_client("acme", industry=circle[0])

    placed = [each.layer.name for each in config.stand().below(acme)]

    assert [name for name in placed if name.startswith("industry")] == ["industry:b", "industry:a"]
    assert config.effective(acme).document["tone"] == "formal"


def test_a_circle_is_told_on_the_template_s_form_and_mended_there(circle, client):
    client.force_login(make_user_of("operator"))
    a, b = circle
    address = reverse("admin:clients_settingstemplate_change", args=[a.pk])

    shown = client.get(address).content.decode()
    kept = client.post(address, {**form_of(a, tone="formal"), "parent": b.pk}).content.decode()
    mended = client.post(address, form_of(a, tone="formal"))

    assert "These templates inherit from one another in a circle" in shown
    assert client.get(reverse("admin:clients_settingstemplate_changelist")).status_code == 200
    assert "B inherits from this template already. Choose another one, or none." in kept
    assert mended.status_code == 302
    assert parents() == {"a": None, "b": "a"}
    assert "in a circle" not in client.get(address).content.decode()
