"""LinkedIn's Organization Lookup: the page behind an e-mail domain, or the page of a vanity name with that website.

Only what LinkedIn hands out to an approved app is read: a company's name, number and places. Who works there is not
asked for, because there is no lawful way: no permission lists a company's members, the terms forbid members' data for
sales, and pages are not scraped. A staff range belongs to a place, so it is the company's only where it has one place.
A page's owner states it; it is no count of profiles, so it stands for itself.
Formats: learn.microsoft.com/linkedin, Organization Lookup; a version of the API lives for a year or longer.
"""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from agents_app.research import pointers, values
from agents_app.research.source import ClaimValue, NoMatch, Question, Source, Unreadable, Wire, claim
from clients.domains import registered
from gtm import http
from gtm.buckets import Published

URL = "https://api.linkedin.com/rest/organizations"
VERSION = "202607"
PERMISSION = "The app behind the token needs rw_organization_admin, which LinkedIn grants with Community Management API"
ELEMENTS = "/answer/elements"


def fetch(question: Question, wire: Wire) -> object:
    domain = question.company.domain
    for by, value in (("emailDomain", domain), ("vanityName", domain.partition(".")[0])):
        payload = {"domain": domain, "by": by, "answer": _asked({"q": by, by: value}, wire)}
        if _page(payload):
            return payload
    raise NoMatch(f"{SOURCE.name} has no page of the company at {domain}.")


def _asked(params: Mapping[str, str], wire: Wire) -> object:
    headers = {
        "Authorization": f"Bearer {wire.credential}",
        "LinkedIn-Version": VERSION,
        "X-Restli-Protocol-Version": "2.0.0",
    }
    try:
        return wire.json(URL, params=params, headers=headers).json
    except http.Refused as refused:
        if refused.status == 404:
            return {"elements": []}
        if refused.status == 403:
            raise http.Refused(403, f"{refused.reason.rstrip('.')}. {PERMISSION}", json=refused.json) from refused
        raise


def _page(payload: object) -> str:
    """Where in the answer the company's page is: that whose website is the domain, or the only one that claims the
    e-mail domain; empty where there is none. Raises Unreadable."""
    if not isinstance(pointers.resolve(payload, ELEMENTS), list):
        raise Unreadable("it has no list of elements")
    pages = pointers.items(payload, ELEMENTS)
    domain = str(pointers.resolve(payload, "/domain"))
    own = [page for page in pages if _is_at(pointers.resolve(payload, f"{page}/localizedWebsite"), domain)]
    only = pages if len(pages) == 1 and pointers.resolve(payload, "/by") == "emailDomain" else []
    return next(iter(own or only), "")


def _is_at(website: object, domain: str) -> bool:
    words = values.text(website) or ""
    try:
        host = urlsplit(words if "//" in words else f"//{words}").hostname
    except ValueError:
        return False
    return host is not None and registered(host) == registered(domain)


def read(payload: object) -> list[ClaimValue]:
    page = _page(payload)
    if not page:
        return []
    places = pointers.items(payload, f"{page}/locations")
    seats = [each for each in places if pointers.resolve(payload, f"{each}/locationType") == "HEADQUARTERS"]
    alone = places if len(places) == 1 else []
    said = claim(payload, "name", f"{page}/localizedName") + claim(payload, "linkedin_id", f"{page}/id")
    for place in seats[:1] or alone:
        said += claim(payload, "location", f"{place}/address")
    for place in alone:
        said += claim(payload, "headcount", f"{place}/staffCountRange")
    return said


SOURCE = Source(
    key="linkedin",
    name="LinkedIn",
    fetch=fetch,
    read=read,
    tells={"name": 0.96, "headcount": 0.74, "location": 0.86, "linkedin_id": 0.99},
    keeps=timedelta(days=7),
    published=Published(calls=30, seconds=60, a_day=500),
    licence="For an approved app and a consenting member; LinkedIn limits what is stored and for how long.",
    typical_s=1.0,
)
