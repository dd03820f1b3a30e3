"""The stand-in for the invented companies' own sites: https://<domain>/, with or without www, over their robots.txt.

Most are plain. One asks programs to stay away, one lives at www, one was moved to its owner's domain, one has broken
JSON-LD, one shows itself to browsers only; some have no robots.txt, no structured data, or no page about themselves.
"""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.site_parts import COUNTRY_CODES, PARTS, number_at_maker, parts_of
from gtm.sandbox.world import COMPANIES, Company

KEY = "website"
STAYS_SHUT = "quaystone-capital.example"
AT_WWW = "holzmann-reuter.example"
MOVED = {"coldharbour-logistics.example": "saltmarsh-freight.example"}
BROKEN_JSON_LD = "pepperbox-toys.example"
FOR_BROWSERS_ONLY = "brightmoor-credit.example"
ABOUT_PATHS = ("/about", "/about-us", "/company", "/en/about")
GERMAN = {"Germany", "Austria"}
HTML = {"content-type": "text/html; charset=utf-8"}
TEXT = {"content-type": "text/plain; charset=utf-8"}


def is_one(host: str) -> bool:
    return host.removeprefix("www.") in COMPANIES


def answer(asked: Asked) -> Answer:
    domain = asked.host.removeprefix("www.")
    company = COMPANIES[domain]
    if KEY in company.unknown_to:
        return _page(404, "<!doctype html><title>This domain is parked</title>", {})
    lives_at = MOVED.get(domain) or (f"www.{AT_WWW}" if domain == AT_WWW else domain)
    if asked.host != lives_at:
        return Answer(301, b"", {"location": f"https://{lives_at}{asked.path}"})
    return _at(company.as_seen_by(KEY), asked.path)


def _at(company: Company, path: str) -> Answer:
    if path == "/robots.txt":
        return _robots(company)
    if company.domain == FOR_BROWSERS_ONLY:
        challenge = "<!doctype html><title>Just a moment...</title><noscript>Enable JavaScript and cookies</noscript>"
        return _page(403, challenge, {"server": "cloudflare"})
    headers = {name: value for part in parts_of(company) for name, value in PARTS[part].headers.items()}
    if path in ("", "/"):
        return _page(200, _home(company), headers)
    if path == about_path(company):
        return _page(200, _about(company), headers)
    return _page(404, "<!doctype html><title>Page not found</title>", headers)


def _page(status: int, html: str, headers: Mapping[str, str]) -> Answer:
    return Answer(status, html.encode(), {**headers, **HTML})


def _robots(company: Company) -> Answer:
    if company.domain == STAYS_SHUT:
        return Answer(200, b"User-agent: *\nDisallow: /\n", TEXT)
    if company.number("site robots", 5) == 1:
        return _page(404, "<!doctype html><title>Page not found</title>", {})
    lines = [
        "User-agent: *",
        "Disallow: /cart",
        "Disallow: /*?session=",
        f"Sitemap: https://{company.domain}/sitemap.xml",
    ]
    return Answer(200, "\n".join([*lines, ""]).encode(), TEXT)


def about_path(company: Company) -> str:
    """Empty for those that have no such page."""
    if company.number("site about", 5) == 1:
        return ""
    if company.country in GERMAN:
        return "/ueber-uns"
    return ABOUT_PATHS[company.number("site about", 1_000) % len(ABOUT_PATHS)]


def _home(company: Company) -> str:
    parts = [_filled(company, name) for name in parts_of(company)]
    name, described = escape(company.name), escape(_description(company))
    about = about_path(company)
    is_linked = about and company.number("site link", 4) > 1
    heads = [
        f"<title>{name} | {escape(company.vendor_industry)}</title>",
        f'<meta name="description" content="{described}">' if company.number("site meta", 4) > 1 else "",
        f'<meta property="og:site_name" content="{name}">',
        f'<meta property="og:description" content="{described}">',
        _json_ld(company) if company.number("site json-ld", 3) > 1 else "",
        *(head for head, _ in parts),
    ]
    bodies = [
        '<nav><a href="/">Home</a> <a href="/news?page=1">News</a>',
        f'<a href="{about}">About {name}</a>' if is_linked else "",
        f'<a href="mailto:hello@{company.domain}">Mail</a></nav>',
        f"<h1>{name}</h1><p>{described}</p>",
        *(body for _, body in parts),
    ]
    return _document(heads, bodies)


def _about(company: Company) -> str:
    """Where the home page has no structured data, half of the companies have it here."""
    told = [f"{each.first_name} {each.last_name}, {each.title}" for each in company.people]
    has_data = company.number("site json-ld", 3) == 1 and company.number("site json-ld about", 2) == 1
    heads = [f"<title>About {escape(company.name)}</title>", _json_ld(company, kind="AboutPage") if has_data else ""]
    return _document(heads, [f"<h1>Since {company.founded}</h1>", *(f"<p>{escape(each)}</p>" for each in told)])


def _document(heads: list[str], bodies: list[str]) -> str:
    head, body = ("\n".join(each for each in parts if each) for parts in (heads, bodies))
    opening = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    return f"{opening}\n{head}\n</head><body>\n{body}\n</body></html>\n"


def _filled(company: Company, name: str) -> tuple[str, str]:
    part, number = PARTS[name], number_at_maker(company, name)
    return part.head.format(number=number), part.body.format(number=number)


def _description(company: Company) -> str:
    what = " and ".join(company.tags) or company.vendor_industry
    return f"{company.name} of {company.city}: {what}, since {company.founded}."


def _json_ld(company: Company, kind: str = "") -> str:
    node = _organization(company)
    said: Any = {"@context": "https://schema.org", "@type": kind, "mainEntity": node} if kind else node
    if not kind and company.number("site graph", 3) == 1:
        said = {"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "url": node["url"]}, node]}
    text = json.dumps(said, ensure_ascii=False, indent=1)
    if company.domain == BROKEN_JSON_LD:
        text = text.replace('",\n', '",,\n', 1)
    return f'<script type="application/ld+json">\n{text}\n</script>'


def _organization(company: Company) -> dict[str, Any]:
    """As its makers fill it in: some say more than others."""
    node: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Corporation" if company.ticker else "Organization",
        "name": company.name,
        "url": f"https://{company.domain}/",
        "description": _description(company),
        "foundingDate": f"{company.founded}-01-01" if company.number("site founded", 2) == 1 else str(company.founded),
        "address": {
            "@type": "PostalAddress",
            "addressLocality": company.city,
            "addressCountry": COUNTRY_CODES[company.country],
        },
        "sameAs": _same_as(company),
    }
    if company.number("site staff", 2) == 1:
        node["numberOfEmployees"] = {"@type": "QuantitativeValue", "value": company.headcount}
    if company.ticker:
        node |= {"tickerSymbol": f"NASDAQ {company.ticker}", "leiCode": company.lei}
    if company.parent:
        node["parentOrganization"] = {"@type": "Organization", "name": COMPANIES[company.parent].name}
    owned = [each.name for each in COMPANIES.values() if each.parent == company.domain]
    if owned:
        node["subOrganization"] = [{"@type": "Organization", "name": name} for name in owned]
    return node


def _same_as(company: Company) -> str | list[str]:
    """Where else it presents itself; one place stands without a list."""
    places = {
        "linkedin": f"https://www.linkedin.com/company/{company.slug}",
        "github": f"https://github.com/{company.slug}",
        "crunchbase": f"https://www.crunchbase.com/organization/{company.slug}",
        "wikidata": f"https://www.wikidata.org/wiki/{company.wikidata_id}",
    }
    known = [place for party, place in places.items() if party not in company.unknown_to]
    named = known[: company.number("site same as", 4)]
    return named[0] if len(named) == 1 else named
