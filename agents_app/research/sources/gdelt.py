"""GDELT, DOC 2.0 `artlist`: headlines of the last three months from the whole world's news, without a key.

It knows when it first saw an article, and no summary. It takes one call in five seconds and sheds load. What it refuses
it says in plain text, with status 200 as well, and its JSON may hold raw control characters and backslashes before
signs that JSON knows no escape for; so the body is read leniently, and what was read is what is stored.
"""

import json
import re
from datetime import UTC, timedelta
from urllib.parse import urlencode

from agents_app.research import news
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire
from gtm import http
from gtm.buckets import Published

URL = "https://api.gdeltproject.org/api/v2/doc/doc"
DAYS_BACK = 90
RECORDS = "50"
SHAPE = news.Shape("/answer/articles", "title", "", "seendate")
ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')
TOO_FAST = "limit requests"


def fetch(question: Question, wire: Wire) -> object:
    name = news.phrase(question)
    first, last = news.window(question)
    earliest = question.at.astimezone(UTC) - timedelta(days=DAYS_BACK)
    if last < earliest:
        raise NoMatch(f"{SOURCE.name} keeps three months; {last:%d %B %Y} is longer ago.")
    params = {
        "query": _query(name),
        "mode": "artlist",
        "format": "json",
        "sort": "datedesc",
        "maxrecords": RECORDS,
        "startdatetime": f"{max(first, earliest):%Y%m%d%H%M%S}",
        "enddatetime": f"{last:%Y%m%d%H%M%S}",
    }
    return {"named": name, "answer": _answer(wire.page(f"{URL}?{urlencode(params)}").body)}


def _query(name: str) -> str:
    """Several words between quotes; a single one without, because GDELT refuses short phrases."""
    words = " ".join(re.findall(r"[\w&'-]+", name))
    return words if re.fullmatch(r"\w+", words) else f'"{words}"'


def _answer(body: bytes) -> object:
    """Raises http.Unavailable where GDELT asks for patience, Unreadable for everything else that is no JSON."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return json.loads(ESCAPE.sub(lambda found: found[0] if found[1] else "", text), strict=False)
    except (ValueError, RecursionError):
        said = " ".join(text.split())[:120]
    if TOO_FAST in said.lower():
        raise http.Unavailable(f"GDELT answers: {said}")
    raise Unreadable(f"instead of a list it says “{said}”")


def read(payload: object) -> list[ClaimValue]:
    """Where nothing is found GDELT gives an object with nothing in it."""
    nothing = isinstance(payload, dict) and payload.get("answer") == {}
    return [] if nothing else news.read(payload, SHAPE)


SOURCE = Source(
    key="gdelt",
    name="GDELT",
    fetch=fetch,
    read=read,
    tells={"news": 0.88, "last_funding_stage": 0.85, "last_funding_date": 0.80},
    keeps=timedelta(hours=6),
    published=Published(calls=1, seconds=5, a_day=17_280),
    licence="Free for any use with a mention of the GDELT Project and its address.",
    asked_by=("name", "since", "until"),
    optional=("since", "until"),
    needs_key=False,
    group="press",
    typical_s=4.0,
    silent="{name} has no headline that names {company} in the three months before.",
)
