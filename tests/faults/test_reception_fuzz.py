"""Whatever strangers send to the doors: no fault of ours, nothing unverified accepted, no growing process."""

import hashlib
import hmac
import json
import logging
import os
import random
import socket
import time
from base64 import b64encode

import psutil
import pytest
from django.test import Client

from clients import connections, endpoints, signing
from clients.models import Connection, Delivery, RejectedCall
from gtm import loop
from tests.calls import Target
from tests.factories import AT, make_client
from tests.faults.reception_site import site

pytestmark = [pytest.mark.faults, pytest.mark.django_db]

FULL = os.environ.get("GTM_FAULTS") == "full"
SEED = int(os.environ.get("GTM_FUZZ_SEED", "20261129"))
REQUESTS = 20_000 if FULL else 2_000
ON_THE_WIRE = 2_000 if FULL else 200
GROWTH_BYTES = 50 * 1024 * 1024
BASE, SECRET = "https://gtm.example", "the-secret-of-the-sender"
MAX_BYTES = 300_000

SOAP = (
    b'<?xml version="1.0" encoding="UTF-8"?>%b<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    b'<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>%b</OrganizationId>'
    b"<SessionId>session-that-nobody-keeps</SessionId>%b</notifications></soapenv:Body></soapenv:Envelope>"
)
BOMB = b"<!DOCTYPE x [" + b"".join(
    b'<!ENTITY a%d "%b">' % (n + 1, b"&a%d;" % n * 10 if n else b"ha") for n in range(10)
) + b"]>"  # fmt: skip
XXE = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
ORG = b"00D000000000abcEAA"
BODIES = [
    b"", b" ", b"{}", b"[]", b"null", b"true", b'"text"', b"1", b"[1, null, []]", b"[[[]]]",
    b'{"email": "ada@northwind-bank.example", "firstname": "Ada"}', b'{"email": null, "firstname": null}',
    b'{"email": "a\\u0000@northwind-bank.example"}', b'{"email": "\\ud800"}', b'{"\\udfff": 1}', b'{"a": NaN}',
    b'{"a": Infinity}', b'{"a": 1e400}', b'{"a": ' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"a":' * 50_000,
    "{\"email\": \"zoë@x.example\"}".encode("latin-1"), b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"\x00", b"\xff\xfe",
    b'{"a": 1, "a": 2}', b'{"email": "ada', b'{"portalId": {"a": []}}', b'[{"portalId": 1}, {"portalId": 2}]',
    b'{"secret_key": 1}', b'{"channel_id": [], "token": {}}', b"a=1&b=%00&c=%ff", b"--x\r\nContent-Disposition: form-data\r\n",
    SOAP % (b"", ORG, b""), SOAP % (BOMB, b"&a10;", b""), SOAP % (XXE, b"&e;", b""), SOAP % (b"", b"", b"<a>" * 5000),
    SOAP % (b"", ORG + b"x" * 100, b"<![CDATA[" ), b"<", b"<a", b"<?xml version='1.0' encoding='utf-7'?><a/>",
    b'{"Type": "Notification", "SigningCertURL": "https://169.254.169.254/x.pem", "SignatureVersion": "1"}',
    b"x" * (MAX_BYTES + 1),
]  # fmt: skip
STRANGE = ["", "é", "\x00", "\x7f", "%00", "A" * 8000, "null", "-1", "0", "9" * 400, "٣", "v1,", "t=1,v1=", "Basic ====",
           "Basic " + "A" * 3000, "chunked", "gzip", "multipart/form-data; boundary=x", "application/xml; charset=nope",
           "a@b, c", "2020-01-01T00:00:00Z"]  # fmt: skip
NAMES = ["content-type", "x-hubspot-signature", "x-hubspot-signature-v3", "x-hubspot-request-timestamp", "webhook-id",
         "webhook-timestamp", "webhook-signature", "authorization", "x-webhook-key", "x-secret", "x-forwarded-for", "cookie",
         "x-request-id", "content-encoding", "transfer-encoding", "user-agent", "expect", "accept", "host"]  # fmt: skip


class Sender:
    """One connection, and how its party proves itself."""

    def __init__(self, party, scheme, secret, sign):
        made, self.key = connections.create(make_client(), party=party, name="CRM", mode="live", at=AT)
        Connection.objects.filter(pk=made.pk).update(signing_scheme=scheme)
        signing.replace(made, secret, at=AT)
        self.connection, self.sign = made, sign


def hubspot(key, body):
    signed = Target(0, key, SECRET, BASE).signed(body)
    return {name: value for name, value in signed.items() if name.startswith("X-HubSpot")}


def of_body(key, body):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


def standard(key, body):
    stamp = str(int(time.time()))
    digest = hmac.new(b"0123456789abcdef0123456789abcdef", b"m.%b.%b" % (stamp.encode(), body), hashlib.sha256).digest()
    return {"Webhook-Id": "m", "Webhook-Timestamp": stamp, "Webhook-Signature": f"v1,{b64encode(digest).decode()}"}


def senders():
    raw = b64encode(b"0123456789abcdef0123456789abcdef").decode()
    return [
        Sender("hubspot", "hubspot_v3", SECRET, hubspot),
        Sender("salesforce", "hub_sha256", SECRET, of_body),
        Sender("salesforce", "header_secret", f"X-Secret: {SECRET}", lambda key, body: {"X-Secret": SECRET}),
        Sender("outcomes", "standard", f"whsec_{raw}", standard),
        Sender("instantly", "basic", f"hook:{SECRET}",
               lambda key, body: {"Authorization": f"Basic {b64encode(f'hook:{SECRET}'.encode()).decode()}"}),
        Sender("ses", "sns", "arn:aws:sns:eu-west-1:123456789012:outcomes", None),
        Sender("smartlead", "smartlead", SECRET, None),
    ]  # fmt: skip


def a_body(rng):
    body = rng.choice(BODIES)
    if rng.random() < 0.3 and body:
        cut = bytearray(body[:2000])
        for _ in range(rng.randint(1, 8)):
            cut[rng.randrange(len(cut))] = rng.randrange(256)
        body = bytes(cut)
    return rng.randbytes(rng.randint(0, 300)) if rng.random() < 0.1 else body


def mutated(rng, headers):
    """The same headers with one of them changed so that it proves nothing any more."""
    name = rng.choice(list(headers))
    value = headers[name]
    index = rng.randrange(len(value))
    ways = [value[:index] + chr(rng.choice([0, 33, 255])) + value[index + 1 :], value[1:], value + "A", value.swapcase(),
            rng.choice(STRANGE).encode().decode("latin-1")]  # fmt: skip
    changed = rng.choice([way for way in ways if way != value])
    return {**headers, name: changed}


def a_call(rng, sender):
    """(path, body, headers, whether it has to be accepted)"""
    body = a_body(rng)
    headers = {rng.choice(NAMES): rng.choice(STRANGE) for _ in range(rng.randint(0, 4))}
    headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}  # as a server hands them on
    headers = {name: value for name, value in headers.items() if name not in {"host", "transfer-encoding"}}
    roll = rng.random()
    if sender.sign is None or roll < 0.2:
        return f"/api/hooks/{sender.key}", body, headers, False
    signed = sender.sign(sender.key, body)
    if roll < 0.6:
        mad = mutated(rng, signed)
        same = len(signed) == 1 and next(iter(mad.values())).strip() == next(iter(signed.values()))
        return f"/api/hooks/{sender.key}", body, {**headers, **mad}, same
    ours = {name.lower() for name in signed}
    kept = {name: value for name, value in headers.items() if name not in ours}
    if roll < 0.7:
        return f"/api/hooks/{sender.key[:-1]}{rng.choice(['', '%00', '%ff', 'é'])}", body, {**kept, **signed}, False
    return f"/api/hooks/{sender.key}", body, {**kept, **signed}, len(body) <= MAX_BYTES


@pytest.fixture
def _no_logs():
    """pytest keeps each record of a log, and each record its request: that would count as memory of ours."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_no_logs")
def test_fuzzed_calls_meet_no_fault_of_ours_and_only_verified_ones_are_kept(settings, tmp_path):
    settings.PUBLIC_URL, settings.SPOOL_DIR, settings.WEBHOOK_MAX_BYTES = BASE, tmp_path, MAX_BYTES
    endpoints.forget()
    rng, everyone, process = random.Random(SEED), senders(), psutil.Process()
    accepted, codes, before = 0, {}, 0
    for number in range(REQUESTS):
        if number == REQUESTS // 10:  # by then all has been loaded that will be
            before = process.memory_info().rss
        path, body, headers, is_good = a_call(rng, rng.choice(everyone))
        kind = headers.pop("content-type", "application/json")
        client = Client(raise_request_exception=False)  # one that lives on keeps three references a call
        answer = client.generic("POST", path, body, content_type=kind, headers=headers)
        codes[answer.status_code] = codes.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (SEED, number, path, body[:200], headers)
        assert (answer.status_code == 200) == is_good, (SEED, number, answer.content, body[:200], headers)
        accepted += is_good

    assert set(codes) == {200, 401, 404, 413}
    distinct = Delivery.objects.count()
    assert 0 < distinct <= accepted  # Webhook-Id makes repetitions one
    assert process.memory_info().rss - before < GROWTH_BYTES
    assert RejectedCall.objects.count() <= RejectedCall.MOST * len(everyone)
    assert b"session-that-nobody-keeps" not in b"".join(
        bytes(each.body) for each in Delivery.objects.filter(connection__party="salesforce")
    )
    for delivery in Delivery.objects.order_by("?")[:200]:
        loop.process_delivery(delivery.pk)  # what cannot be read is set aside with words, and meets no fault of ours


RAW = [
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nX-HubSpot-Signature-v3: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{}",
    b"POST %b?code=%%00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"POST %b HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid=\x00\r\nContent-Length: 2\r\n\r\n{}",
    b"BREW %b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PUT %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"HEAD %b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST %b HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 %b",
]


def said(port, sent):
    """The first bytes of the answer; empty where the server just hung up or waited for more."""
    with socket.create_connection(("127.0.0.1", port), 5) as wire:
        wire.settimeout(0.3)
        wire.sendall(sent)
        try:
            return wire.recv(200)
        except OSError:
            return b""


def test_broken_requests_on_the_wire_kill_no_worker_and_are_no_fault_of_ours():
    rng = random.Random(SEED)
    with site() as ours:
        ours.start("web")
        target = ours.connect()
        workers = {process.pid for process in ours.children("web")}
        for number in range(ON_THE_WIRE):
            sent = rng.choice(RAW) % target.path.encode()
            if rng.random() < 0.3:
                cut = bytearray(sent)
                cut[rng.randrange(len(cut))] = rng.randrange(256)
                sent = bytes(cut)
            answer = said(ours.port, sent)
            assert not answer.startswith(b"HTTP/1.1 5"), (SEED, number, sent, answer)
        assert ours.stored() == []
        body = json.dumps({"email": "ada@northwind-bank.example"}).encode()
        signed = "".join(f"{name}: {value}\r\n" for name, value in target.signed(body).items())
        head = f"POST {target.path} HTTP/1.1\r\nHost: localhost\r\n{signed}Content-Length: {len(body)}\r\n\r\n"
        assert said(ours.port, head.encode() + body).startswith(b"HTTP/1.1 200")
        pieces = f"POST {target.path} HTTP/1.1\r\nHost: localhost\r\n{signed}Transfer-Encoding: chunked\r\n\r\n"
        in_pieces = pieces.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        assert said(ours.port, in_pieces).startswith(b"HTTP/1.1 200")
        assert ours.stored() == [body.decode()] * 2
        assert {process.pid for process in ours.children("web")} == workers
