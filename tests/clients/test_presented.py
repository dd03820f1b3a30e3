"""Senders that present the secret itself, and Amazon's envelopes: what lets a call in, and what does not."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID

from clients import certificates, signatures, sns
from clients.signatures import SCHEMES, Call, verify
from gtm import http

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
URI = "https://gtm.example/api/hooks/k3y"
SECRET, OTHER = "the-secret-of-theirs", "another-secret-altogether"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:outcomes"
KEY = rsa.generate_private_key(65537, 2048)
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def call(headers=None, *, uri=URI, body=b"{}", certificate=b""):
    return Call("POST", uri, headers or {}, body, certificate)


def basic(text):
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}


def smartlead(secret):
    return call(body=json.dumps({"event_type": "EMAIL_OPEN", "secret_key": secret}).encode())


def zoho(channel, token):
    return call(body=json.dumps({"channel_id": channel, "token": token, "ids": ["1"]}).encode())


PRESENTED = [
    ("header_secret", f"X-My-Secret: {SECRET}", call({"x-my-secret": SECRET}), call({"x-my-secret": OTHER})),
    ("header_secret", f"X-My-Secret:{SECRET}", call({"X-MY-SECRET": SECRET}), call({"x-other-secret": SECRET})),
    ("basic", f"hook:{SECRET}", call(basic(f"hook:{SECRET}")), call(basic(f"hook:{OTHER}"))),
    ("basic", f"hook:{SECRET}", call({"authorization": basic(f"hook:{SECRET}")["Authorization"].replace("B", "b", 1)}),
     call({"Authorization": f"Bearer hook:{SECRET}"})),
    ("code", "s3cret+with/signs", call(uri=f"{URI}?a=1&code=s3cret%2Bwith%2Fsigns"), call(uri=f"{URI}?code={OTHER}")),
    ("code", SECRET, call(uri=f"{URI}?code={SECRET}"), call(uri=f"{URI}?code={OTHER}&code={SECRET}")),
    ("smartlead", SECRET, smartlead(SECRET), smartlead(OTHER)),
    ("smartlead", SECRET, smartlead(SECRET), smartlead([SECRET])),
    ("zoho", f"1000000068001:{SECRET}", zoho(1000000068001, SECRET), zoho(1000000068002, SECRET)),
    ("zoho", f"1000000068001:{SECRET}", zoho("1000000068001", SECRET), zoho("1000000068001", OTHER)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "secret", "right", "wrong"), PRESENTED)
def test_who_presents_the_secret_is_let_in_and_nobody_else(name, secret, right, wrong):
    scheme = SCHEMES[name]

    assert signatures.secret_problem(scheme, secret) == ""
    assert verify(scheme, [secret], right, NOW) == signatures.Verdict(ok=True, why="")
    assert verify(scheme, ["a-newer: secret", secret], right, NOW).ok
    for refused in (wrong, call(), call(body=b"\xff"), call(body=b"[1]"), call(body=b"[" * 100_000)):
        verdict = verify(scheme, [secret], refused, NOW)
        assert not verdict.ok
        assert verdict.why
        assert secret not in verdict.why
    assert not verify(scheme, [], right, NOW).ok


@pytest.mark.parametrize(
    ("name", "secret", "says"),
    [
        ("header_secret", "only-a-secret-value", "X-Webhook-Secret: VALUE"),
        ("header_secret", "X My Secret: value", "cannot be a header's name"),
        ("basic", "only-a-password", "NAME:PASSWORD"),
        ("zoho", ":only-a-token", "CHANNEL:TOKEN"),
        ("sns", "https://sns.eu-west-1.amazonaws.com/", "ARN"),
        ("code", "short", "at least 12 characters"),
    ],
)
def test_a_secret_without_its_two_parts_is_told_so_when_it_is_entered(name, secret, says):
    assert says in signatures.secret_problem(SCHEMES[name], secret)


def certificate(key=KEY, *, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(since).not_valid_after(until)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def envelope(version="2", **parts):
    """As Amazon signs it, written down a second time."""
    told = {"Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Message": '{"eventType": "Open"}',
            "Timestamp": "2026-11-29T12:00:00.000Z", "SigningCertURL": CERTIFICATE_URL, **parts}  # fmt: skip
    order = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    lines = "".join(f"{name}\n{told[name]}\n" for name in order if name in told)
    digest = {"1": hashes.SHA1(), "2": hashes.SHA256()}[version]
    signature = b64encode(KEY.sign(lines.encode(), PKCS1v15(), digest)).decode()
    return {**told, "SignatureVersion": version, "Signature": signature}


def enveloped(told, pem=None):
    return call(body=json.dumps(told).encode(), certificate=certificate() if pem is None else pem)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    "parts",
    [{}, {"Subject": "Hello"}, {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "https://x.example"}],
)
def test_amazons_envelopes_of_our_topic_are_let_in(version, parts):
    assert verify(SCHEMES["sns"], [TOPIC], enveloped(envelope(version, **parts)), NOW).why == ""


def strange_certificate():
    return certificate(rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize(
    ("change", "pem", "says"),
    [
        ({"Message": "{}"}, certificate, "somebody changed it"),
        ({"Subject": "added"}, certificate, "somebody changed it"),
        ({"TopicArn": TOPIC + "2"}, certificate, "another topic"),
        ({"SignatureVersion": "3"}, certificate, "does not describe"),
        ({"SignatureVersion": "1"}, certificate, "somebody changed it"),
        ({"Type": "Other"}, certificate, "cannot be read"),
        ({"Signature": "%%%"}, certificate, "cannot be read"),
        ({}, bytes, "names no certificate"),
        ({}, strange_certificate, "somebody changed it"),
        ({}, lambda: certificate(ec.generate_private_key(ec.SECP256R1())), "does not describe"),
        ({}, lambda: certificate(until=NOW - timedelta(hours=1)), "not valid now"),
        ({}, lambda: certificate(since=NOW + timedelta(hours=1)), "not valid now"),
        ({}, lambda: b"no certificate", "cannot be read"),
    ],
)
def test_any_other_envelope_is_refused(change, pem, says):
    refused = verify(SCHEMES["sns"], [TOPIC], enveloped({**envelope(), **change}, pem()), NOW)

    assert not refused.ok
    assert says in refused.why


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://a@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/other.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.169.254.169.254/SimpleNotificationService-0123456789abcdef.pem",
        "https://[::1",
        ["https://sns.eu-west-1.amazonaws.com/"],
        None,
    ],
)
def test_no_address_but_amazons_own_is_ever_asked(url, monkeypatch):
    asked = []
    monkeypatch.setattr(http, "get_bytes", lambda url, **limits: asked.append(url))
    body = json.dumps({"SigningCertURL": url}).encode()

    assert sns.certificate_url(body) == ""
    assert certificates.attached("sns", call(body=body), at=NOW).certificate == b""
    assert asked == []


def test_a_certificate_is_fetched_once_and_only_for_amazons_envelopes(monkeypatch):
    asked = []
    monkeypatch.setattr(certificates, "_cached", {})
    monkeypatch.setattr(http, "get_bytes", lambda url, **limits: asked.append(url) or b"pem")
    body = json.dumps(envelope()).encode()

    assert certificates.attached("hubspot_v3", call(body=body), at=NOW).certificate == b""
    assert [certificates.attached("sns", call(body=body), at=NOW).certificate for _ in range(3)] == [b"pem"] * 3
    assert asked == [CERTIFICATE_URL]
    certificates.attached("sns", call(body=body), at=NOW + timedelta(hours=13))
    assert len(asked) == 2


def test_a_certificate_that_amazon_cannot_hand_out_now_is_no_refusal(monkeypatch):
    def away(url, **limits):
        raise http.Unavailable("sns.eu-west-1.amazonaws.com could not be reached")

    monkeypatch.setattr(certificates, "_cached", {})
    monkeypatch.setattr(http, "get_bytes", away)

    with pytest.raises(certificates.Unavailable):
        certificates.attached("sns", call(body=json.dumps(envelope()).encode()), at=NOW)
