"""The one way out to the network: https to public addresses, limits of time and size, errors that say whether to retry.

A party in sandbox mode is asked the same way; its stand-in answers at the transport (gtm/sandbox).
"""

import ipaddress
import json as jsonlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import MappingProxyType
from typing import Any, Literal

import httpx
from django.conf import settings

from gtm import retries
from gtm.retries import Kind, Unit

MAX_BYTES = 2_000_000
MOST_REDIRECTS = 5
PRODUCT = "gtm/1.0"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
CANNOT_BE_SENT = "The address or the credential holds signs that cannot be sent. Enter them anew on the connection"

# Python calls these global, but they carry any IPv4 address inside, also a private one (RFC 6052, 8215, 3056, 4380).
EMBEDS_IPV4 = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Call:
    """One question or order to a party. `json` or `form` is its body, where it has one; the address holds no secret."""

    method: Method
    url: str
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    json: object = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reply:
    """`body` is the answer as it came, `json` what it says, None where it is empty; header names in any letters."""

    status: int
    headers: Mapping[str, str]
    json: Any
    elapsed_ms: int
    body: bytes = b""


@dataclass(frozen=True)
class Page:
    """What an address gave in the end: `url` is where its redirects led, `body` as it came, unpacked."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Unavailable(Exception):
    """The party could not answer now; the same question may succeed later, but not before `retry_after_s` is over.

    `json` is what the party answered, if anything that can be read; `headers` came with it.
    """

    kind: Kind = "transient"

    def __init__(
        self,
        reason: str,
        *,
        retry_after_s: float | None = None,
        json: object = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.json = json
        self.headers = headers


class Refused(Exception):
    """The party refused the question (4xx), or we refused its address (`status` 0); asking again does not help.

    `kind` says what would: permanent: another question; auth: another credential; conflict: a look at what is there.
    """

    def __init__(
        self, status: int, reason: str, *, json: object = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.json = json
        self.headers = headers
        self.kind: Kind = retries.kind_of(status, json)


def get_json(
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
    sandbox: bool,
    max_bytes: int = MAX_BYTES,
) -> Reply:
    """Raises Unavailable or Refused; a 2xx answer that is no JSON is Unavailable."""
    call = Call("GET", url, params, headers)
    reply = send(call, timeout_s=timeout_s, sandbox=sandbox, max_bytes=max_bytes)
    if reply.json is None:
        raise _not_json(httpx.URL(url).host, reply.status)
    return reply


def get_bytes(url: str, *, timeout_s: float, max_bytes: int = MAX_BYTES) -> bytes:
    """A file as it is. Raises Unavailable or Refused."""
    request = _request(Call("GET", url))
    response, body = _ask(request, timeout_s=timeout_s, sandbox=False, max_bytes=max_bytes)
    return _page(response, body).body


def get_page(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    timeout_s: float,
    sandbox: bool,
    max_bytes: int = MAX_BYTES,
) -> Page:
    """A web page, through at most five redirects, each checked like the first address, all within `timeout_s`. Another
    host than the first gets no `headers`: they may hold what is meant for the first alone. Raises Unavailable or
    Refused."""
    deadline = time.monotonic() + timeout_s
    for _ in range(1 + MOST_REDIRECTS):
        request = _request(Call("GET", url, headers=headers))
        left = max(0.05, deadline - time.monotonic())
        response, body = _ask(request, timeout_s=left, sandbox=sandbox, max_bytes=max_bytes)
        following = response.next_request
        if following is None:
            return _page(response, body)
        url, headers = str(following.url), headers if following.url.host == request.url.host else None
    raise Unavailable(f"{request.url.host} redirects more than {MOST_REDIRECTS} times")


def _page(response: httpx.Response, body: bytes) -> Page:
    if response.is_success:
        return Page(str(response.request.url), response.status_code, response.headers, body)
    reason = f"{response.request.url.host} answered {response.status_code}"
    refused = Refused(response.status_code, reason)
    raise Unavailable(reason) if refused.kind == "transient" else refused


def send(
    call: Call, *, timeout_s: float, sandbox: bool, max_bytes: int = MAX_BYTES, retry_after_in: Unit = "s"
) -> Reply:
    """Raises Unavailable or Refused. A 2xx answer that is neither empty nor JSON is Unavailable: what was ordered may
    be done or not, so orders have to bear repeating. `retry_after_in`: what a bare number in Retry-After counts."""
    request = _request(call)
    started = time.monotonic()
    response, body = _ask(request, timeout_s=timeout_s, sandbox=sandbox, max_bytes=max_bytes)
    return _judge(response, body, elapsed_ms=round((time.monotonic() - started) * 1000), unit=retry_after_in)


def _request(call: Call) -> httpx.Request:
    """Raises Refused for an address that cannot be one; people type some of them."""
    try:
        return httpx.Request(
            call.method, call.url, params=call.params, headers=call.headers, json=call.json, data=call.form
        )
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError):  # they may quote a credential
        raise Refused(0, CANNOT_BE_SENT) from None


def _ask(request: httpx.Request, *, timeout_s: float, sandbox: bool, max_bytes: int) -> tuple[httpx.Response, bytes]:
    deadline = time.monotonic() + timeout_s
    request.headers.setdefault("User-Agent", user_agent())
    request.extensions["timeout"] = httpx.Timeout(timeout_s).as_dict()
    try:
        response = _client(sandbox, os.getpid()).send(request, stream=True)
        try:
            return response, _read(response, deadline=deadline, max_bytes=max_bytes)
        finally:
            response.close()
    except httpx.TimeoutException as error:
        raise Unavailable(f"{request.url.host} did not answer within {timeout_s:g} s") from error
    except httpx.LocalProtocolError:
        raise Refused(0, CANNOT_BE_SENT) from None
    except (httpx.InvalidURL, UnicodeError):  # of a redirect, which httpx reads also where nobody follows it
        raise Refused(0, f"{request.url.host} redirects to something that is no address") from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise Unavailable(f"{request.url.host} could not be reached: {error or type(error).__name__}") from error


def user_agent(contact: str = "") -> str:
    """Who asks, and where whoever is asked finds a person: `contact`, else the one that is configured, if any."""
    named = contact or parseaddr(settings.CONTACT_EMAIL)[1]
    return f"{PRODUCT} ({named})" if named else PRODUCT


def _read(response: httpx.Response, *, deadline: float, max_bytes: int) -> bytes:
    """The body, counted after decompression, so that a small bomb does not unfold here."""
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise Unavailable(f"{response.request.url.host} answered with more than {max_bytes:,} bytes")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("The answer came too slowly.", request=response.request)
    return bytes(body)


def _judge(response: httpx.Response, body: bytes, *, elapsed_ms: int, unit: Unit) -> Reply:
    host, status = response.request.url.host, response.status_code
    answer = _parsed(body)
    if not response.is_success:
        said = f"{host} answered {status}{_says(answer)}"
        if retries.kind_of(status, answer) == "transient":
            wait_s = retries.retry_after_s(response.headers, at=datetime.now(UTC), unit=unit)
            raise Unavailable(said, retry_after_s=wait_s, json=answer, headers=response.headers)
        raise Refused(status, said, json=answer, headers=response.headers)
    if answer is None and body.strip():
        raise _not_json(host, status)
    return Reply(status, response.headers, answer, elapsed_ms, body)


def _not_json(host: str, status: int) -> Unavailable:
    return Unavailable(f"{host} answered {status} with something that is not JSON")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parsed(body: bytes) -> object:
    try:
        return jsonlib.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _says(answer: object) -> str:
    """What the party itself says is wrong: its `message`, at the top, below `error` or first in a list of errors, or
    OAuth's `error_description`."""
    top = answer[0] if isinstance(answer, list) and answer else answer
    inner = top.get("error") if isinstance(top, dict) else None
    for part in (inner, top):
        said = (part.get("message") or part.get("error_description")) if isinstance(part, dict) else None
        if isinstance(said, str):
            return f": {said[:200]}"
    return ""


@cache
def _client(sandbox: bool, pid: int) -> httpx.Client:  # noqa: FBT001 - cache keys are positional
    """One client a process: `pid` keeps a forked worker off its parent's sockets.

    Proxies from the environment are ignored, because they would connect where the address check cannot see. Cookies are
    not kept: the one client asks for all of our clients.
    """
    if sandbox:
        from gtm import sandbox as stand_ins

        transport = stand_ins.transport()
    else:
        transport = PublicOnly(httpx.HTTPTransport(limits=httpx.Limits(max_connections=50)))
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.Client(transport=transport, cookies=no_cookies, follow_redirects=False, trust_env=False)


def resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class PublicOnly(httpx.BaseTransport):
    """Resolves a host once, refuses it unless every address is public, and connects to the checked address.

    Whoever may name a host may otherwise reach our own machines through us (SSRF); resolving twice would let a second
    answer slip past the check. The certificate is still checked against the name. LOOPBACK_ALLOWED lets tests through
    to a server of their own; no environment can fill it, and `gtm/checks.py` refuses to start with it.
    """

    def __init__(self, inner: httpx.BaseTransport, *, resolve: Resolve = resolve) -> None:
        self._inner = inner
        self._resolve = resolve

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if f"{host}:{request.url.port}" in settings.LOOPBACK_ALLOWED:
            return self._inner.handle_request(request)
        if request.url.scheme != "https" or not host:
            raise Refused(0, f"{host or request.url}: only https addresses are asked")
        address = self._checked(host, request.url.port or 443)
        checked = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # still holds the Host header with the name
            stream=request.stream,
            extensions=request.extensions | {"sni_hostname": host},
        )
        return self._inner.handle_request(checked)

    def _checked(self, host: str, port: int) -> str:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"The name {host} could not be resolved") from error
        hidden = [address for address in addresses if not is_public(address)]
        if hidden or not addresses:
            raise Refused(0, f"{host} is not a public address, so it is not asked")
        return addresses[0]

    def close(self) -> None:
        self._inner.close()


def is_public(address: str) -> bool:
    """Whether a resolved address lies in the public internet, also when it carries another one inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif any(ip in net for net in EMBEDS_IPV4):
            return False
    return ip.is_global and not ip.is_multicast
