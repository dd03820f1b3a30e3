"""What every source has in common: how it is asked, and what its answer is turned into, also when there is none.

A source is two functions and a handful of facts about it. `fetch` asks over the `Wire` and returns the payload that is
stored; `read` turns a payload into claims and sees nothing but that payload, so the same claims come out of the stored
one at any later time.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlencode

from agents_app.research import attributes, pointers
from gtm import http
from gtm.buckets import Published

SANDBOX_KEY = "sandbox"
LONGEST_REASON = 300
SHORTEST_CREDENTIAL = 8
Status = Literal["ok", "no_match", "failed"]
About = Literal["company", "news", "people"]
NO_IDS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Company:
    """`name` may be empty; the domain's words stand in for it. `ids` are strong ids by attribute ("cik", "lei", …)."""

    domain: str
    name: str = ""
    ids: Mapping[str, str] = field(default_factory=lambda: NO_IDS)

    @property
    def known_as(self) -> str:
        return self.name or self.domain.partition(".")[0].replace("-", " ").title()


@dataclass(frozen=True)
class Question:
    """What is asked of a source; `since` and `until` narrow down what is dated, both included."""

    company: Company
    at: datetime
    since: date | None = None
    until: date | None = None

    def part(self, name: str) -> str:
        """A part of the question by its name in `Source.asked_by`; empty where it is not known."""
        if name in ("since", "until"):
            on: date | None = getattr(self, name)
            return on.isoformat() if on else ""
        if name == "domain":
            return self.company.domain
        return self.company.known_as if name == "name" else self.company.ids.get(name, "")


@dataclass(frozen=True)
class SourceAccess:
    """How this client reaches a source; in the sandbox no credential is needed. `asked_with` names whose key it is
    ("connection:12", "account:3", empty: none). `closed` says why it is not asked now; empty: it is. `probe` numbers
    the question that tries a source again which failed (gtm/breakers)."""

    key: str
    sandbox: bool
    credential: str = field(default="", repr=False)
    asked_with: str = ""
    closed: str = ""
    probe: int = 0


@dataclass(frozen=True)
class ClaimValue:
    """One value, in reading form, at one place of the payload (`pointers`)."""

    attribute: str
    value: str
    pointer: str
    as_of_date: date | None = None


@dataclass(frozen=True)
class SourceAnswer:
    """What a source said; with status no_match or failed, `reason` says in words why there is nothing.

    An answer with status ok may have a reason too: what of it is missing. `question` is the same for the same question
    asked again; `credits` as the source counts them; `extractor` names the version of what read the payload. `same_as`
    is the id of the record whose answer was used again, None where the source was asked.
    """

    source: str
    status: Status
    reason: str
    request_key: str
    sandbox: bool
    http_status: int | None = None
    payload: Any = None
    elapsed_ms: int = 0
    claims: list[ClaimValue] = field(default_factory=list)
    question: str = ""
    extractor: str = ""
    calls: int = 0
    credits: float = 0.0
    asked_with: str = ""
    probe: int = 0
    same_as: int | None = None


class NoMatch(Exception):
    """The source answered and does not know the company; the message says so in words."""


class Unreadable(Exception):
    """The answer has not the shape that the source documents; the message says what is missing."""


@dataclass(frozen=True)
class Source:
    """A party that can be asked about a company.

    `tells`: attribute → how often it is right about it, 0 to 1; starting assumptions, which corrections by people
    replace. `asked_by`: parts of a question (`Question.part`) that decide the answer, those in `optional` may be
    unknown. `keeps`: how long an answer may be used again. `credits`: what an answer costs, as the source counts.
    `group`: whose data it passes on; sources of one group count as one voice. `typical_s`: until it has answered.
    `silent` says that an answer holds no claim. `version` is raised with every change of `read`.
    """

    key: str
    name: str
    fetch: "Callable[[Question, Wire], Any]"
    read: Callable[[Any], list[ClaimValue]]
    tells: Mapping[str, float]
    keeps: timedelta
    published: Published
    licence: str
    asked_by: Sequence[str] = ("domain",)
    optional: Sequence[str] = ()
    needs_key: bool = True
    credits: float = 0.0
    group: str = ""
    typical_s: float = 1.0
    silent: str = "{name} says nothing about {company} that we can use."
    version: int = 1

    @property
    def extractor(self) -> str:
        return f"{self.key}/{self.version}"

    def lacks(self, question: Question) -> list[str]:
        """Parts that it cannot be asked without and that are not known."""
        return [part for part in self.asked_by if part not in self.optional and not question.part(part)]

    def key_of(self, question: Question) -> str:
        """The same for questions that have the same answer."""
        return f"{self.key}?{urlencode([(part, question.part(part)) for part in self.asked_by])}"[:300]


class Wire:
    """One question on its way: every call within the time that is left, counted, and named in words without secrets."""

    def __init__(self, access: SourceAccess, *, timeout_s: float, needs_key: bool = True) -> None:
        self.credential = access.credential or (SANDBOX_KEY if access.sandbox and needs_key else "")
        self.asked: list[str] = []
        self.missing: list[str] = []
        self.status: int | None = None
        self.credits: float | None = None
        self.sandbox = access.sandbox
        self._deadline = time.monotonic() + timeout_s

    def json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        max_bytes: int = http.MAX_BYTES,
    ) -> http.Reply:
        """The answer to a GET, or to a POST of `body`. Raises http.Unavailable, also where it is longer than
        `max_bytes`, and http.Refused."""
        self.asked.append(_named("GET" if body is None else "POST", url, params))
        call = http.Call(
            "GET" if body is None else "POST",
            url,
            params,
            headers,
            json=body,
        )
        reply = http.send(call, timeout_s=self._left(), sandbox=self.sandbox, max_bytes=max_bytes)
        self.status = reply.status
        if reply.json is None:
            raise Unreadable("it is empty")
        return reply

    def page(self, url: str, *, headers: Mapping[str, str] | None = None) -> http.Page:
        """A page as it came, wherever its redirects led. Raises http.Unavailable, http.Refused."""
        self.asked.append(_named("GET", url, None))
        page = http.get_page(url, headers=headers, timeout_s=self._left(), sandbox=self.sandbox)
        self.status = page.status
        return page

    def lacks(self, words: str) -> None:
        """Something of the answer is missing; the rest of it stands."""
        self.missing.append(words)

    def _left(self) -> float:
        return max(0.05, self._deadline - time.monotonic())


def _named(method: str, url: str, params: Mapping[str, str] | None) -> str:
    return f"{method} {url}" + (f"?{urlencode(sorted(params.items()))}" if params else "")


def ask(source: Source, question: Question, access: SourceAccess, *, timeout_s: float) -> SourceAnswer:
    """Whatever the source does wrong comes back as an answer in words."""
    none = nothing(source, question, access)
    if access.closed:
        return replace(none, reason=access.closed)
    if source.needs_key and not access.sandbox and not access.credential:
        return replace(none, reason="This live connection has no credential. Add it there.")
    wire, started = Wire(access, timeout_s=timeout_s, needs_key=source.needs_key), time.monotonic()
    found = _asked(source, question, wire, none)
    return replace(
        found,
        reason=_without(access.credential, found.reason)[:LONGEST_REASON],
        request_key=("; ".join(wire.asked) or source.key)[:300],
        http_status=found.http_status or wire.status,
        elapsed_ms=max(1, round((time.monotonic() - started) * 1000)),  # 0 says that nothing was sent
        calls=len(wire.asked),
        credits=wire.credits if wire.credits is not None else source.credits if found.status == "ok" else 0.0,
    )


def _asked(source: Source, question: Question, wire: Wire, none: SourceAnswer) -> SourceAnswer:
    try:
        payload = pointers.storable(source.fetch(question, wire))
        claims = source.read(payload)
    except NoMatch as unknown:
        return replace(none, status="no_match", reason=str(unknown))
    except Unreadable as error:
        return replace(none, reason=f"The answer cannot be read: {error}")
    except http.Unavailable as error:
        return replace(none, reason=error.reason)
    except http.Refused as error:
        reason = _why_refused(source, error, none.asked_with)
        return replace(none, reason=reason, http_status=error.status or None)
    reason = " ".join(wire.missing)
    if not claims and not reason:
        reason = source.silent.format(name=source.name, company=question.company.known_as)
    return replace(none, status="ok" if claims else "no_match", reason=reason, payload=payload, claims=claims)


def _without(credential: str, reason: str) -> str:
    """Some parties quote the credential that they refuse. What is as short as a word is none."""
    return reason.replace(credential, "…") if len(credential) >= SHORTEST_CREDENTIAL else reason


def _why_refused(source: Source, error: http.Refused, asked_with: str) -> str:
    if error.status in (401, 403) and source.needs_key:
        place = "the agency's account" if asked_with.startswith("account:") else "the connection"
        return f"{error.reason.rstrip('.')}. Check the credential on {place}."
    return error.reason


def nothing(source: Source, question: Question, access: SourceAccess) -> SourceAnswer:
    """An answer that never came; its reason is for the caller to add."""
    return SourceAnswer(
        source=source.key,
        status="failed",
        reason="",
        request_key=source.key,
        sandbox=access.sandbox,
        question=source.key_of(question),
        extractor=source.extractor,
        asked_with=access.asked_with,
        probe=access.probe,
    )


def claim(payload: object, attribute: str, pointer: str, *, as_of_date: date | None = None) -> list[ClaimValue]:
    """The claim at that place, in a list of one; an empty list when nothing readable stands there."""
    value = attributes.read(attribute, pointers.resolve(payload, pointer))
    return [ClaimValue(attribute, value, pointer, as_of_date)] if value else []
