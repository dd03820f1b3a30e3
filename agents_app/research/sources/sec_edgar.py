"""SEC EDGAR: companies listed in the United States, their latest filings and the figures in them, without a key.

A company is found by its CIK, else by its ticker, else by its exact name without the legal form; found in one of the
weaker ways, it is not the one that was asked for where the SEC knows a website of another domain.

Of each answer only the part is stored that is read, at the place where it stood, so that a pointer leads to the same
value in the whole answer: one entry of the list of tickers, of the filings the COLUMNS, of `companyfacts`, which has
several megabytes, the CONCEPTS. A filing's `fy` and `fp` say nothing of the period of a figure: a 10-K repeats three
years under its own.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from agents_app.research import pointers, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from clients import domains, likeness
from gtm import http
from gtm.buckets import Published

TICKERS = "https://www.sec.gov/files/company_tickers.json"
SUBMISSIONS = "https://data.sec.gov/submissions/CIK{cik}.json"
FACTS = "https://data.sec.gov/api/xbrl/companyfacts/CIK{cik}.json"
MOST_BYTES = 20_000_000
STATE = re.compile(r"\s*/\s?\w{2,3}/?$")

COLUMNS = ("accessionNumber", "filingDate", "reportDate", "form", "primaryDocument")
REVENUE = (
    ("us-gaap", "Revenues"),
    ("us-gaap", "RevenueFromContractWithCustomerExcludingAssessedTax"),
    ("ifrs-full", "Revenue"),
)
HEADCOUNT = ("dei", "EntityNumberOfEmployees")
CONCEPTS = (*REVENUE, HEADCOUNT)

IDS = (("cik", "/submissions/cik"), ("ticker", "/submissions/tickers/0"))
PLACES = (
    ("name", "/submissions/name"),
    ("industry", "/submissions/sicDescription"),
    ("location", "/submissions/addresses/business"),
)
RECENT = "/submissions/filings/recent"
FORMS = ("10-K", "10-Q", "8-K", "20-F", "40-F", "6-K", "S-1")
MOST_FILINGS = 4
ANNUAL_FORMS = ("10-K", "20-F", "40-F")
YEAR_DAYS = range(350, 381)  # a financial year may have 52 or 53 weeks

NO_CONTACT = (
    "The SEC answers only who names an e-mail address for questions. Set GTM_CONTACT_EMAIL; .env.example explains it."
)
NOT_LET_IN = (
    "{host} answered 403: it does not accept the contact in GTM_CONTACT_EMAIL, or was asked more than ten times in a "
    "second. Check the address, or wait ten minutes."
)


def fetch(question: Question, wire: Wire) -> object:
    known = values.cik(question.part("cik"))
    found_by, listed = _listed(question, wire) if known is None else ("cik", {})
    cik = known or str(values.cik(next(iter(listed.values()))["cik_str"]))
    submissions = _submissions(wire, cik)
    if known is None:
        found_by = _confirmed(found_by, submissions, question)
    return {"found_by": found_by, "listed": listed, "submissions": submissions, "facts": _figures(wire, cik)}


def _ask(wire: Wire, url: str) -> object:
    contact = parseaddr(settings.CONTACT_EMAIL or (settings.DEFAULT_FROM_EMAIL if wire.sandbox else ""))[1]
    if not contact:
        raise http.Refused(0, NO_CONTACT)
    headers = {"User-Agent": http.user_agent(contact)}
    try:
        reply = wire.json(url, headers=headers, max_bytes=MOST_BYTES)
    except http.Refused as refused:
        if refused.status == 403:
            raise http.Refused(403, NOT_LET_IN.format(host=urlsplit(url).hostname)) from refused
        raise
    answer: object = reply.json
    return answer


def _listed(question: Question, wire: Wire) -> tuple[str, dict[str, Any]]:
    """By what the company was found in the list of tickers, and its entries there, by their keys: one a ticker."""
    answer = _ask(wire, TICKERS)
    if not isinstance(answer, dict):
        raise Unreadable("it is no list of companies")
    rows = {key: row for key, row in answer.items() if isinstance(row, dict) and values.cik(row.get("cik_str"))}
    ticker, name = _ticker(question.part("ticker")), _name(question.part("name"))
    by_ticker = {key: row for key, row in rows.items() if ticker and _ticker(row.get("ticker")) == ticker}
    found = by_ticker or {key: row for key, row in rows.items() if name and _name(row.get("title")) == name}
    known_as = question.company.known_as
    if not found:
        raise NoMatch(f"The SEC lists no company called {known_as}.")
    if len({row["cik_str"] for row in found.values()}) > 1:
        raise NoMatch(f"The SEC lists several companies called {known_as}. Only a CIK or a ticker tells them apart.")
    return "ticker" if by_ticker else "name", found


def _ticker(raw: object) -> str:
    """BRK.B and BRK-B are the same."""
    return str(raw).upper().replace(".", "-")


def _name(raw: object) -> str | None:
    """Without legal form, and without the state that EDGAR puts behind some: “HARROW MILLS CORP /DE/”."""
    return likeness.company_name(STATE.sub("", values.text(raw) or "")) or None


def _submissions(wire: Wire, cik: str) -> dict[str, Any]:
    try:
        found = _ask(wire, SUBMISSIONS.format(cik=cik))
    except http.Refused as refused:
        if refused.status == 404:
            raise NoMatch(f"The SEC knows no company with the number {cik}.") from refused
        raise
    if not isinstance(found, dict) or "cik" not in found:
        raise Unreadable("it has no company number (CIK)")
    recent = pointers.resolve(found, "/filings/recent")
    columns = {name: recent[name] for name in COLUMNS if name in recent} if isinstance(recent, dict) else {}
    return {**found, "filings": {"recent": columns}}


def _confirmed(found_by: str, submissions: Mapping[str, Any], question: Question) -> str:
    """`website` where a name is borne out by the company's own site. Raises NoMatch where that is another's."""
    site, ours = _site(submissions.get("website")), domains.registered(question.company.domain)
    if site and site != ours:
        known_as = values.text(submissions.get("name")) or question.company.known_as
        raise NoMatch(f"The SEC's {known_as} is at {site}, not at {ours}.")
    return "website" if site and found_by == "name" else found_by


def _site(website: object) -> str:
    """The registered domain; empty for most companies, of whom the SEC has none."""
    address = values.text(website) or ""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return ""
    return domains.registered(host) if host else ""


def _figures(wire: Wire, cik: str) -> object:
    """None where there are none; what else is known of the company stands without them."""
    try:
        found = _ask(wire, FACTS.format(cik=cik))
    except (http.Refused, http.Unavailable, Unreadable) as error:
        has_none = isinstance(error, http.Refused) and error.status == 404
        why = "the SEC has none" if has_none else str(error).rstrip(".")
        wire.lacks(f"Its figures are missing: {why}.")
        return None
    kept: dict[str, dict[str, object]] = {}
    for taxonomy, concept in CONCEPTS:
        figure = pointers.resolve(found, f"/facts/{taxonomy}/{concept}")
        if figure is not None:
            kept.setdefault(taxonomy, {})[concept] = figure
    return {"facts": kept}


def read(payload: object) -> list[ClaimValue]:
    """A company that only its name led to gives no id: others would be taken for the same by it."""
    if values.cik(pointers.resolve(payload, "/submissions/cik")) is None:
        raise Unreadable("it has no company number (CIK)")
    ids = () if pointers.resolve(payload, "/found_by") == "name" else IDS
    claims = [each for attribute, pointer in (*ids, *PLACES) for each in claim(payload, attribute, pointer)]
    return [*claims, *_filings(payload), *_revenue(payload), *_headcount(payload)]


def _filings(payload: object) -> list[ClaimValue]:
    """The newest of each form; EDGAR lists filings from new to old."""
    forms = pointers.resolve(payload, f"{RECENT}/form")
    firsts: dict[str, int] = {}
    for index, form in enumerate(forms if isinstance(forms, list) else []):
        if form in FORMS:
            firsts.setdefault(form, index)
    claims: list[ClaimValue] = []
    for index in list(firsts.values())[:MOST_FILINGS]:
        filed = values.day(pointers.resolve(payload, f"{RECENT}/filingDate/{index}"))
        claims += claim(payload, "filing", f"{RECENT}/form/{index}", as_of_date=filed)
    return claims


def _revenue(payload: object) -> list[ClaimValue]:
    places = [f"/facts/facts/{taxonomy}/{concept}/units/USD" for taxonomy, concept in REVENUE]
    return _newest(payload, "revenue_usd", places, _is_of_a_year)


def _headcount(payload: object) -> list[ClaimValue]:
    """Filers call the unit what they like."""
    taxonomy, concept = HEADCOUNT
    place = f"/facts/facts/{taxonomy}/{concept}/units"
    units = pointers.resolve(payload, place)
    names = units if isinstance(units, dict) else {}
    return _newest(payload, "headcount", [f"{place}/{pointers.escaped(name)}" for name in names], lambda figure: True)


def _is_of_a_year(figure: Mapping[str, Any]) -> bool:
    """Of a whole year, and from an annual report: quarterly ones may hold the last twelve months as well."""
    start, end = values.day(figure.get("start")), values.day(figure.get("end"))
    if start is None or end is None or str(figure.get("form")).partition("/")[0] not in ANNUAL_FORMS:
        return False
    return (end - start).days in YEAR_DAYS


def _newest(
    payload: object, attribute: str, places: list[str], is_wanted: Callable[[Mapping[str, Any]], bool]
) -> list[ClaimValue]:
    """The figure of the latest period, of the first of `places` that has it, as filed last."""
    found = [
        (values.day(figure.get("end")), -rank, str(figure.get("filed")), f"{place}/{index}/val")
        for rank, place in enumerate(places)
        for index, figure in enumerate(_list(payload, place))
        if isinstance(figure, dict) and values.day(figure.get("end")) and is_wanted(figure)
    ]
    if not found:
        return []
    end, *_, pointer = max(found)
    return claim(payload, attribute, pointer, as_of_date=end)


def _list(payload: object, place: str) -> list[object]:
    found = pointers.resolve(payload, place)
    return found if isinstance(found, list) else []


SOURCE = Source(
    key="sec_edgar",
    name="SEC EDGAR",
    fetch=fetch,
    read=read,
    tells={
        "cik": 0.99,
        "ticker": 0.97,
        "name": 0.90,
        "industry": 0.75,
        "location": 0.88,
        "filing": 0.98,
        "revenue_usd": 0.97,
        "headcount": 0.95,
    },
    keeps=timedelta(days=1),
    published=Published(calls=3, seconds=1, a_day=250_000),  # ten calls a second in all, and a question may take three
    licence="Free to use; no more than ten calls a second, with a contact address in each.",
    asked_by=("domain", "name", "cik", "ticker"),
    optional=("cik", "ticker"),
    needs_key=False,
    typical_s=2.0,
)
