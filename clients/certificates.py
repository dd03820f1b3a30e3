"""The certificates with which Amazon SNS signs: fetched once from Amazon's own hosts, over the one way out."""

from dataclasses import replace
from datetime import datetime, timedelta

from clients import sns
from clients.signatures import Call
from gtm import http

KEPT = timedelta(hours=12)
MOST = 100
TIMEOUT_S = 3.0
LONGEST_BYTES = 20_000

_cached: dict[str, tuple[datetime, bytes]] = {}


class Unavailable(Exception):
    """Amazon did not hand out the certificate now; the sender tries again later."""


def attached(scheme: str, call: Call, *, at: datetime) -> Call:
    """The call with the certificate that it names, where its scheme needs one and the address is Amazon's.

    Raises Unavailable.
    """
    url = sns.certificate_url(call.body) if scheme == "sns" else ""
    return replace(call, certificate=_certificate(url, at)) if url else call


def _certificate(url: str, at: datetime) -> bytes:
    fetched_at, pem = _cached.get(url, (at - KEPT, b""))
    if at - fetched_at < KEPT and pem:
        return pem
    try:
        pem = http.get_bytes(url, timeout_s=TIMEOUT_S, max_bytes=LONGEST_BYTES)
    except http.Refused:
        return b""  # Amazon knows no such certificate: nobody signed with it
    except http.Unavailable as unavailable:
        raise Unavailable(unavailable.reason) from unavailable
    if len(_cached) >= MOST:
        _cached.clear()
    _cached[url] = (at, pem)
    return pem
