"""Wappalyzer, `lookup` v2: what a site was found to use in the last two months.

A site that it has not stored is crawled after the question, for up to 15 minutes, and the result goes to a callback
address. We name none: a later question finds the result stored. Errors of one site come with HTTP 200. No group:
Wappalyzer looks at the site itself.
"""

from datetime import timedelta

from agents_app.research import pointers, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from gtm.buckets import Published

URL = "https://api.wappalyzer.com/v2/lookup/"
MOST = 40

# Technologies that are nothing but these say how a page is written, not what a company has bought.
NOISE = {
    *("font-scripts", "javascript-frameworks", "javascript-graphics", "javascript-libraries", "miscellaneous"),
    *("operating-systems", "performance", "programming-languages", "security", "static-site-generator"),
    *("ui-frameworks", "web-frameworks", "web-servers"),
}


def fetch(question: Question, wire: Wire) -> object:
    domain = question.company.domain
    reply = wire.json(URL, params={"urls": f"https://{domain}"}, headers={"x-api-key": wire.credential})
    spent = reply.headers.get("wappalyzer-credits-spent", "")
    wire.credits = float(spent) if spent.isdecimal() else SOURCE.credits
    error = values.text(pointers.resolve(reply.json, "/0/errors/0"))
    if error:
        raise NoMatch(f"{SOURCE.name} could not look at {domain}: {error}")
    if pointers.resolve(reply.json, "/0/crawl") is True:
        later = f"{SOURCE.name} looks at {domain} only now: ask again in a quarter of an hour."
        if not pointers.resolve(reply.json, "/0/technologies"):
            raise NoMatch(later)
        wire.lacks(later)
    return reply.json


def read(payload: object) -> list[ClaimValue]:
    technologies = pointers.resolve(payload, "/0/technologies")
    if not isinstance(technologies, list):
        raise Unreadable("it has no list of technologies")
    claims: dict[str, ClaimValue] = {}
    for index, technology in enumerate(technologies):
        if isinstance(technology, dict) and not _is_noise(technology.get("categories")):
            seen_on = values.day(technology.get("confirmedAt"))
            for each in claim(payload, "technology", f"/0/technologies/{index}/name", as_of_date=seen_on):
                claims.setdefault(each.value, each)
    return list(claims.values())[:MOST]


def _is_noise(categories: object) -> bool:
    listed = categories if isinstance(categories, list) else []
    slugs = {str(each.get("slug")) for each in listed if isinstance(each, dict)}
    return bool(slugs) and slugs <= NOISE


SOURCE = Source(
    key="wappalyzer",
    name="Wappalyzer",
    fetch=fetch,
    read=read,
    tells={"technology": 0.85},
    keeps=timedelta(days=30),
    published=Published(calls=5, seconds=1, a_day=50_000),
    licence="Licensed to the key's holder; for internal use, not to be resold.",
    credits=1.0,
)
