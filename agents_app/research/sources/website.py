"""The company's own site: its home page and its page about itself, as far as robots.txt allows; four calls at most.

What it says of itself stands in JSON-LD (schema.org's Organization) and in meta elements; what it uses shows in scripts
and headers. No group: the site is looked at now, BuiltWith and Wappalyzer looked by themselves at some other time.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from agents_app.research import attributes, markup, pointers, robots, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from clients.domains import registered
from gtm import http
from gtm.buckets import Published

LONGEST_PAGE = 400_000  # characters that are kept
LONGEST_ROBOTS = 100_000
LONGEST_HEADER = 500
AGENT = http.PRODUCT.partition("/")[0]
ACCEPT = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "en"}
COOKIE = re.compile(r"(?:^|, )([^=;,\s]+)=")
ABOUT = re.compile(
    r"(/[a-z]{2}(-[a-z]{2})?)?/(about(-us|-the-company)?|company|our-company|who-we-are|ueber-uns|unternehmen|a-propos"
    r"|qui-sommes-nous|chi-siamo|over-ons|om-os|om-oss|quienes-somos|sobre-nos|o-nas|meista)(/|\.html?|\.php)?",
    re.IGNORECASE,
)
ORGANIZATION = re.compile(
    r"(https?://schema\.org/)?(\w*Organization|Corporation|\w*Business|\w*Store|Airline|BankOrCreditUnion"
    r"|FinancialService|Hospital|Hotel|InsuranceAgency|MedicalClinic|ProfessionalService|Restaurant)"
)
HELD_BY = ("mainEntity", "about", "publisher")
SAID = (
    ("name", "name"),
    ("description", "description"),
    ("founded_year", "foundingDate"),
    ("headcount", "numberOfEmployees"),
    ("lei", "leiCode"),
    ("lei", "iso6523Code"),
    ("ticker", "tickerSymbol"),
)
META = (("name", "og:site_name"), ("description", "description"), ("description", "og:description"))
SAME_AS = (
    ("wikidata_id", re.compile(r"https?://(www\.)?wikidata\.org/(wiki|entity)/Q\d+")),
    ("github_org", re.compile(r"https?://(www\.)?github\.com/[\w.-]+/?")),
    ("crunchbase_id", re.compile(r"https?://(www\.)?crunchbase\.com/organization/[\w.-]+/?")),
)


# --- asking


def fetch(question: Question, wire: Wire) -> object:
    asked = f"https://{question.company.domain}/"
    rules, ruled = _rules(wire, asked)
    _heed(rules, asked)
    home = _home(wire, asked)
    payload = {"asked": asked, "on": question.at.date().isoformat(), "robots": rules, "home": home, "about": None}
    host = _host(home["url"])
    if not _is_of(asked, home["url"]):
        wire.lacks(f"{_host(asked)} leads to {host}, which may be another company's: nothing is taken from there.")
        return payload
    if host != ruled:
        rules, _ = _rules(wire, home["url"])
        _heed(rules, home["url"])
    return {**payload, "robots": rules, "about": _about(wire, home, rules)}


def _rules(wire: Wire, url: str) -> tuple[str | None, str]:
    """The robots.txt that holds for the address, and the host that gave it. None where there is none; as long as it
    cannot be had, nothing may be read (RFC 9309, 2.3.1)."""
    host = _host(url)
    try:
        page = wire.page(urljoin(url, "/robots.txt"))
    except http.Refused as refused:
        if not refused.status:
            raise
        return None, host
    except http.Unavailable as error:
        raise http.Unavailable(f"Without its robots.txt {host} is left alone: {error.reason}") from error
    return markup.decoded(page.body, page.headers.get("content-type", ""))[:LONGEST_ROBOTS], _host(page.url)


def _heed(rules: str | None, url: str) -> None:
    if not robots.allows(rules or "", AGENT, url):
        raise NoMatch(f"The robots.txt of {_host(url)} asks programs like ours to stay away, so it is not read.")


def _home(wire: Wire, url: str) -> dict[str, Any]:
    try:
        page = _page(wire, url)
    except http.Refused as refused:
        if not refused.status:
            raise
        reason = f"{_host(url)} does not show its home page to programs: it answered {refused.status}."
        raise NoMatch(reason) from refused
    if page is None:
        raise Unreadable(f"what {_host(url)} shows is no HTML")
    return page


def _about(wire: Wire, home: Mapping[str, Any], rules: str | None) -> dict[str, Any] | None:
    url = _link_to_about(home)
    if not robots.allows(rules or "", AGENT, url):
        wire.lacks(f"The robots.txt keeps programs from {urlsplit(url).path}.")
        return None
    try:
        page = _page(wire, url)
    except http.Refused:
        return None
    except http.Unavailable as error:
        wire.lacks(f"The page about the company did not come: {error.reason}.")
        return None
    return page if page and page["url"] != home["url"] else None


def _link_to_about(home: Mapping[str, Any]) -> str:
    """Only on the host whose robots.txt is known."""
    for link in markup.page(home["html"]).links:
        url = _joined(home["url"], link)
        if _host(url) == _host(home["url"]) and ABOUT.fullmatch(urlsplit(url).path):
            return url
    return _joined(home["url"], "/about")


def _page(wire: Wire, url: str) -> dict[str, Any] | None:
    """None for what is no HTML."""
    page = wire.page(url, headers=ACCEPT)
    content_type = page.headers.get("content-type", "")
    if content_type and "html" not in content_type.lower():
        return None
    html = markup.decoded(page.body, content_type)[:LONGEST_PAGE]
    return {"url": page.url, "status": page.status, "headers": _headers(page.headers), "html": html}


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    """By small letters; of cookies only the names, as what they hold is meant for one visitor."""
    kept = {name.lower(): value[:LONGEST_HEADER] for name, value in headers.items()}
    if "set-cookie" in kept:
        kept["set-cookie"] = ", ".join(COOKIE.findall(headers["set-cookie"]))[:LONGEST_HEADER]
    return kept


def _joined(base: str, link: str) -> str:
    try:
        return urldefrag(urljoin(base, link)).url
    except ValueError:
        return ""


def _host(url: str) -> str:
    """In its own letters, also where the address spells them in ASCII (xn--…)."""
    try:
        labels = (urlsplit(url).hostname or "").split(".")
        return ".".join(each[4:].encode().decode("punycode") if each.startswith("xn--") else each for each in labels)
    except ValueError:
        return ""


def _is_of(asked: str, url: object) -> bool:
    return isinstance(url, str) and registered(_host(url)) == registered(_host(asked))


# --- reading


def read(payload: object) -> list[ClaimValue]:
    """The home page counts before the page about the company."""
    asked = pointers.resolve(payload, "/asked")
    if not isinstance(asked, str) or not isinstance(pointers.resolve(payload, "/home"), dict):
        raise Unreadable("it has no home page")
    claims: dict[tuple[str, str], ClaimValue] = {}
    for place in ("/home", "/about"):
        if _is_of(asked, pointers.resolve(payload, f"{place}/url")):
            for each in _told(payload, place, asked):
                is_many = attributes.BY_KEY[each.attribute].is_many
                claims.setdefault((each.attribute, each.value if is_many else ""), each)
    return list(claims.values())


def _told(payload: object, place: str, asked: str) -> Iterator[ClaimValue]:
    company = next(_companies(payload, f"{place}/html#json_ld", asked), None)
    if company:
        yield from _said(payload, company)
    for attribute, name in META:
        yield from claim(payload, attribute, f"{place}/html#meta/{name}")
    seen_on = values.day(pointers.resolve(payload, "/on"))
    for seen in (f"{place}/html#technology", f"{place}/headers#technology"):
        for name in _mapping(pointers.resolve(payload, seen)):
            yield from claim(payload, "technology", f"{seen}/{pointers.escaped(name)}", as_of_date=seen_on)


def _companies(payload: object, nodes: str, asked: str) -> Iterator[str]:
    """Where the page's JSON-LD speaks of a company that is not somebody else: first by itself, then within a page."""
    found = pointers.resolve(payload, nodes)
    places = [f"{nodes}/{index}" for index in range(len(found) if isinstance(found, list) else 0)]
    for place in [*places, *(f"{place}/{name}" for name in HELD_BY for place in places)]:
        node = _mapping(pointers.resolve(payload, place))
        url = node.get("url")
        if _is_company(node.get("@type")) and (not isinstance(url, str) or not _host(url) or _is_of(asked, url)):
            yield place


def _is_company(kinds: object) -> bool:
    listed = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(kind, str) and ORGANIZATION.fullmatch(kind) for kind in listed)


def _said(payload: object, company: str) -> Iterator[ClaimValue]:
    for attribute, name in SAID:
        yield from claim(payload, attribute, f"{company}/{name}")
    for place in _each(payload, f"{company}/address"):
        if isinstance(pointers.resolve(payload, place), Mapping):  # a line of text is a street as often as a town
            yield from (each for each in claim(payload, "location", place) if ", " in each.value)
    for attribute, name in (("parent", "parentOrganization"), ("subsidiary", "subOrganization")):
        for place in _each(payload, f"{company}/{name}"):
            yield from claim(payload, attribute, f"{place}/name")
    yield from _names_elsewhere(payload, company)


def _names_elsewhere(payload: object, company: str) -> Iterator[ClaimValue]:
    for place in _each(payload, f"{company}/sameAs"):
        address = values.text(pointers.resolve(payload, place)) or ""
        for attribute, pattern in SAME_AS:
            if pattern.fullmatch(address):
                yield from claim(payload, attribute, place)


def _each(payload: object, place: str) -> list[str]:
    """schema.org lets a list stand wherever one value may."""
    found = pointers.resolve(payload, place)
    return [f"{place}/{index}" for index in range(len(found))] if isinstance(found, list) else [place]


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


SOURCE = Source(
    key="website",
    name="The company's own site",
    fetch=fetch,
    read=read,
    tells={
        "name": 0.92,
        "description": 0.92,
        "headcount": 0.75,
        "founded_year": 0.94,
        "location": 0.90,
        "parent": 0.90,
        "subsidiary": 0.85,
        "technology": 0.92,
        "ticker": 0.97,
        "lei": 0.97,
        "wikidata_id": 0.95,
        "crunchbase_id": 0.95,
        "github_org": 0.95,
    },
    keeps=timedelta(days=7),
    published=Published(calls=600, seconds=60, a_day=100_000),  # our own measure, for all sites together
    licence="Public pages of the company; what robots.txt keeps back is not read.",
    needs_key=False,
    typical_s=3.0,
    silent="The pages of {company} say nothing in a form that we can read without guessing.",
)
