"""Whether a call was signed by somebody who holds the secret. Pure: bytes in, a verdict with its reason out.

Senders differ in data, not in code: SCHEMES is the table, and a new sender is a row. Two things are code because no
table says them: HubSpot's decoding of addresses, and keys of elliptic curves.
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import new as new_hash
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from clients import presented, sns

MOST_SIGNATURES = 10  # in one header; senders write two while they change their secret
SHORTEST_SECRET = 12
NOT_PRESENTED = "It does not present a secret of this connection. Compare the secret with the sender's."
NO_TOPIC = "Of Amazon SNS the secret is the topic's ARN, as in arn:aws:sns:eu-west-1:123456789012:outcomes."
UNCHECKED = "Its signature cannot be read."
HUBSPOT_DECODES = dict(
    zip(["3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B"], ":/?@!$'()*,;", strict=True)
)  # these and no others


@dataclass(frozen=True)
class Scheme:
    """How one sender signs.

    `parts` make the signed message: "method", "uri", "body", "timestamp", "header:NAME", "literal:TEXT".
    `form` is how `header` holds the signature: alone; behind `mark` ("sha256="); in "t=…,v1=…" under the name `mark`;
    or in a list "v1,… v1,…" whose entries begin with `mark`. `timestamp` is its unit, "" without one; it stands in
    `timestamp_header`, or as t= in `header`. `window` in seconds holds for the past and for the future.
    `superseded_by` names a stronger scheme: where a call carries its header, that one alone decides.
    `ours`: the sender takes a secret that we make. Of kind "presented", `header` is the place where the secret itself
    stands (`presented.py`); of kind "sns" there is none (`sns.py`).
    """

    label: str
    header: str
    parts: tuple[str, ...] = ("body",)
    kind: Literal["hmac", "hash", "ecdsa", "presented", "sns"] = "hmac"
    digest: Literal["sha256", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    key: Literal["utf8", "hex", "base64"] = "utf8"
    form: Literal["plain", "prefix", "pairs", "list"] = "plain"
    mark: str = ""
    timestamp: Literal["", "s", "ms", "iso"] = ""
    timestamp_header: str = ""
    window: int = 300
    decodes_uri: bool = False
    superseded_by: str = ""
    ours: bool = False


@dataclass(frozen=True)
class Call:
    """`uri` is the public address as the sender called it, query included; `headers` are found in any case.

    `certificate` (PEM) is the one that an SNS envelope names, fetched from Amazon; empty where it names none.
    """

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes
    certificate: bytes = b""


@dataclass(frozen=True)
class Verdict:
    """`why` is empty where the call is `ok`."""

    ok: bool
    why: str


SCHEMES = {
    "hubspot_v3": Scheme(
        "HubSpot, version 3",
        "x-hubspot-signature-v3",
        ("method", "uri", "body", "timestamp"),
        encoding="base64",
        timestamp="ms",
        timestamp_header="x-hubspot-request-timestamp",
        decodes_uri=True,
    ),
    "hubspot_v2": Scheme(
        "HubSpot, version 2 (workflows)",
        "x-hubspot-signature",
        ("method", "uri", "body"),
        kind="hash",
        superseded_by="hubspot_v3",
    ),
    "hubspot_v1": Scheme(
        "HubSpot, version 1 (private apps)", "x-hubspot-signature", kind="hash", superseded_by="hubspot_v3"
    ),
    "standard": Scheme(
        "Standard Webhooks",
        "webhook-signature",
        ("header:webhook-id", "literal:.", "timestamp", "literal:.", "body"),
        encoding="base64",
        key="base64",
        form="list",
        mark="v1",
        timestamp="s",
        timestamp_header="webhook-timestamp",
        ours=True,
    ),
    "svix": Scheme(
        "Svix",
        "svix-signature",
        ("header:svix-id", "literal:.", "timestamp", "literal:.", "body"),
        encoding="base64",
        key="base64",
        form="list",
        mark="v1",
        timestamp="s",
        timestamp_header="svix-timestamp",
    ),
    "hmac_sha256": Scheme("HMAC-SHA256 of the body, in X-Signature", "x-signature", ours=True),
    "hub_sha256": Scheme(
        "HMAC-SHA256 of the body, in X-Hub-Signature-256",
        "x-hub-signature-256",
        form="prefix",
        mark="sha256=",
        ours=True,
    ),
    "close": Scheme(
        "Close",
        "close-sig-hash",
        ("timestamp", "body"),
        key="hex",
        timestamp="s",
        timestamp_header="close-sig-timestamp",
    ),
    "attio": Scheme("Attio", "attio-signature"),
    "outreach": Scheme("Outreach", "outreach-webhook-signature", ours=True),
    "salesloft": Scheme("Salesloft", "x-salesloft-signature", digest="sha1"),
    "calendly": Scheme(
        "Calendly",
        "calendly-webhook-signature",
        ("timestamp", "literal:.", "body"),
        form="pairs",
        mark="v1",
        timestamp="s",
        window=180,
        ours=True,
    ),
    "calcom": Scheme("Cal.com", "x-cal-signature-256", ours=True),
    "sendgrid": Scheme(
        "SendGrid",
        "x-twilio-email-event-webhook-signature",
        ("timestamp", "body"),
        kind="ecdsa",
        encoding="base64",
        timestamp="s",
        timestamp_header="x-twilio-email-event-webhook-timestamp",
    ),
    "sns": Scheme("Amazon SNS (the secret is the ARN of the topic)", "", kind="sns"),
    "header_secret": Scheme("A secret in a header", presented.HEADER, kind="presented", ours=True),
    "basic": Scheme("Name and password (HTTP Basic)", presented.BASIC, kind="presented", ours=True),
    "code": Scheme("A secret in the address, as ?code= (Dynamics 365 WebhookKey)", presented.CODE, kind="presented",
                   ours=True),
    "smartlead": Scheme("Smartlead (secret_key in the body)", presented.SMARTLEAD, kind="presented"),
    "zoho": Scheme("Zoho (channel_id and token in the body)", presented.ZOHO, kind="presented"),
}  # fmt: skip
GENERAL = ("standard", "hmac_sha256", "hub_sha256", "header_secret", "basic", "code")
OF_PARTY = {"ses": ("sns",)}  # where a scheme is not called as its party is
CHOICES = [(name, scheme.label) for name, scheme in SCHEMES.items()]
SIGN_ONLY_BY_HAND = frozenset({"salesforce"})  # what its Flow or Apex code signs, somebody wrote for us


class _Refused(Exception):
    """With the reason, in a person's words."""


def offered(party: str) -> list[str]:
    """The names of the schemes that make sense for calls from `party`, the likeliest first."""
    own = [
        name for name in SCHEMES if name == party or name.startswith(f"{party}_v") or name in OF_PARTY.get(party, ())
    ]
    return [*own, *GENERAL] if own or party in SIGN_ONLY_BY_HAND else list(SCHEMES)


def verify(scheme: Scheme, secrets: Sequence[str], call: Call, at: datetime) -> Verdict:
    """Whether any of `secrets` signed the call, at about `at`. Never raises: what cannot be checked is refused."""
    try:
        headers = {name.lower(): value for name, value in call.headers.items()}
        stronger = SCHEMES.get(scheme.superseded_by)
        _check(stronger if stronger and stronger.header in headers else scheme, secrets, call, headers, at)
    except (_Refused, sns.NotSigned) as refused:
        return Verdict(ok=False, why=str(refused))
    except Exception:  # noqa: BLE001 - a stranger wrote these bytes; whatever they trip over, they are not let in
        return Verdict(ok=False, why=UNCHECKED)
    return Verdict(ok=True, why="")


def secret_problem(scheme: Scheme, secret: str) -> str:
    """Why `secret` cannot be one of the scheme's, in words; empty where it can."""
    if len(secret) < SHORTEST_SECRET:
        return f"A signing secret has at least {SHORTEST_SECRET} characters. Copy the whole of it."
    if scheme.kind == "presented":
        return presented.malformed(scheme.header, secret)
    if scheme.kind == "sns":
        return "" if sns.is_topic(secret) else NO_TOPIC
    try:
        _public_key(secret) if scheme.kind == "ecdsa" else KEYS[scheme.key](secret)
    except Exception:  # noqa: BLE001 - decoders and key readers raise many kinds; all say the same here
        what = {"ecdsa": "a public key (ECDSA, P-256)", "hex": "hexadecimal", "base64": "Base64"}
        return f"{scheme.label} gives a secret that is {what[scheme.kind if scheme.kind == 'ecdsa' else scheme.key]}; "\
            "this is none. Copy it again, whole."  # fmt: skip
    return ""


def _check(scheme: Scheme, secrets: Sequence[str], call: Call, headers: Mapping[str, str], at: datetime) -> None:
    if scheme.kind == "presented":
        if not any(presented.fits(scheme.header, secret, headers, call.uri, call.body) for secret in secrets):
            raise _Refused(NOT_PRESENTED)
        return
    if scheme.kind == "sns":
        sns.check(call.body, call.certificate, secrets, at)
        return
    _check_signature(scheme, secrets, call, headers, at)


def _check_signature(
    scheme: Scheme, secrets: Sequence[str], call: Call, headers: Mapping[str, str], at: datetime
) -> None:
    signatures, pairs_time = _read(scheme, _header(headers, scheme.header))
    stamp = _header(headers, scheme.timestamp_header) if scheme.timestamp_header else pairs_time
    message = b"".join(_part(scheme, part, call, headers, stamp) for part in scheme.parts)
    if not any(_fits(scheme, secret, message, signature) for secret in secrets for signature in signatures):
        raise _Refused("Its signature fits no secret of this connection. Compare the secret with the sender's.")
    if scheme.timestamp:
        _refuse_far(at.timestamp() - _moment(scheme.timestamp, stamp), scheme.window)


def _header(headers: Mapping[str, str], name: str) -> str:
    if not headers.get(name):
        raise _Refused(f"It carries no header {name}. Is signing switched on at the sender?")
    return headers[name]


def _read(scheme: Scheme, value: str) -> tuple[list[bytes], str]:
    """The signatures in the header, and the timestamp where it stands there too."""
    found, stamps = [value], [""]
    if scheme.form == "prefix":
        found = _behind(scheme.mark, [value])
    elif scheme.form == "list":
        found = _behind(f"{scheme.mark},", value.split(" "))
    elif scheme.form == "pairs":
        found, stamps = _behind(f"{scheme.mark}=", value.split(",")), _behind("t=", value.split(","))
    if not 0 < len(found) <= MOST_SIGNATURES or len(stamps) != 1:
        raise _Refused(f"Its header {scheme.header} is not as {scheme.label} writes it.")
    return [each.encode("ascii") for each in found], stamps[0]


def _behind(mark: str, entries: Iterable[str]) -> list[str]:
    return [entry.removeprefix(mark) for entry in entries if entry.startswith(mark)]


def _part(scheme: Scheme, part: str, call: Call, headers: Mapping[str, str], stamp: str) -> bytes:
    kind, _, rest = part.partition(":")
    if kind == "body":
        return call.body
    if kind == "uri":
        return (hubspot_decoded(call.uri) if scheme.decodes_uri else call.uri).encode("ascii")
    text = {"method": call.method.upper(), "timestamp": stamp, "literal": rest}
    return (_header(headers, rest) if kind == "header" else text[kind]).encode("ascii")


def hubspot_decoded(uri: str) -> str:
    """With exactly the twelve escapes read that HubSpot reads before it signs."""
    return re.sub("%([0-9A-Fa-f]{2})", lambda found: HUBSPOT_DECODES.get(found[1].upper(), found[0]), uri)


def _fits(scheme: Scheme, secret: str, message: bytes, signature: bytes) -> bool:
    if scheme.kind == "ecdsa":
        return _fits_public_key(secret, message, signature)
    key = KEYS[scheme.key](secret)
    if scheme.kind == "hash":
        digest = new_hash(scheme.digest, key + message).digest()
    else:
        digest = hmac.digest(key, message, scheme.digest)
    return hmac.compare_digest(digest.hex().encode() if scheme.encoding == "hex" else b64encode(digest), signature)


def _fits_public_key(secret: str, message: bytes, signature: bytes) -> bool:
    raw = b64decode(signature, validate=True)
    if b64encode(raw) != signature:  # another spelling of the same bytes
        return False
    try:
        _public_key(secret).verify(raw, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _public_key(text: str) -> EllipticCurvePublicKey:
    pem = text.startswith("-----BEGIN")
    key = load_pem_public_key(text.encode()) if pem else load_der_public_key(b64decode(text, validate=True))
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise TypeError("not a key of the curve P-256")
    return key


def _moment(unit: str, text: str) -> float:
    """Seconds since 1970."""
    if unit == "iso":
        moment = datetime.fromisoformat(text)
        if not text.isascii() or moment.tzinfo is None:
            raise _Refused("Its timestamp does not say in which time zone it is.")
        return moment.timestamp()
    if not re.fullmatch("[0-9]{1,15}", text):
        raise _Refused("Its timestamp is not a number.")
    return int(text) / (1000 if unit == "ms" else 1)


def _refuse_far(age_s: float, window_s: int) -> None:
    if abs(age_s) <= window_s:
        return
    far = f"{abs(age_s) / 60:,.0f} minutes {'old' if age_s > 0 else 'ahead of us'}"
    raise _Refused(
        f"It is rightly signed, but its timestamp is {far}; {window_s // 60} are allowed. "
        "A clock is wrong, or somebody sends an old call again."
    )


KEYS: dict[str, Callable[[str], bytes]] = {
    "utf8": str.encode,
    "hex": bytes.fromhex,
    "base64": lambda secret: b64decode(secret.removeprefix("whsec_"), validate=True),
}
