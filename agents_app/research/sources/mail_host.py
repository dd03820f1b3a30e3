"""Who runs the company's mail: its mail exchangers (MX) in DNS, asked of Google's public resolver over HTTPS, no key.

The answer is `{"Status", "Answer": [{"name", "type", "TTL", "data"}]}`: a response code of DNS, and records among which
aliases (CNAME) may stand. One exchanger `.` says that the domain takes no mail (RFC 7505).
"""

from datetime import timedelta
from typing import Any

from agents_app.research import pointers, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from gtm import http
from gtm.buckets import Published

URL = "https://dns.google/resolve"
MX = 15
NO_ERROR, NO_SUCH_NAME = 0, 3
NO_MAIL = "."


def fetch(question: Question, wire: Wire) -> object:
    domain = question.company.domain
    reply = wire.json(URL, params={"name": domain, "type": "MX"})
    payload = {"on": question.at.date().isoformat(), "answer": reply.json}
    status = pointers.resolve(payload, "/answer/Status")
    if status == NO_SUCH_NAME:
        raise NoMatch(f"There is no domain {domain} in DNS.")
    if isinstance(status, int) and status != NO_ERROR:
        raise http.Unavailable(f"The name servers of {domain} gave no answer (DNS response code {status})")
    exchangers = _exchangers(payload)
    if not exchangers:
        raise NoMatch(f"{domain} names no mail exchanger in DNS.")
    if all(host == NO_MAIL for _, _, host in exchangers):
        raise NoMatch(f"{domain} says in DNS that it takes no mail.")
    return payload


def read(payload: object) -> list[ClaimValue]:
    """The exchanger that is tried first, of those whose service is known by name."""
    seen_on = values.day(pointers.resolve(payload, "/on"))
    claims = (claim(payload, "mail_host", place, as_of_date=seen_on) for _, place, _ in _exchangers(payload))
    return next((each for each in claims if each), [])


def _exchangers(payload: object) -> list[tuple[int, str, str]]:
    """Preference, where the record stands, and host; the lowest preference first, as mail is sent."""
    if not isinstance(pointers.resolve(payload, "/answer/Status"), int):
        raise Unreadable("it has no response code")
    records: Any = pointers.resolve(payload, "/answer/Answer")
    found = []
    for index, record in enumerate(records if isinstance(records, list) else []):
        words = values.text(record.get("data")) if isinstance(record, dict) and record.get("type") == MX else None
        preference, _, host = (words or "").partition(" ")
        if host and preference.isdecimal():
            found.append((int(preference), f"/answer/Answer/{index}/data", host))
    return sorted(found)


SOURCE = Source(
    key="mail_host",
    name="DNS (mail exchangers)",
    fetch=fetch,
    read=read,
    tells={"mail_host": 0.96},
    keeps=timedelta(days=1),
    published=Published(calls=1500, seconds=1, a_day=1_000_000),
    licence="Public records of DNS.",
    needs_key=False,
    typical_s=0.3,
    silent="The mail of {company} goes to hosts that belong to no service which we know by name.",
)
