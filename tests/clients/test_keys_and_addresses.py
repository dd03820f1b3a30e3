"""Addresses, endpoint keys, stored credentials and suppression."""

from datetime import timedelta

import pytest

from clients import connections, contacts, credentials, suppression
from clients.models import Connection, Suppression
from tests.factories import AT, make_client, make_connection, make_contact, opened_by

pytestmark = pytest.mark.django_db
Party = Connection.Party


@pytest.mark.parametrize(
    ("written", "identity"),
    [
        (" Ada.Lee@Northwind-Bank.EXAMPLE ", "ada.lee@northwind-bank.example"),
        ("STRASSE@x.example", "strasse@x.example"),
        ("straße@x.example", "strasse@x.example"),
        ("mu\u0308nchen@x.example", "münchen@x.example"),
        ("ada@XN--EXMPLE-CUA.example", "ada@exämple.example"),
        ("ada+tag@x.test", "ada+tag@x.test"),
    ],
)
def test_every_spelling_of_an_address_has_one_identity(written, identity):
    assert contacts.normalise_email(written) == identity
    assert contacts.normalise_email(identity) == identity


@pytest.mark.parametrize(
    "text", ["", "ada", "a@b", "a b@c.example", "a@b.example\nBcc: c@d.example", "\x00@b.example", "\ud800@b.example"]
)
def test_what_is_no_address_is_refused_in_words(text):
    with pytest.raises(contacts.InvalidEmail, match="is not an e-mail address"):
        contacts.normalise_email(text)


def test_an_experiment_assigns_by_the_address_however_it_is_spelt():
    contact = make_contact(email="Ada@Northwind-Bank.example")

    assert contacts.key(contact) == "ada@northwind-bank.example"


def test_a_connections_key_opens_it_and_is_not_kept():
    hubspot, key = connections.create(make_client(), party=Party.HUBSPOT, name="CRM", mode="live", at=AT)

    assert opened_by(key) == hubspot
    assert len(key) >= 32
    assert hubspot.endpoint_key_hint == key[-4:]
    assert key not in str(Connection.objects.values().get())
    assert key not in str(list(Connection.history.values()))


def test_a_rotated_key_leaves_the_old_one_a_day_and_not_a_moment_longer():
    hubspot, old = connections.create(make_client(), party=Party.HUBSPOT, name="CRM", mode="live", at=AT)

    new = connections.rotate_key(hubspot, at=AT)

    day = timedelta(hours=24)
    assert opened_by(old, at=AT + day - timedelta(seconds=1)) == hubspot
    assert opened_by(old, at=AT + day) is None
    assert opened_by(new, at=AT + 2 * day) == hubspot


def test_a_key_that_leaked_ends_at_once():
    hubspot, old = connections.create(make_client(), party=Party.HUBSPOT, name="CRM", mode="live", at=AT)

    connections.rotate_key(hubspot, at=AT, overlap=timedelta())

    assert opened_by(old, at=AT) is None


def test_rotating_twice_ends_the_first_key():
    hubspot, first = connections.create(make_client(), party=Party.HUBSPOT, name="CRM", mode="live", at=AT)

    connections.rotate_key(hubspot, at=AT)
    connections.rotate_key(hubspot, at=AT)

    assert opened_by(first, at=AT) is None


@pytest.mark.parametrize("key", ["", "nonsense", "\x00", "\ud800", "é" * 500])
def test_no_other_key_opens_anything(key):
    make_connection(party=Party.NEWSAPI)
    connections.create(make_client(), party=Party.HUBSPOT, name="CRM", mode="live", at=AT)

    assert opened_by(key) is None


def test_a_connection_that_is_switched_off_is_not_opened():
    _, key = connections.create(make_client(), party=Party.HUBSPOT, name="CRM", mode="live", at=AT)
    Connection.objects.update(is_active=False)

    assert opened_by(key) is None


def test_a_party_that_never_calls_gets_no_key_and_keeps_its_credential_encrypted():
    news, key = connections.create(
        make_client(), party=Party.NEWSAPI, name="News", mode="live", at=AT, credential="s3cret"
    )

    stored = Connection.objects.get(pk=news.pk)
    assert (key, stored.endpoint_key_sha256) == ("", None)
    assert b"s3cret" not in bytes(stored.credential)
    assert credentials.decrypt(stored.credential) == "s3cret"


def test_a_credential_outlives_a_new_key_but_not_the_loss_of_its_own(settings):
    settings.CREDENTIAL_KEYS = ["first"]
    secret = credentials.encrypt("s3cret")

    settings.CREDENTIAL_KEYS = ["second", "first"]
    assert credentials.decrypt(secret) == "s3cret"

    settings.CREDENTIAL_KEYS = ["second"]
    with pytest.raises(credentials.CredentialUnreadable, match="GTM_CREDENTIAL_KEYS"):
        credentials.decrypt(secret)


def test_a_suppressed_address_is_suppressed_in_every_spelling_for_this_client_only():
    acme, other = make_client("acme"), make_client("other")

    suppression.suppress(acme, "Ada@X.example", reason="unsubscribed", at=AT)

    assert suppression.is_suppressed(acme, " ada@x.EXAMPLE ")
    assert not suppression.is_suppressed(other, "ada@x.example")
    assert not suppression.is_suppressed(acme, "eve@x.example")
    assert "@" not in str(Suppression.objects.values().get())


def test_suppressing_twice_keeps_the_first_reason():
    acme = make_client()
    suppression.suppress(acme, "ada@x.example", reason="complained", at=AT)

    again = suppression.suppress(acme, "ADA@x.example", reason="manual", at=AT)

    assert again == Suppression.objects.get()
    assert again.reason == "complained"


def test_a_new_credential_key_forgets_no_suppression(settings):
    acme = make_client()
    settings.CREDENTIAL_KEYS = ["first"]
    suppression.suppress(acme, "ada@x.example", reason="unsubscribed", at=AT)

    settings.CREDENTIAL_KEYS = ["second", "first"]

    assert suppression.is_suppressed(acme, "ada@x.example")
    suppression.suppress(acme, "ada@x.example", reason="manual", at=AT)
    assert Suppression.objects.count() == 1


def test_even_a_mistyped_address_can_be_suppressed():
    acme = make_client()

    suppression.suppress(acme, "not an address", reason="manual", at=AT)

    assert suppression.is_suppressed(acme, "Not An Address ")


def test_an_unsubscribe_token_leads_back_to_its_contact_and_says_nothing():
    contact = make_contact()

    token = suppression.token(contact)

    assert suppression.read_token(token) == contact
    assert "@" not in token
    assert "/" not in token


@pytest.mark.parametrize(
    "change", [lambda token: token[:-1], lambda token: "", lambda token: "x" + token, lambda token: "\x00"]
)
def test_any_other_token_is_refused(change):
    token = suppression.token(make_contact())

    with pytest.raises(suppression.BadToken, match="Copy the whole link"):
        suppression.read_token(change(token))
