"""Who signed a call: published vectors, one changed byte at a time, clocks, and what a stranger may send."""

import hashlib
import hmac
import json
import string
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from clients import signatures
from clients.signatures import SCHEMES, Call, Scheme, verify

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
EARLY = datetime.fromtimestamp(10, UTC)
S = int(NOW.timestamp())
KEY = ec.generate_private_key(ec.SECP256R1())
URI = "https://gtm.example/api/hooks/k3y?a=1"
BODY = '[{"eventId": 1, "email": "zoë@x.example"}]'.encode()
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
PUBLISHED = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
EVENTS = (
    '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    '"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW",'
    '"appId":54321}]'
)


def public(curve=None, form=serialization.Encoding.DER):
    key = KEY if curve is None else ec.generate_private_key(curve)
    raw = key.public_key().public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64encode(raw).decode() if form == serialization.Encoding.DER else raw.decode()


def sha256_hex(secret, message):
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def hubspot_v3(secret, body, at):
    message = b"POST" + URI.encode() + body + str(at * 1000).encode()
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return {
        "X-HubSpot-Signature-v3": b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": str(at * 1000),
    }


def hashed(*parts):
    return {"X-HubSpot-Signature": hashlib.sha256(b"".join(parts)).hexdigest()}


def standard(prefix):
    def sign(secret, body, at):
        key = b"0123456789abcdef0123456789abcdef"
        digest = hmac.new(key, b"msg_1.%d.%b" % (at, body), hashlib.sha256).digest()
        signed = f"v1a,{b64encode(b'x' * 64).decode()} v1,{b64encode(digest).decode()}"
        return {f"{prefix}-Id": "msg_1", f"{prefix}-Timestamp": str(at), f"{prefix}-Signature": signed}

    return sign


def close(secret, body, at):
    digest = hmac.new(bytes.fromhex(secret), str(at).encode() + body, hashlib.sha256).hexdigest()
    return {"Close-Sig-Hash": digest, "Close-Sig-Timestamp": str(at)}


def calendly(secret, body, at):
    return {"Calendly-Webhook-Signature": f"t={at},v1={sha256_hex(secret, b'%d.%b' % (at, body))}"}


def sendgrid(secret, body, at):
    signed = KEY.sign(str(at).encode() + body, ec.ECDSA(hashes.SHA256()))
    name = "X-Twilio-Email-Event-Webhook"
    return {f"{name}-Signature": b64encode(signed).decode(), f"{name}-Timestamp": str(at)}


def of_body(header, mark=""):
    return lambda secret, body, at: {header: mark + sha256_hex(secret, body)}


TEXT = "a-shared-secret-of-theirs"
WHSEC = "whsec_" + b64encode(b"0123456789abcdef0123456789abcdef").decode()
SENDERS = {  # how each of them signs, written down a second time, from their documentation
    "hubspot_v3": (TEXT, hubspot_v3),
    "hubspot_v2": (TEXT, lambda secret, body, at: hashed(secret.encode(), b"POST", URI.encode(), body)),
    "hubspot_v1": (TEXT, lambda secret, body, at: hashed(secret.encode(), body)),
    "standard": (WHSEC, standard("Webhook")),
    "svix": (WHSEC, standard("Svix")),
    "hmac_sha256": (TEXT, of_body("X-Signature")),
    "hub_sha256": (TEXT, of_body("X-Hub-Signature-256", "sha256=")),
    "close": ("ab" * 32, close),
    "attio": (TEXT, of_body("Attio-Signature")),
    "outreach": (TEXT, of_body("Outreach-Webhook-Signature")),
    "salesloft": (
        TEXT,
        lambda secret, body, at: {
            "X-Salesloft-Signature": hmac.new(secret.encode(), body, hashlib.sha1).hexdigest(),
        },
    ),
    "calendly": (TEXT, calendly),
    "calcom": (TEXT, of_body("X-Cal-Signature-256")),
    "sendgrid": (public(), sendgrid),
}
SIGNED = [name for name, scheme in SCHEMES.items() if scheme.kind not in {"presented", "sns"}]  # test_presented.py
TIMED = [name for name, scheme in SCHEMES.items() if scheme.timestamp]


def signed(name, at=S, body=BODY):
    secret, sign = SENDERS[name]
    return Call("POST", URI, sign(secret, body, at), body)


def verdict(name, call, *, secrets=(), at=NOW):
    return verify(SCHEMES[name], secrets or [SENDERS[name][0]], call, at)


def test_every_scheme_has_its_sender_here():
    assert set(SENDERS) == set(SIGNED)


@pytest.mark.parametrize(
    ("name", "call", "at"),
    [
        (
            "hubspot_v1",
            ("POST", "", "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de", EVENTS),
            NOW,
        ),
        (
            "hubspot_v2",
            (
                "GET",
                "https://www.example.com/webhook_uri",
                "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e",
                "",
            ),
            NOW,
        ),
        (
            "hubspot_v2",
            (
                "POST",
                "https://www.example.com/webhook_uri",
                "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
                '{"example_field":"example_value"}',
            ),
            NOW,
        ),
        (
            "hubspot_v3",
            (
                "POST",
                "https://www.example.com/webhook_uri",
                "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
                "{'example_field':'example_value'}",
            ),
            datetime.fromtimestamp(1693657560, UTC),
        ),
    ],
)
def test_hubspots_published_examples_are_accepted(name, call, at):
    method, uri, signature, body = call
    headers = {SCHEMES[name].header: signature, "x-hubspot-request-timestamp": "1693657560000"}

    assert verify(SCHEMES[name], [PUBLISHED], Call(method, uri, headers, body.encode()), at).why == ""


@pytest.mark.parametrize("name", SIGNED)
def test_what_the_sender_signed_is_accepted_and_what_another_secret_signed_is_not(name):
    other = {"standard": WHSEC.replace("A", "B"), "svix": WHSEC.replace("A", "B"), "close": "cd" * 32}
    other["sendgrid"] = public(ec.SECP256R1())
    call = signed(name)

    assert verdict(name, call) == signatures.Verdict(ok=True, why="")
    refused = verdict(name, call, secrets=[other.get(name, "another-secret-altogether")])
    assert "fits no secret" in refused.why


@pytest.mark.parametrize("name", SIGNED)
def test_either_of_two_secrets_is_enough_and_none_is_not(name):
    secret = SENDERS[name][0]
    another = {"standard": "whsec_" + "A" * 32, "svix": "whsec_" + "A" * 32, "close": "00" * 32}
    another["sendgrid"] = public(ec.SECP256R1())

    for both in ([secret, another.get(name, "the-next-secret")], [another.get(name, "the-next-secret"), secret]):
        assert verdict(name, signed(name), secrets=both).ok
    assert not verify(SCHEMES[name], [], signed(name), NOW).ok


@given(name=st.sampled_from(sorted(SIGNED)), data=st.data())
def test_one_changed_byte_anywhere_is_refused(name, data):
    call = signed(name)
    signs_uri = "uri" in SCHEMES[name].parts
    stated = [header for header in call.headers if header.lower() != SCHEMES[name].header]
    where = data.draw(st.sampled_from(["body", SCHEMES[name].header, *stated, *(["uri"] if signs_uri else [])]))
    texts = {header.lower(): value for header, value in call.headers.items()}
    old = {"body": call.body.decode("latin-1"), "uri": call.uri}.get(where) or texts[where.lower()]
    ours = (
        old.index(" v1,") + 1 if where in ("webhook-signature", "svix-signature") else 0
    )  # the other is another key's
    index = data.draw(st.integers(ours, len(old) - 1))
    byte = data.draw(st.characters(min_codepoint=0, max_codepoint=255).filter(lambda char: char != old[index]))
    new = old[:index] + byte + old[index + 1 :]
    if where == "body":
        call = replace(call, body=new.encode("latin-1"))
    elif where == "uri":
        call = replace(call, uri=new)
    else:
        call = replace(call, headers={**texts, where.lower(): new})

    assert not verdict(name, call).ok


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("direction", [-1, 1])
def test_a_clock_may_be_off_by_the_window_and_no_more_either_way(name, direction):
    window = 180 if name == "calendly" else 300

    assert verdict(name, signed(name, S + direction * window)).ok
    refused = verdict(name, signed(name, S + direction * (window + 1)))
    assert "rightly signed" in refused.why
    assert ("ahead of us" if direction > 0 else "old;") in refused.why


@pytest.mark.parametrize("name", [name for name in TIMED if SCHEMES[name].timestamp_header])
@pytest.mark.parametrize("stamp", ["", " 1", "+1", "1.0", "1e9", "-1", "١٢٣", "²", "0x1", "1_0", "nan", "9" * 5000])
def test_only_plain_digits_are_a_time_even_when_they_are_signed(name, stamp):
    scheme = replace(SCHEMES[name], kind="hmac", parts=("body",), key="utf8", form="plain", encoding="hex")
    headers = {scheme.header: sha256_hex(TEXT, BODY), scheme.timestamp_header: stamp}

    plain = {**headers, scheme.timestamp_header: "1"}

    assert verify(scheme, [TEXT], Call("POST", URI, plain, BODY), EARLY).ok
    assert not verify(scheme, [TEXT], Call("POST", URI, headers, BODY), EARLY).ok


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize(
    "value", [None, "", "é", "\x00", "\ud800", "=", ",", "v1,", "t=,v1=", "sha256=", "A" * 100_000]
)
def test_a_missing_or_mad_signature_is_refused_and_raises_nothing(name, value):
    call = signed(name)
    headers = {header: text for header, text in call.headers.items() if header.lower() != SCHEMES[name].header}
    if value is not None:
        headers[SCHEMES[name].header] = value

    refused = verdict(name, replace(call, headers=headers))

    assert not refused.ok
    assert refused.why


@pytest.mark.parametrize("name", ["hubspot_v1", "hubspot_v2"])
def test_a_failing_version_3_is_never_rescued_by_an_older_one(name):
    older, newer = signed(name), signed("hubspot_v3")
    wrong = {**newer.headers, "X-HubSpot-Signature-v3": "A" * 43 + "="}

    assert verdict(name, replace(older, headers={**older.headers, **newer.headers})).ok
    assert not verdict(name, replace(older, headers={**older.headers, **wrong})).ok
    assert not verdict("hubspot_v3", older).ok


def test_hubspot_reads_twelve_escapes_of_an_address_and_no_others():
    encoded = "https://x.example/a%20b?q=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%2B%3D%26%25%3a%23&r=%2520%253A"

    assert signatures.hubspot_decoded(encoded) == "https://x.example/a%20b?q=:/?@!$'()*,;%2B%3D%26%25:%23&r=%2520%253A"


def test_hubspot_signs_the_address_as_it_decodes_it():
    call = Call("POST", "https://x.example/h?w=a%3Ab%20c", {}, BODY)
    message = b"POSThttps://x.example/h?w=a:b%20c" + BODY + b"%d000" % S
    digest = b64encode(hmac.new(TEXT.encode(), message, hashlib.sha256).digest()).decode()
    headers = {"x-hubspot-signature-v3": digest, "x-hubspot-request-timestamp": f"{S}000"}

    assert verdict("hubspot_v3", replace(call, headers=headers)).ok


def test_another_spelling_of_the_same_signature_is_refused():
    call, name = signed("sendgrid"), "X-Twilio-Email-Event-Webhook-Signature"
    while not call.headers[name].endswith("="):  # only then there are bits that nobody reads
        call = signed("sendgrid")
    good = call.headers[name]
    last = good.rstrip("=")[-1]
    unread = good.rstrip("=")[:-1] + ALPHABET[ALPHABET.index(last) + 1] + "=" * good.count("=")
    assert b64decode(unread) == b64decode(good)

    for other in (unread, good + "\n", " " + good, good + "===="):
        assert not verdict("sendgrid", replace(call, headers={**call.headers, name: other})).ok
    upper = {"X-Cal-Signature-256": signed("calcom").headers["X-Cal-Signature-256"].upper()}
    assert not verdict("calcom", replace(signed("calcom"), headers=upper)).ok


def test_a_public_key_may_be_pasted_as_a_pem_file():
    assert verdict("sendgrid", signed("sendgrid"), secrets=[public(form=serialization.Encoding.PEM)]).ok


@pytest.mark.parametrize(
    ("name", "secret", "says"),
    [
        ("hubspot_v3", "short", "at least 12 characters"),
        ("standard", "whsec_!!!!!!!!!!!!", "Base64"),
        ("close", "not-hexadecimal", "hexadecimal"),
        ("sendgrid", "not a public key", "public key"),
        ("sendgrid", public(ec.SECP384R1()), "P-256"),
    ],
)
def test_a_secret_that_cannot_be_one_is_told_so_when_it_is_entered(name, secret, says):
    assert says in signatures.secret_problem(SCHEMES[name], secret)


@pytest.mark.parametrize("name", SIGNED)
def test_a_secret_as_the_sender_gives_it_has_no_problem(name):
    assert signatures.secret_problem(SCHEMES[name], SENDERS[name][0]) == ""


def test_a_sender_nobody_thought_of_is_a_row():
    sender = Scheme("New", "x-new", ("timestamp", "literal:|", "body"), form="prefix", mark="v0=", timestamp="iso",
                    timestamp_header="x-new-time")  # fmt: skip

    def at(stamp):
        headers = {"X-New": "v0=" + sha256_hex(TEXT, stamp.encode() + b"|" + BODY), "X-New-Time": stamp}
        return verify(sender, [TEXT], Call("POST", URI, headers, BODY), NOW)

    assert at("2026-11-29T12:04:59+00:00").ok
    assert at("2026-11-29T13:00:00+01:00").ok
    assert "time zone" in at("2026-11-29T12:00:00").why
    assert not at("2026-11-29T12:06:00Z").ok
    assert not at("noon").ok


def test_a_party_is_offered_its_own_schemes_first():
    assert signatures.offered("hubspot")[:3] == ["hubspot_v3", "hubspot_v2", "hubspot_v1"]
    assert "sendgrid" not in signatures.offered("hubspot")
    assert signatures.offered("salesforce") == list(signatures.GENERAL)
    assert signatures.offered("ses")[0] == "sns"
    assert set(signatures.offered("outcomes")) == set(SCHEMES)


def test_any_bytes_of_a_body_are_checked_as_they_came():
    for body in (b"", b"\xff\x00", json.dumps({"a": "\u0000"}).encode(), b" " + BODY):
        assert verdict("hmac_sha256", signed("hmac_sha256", body=body)).ok
