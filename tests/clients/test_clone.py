"""A client's settings as the beginning of another client: in draft, and without what belongs to the first alone."""

import pytest
from django.urls import reverse

from clients import config
from clients.models import Client
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection, make_contact

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    acme = make_client("acme", tone="formal", avoid_terms=["cheap"], postal_address="1 Example Street")
    make_contact(acme)
    make_connection(acme)
    config.put_secrets(acme, {"custom_fields.token": "s3cret"}, config.Author(None, "", AT))
    acme.save()
    return acme


def copied(browser, **typed):
    return browser.post(reverse("client_clone", args=["acme"]), {"name": "Acme Two", "slug": "acme-two", **typed})


def test_a_copy_has_the_settings_and_cannot_send(acme, client):
    client.force_login(make_user_of("operator"))

    copied(client)

    two = Client.objects.get(slug="acme-two")
    assert config.export(two) == config.export(acme)
    assert (two.status, two.postal_address, two.secrets) == ("draft", "", {})
    assert (two.contacts.count(), two.connections.count()) == (0, 0)
    assert config.newest_version(two).reason == "Copied from Acme"


def test_a_name_that_is_taken_is_refused_in_words_and_nothing_is_made(acme, client):
    client.force_login(make_user_of("operator"))

    answer = copied(client, slug="acme")

    assert (answer.status_code, Client.objects.count()) == (400, 1)
    assert "already exists" in answer.content.decode()
    assert "Acme Two" in answer.content.decode()


def test_who_copies_manages_the_copy_and_nobody_copies_what_they_may_not_see(acme, client):
    manager = make_user_of("manager")
    client.force_login(manager)

    assert copied(client).status_code == 404
    acme.managers.add(manager)
    assert copied(client).status_code == 302
    assert list(Client.objects.get(slug="acme-two").managers.all()) == [manager]


def test_a_viewer_copies_nothing(acme, client):
    client.force_login(make_user_of("viewer"))

    assert copied(client).status_code == 403
    assert Client.objects.count() == 1
