"""BuiltWith, Domain API v22: what a site has been seen to use, and since when and until when.

The key goes into a header, since addresses are written down on their way. Errors come with HTTP 200; moments are
milliseconds since 1970; `Lookup` and `Meta` stand beside `Result` or in it. No group: BuiltWith looks at the site
itself.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from agents_app.research import pointers, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from gtm import http
from gtm.buckets import Published

URL = "https://api.builtwith.com/v22/api.json"
LEFT_OUT = {"HIDETEXT": "yes", "NOPII": "yes", "NOATTR": "yes"}  # descriptions, people, attributes
GONE_AFTER = timedelta(days=548)  # a year and a half before what was seen last on this site
MOST = 40

# Of these a seller learns nothing: they say how a page is written, not what a company has bought.
NOISE = {
    *("copyright", "css", "docinfo", "encoding", "feeds", "javascript", "language", "link", "mapping", "mobile", "ns"),
    *("robots", "ssl", "web master", "web server"),
}
NO_SUCH_DOMAIN = -8
PASSING = (-6, -99)  # their own faults
MEANT = {-2: 401, -3: 402}  # the key is wrong, no credits are left: what HTTP has for it


def fetch(question: Question, wire: Wire) -> object:
    params = {"LOOKUP": question.company.domain, **LEFT_OUT}
    try:
        reply = wire.json(URL, params=params, headers={"Authorization": f"API {wire.credential}"})
    except http.Unavailable as error:
        wait_s = error.json.get("retryAfterSeconds") if isinstance(error.json, dict) else None
        if isinstance(wait_s, int | float):
            raise http.Unavailable(f"{error.reason}: once more in {wait_s:g} s", retry_after_s=wait_s) from error
        raise
    _raise_errors(question.company.domain, reply.json)
    return reply.json


def _raise_errors(domain: str, answer: object) -> None:
    code, said = pointers.resolve(answer, "/Errors/0/Code"), values.text(pointers.resolve(answer, "/Errors/0/Message"))
    if code is None and said is None:
        return
    reason = f"{SOURCE.name} answered with error {code}: {said or 'no message'}"
    if code == NO_SUCH_DOMAIN:
        raise NoMatch(f"{SOURCE.name} does not look at {domain}: {said}")
    if code in PASSING:
        raise http.Unavailable(reason)
    raise http.Refused(MEANT.get(code, 400) if isinstance(code, int) else 400, reason)


def read(payload: object) -> list[ClaimValue]:
    if not isinstance(pointers.resolve(payload, "/Results"), list):
        raise Unreadable("it has no list of results")
    claims = []
    for meta in ("/Results/0/Meta", "/Results/0/Result/Meta"):
        claims += claim(payload, "name", f"{meta}/CompanyName")
        claims += [each for each in claim(payload, "location", meta) if ", " in each.value]
    return claims + _technologies(payload)


def _technologies(payload: object) -> list[ClaimValue]:
    """One claim a technology, of the path where it was seen last; the newest first."""
    seen = sorted(_seen(payload), key=lambda each: each[0], reverse=True)
    claims: dict[str, ClaimValue] = {}
    for on, place in seen:
        if on >= seen[0][0] - GONE_AFTER:
            for each in claim(payload, "technology", place, as_of_date=on):
                claims.setdefault(each.value, each)
    return list(claims.values())[:MOST]


def _seen(payload: object) -> Iterator[tuple[date, str]]:
    """When each technology was last seen, and where that stands; not those that say nothing of the company."""
    paths = "/Results/0/Result/Paths"
    for number, path in _items(pointers.resolve(payload, paths)):
        for index, technology in _items(path.get("Technologies")):
            on = values.day(technology.get("LastDetected"))
            if on and str(technology.get("Tag", "")).lower() not in NOISE:
                yield on, f"{paths}/{number}/Technologies/{index}/Name"


def _items(found: object) -> Iterator[tuple[int, dict[str, Any]]]:
    for index, each in enumerate(found if isinstance(found, list) else []):
        if isinstance(each, dict):
            yield index, each


SOURCE = Source(
    key="builtwith",
    name="BuiltWith",
    fetch=fetch,
    read=read,
    tells={"name": 0.85, "location": 0.75, "technology": 0.85},
    keeps=timedelta(days=30),
    published=Published(calls=10, seconds=1, a_day=100_000),
    licence="Licensed to the key's holder; for internal use, not to be resold.",
    credits=1.0,
)
