"""Wikidata's action API: the item whose official website is the company's, and what its statements say. No key.

The payload is `{"search": what was asked to find the item, null where its number was known, "entity": the item,
"labels": {number: item} of the items that its statements name, "seat": the labels of its town and country}`. Of an
item's hundreds of statements those of PROPERTIES are kept. `seat` stands by itself so that one place says both.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from agents_app.research import statements
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from clients import domains
from gtm import http
from gtm.buckets import Published

URL = "https://www.wikidata.org/w/api.php"
LONGEST_SEARCH = 300  # letters; its search refuses more
CANDIDATES = 5
MOST_SUBSIDIARIES = 5
MAXLAG_S = "5"  # it says no while its copies are further behind, as it asks of programs
PASSING = frozenset({"maxlag", "ratelimited", "readonly", "timeout"})

WEBSITE = "P856"
SAID = (
    ("founded_year", "P571"),
    ("headcount", "P1128"),
    ("lei", "P1278"),
    ("cik", "P5531"),
    ("github_org", "P2037"),
    ("crunchbase_id", "P2088"),
    ("linkedin_id", "P4264"),
)
NAMED = (("industry", "P452", 1), ("parent", "P749", 1), ("subsidiary", "P355", MOST_SUBSIDIARIES))
PROPERTIES = (
    WEBSITE,
    statements.SEAT,
    statements.COUNTRY,
    *(number for _, number in SAID),
    *(number for _, number, _ in NAMED),
)


def fetch(question: Question, wire: Wire) -> object:
    known = question.part("wikidata_id")
    search, entity = (None, _item(known, wire)) if known else _found(question, wire)
    labels = _labels(entity, wire)
    return {
        "search": search,
        "entity": statements.only(entity, PROPERTIES),
        "labels": labels,
        "seat": _seat(entity, labels),
    }


def read(payload: object) -> list[ClaimValue]:
    entity = payload.get("entity") if isinstance(payload, dict) else None
    if not isinstance(entity, dict) or "id" not in entity:
        raise Unreadable("it has no item")
    claims = claim(payload, "wikidata_id", "/entity/id")
    claims += claim(payload, "name", "/entity/labels/en/value")
    claims += claim(payload, "description", "/entity/descriptions/en/value")
    for attribute, number in SAID:
        claims += _said(payload, entity, attribute, number)
    claims += claim(payload, "location", "/seat")
    for attribute, number, most in NAMED:
        for item in statements.items(entity, number)[:most]:
            claims += claim(payload, attribute, f"/labels/{item}/labels/en/value")
    return claims


# --- which item it is


def _item(number: str, wire: Wire) -> dict[str, Any]:
    entity = next(iter(_entities([number], wire)), None)
    if entity is None:
        raise NoMatch(f"{SOURCE.name} has no item {number}.")
    return entity


def _found(question: Question, wire: Wire) -> tuple[dict[str, Any], dict[str, Any]]:
    """By the website, and else by the name with a look at the website: a name alone is somebody else's too often."""
    domain, name = question.company.domain, question.company.known_as
    search: dict[str, Any] = {"by_website": _by_website(domain, wire)}
    ours = _at(domain, _titles(search["by_website"]), wire)
    if not ours:
        search["by_name"] = _by_name(name, wire)
        ours = _at(domain, _ids(search["by_name"]), wire)
    if len(ours) > 1:
        ours = [each for each in ours if _is_called(each, name)] or ours
    if len(ours) == 1:
        return search, ours[0]
    if not ours:
        raise NoMatch(f"{SOURCE.name} has no item whose official website is at {domain}; a name alone is not enough.")
    listed = ", ".join(str(each["id"]) for each in ours)
    raise NoMatch(f"{SOURCE.name} has several items whose official website is at {domain} ({listed}).")


def _by_website(domain: str, wire: Wire) -> dict[str, Any]:
    """Items with one of the usual spellings of the site's address, as many as fit into one search."""
    search = f"haswbstatement:{WEBSITE}={next(_spellings(domain))}"
    for spelling in list(_spellings(domain))[1:]:
        longer = f"{search}|{WEBSITE}={spelling}"
        search = longer if len(longer) <= LONGEST_SEARCH else search
    return _ask(wire, action="query", list="search", srsearch=search, srlimit=str(CANDIDATES), srprop="")


def _spellings(domain: str) -> Iterator[str]:
    for scheme in ("https", "http"):
        for end in ("/", ""):
            yield from (f"{scheme}://www.{domain}{end}", f"{scheme}://{domain}{end}")


def _by_name(name: str, wire: Wire) -> dict[str, Any]:
    return _ask(wire, action="wbsearchentities", search=name, language="en", type="item", limit=str(CANDIDATES))


def _titles(found: Mapping[str, Any]) -> list[str]:
    query = found.get("query")
    hits = query.get("search") if isinstance(query, dict) else None
    if not isinstance(hits, list):
        raise Unreadable("its search has no list of items")
    return [str(each["title"]) for each in hits if isinstance(each, dict) and "title" in each]


def _ids(found: Mapping[str, Any]) -> list[str]:
    hits = found.get("search")
    if not isinstance(hits, list):
        raise Unreadable("its search by name has no list of items")
    return [str(each["id"]) for each in hits if isinstance(each, dict) and "id" in each]


def _at(domain: str, numbers: Sequence[str], wire: Wire) -> list[dict[str, Any]]:
    """Those of the items whose official website is at the company's domain."""
    found = _entities(numbers, wire) if numbers else []
    ours = domains.registered(domain)
    return [each for each in found if any(_domain(value) == ours for _, value in statements.in_force(each, WEBSITE))]


def _is_called(entity: statements.Entity, name: str) -> bool:
    label = statements.english(entity)
    return isinstance(label, dict) and str(label.get("value", "")).casefold() == name.casefold()


def _domain(address: object) -> str:
    try:
        host = urlsplit(address).hostname if isinstance(address, str) else None
    except ValueError:
        return ""
    return domains.registered(host) if host else ""


# --- its calls


def _entities(numbers: Sequence[str], wire: Wire) -> list[dict[str, Any]]:
    """Items that exist, in the order asked for. An item that was merged into another comes as that other one."""
    found = _get(numbers, wire, props="labels|descriptions|claims")
    items = [found.get(number) for number in numbers]
    return [each for each in items if isinstance(each, dict) and "id" in each and "missing" not in each]


def _labels(entity: Mapping[str, Any], wire: Wire) -> dict[str, Any]:
    """Of the items that its statements name. Without them the other statements stand."""
    numbers = list(dict.fromkeys(_referred(entity)))
    if not numbers:
        return {}
    try:
        return _get(numbers, wire, props="labels")
    except (http.Unavailable, http.Refused) as error:
        wire.lacks(f"Its town, industry and owners are missing: {error.reason}.")
        return {}


def _get(numbers: Sequence[str], wire: Wire, *, props: str) -> dict[str, Any]:
    """A name that is the same in all languages (“mul”) counts as the English one."""
    english = {"languages": "en", "languagefallback": "1"}
    answer = _ask(wire, action="wbgetentities", ids="|".join(numbers), props=props, **english)
    found = answer.get("entities")
    if not isinstance(found, dict):
        raise Unreadable("it has no items")
    return found


def _ask(wire: Wire, **params: str) -> dict[str, Any]:
    """Errors come with status 200; which of them pass by themselves, their codes say."""
    reply = wire.json(URL, params={**params, "format": "json", "maxlag": MAXLAG_S})
    if not isinstance(reply.json, dict):
        raise Unreadable("it is no object")
    error = reply.json.get("error")
    if error is None:
        return reply.json
    code, info = (str(error.get(part, "")) for part in ("code", "info")) if isinstance(error, dict) else ("", "")
    if code == "no-such-entity":
        raise NoMatch(f"{SOURCE.name} has no such item: {info[:200]}")
    said = f"www.wikidata.org answered with an error: {info[:200] or code or 'no words'}"
    if code in PASSING or code.startswith("internal_api_error"):
        raise http.Unavailable(said, json=reply.json)
    raise http.Refused(reply.status, said, json=reply.json)


# --- what is read


def _said(payload: object, entity: statements.Entity, attribute: str, number: str) -> list[ClaimValue]:
    """Of the first statement that says it in a form that we read."""
    for index, _ in statements.in_force(entity, number):
        on = statements.of_when(entity["claims"][number][index])
        found = claim(payload, attribute, f"/entity/claims/{number}/{index}/mainsnak/datavalue/value", as_of_date=on)
        if found:
            return found
    return []


def _referred(entity: statements.Entity) -> Iterator[str]:
    yield from filter(None, statements.place(entity))
    for _, number, most in NAMED:
        yield from statements.items(entity, number)[:most]


def _seat(entity: statements.Entity, labels: Mapping[str, Any]) -> dict[str, Any]:
    town, country = (statements.english(labels.get(number)) for number in statements.place(entity))
    return {"city": town, "country": country} if town else {}


SOURCE = Source(
    key="wikidata",
    name="Wikidata",
    fetch=fetch,
    read=read,
    tells={
        "name": 0.95,
        "description": 0.85,
        "industry": 0.75,
        "headcount": 0.72,
        "founded_year": 0.90,
        "location": 0.88,
        "parent": 0.86,
        "subsidiary": 0.80,
        "wikidata_id": 0.98,
        "lei": 0.98,
        "cik": 0.98,
        "github_org": 0.95,
        "crunchbase_id": 0.94,
        "linkedin_id": 0.94,
    },
    keeps=timedelta(days=14),
    published=Published(calls=200, seconds=60, a_day=100_000),
    licence="CC0: may be kept, shown and passed on.",
    asked_by=("domain", "name", "wikidata_id"),
    optional=("wikidata_id",),
    needs_key=False,
    typical_s=2.0,
)
