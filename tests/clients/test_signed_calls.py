"""A connection that takes signed calls only: at its address, on its page, and while its secret changes."""

import hashlib
import hmac
import logging
import time
from base64 import b64encode
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core import serializers
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from clients import connections, credentials, signing
from clients.models import Connection, Delivery, SigningSecret
from tests.crowd import make_user_of
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db

OLD, NEW = "the-old-secret-of-theirs", "the-new-secret-of-theirs"
BODY = b'{"email": "ada.lee@northwind-bank.example", "firstname": "Ada"}'
DAY = timedelta(hours=24)


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def connect(party="hubspot", scheme="hubspot_v3", secret=OLD, *, at=None):
    connection, key = connections.create(make_client(), party=party, name="CRM", mode="live", at=AT)
    Connection.objects.filter(pk=connection.pk).update(signing_scheme=scheme)
    connection.refresh_from_db()
    if secret:
        signing.replace(connection, secret, at=at or AT)
    return connection, key


def call(client, key, secret=OLD, *, body=BODY, sent=BODY, age_s=0, base="https://gtm.example", query=""):
    """As HubSpot signs it, for our public address; `sent` is what arrives."""
    stamp = str(int((time.time() - age_s) * 1000))
    message = f"POST{base}/api/hooks/{key}{query}".encode() + body + stamp.encode()
    digest = b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Signature-v3": digest, "X-HubSpot-Request-Timestamp": stamp}
    return client.post(f"/api/hooks/{key}{query}", sent, content_type="application/json", headers=headers)


@pytest.fixture(autouse=True)
def public_address(settings):
    settings.PUBLIC_URL = "https://gtm.example"


def assert_nothing_kept(connection, calls=1):
    assert (Delivery.objects.count(), OrmQ.objects.count()) == (0, 0)
    connection.refresh_from_db()
    assert connection.refused_calls == calls


def test_a_signed_call_is_stored_by_its_public_address_whatever_the_proxy_calls_us(client):
    connection, key = connect()

    response = call(client, key, query="?a=b%20c&w=1")

    assert (response.status_code, response.json()["stored"]) == (200, True)
    assert bytes(Delivery.objects.get().body) == BODY
    connection.refresh_from_db()
    assert (connection.refused_calls, connection.last_refused_at) == (0, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"secret": NEW}, "fits no secret"),
        ({"sent": BODY.replace(b"Ada", b"Eve")}, "fits no secret"),
        ({"base": "http://testserver"}, "fits no secret"),
        ({"age_s": 330}, "minutes old"),
        ({"age_s": -330}, "minutes ahead of us"),
    ],
)
def test_any_other_call_gets_401_and_leaves_only_a_note(client, change, says):
    connection, key = connect()

    response = call(client, key, **change)

    assert response.status_code == 401
    error = response.json()
    assert set(error) == {"code", "message", "field", "hint"}
    assert says in error["message"]
    assert_nothing_kept(connection)
    assert says in connection.last_refused_why
    assert timezone.now() - connection.last_refused_at < timedelta(minutes=1)


def test_an_unsigned_call_gets_401_and_refusals_are_counted(client):
    connection, key = connect()

    for _ in range(3):
        response = client.post(f"/api/hooks/{key}", BODY, content_type="application/json")

    assert response.status_code == 401
    assert "no header x-hubspot-signature-v3" in response.json()["message"]
    assert_nothing_kept(connection, calls=3)


def test_without_a_scheme_the_key_alone_is_enough(client):
    _, key = connect(scheme="")

    assert client.post(f"/api/hooks/{key}", BODY, content_type="application/json").status_code == 200


def test_the_flat_door_asks_for_the_signature_too(client):
    connection, key = connect(scheme="hub_sha256")
    signature = "sha256=" + hmac.new(OLD.encode(), BODY, hashlib.sha256).hexdigest()

    def post(**headers):
        headers = {"X-Webhook-Key": key, **headers}
        return client.post("/webhook/hubspot", BODY, content_type="application/json", headers=headers)

    refused = post()
    assert (refused.status_code, refused.json()["code"]) == (401, "refused")
    assert_nothing_kept(connection)
    assert post(**{"X-Hub-Signature-256": signature}).status_code == 200


def test_another_clients_secret_opens_nothing(client):
    connection, key = connect()
    connect(secret=NEW)

    assert call(client, key, NEW).status_code == 401
    assert_nothing_kept(connection)


@pytest.mark.parametrize(("hours", "old_works"), [(0, True), (23.9, True), (24, False), (100, False)])
def test_a_replaced_secret_is_valid_for_a_day_beside_the_new_one(client, hours, old_works):
    connection, key = connect()
    signing.replace(connection, NEW, at=timezone.now() - timedelta(hours=hours))

    assert call(client, key, NEW).status_code == 200
    assert call(client, key, OLD).status_code == (200 if old_works else 401)


def test_a_secret_is_not_valid_before_its_time(client):
    connection, key = connect(at=timezone.now() + timedelta(minutes=5))

    response = call(client, key)

    assert response.status_code == 401
    assert "No secret of this connection is valid now" in response.json()["message"]
    assert_nothing_kept(connection)


def test_replacing_twice_does_not_lengthen_the_life_of_the_first():
    connection, _ = connect()
    signing.replace(connection, NEW, at=AT)
    signing.replace(connection, "and-a-third-secret", at=AT + timedelta(hours=1))

    ends = {credentials.decrypt(bytes(each.secret)): each.active_until for each in SigningSecret.objects.all()}
    assert ends == {OLD: AT + DAY, NEW: AT + DAY + timedelta(hours=1), "and-a-third-secret": None}


def test_a_replaced_secret_ends_at_its_very_moment():
    connection, _ = connect()
    signing.replace(connection, NEW, at=AT)

    assert signing.valid(connection, at=AT + DAY - timedelta(microseconds=1)).count() == 2
    assert signing.valid(connection, at=AT + DAY).count() == 1


def test_a_secret_that_we_cannot_read_refuses_the_call_and_says_so(client, settings):
    connection, key = connect()
    settings.CREDENTIAL_KEYS = ["another"]

    response = call(client, key)

    assert response.status_code == 401
    assert_nothing_kept(connection)
    assert "cannot be read" in connection.last_refused_why


def test_a_valid_secret_that_the_scheme_cannot_use_does_not_stand_in_the_way_of_the_other(client):
    raw = b"0123456789abcdef0123456789abcdef"
    connection, key = connect(scheme="standard", secret=f"whsec_{b64encode(raw).decode()}", at=timezone.now())
    signing.replace(connection, "of another scheme", at=timezone.now())
    stamp = str(int(time.time()))
    digest = hmac.new(raw, f"m1.{stamp}.".encode() + BODY, hashlib.sha256).digest()

    def post(signature):
        headers = {"Webhook-Id": "m1", "Webhook-Timestamp": stamp, "Webhook-Signature": f"v1,{signature}"}
        return client.post(f"/api/hooks/{key}", BODY, content_type="application/json", headers=headers)

    assert "fits no secret" in post("x" * 44).json()["message"]
    assert_nothing_kept(connection)
    assert post(b64encode(digest).decode()).status_code == 200


def test_a_scheme_of_another_version_refuses_every_call(client):
    connection, key = connect(scheme="of-tomorrow")

    assert call(client, key).status_code == 401
    assert_nothing_kept(connection)


def page(connection):
    return reverse("admin:clients_connection_change", args=[connection.pk])


def save(operator, connection, **typed):
    basis = {"name": "CRM", "mode": "live", "is_active": "on"}
    return operator.post(page(connection), {**basis, **typed})


def test_a_secret_that_is_entered_holds_from_then_on_and_is_seen_nowhere(operator, caplog):
    caplog.set_level(logging.DEBUG)
    connection, key = connect(scheme="", secret="")

    answer = save(operator, connection, signing_scheme="hubspot_v3", signing_secret=OLD)

    assert answer.status_code == 302
    assert call(operator, key).status_code == 200
    assert call(operator, key, NEW).status_code == 401
    shown = operator.get(page(connection)).content.decode()
    assert f"<code>…{OLD[-4:]}</code>" in shown
    assert "1 call refused so far" in shown
    history = operator.get(reverse("admin:clients_connection_history", args=[connection.pk])).content.decode()
    stored = serializers.serialize("json", [*Connection.objects.all(), *SigningSecret.objects.all()])
    past = str(list(Connection.history.values()))
    entries = str(list(LogEntry.objects.values()))
    for text in (shown, history, stored, past, entries, caplog.text):
        assert OLD not in text


def test_a_secret_that_we_make_is_shown_once_and_works(operator):
    connection, key = connect(scheme="", secret="")

    answer = save(operator, connection, signing_scheme="hub_sha256", make_signing_secret="on")

    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert secret not in operator.get(page(connection)).content.decode()
    signature = "sha256=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature}
    response = operator.post(f"/api/hooks/{key}", BODY, content_type="application/json", headers=headers)
    assert response.status_code == 200


def test_a_new_secret_on_the_page_leaves_the_present_one_a_day(operator):
    connection, key = connect()

    save(operator, connection, signing_scheme="hubspot_v3", signing_secret=NEW)

    assert (call(operator, key, OLD).status_code, call(operator, key, NEW).status_code) == (200, 200)
    shown = operator.get(page(connection)).content.decode()
    assert "replaced; valid until" in shown
    assert "valid since" in shown


def test_a_leaked_secret_is_refused_at_once(operator):
    connection, key = connect()

    save(operator, connection, signing_scheme="hubspot_v3", signing_secret=NEW, end_old_secrets="on")

    assert (call(operator, key, OLD).status_code, call(operator, key, NEW).status_code) == (401, 200)
    assert "ended" in operator.get(page(connection)).content.decode()


def test_saving_the_page_without_a_secret_keeps_the_present_one(operator):
    connection, key = connect()

    save(operator, connection, signing_scheme="hubspot_v3", name="Main CRM")

    assert SigningSecret.objects.count() == 1
    assert call(operator, key).status_code == 200


def test_signing_switched_off_ends_the_secrets(operator):
    connection, key = connect()

    save(operator, connection, signing_scheme="")

    assert operator.post(f"/api/hooks/{key}", BODY, content_type="application/json").status_code == 200
    assert not signing.valid(connection, at=timezone.now()).exists()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"signing_scheme": "hubspot_v3"}, "Enter the secret that the calls are signed with"),
        ({"signing_scheme": "hubspot_v3", "signing_secret": "short"}, "at least 12 characters"),
        ({"signing_scheme": "standard", "signing_secret": "no base64 at all!"}, "Base64"),
        ({"signing_scheme": "hubspot_v3", "make_signing_secret": "on"}, "makes the secret itself"),
        ({"signing_scheme": "standard", "signing_secret": NEW, "make_signing_secret": "on"}, "not both"),
        ({"signing_scheme": "hubspot_v3", "end_old_secrets": "on"}, "takes its place"),
        ({"signing_secret": NEW}, "Choose how the calls are signed"),
        ({"signing_scheme": "sendgrid", "signing_secret": NEW}, "Select a valid choice"),
    ],
)
def test_what_would_protect_nothing_or_refuse_everything_is_not_saved(operator, typed, says):
    connection, _ = connect(scheme="", secret="")

    answer = save(operator, connection, **typed)

    assert says in answer.content.decode()
    assert typed.get("signing_secret", "\x00") not in answer.content.decode()
    assert SigningSecret.objects.count() == 0
    connection.refresh_from_db()
    assert connection.signing_scheme == ""


def test_a_scheme_that_the_present_secret_does_not_suit_asks_for_another(operator):
    connection, _ = connect()

    answer = save(operator, connection, signing_scheme="standard")

    assert "Enter the secret" in answer.content.decode()
    connection.refresh_from_db()
    assert connection.signing_scheme == "hubspot_v3"


def test_an_account_manager_does_not_reach_another_clients_secrets(client):
    connection, _ = connect()
    client.force_login(make_user_of("manager"))

    answer = save(client, connection, signing_scheme="hubspot_v3", signing_secret=NEW, end_old_secrets="on")

    assert answer.status_code == 302  # to the start page: there is no such connection for this person
    assert [each.hint for each in signing.valid(connection, at=timezone.now())] == [OLD[-4:]]


def test_a_viewer_sees_dates_and_changes_nothing(client):
    connection, _ = connect()
    client.force_login(make_user_of("viewer"))

    shown = client.get(page(connection)).content.decode()

    assert "valid since" in shown
    assert OLD not in shown
    assert save(client, connection, signing_scheme="").status_code == 403


def test_a_party_that_never_calls_has_no_signed_calls(operator):
    connection, _ = connect(party="newsapi", scheme="", secret="")

    assert "Signed calls" not in operator.get(page(connection)).content.decode()


def test_a_new_key_of_a_signed_connection_prints_no_call_that_would_be_refused(operator):
    connection, _ = connect()

    answer = operator.post(reverse("admin:clients_connection_new_key", args=[connection.pk])).content.decode()

    assert "curl" not in answer
    assert "signed calls only" in answer
