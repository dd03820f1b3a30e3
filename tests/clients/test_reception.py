"""What the doors keep, and where: while the database is away, across tenants, and of calls that they refuse."""

import json
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, ProgrammingError, connection
from django.utils import timezone
from django_q.models import OrmQ

from clients import connections, endpoints, outage, reception, refusals, signing, spool
from clients.models import Connection, Delivery, RejectedCall
from gtm import caretaking, doctor, loop
from tests.calls import Target
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db

OURS, THEIRS = "the-secret-of-our-client", "the-secret-of-another-client"
BODY = b'{"email": "ada.lee@northwind-bank.example", "firstname": "Ada"}'
BASE = "https://gtm.example"
SOAP = """<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">
<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{org}</OrganizationId>
<ActionId>04k000000000001AAA</ActionId><SessionId>{session}</SessionId><Notification><Id>04l000000000001AAA</Id>
</Notification></notifications></soapenv:Body></soapenv:Envelope>"""
ORG, SESSION = "00D000000000abcEAA", "00D000000000abc!AQcAQ.live_session"


@pytest.fixture(autouse=True)
def fresh(settings, tmp_path, monkeypatch):
    """A process that has just started, and its own spool."""
    settings.PUBLIC_URL, settings.SPOOL_DIR = BASE, tmp_path / "spool"
    outage.DATABASE.__init__()
    endpoints.forget()
    monkeypatch.setattr(endpoints._memory, "written", "")
    monkeypatch.setattr(refusals, "_at_endpoint", refusals.Throttle(*refusals.AT_ENDPOINT))
    monkeypatch.setattr(refusals, "_not_noted", {})
    yield
    spool.close()
    outage.DATABASE.__init__()
    endpoints.forget()


def connect(secret=OURS, party="hubspot", **values):
    made, key = connections.create(make_client(), party=party, name="CRM", mode="live", at=AT)
    if secret:
        values["signing_scheme"] = "hubspot_v3"
        signing.replace(made, secret, at=AT)
    Connection.objects.filter(pk=made.pk).update(**values)
    made.refresh_from_db()
    return made, key


def post(client, key, body=BODY, *, secret=OURS, path="", **headers):
    path = path or f"/api/hooks/{key}"
    signed = Target(0, key, secret, BASE).signed(body) if secret and path.startswith("/api") else {}
    return client.post(path, body, content_type="application/json", headers={**signed, **headers})


def away(kind=OperationalError):
    """As if the database were not there."""

    def refuse(execute, sql, params, many, context):
        raise kind("the connection is lost")

    return connection.execute_wrapper(refuse)


def spooled():
    return spool.condition().waiting


def assert_nothing_kept():
    assert (Delivery.objects.count(), OrmQ.objects.count(), spooled()) == (0, 0, 0)


def test_a_call_while_the_database_is_away_is_acknowledged_and_stored_when_it_is_back(client):
    made, key = connect()
    post(client, key, b'{"email": "first@northwind-bank.example"}')
    before = timezone.now()
    with away():
        answer = post(client, key, **{"Webhook-Id": "msg_7"})
    after = timezone.now()

    assert (answer.status_code, answer.json()) == (200, {"stored": True, "new": True})
    assert (Delivery.objects.count(), spooled()) == (1, 1)
    assert loop.drain_spool() == 1
    delivery = Delivery.objects.get(sender_event_id="msg_7")
    assert (delivery.connection, bytes(delivery.body), delivery.status) == (made, BODY, "received")
    assert before <= delivery.received_at <= after
    assert OrmQ.objects.order_by("-pk").first().task["args"] == (delivery.pk,)
    assert loop.drain_spool() == 0
    assert (Delivery.objects.count(), OrmQ.objects.count()) == (2, 2)


def test_a_process_that_starts_while_the_database_is_away_knows_the_endpoints_too(client):
    _, key = connect()
    post(client, key)
    endpoints.forget()

    with away():
        answer = post(client, key)

    assert (answer.status_code, spooled()) == (200, 1)


def test_what_is_remembered_of_endpoints_holds_no_readable_secret(client, settings):
    _, key = connect()
    post(client, key)

    (path,) = settings.SPOOL_DIR.glob("known/*")
    assert path.stat().st_mode & 0o777 == 0o600
    assert OURS not in path.read_text()
    assert key not in path.read_text()


def test_a_call_whose_answer_from_the_database_was_lost_is_stored_once(client, monkeypatch):
    _, key = connect()
    real = reception._in_database

    def lose_the_answer(call, ring):
        real(call, ring)
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(reception, "_in_database", lose_the_answer)

    assert post(client, key).status_code == 200
    assert (Delivery.objects.count(), spooled()) == (1, 1)
    loop.drain_spool()
    assert (Delivery.objects.count(), OrmQ.objects.count(), spooled()) == (1, 1, 0)


def test_a_table_that_is_not_there_yet_loses_no_call(client):
    _, key = connect()
    post(client, key)
    with away(ProgrammingError):
        assert post(client, key).status_code == 200

    assert (Delivery.objects.count(), spooled()) == (1, 1)


def test_what_the_database_refuses_is_set_aside_and_said_by_the_doctor(client, monkeypatch):
    _, key = connect()
    post(client, key)
    with away():
        post(client, key)
    monkeypatch.setattr(reception, "from_disk", lambda calls: Delivery(pk="no number").save())

    with pytest.raises(ValueError, match="expected a number"):
        loop.drain_spool()
    assert spooled() == 1
    monkeypatch.setattr(reception, "from_disk", _refused_by_the_database)
    assert loop.drain_spool() == 0
    assert spool.condition().stuck == 1
    state, meaning, remedy = doctor.spooled(timezone.now())
    assert (state, meaning[:57]) == ("fail", "1 webhook call on the disk was refused by the database; e")
    assert remedy


def _refused_by_the_database(calls):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO clients_delivery (id) VALUES (NULL)")


def test_a_wrong_signature_is_refused_while_the_database_is_away_too(client):
    _, key = connect()
    post(client, key)

    with away():
        assert post(client, key, secret=THEIRS).status_code == 401
        assert post(client, key, secret="").status_code == 401
    assert (Delivery.objects.count(), spooled()) == (1, 0)


def test_a_caller_of_whom_nobody_knows_while_the_database_is_away_is_asked_to_come_again(client):
    connect()
    endpoints.forget()

    with away():
        answer = post(client, "nobodys-key")

    assert (answer.status_code, answer.json()["code"]) == (503, "not_stored")
    assert "Retry-After" not in answer.headers
    assert_nothing_kept()


@pytest.mark.parametrize(("party", "retry_after"), [("hubspot", None), ("outcomes", "30")])
def test_where_the_disk_takes_nothing_either_the_sender_has_to_try_again(client, settings, party, retry_after):
    _, key = connect(party=party)
    post(client, key)
    settings.SPOOL_MAX_BYTES = 10

    with away():
        answer = post(client, key)

    assert answer.status_code == 503
    assert answer.headers.get("Retry-After") == retry_after  # HubSpot would read it as milliseconds
    assert (Delivery.objects.count(), spooled()) == (1, 0)


def test_nobody_waits_for_a_database_that_is_known_to_be_away(client):
    _, key = connect()
    post(client, key)
    asked = []

    def refuse(execute, sql, params, many, context):
        asked.append(sql)
        raise OperationalError("the connection is lost")

    with connection.execute_wrapper(refuse):
        codes = [post(client, key).status_code for _ in range(5)]

    assert codes == [200] * 5
    assert len(asked) == 1
    assert spooled() == 5


def test_the_first_call_after_an_outage_has_the_spool_emptied(client, monkeypatch):
    _, key = connect()
    post(client, key)
    with away():
        post(client, key)
    time.sleep(outage.PAUSE_S)

    assert [post(client, key).status_code for _ in range(2)] == [200, 200]

    jobs = [row.task["func"] for row in OrmQ.objects.order_by("pk")]
    assert jobs == [loop.process_delivery, loop.process_delivery, loop.drain_spool, loop.process_delivery]


def test_whoever_applies_a_delivery_after_an_outage_empties_the_spool_however_many_wait_before_it(client):
    _, key = connect()
    post(client, key)
    with away():
        post(client, key, b'{"email": "second@northwind-bank.example"}')

    loop.process_delivery(Delivery.objects.get().pk)

    assert (Delivery.objects.count(), spooled()) == (2, 0)
    assert not spool.waits()


# tenants


def notification(portal):
    return json.dumps([{"subscriptionType": "contact.creation", "objectId": 1, "portalId": portal}]).encode()


def test_neither_key_nor_secret_nor_account_of_one_client_opens_anothers_door(client):
    ours, our_key = connect(OURS, external_account="62515")
    _theirs, their_key = connect(THEIRS, external_account="999")

    codes = [
        post(client, our_key, secret=THEIRS).status_code,
        post(client, their_key, secret=OURS).status_code,
        post(client, our_key, notification(999)).status_code,
        post(client, our_key, notification("62515, 999")).status_code,
        post(client, "", notification(62515), secret="", path="/webhook/hubspot").status_code,
        post(client, "", secret="", path="/webhook/hubspot", **{"X-Webhook-Key": their_key}).status_code,
        post(client, "", secret="", path="/webhook/salesforce", **{"X-Webhook-Key": our_key}).status_code,
    ]

    assert codes == [401] * 7
    assert_nothing_kept()
    assert post(client, our_key, notification(62515)).status_code == 200
    assert [delivery.connection for delivery in Delivery.objects.all()] == [ours]


def test_notifications_of_two_portals_in_one_call_are_nobodys(client):
    _, key = connect(external_account="62515")
    both = json.dumps(json.loads(notification(62515)) + json.loads(notification(999))).encode()

    assert post(client, key, both).status_code == 401
    assert_nothing_kept()


def test_a_body_that_names_no_account_is_let_in(client):
    _, key = connect(external_account="62515")

    assert post(client, key).status_code == 200


def alias_signed(client, secret, portal):
    body = notification(portal)
    target = Target(0, "", secret, BASE)
    target.__class__ = _Alias
    headers = target.signed(body)
    return client.post("/webhook/hubspot", body, content_type="application/json", headers=headers)


class _Alias(Target):
    @property
    def path(self):
        return "/webhook/hubspot"


def test_without_a_key_the_portal_tells_whose_call_it_is_and_the_signature_that_it_is_theirs(client):
    ours, _ = connect(OURS, external_account="62515")
    connect(THEIRS, external_account="62515")
    connect("", external_account="62515", takes_unsigned=True)

    assert alias_signed(client, OURS, 62515).content == b"OK"
    assert [delivery.connection for delivery in Delivery.objects.all()] == [ours]
    assert alias_signed(client, OURS, 62516).status_code == 401


def test_unsigned_calls_without_a_key_are_taken_only_where_somebody_ticked_it(client):
    made, _ = connect("", external_account="62515")

    refused = post(client, "", notification(62515), path="/webhook/hubspot")
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_key")
    assert_nothing_kept()
    Connection.objects.filter(pk=made.pk).update(takes_unsigned=True)

    assert post(client, "", notification(62515), path="/webhook/hubspot").status_code == 200
    assert Delivery.objects.get().connection == made
    connect("", external_account="62515", takes_unsigned=True)
    assert post(client, "", notification(62515), path="/webhook/hubspot").status_code == 401
    assert Delivery.objects.count() == 1


# Salesforce


def soap(org=ORG):
    return SOAP.format(org=org, session=SESSION).encode()


def test_an_outbound_message_is_acknowledged_as_salesforce_wants_and_its_session_is_never_kept(client, settings):
    _, key = connect("", "salesforce", external_account=ORG[:15])

    answer = post(client, key, soap(), secret="")
    with away():
        again = post(client, key, soap(), secret="")

    for each in (answer, again):
        assert each.status_code == 200
        assert each.headers["Content-Type"].startswith("text/xml")
        assert b"<Ack>true</Ack>" in each.content
    assert SESSION.encode() not in bytes(Delivery.objects.get().body)
    assert all(SESSION.encode() not in path.read_bytes() for path in settings.SPOOL_DIR.glob("*.*"))
    assert spooled() == 1


@pytest.mark.parametrize("org", ["00D000000000xyzEAA", "00D000000000ABCEAA"])
def test_an_outbound_message_of_another_organization_is_refused(client, org):
    _, key = connect("", "salesforce", external_account=ORG)

    assert post(client, key, soap(org), secret="").status_code == 401
    assert_nothing_kept()


def test_an_outbound_message_that_cannot_be_kept_is_not_acknowledged(client, settings):
    _, key = connect("", "salesforce")
    post(client, key, soap(), secret="")
    settings.SPOOL_MAX_BYTES = 10

    with away():
        answer = post(client, key, soap(), secret="")

    assert answer.status_code == 503
    assert b"Ack" not in answer.content


# refused calls


def test_a_refused_call_is_noted_without_anything_that_proves_somebody(client):
    made, key = connect()
    body = b'{"email": "ada.lee@northwind-bank.example", "secret_key": "smart-secret-1", "token": "tok-1"}'
    headers = {"Authorization": "Bearer bearer-1", "Cookie": "session=cookie-1", "X-Api-Key": "api-1"}

    post(client, key, body, secret=THEIRS, **headers, **{"User-Agent": "HubSpot"})

    (call,) = RejectedCall.objects.all()
    assert (call.connection, call.address) == (made, "127.0.0.1")
    assert "fits no secret" in call.why
    assert "ada.lee@northwind-bank.example" in call.body
    assert call.headers["user-agent"] == "HubSpot"
    assert call.headers["x-hubspot-signature-v3"] == "(hidden), 44 signs"
    kept = json.dumps(call.headers) + call.body
    for secret in ("smart-secret-1", "tok-1", "bearer-1", "cookie-1", "api-1"):
        assert secret not in kept
    assert_nothing_kept()


def test_of_a_long_body_the_beginning_is_kept(client):
    _, key = connect()

    post(client, key, b'{"token": "tok-1", "a": "' + b"x" * 100_000 + b'"}', secret=THEIRS)

    call = RejectedCall.objects.get()
    assert len(call.body) == refusals.SHOWN_SIGNS
    assert "tok-1" not in call.body


def test_a_flood_of_refused_calls_is_noted_in_part_and_counted_whole(client, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(refusals, "_at_endpoint", refusals.Throttle(20, 3.0, lambda: now[0]))
    monkeypatch.setattr(refusals, "_from_address", refusals.Throttle(100, 1.0, lambda: now[0]))
    made, key = connect()
    _, another = connect()

    for _ in range(30):
        assert post(client, key, secret=THEIRS).status_code == 401
    assert post(client, key).status_code == 200  # whoever is right is let in all the same
    assert post(client, another, secret=THEIRS).status_code == 401
    made.refresh_from_db()
    assert (RejectedCall.objects.filter(connection=made).count(), made.refused_calls) == (20, 20)
    assert RejectedCall.objects.count() == 21
    now[0] += 3.0
    post(client, key, secret=THEIRS)

    made.refresh_from_db()
    assert (RejectedCall.objects.filter(connection=made).count(), made.refused_calls) == (21, 31)


def test_a_connection_keeps_fifty_refused_calls_and_each_a_day(client, monkeypatch):
    monkeypatch.setattr(refusals, "_at_endpoint", refusals.Throttle(1000, 0.1))
    monkeypatch.setattr(refusals, "_from_address", refusals.Throttle(1000, 0.1))
    made, key = connect()
    old = timezone.now() - timedelta(hours=25)
    RejectedCall.objects.bulk_create(RejectedCall(connection=made, at=old, why="old") for _ in range(49))

    post(client, key, secret=THEIRS)
    post(client, key, secret=THEIRS)
    assert RejectedCall.objects.count() == 50
    caretaking.forget_calls()

    assert [call.why == "old" for call in RejectedCall.objects.all()] == [False, False]


# what a stranger may send


@pytest.mark.parametrize("key", ["%00", "a%00b", "%ff", "x" * 5000, "..%2f..", "🗝"])
def test_any_key_is_just_unknown(client, key):
    connect()

    assert client.post(f"/api/hooks/{key}", BODY, content_type="application/json").status_code == 404


@pytest.mark.parametrize(("length", "code"), [("abc", 400), ("-1", 400), ("1e3", 400), ("²", 400), ("9" * 5000, 413)])
def test_a_mad_length_is_no_fault_of_ours(client, length, code):
    _, key = connect("")

    answer = client.post(f"/api/hooks/{key}", b"", content_type="text/plain", CONTENT_LENGTH=length)

    assert answer.status_code == code
    assert_nothing_kept()


def test_a_body_in_pieces_is_read_whole_and_only_as_far_as_the_limit(client, settings):
    settings.WEBHOOK_MAX_BYTES = 100
    _, key = connect("")
    pieces = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}

    def send(body):
        source = _Pieces(body)
        answer = client.generic("POST", f"/api/hooks/{key}", b"", **pieces, **{"wsgi.input": source})
        return answer.status_code, source.read_bytes

    assert send(BODY) == (200, len(BODY))
    assert bytes(Delivery.objects.get().body) == BODY
    assert send(b"x" * 1000) == (413, 101)


class _Pieces:
    def __init__(self, body):
        self.body, self.read_bytes = body, 0

    def readline(self, size=-1):
        raise AssertionError("nobody asks for lines")

    def read(self, size):
        piece, self.body = self.body[:size], self.body[size:]
        self.read_bytes += len(piece)
        return piece
