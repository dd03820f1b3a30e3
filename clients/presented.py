"""Senders that sign nothing and present the secret itself: in a header, as a password, in the address or in the body.

Pure. Compared in constant time, as bytes; whoever reads such a call can repeat it, so its address has to be https.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

HEADER, BASIC, CODE, SMARTLEAD, ZOHO = "header", "basic", "code", "smartlead", "zoho"
FORMS = {
    HEADER: "Write the header's name, a colon and its value, as in X-Webhook-Secret: VALUE.",
    BASIC: "Write the user's name, a colon and the password, as in NAME:PASSWORD.",
    ZOHO: "Write the channel's id, a colon and the token, as in CHANNEL:TOKEN.",
}  # of those whose secret has two parts


def malformed(place: str, secret: str) -> str:
    """Why `secret` cannot be one of this place's, in words; empty where it can."""
    name, colon, value = secret.partition(":")
    if place in FORMS and not (name.strip() and colon and value.strip()):
        return FORMS[place]
    if place == HEADER and not all(sign.isalnum() or sign in "-_" for sign in name.strip()):
        return f"“{name.strip()[:60]}” cannot be a header's name. {FORMS[HEADER]}"
    return ""


def fits(place: str, secret: str, headers: Mapping[str, str], uri: str, body: bytes) -> bool:
    """Whether the call presents this secret; `headers` by lower-case name. A body that cannot be read raises."""
    return PLACES[place](secret, headers, uri, body)


def _same(one: str, other: object) -> bool:
    return isinstance(other, str) and bool(one) and hmac.compare_digest(one.encode(), other.encode())


def _in_header(secret: str, headers: Mapping[str, str], uri: str, body: bytes) -> bool:
    name, _, value = secret.partition(":")
    return _same(value.strip(), headers.get(name.strip().lower(), ""))


def _as_password(secret: str, headers: Mapping[str, str], uri: str, body: bytes) -> bool:
    """RFC 7617. The scheme's name may be written in any letters."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "basic" and _same(b64encode(secret.encode()).decode(), credentials.strip())


def _in_address(secret: str, headers: Mapping[str, str], uri: str, body: bytes) -> bool:
    """?code=, where Dynamics 365 puts a WebhookKey."""
    given = [value for name, value in parse_qsl(urlsplit(uri).query) if name == "code"]
    return len(given) == 1 and _same(secret, given[0])


def _in_smartleads_body(secret: str, headers: Mapping[str, str], uri: str, body: bytes) -> bool:
    return _same(secret, _object(body).get("secret_key"))


def _in_zohos_body(secret: str, headers: Mapping[str, str], uri: str, body: bytes) -> bool:
    """The token that Zoho repeats, and the channel that it belongs to, a text or a number of 19 digits."""
    channel, _, token = secret.partition(":")
    told = _object(body)
    return _same(channel.strip(), str(told.get("channel_id", ""))) and _same(token.strip(), told.get("token"))


def _object(body: bytes) -> Mapping[str, object]:
    found = json.loads(body)
    return found if isinstance(found, dict) else {}


PLACES: dict[str, Callable[[str, Mapping[str, str], str, bytes], bool]] = {
    HEADER: _in_header,
    BASIC: _as_password,
    CODE: _in_address,
    SMARTLEAD: _in_smartleads_body,
    ZOHO: _in_zohos_body,
}
