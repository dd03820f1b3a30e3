"""GitHub: a company's organisation by its name there, `GET /orgs/{org}`. Without a token it answers 60 calls an hour.

The payload is `{"domain": the company's, "organisation": GitHub's own body}`. A name there says nothing of who took it:
claims are made where the organisation's site is the company's, or where GitHub has verified whose it is.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from clients import domains
from gtm import http
from gtm.buckets import Published

URL = "https://api.github.com/orgs/"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
PLACES = (
    ("name", "/organisation/name"),
    ("description", "/organisation/description"),
    ("location", "/organisation/location"),
    ("github_org", "/organisation/login"),
)


def fetch(question: Question, wire: Wire) -> object:
    login, domain = question.part("github_org"), question.company.domain
    if not login:
        raise NoMatch(f"{SOURCE.name} is asked by an organisation's name there, and none is known for {domain}.")
    payload = {"domain": domain, "organisation": _organisation(login, wire)}
    if not _is_theirs(payload):
        wire.lacks(f"The organisation {login} is not verified and names no site at {domain}: it may be another's.")
    return payload


def read(payload: object) -> list[ClaimValue]:
    organisation = payload.get("organisation") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(organisation, dict) or "login" not in organisation:
        raise Unreadable("it has no login")
    if not _is_theirs(payload):
        return []
    return [each for attribute, pointer in PLACES for each in claim(payload, attribute, pointer)]


def _organisation(login: str, wire: Wire) -> Any:  # noqa: ANN401 as it came
    token = {"Authorization": f"Bearer {wire.credential}"} if wire.credential else {}
    try:
        return wire.json(f"{URL}{quote(login, safe='')}", headers={**HEADERS, **token}).json
    except http.Refused as refused:
        if refused.status == 404:
            raise NoMatch(f"{SOURCE.name} has no organisation called {login}.") from refused
        reason = _used_up(refused.headers) or refused.reason
        raise http.Refused(refused.status, reason, json=refused.json) from refused
    except http.Unavailable as busy:
        reason = _used_up(busy.headers) or busy.reason
        raise http.Unavailable(reason, retry_after_s=busy.retry_after_s, json=busy.json) from busy


def _is_theirs(payload: dict[str, Any]) -> bool:
    organisation = payload["organisation"]
    if not isinstance(organisation, dict):
        return False
    site = _registered(organisation.get("blog"))
    return organisation.get("is_verified") is True or site == domains.registered(str(payload.get("domain", "")))


def _registered(blog: object) -> str | None:
    """People type it with a scheme or without; None where it is no address."""
    address = blog.strip() if isinstance(blog, str) else ""
    try:
        host = urlsplit(address if "://" in address else f"https://{address}").hostname
    except ValueError:
        return None
    return domains.registered(host) if host else None


def _used_up(headers: Mapping[str, str]) -> str:
    """When it may be asked again, where its limit is used up; empty where it is not."""
    if headers.get("x-ratelimit-remaining") != "0":
        return ""
    limit, reset = headers.get("x-ratelimit-limit", ""), headers.get("x-ratelimit-reset", "")
    of = f" of {limit} calls an hour" if limit.isdigit() else ""
    until = f" until {datetime.fromtimestamp(int(reset), UTC):%H:%M} UTC" if re.fullmatch(r"\d{1,11}", reset) else ""
    more = " A token on the connection allows 5,000." if limit == "60" else ""
    return f"{SOURCE.name}'s limit{of} is used up{until}.{more}"


SOURCE = Source(
    key="github",
    name="GitHub",
    fetch=fetch,
    read=read,
    tells={"name": 0.90, "description": 0.80, "location": 0.75, "github_org": 0.97},
    keeps=timedelta(days=7),
    published=Published(calls=60, seconds=3600, a_day=1_440),
    licence="Public profile; may be kept under GitHub's terms of service.",
    asked_by=("domain", "github_org"),
    needs_key=False,
    typical_s=0.6,
)
