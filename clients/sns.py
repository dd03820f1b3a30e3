"""Amazon SNS: who signed an envelope, and whether it is of our topic. Pure: the certificate comes from outside.

Amazon signs for whoever has a topic, so a signature alone says nothing: the connection's secret is the ARN of the
client's own topic. docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": NOTIFICATION, "SubscriptionConfirmation": CONFIRMATION, "UnsubscribeConfirmation": CONFIRMATION,
}  # fmt: skip
DIGESTS = {"1": SHA1, "2": SHA256}  # by SignatureVersion
HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem")
ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}(\.fifo)?")


class NotSigned(Exception):
    """With the reason, in a person's words."""


def certificate_url(body: bytes) -> str:
    """Where the envelope says its certificate lies, if that is one of Amazon's own addresses; else ""."""
    try:
        url = _envelope(body).get("SigningCertURL")
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        is_plain = parts.scheme == "https" and parts.netloc == (parts.hostname or "") and not parts.query
    except (ValueError, TypeError, RecursionError):  # no JSON, or none of an envelope
        return ""
    return str(url) if is_plain and HOST.fullmatch(parts.netloc) and PATH.fullmatch(parts.path) else ""


def is_topic(text: str) -> bool:
    return ARN.fullmatch(text) is not None


def check(body: bytes, certificate: bytes, topics: Sequence[str], at: datetime) -> None:
    """Raises NotSigned, or whatever unreadable bytes raise."""
    envelope = _envelope(body)
    if not certificate:
        raise NotSigned("It names no certificate of Amazon's that could be fetched, so nobody can say who signed it.")
    if envelope.get("TopicArn") not in topics:
        raise NotSigned("It is of another topic. Enter the ARN of the client's own topic as the signing secret.")
    known = load_pem_x509_certificate(certificate)
    if not known.not_valid_before_utc <= at.astimezone(UTC) <= known.not_valid_after_utc:
        raise NotSigned("The certificate that it names is not valid now.")
    key, digest = known.public_key(), DIGESTS.get(str(envelope.get("SignatureVersion")))
    if not isinstance(key, RSAPublicKey) or digest is None:
        raise NotSigned("It is signed in a way that Amazon does not describe.")
    try:
        key.verify(b64decode(str(envelope["Signature"]), validate=True), message(envelope), PKCS1v15(), digest())
    except InvalidSignature:
        raise NotSigned("Its signature does not fit what it says; somebody changed it on the way.") from None


def message(envelope: Mapping[str, object]) -> bytes:
    """What is signed: name and value of each part, a line each; a part that is not there is left out."""
    names = SIGNED[str(envelope["Type"])]
    return "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None).encode()


def _envelope(body: bytes) -> Mapping[str, object]:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise TypeError("an envelope is an object")
    return found
