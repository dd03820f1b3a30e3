"""People Data Labs, company enrichment: who a company is, how large, how funded. One credit a match."""

from datetime import datetime

from agents_app.research import values
from agents_app.research.source import ClaimValue, Company, Query, SourceAccess, SourceAnswer, Unreadable, claim, put

KEY = "people_data_labs"
NAME = "People Data Labs"
URL = "https://api.peopledatalabs.com/v5/company/enrich"

PLACES = (
    ("name", "/display_name"),
    ("industry", "/industry"),
    ("founded_year", "/founded"),
    ("location", "/location"),
)
FUNDING_PLACES = (
    ("funding_total_usd", "/total_funding_raised"),
    ("last_funding_stage", "/latest_funding_stage"),
    ("last_funding_date", "/last_funding_date"),
)


def ask(company: Company, access: SourceAccess, *, timeout_s: float, at: datetime) -> SourceAnswer:
    query = Query(
        source=KEY,
        url=URL,
        params={"website": company.domain} if company.domain else {"name": company.name},
        key_header="X-API-Key",
        knows_nothing=f"{NAME} knows no company at {company.domain or company.name}.",
    )
    return put(query, access, timeout_s=timeout_s, read=read)


def read(payload: object) -> list[ClaimValue]:
    """The vendor does not date its values; a funding round is dated by itself."""
    if not isinstance(payload, dict) or "id" not in payload:
        raise Unreadable("it has no company id")
    funded_on = values.day(payload.get("last_funding_date"))
    claims = [each for attribute, pointer in PLACES for each in claim(payload, attribute, pointer)]
    claims += claim(payload, "headcount", "/employee_count") or claim(payload, "headcount", "/size")
    for attribute, pointer in FUNDING_PLACES:
        claims += claim(payload, attribute, pointer, as_of_date=funded_on)
    return claims
