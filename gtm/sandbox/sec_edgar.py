"""The stand-in for SEC EDGAR: the list of tickers at www.sec.gov, submissions and company facts at data.sec.gov.

It knows the listed companies. Who names no e-mail address in the User-Agent is shown a page with status 403; a number
that nobody has is answered with 404 and XML.
"""

import re
from collections.abc import Callable
from typing import Any

from gtm.sandbox import sec_filings
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.sec_filings import Filing
from gtm.sandbox.world import COMPANIES, Company

KEY = "sec_edgar"
NUMBERED = re.compile(r"/(submissions|api/xbrl/companyfacts)/CIK(\d{10})\.json")
PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><title>SEC.gov | Your Request Originates from an Undeclared Automated Tool</title></head>
<body><h1>Your Request Originates from an Undeclared Automated Tool</h1>
<p>Please declare your traffic by updating your user agent to include company specific information.</p></body></html>
"""
NO_SUCH_KEY = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"""
TRADES = {
    "saas": ("7372", "Services-Prepackaged Software"),
    "healthcare": ("3845", "Electromedical & Electrotherapeutic Apparatus"),
    "manufacturing": ("2821", "Plastic Material, Synth Resin/Rubber Cellulos (No Glass)"),
    "retail": ("5940", "Retail-Miscellaneous Shopping Goods Stores"),
    "fintech": ("6199", "Finance Services"),
    "logistics": ("4213", "Trucking (No Local)"),
}
STATES = {
    "Massachusetts": "MA",
    "Minnesota": "MN",
    "Ohio": "OH",
    "Texas": "TX",
    "Colorado": "CO",
    "Missouri": "MO",
}
ABROAD = {"British Columbia": "A1", "Ontario": "A6", "India": "K7", "United Kingdom": "X0"}  # EDGAR's own codes


def answer(asked: Asked) -> Answer:
    if "@" not in asked.headers.get("user-agent", ""):
        return Answer(403, PAGE, {"content-type": "text/html"})
    if asked.host == "www.sec.gov":
        return _list() if asked.path == "/files/company_tickers.json" else _not_found()
    found = NUMBERED.fullmatch(asked.path)
    company = _by_number(int(found[2])) if found else None
    if found is None or company is None:
        return _not_found()
    told: Callable[[Company], dict[str, Any]] = _submissions if found[1] == "submissions" else _facts
    return Answer(200, told(company.as_seen_by(KEY)))


def _not_found() -> Answer:
    return Answer(404, NO_SUCH_KEY, {"content-type": "application/xml"})


def _listed() -> list[Company]:
    return [company for company in COMPANIES.values() if company.ticker and KEY not in company.unknown_to]


def _by_number(cik: int) -> Company | None:
    return next((company for company in _listed() if company.cik == cik), None)


def _list() -> Answer:
    """An object with a running number for each ticker, by market value."""
    ranked = sorted(_listed(), key=lambda company: -(company.revenue_usd or 0))
    rows = [{"cik_str": each.cik, "ticker": each.ticker, "title": _title(each)} for each in ranked]
    return Answer(200, {str(place): row for place, row in enumerate(rows)})


def _title(company: Company) -> str:
    """As the company signs, or as EDGAR used to write everybody."""
    if sec_filings.is_foreign(company):
        return f"{company.name} Ltd"
    return f"{company.name}, Inc." if (company.cik or 0) % 2 else f"{company.name.upper()} CORP"


def _submissions(company: Company) -> dict[str, Any]:
    sic, trade = TRADES[company.industry]
    is_foreign = sec_filings.is_foreign(company)
    state = "" if is_foreign else "DE"
    return {
        "cik": f"{company.cik:010d}",
        "entityType": "operating",
        "sic": sic,
        "sicDescription": trade,
        "ownerOrg": "06 Technology",
        "insiderTransactionForOwnerExists": 0,
        "insiderTransactionForIssuerExists": 0 if is_foreign else 1,
        "name": _title(company),
        "tickers": [company.ticker],
        "exchanges": ["NYSE" if is_foreign else "Nasdaq"],
        "ein": f"{company.number('ein', 999_999_999):09d}",
        "lei": None,
        "description": "",
        "website": f"https://www.{company.domain}" if company.number("website", 2) == 1 else "",
        "investorWebsite": "",
        "category": "Accelerated filer",
        "fiscalYearEnd": f"{sec_filings.year_end(company, 2025):%m%d}",
        "stateOfIncorporation": state,
        "stateOfIncorporationDescription": state,
        "addresses": {"mailing": _address(company), "business": _address(company)},
        "phone": "",
        "flags": "",
        "formerNames": [],
        "filings": {"recent": _columns(company), "files": []},
    }


def _address(company: Company) -> dict[str, Any]:
    state = STATES.get(company.region)
    code = state or ABROAD.get(company.region) or ABROAD.get(company.country, "")
    abroad = f"{company.region}, Canada" if company.country == "Canada" else company.country
    return {
        "street1": f"{company.number('street', 900)} MARKET STREET",
        "street2": None,
        "city": company.city.upper(),
        "stateOrCountry": code,
        "zipCode": f"{company.number('zip', 99_999):05d}",
        "stateOrCountryDescription": state or abroad,
        "isForeignLocation": 0 if state else 1,
        "foreignStateTerritory": None,
        "country": None,
        "countryCode": None,
    }


def _columns(company: Company) -> dict[str, list[Any]]:
    """One list for each column, the rows from new to old."""
    rows = [_row(company, filing) for filing in sec_filings.filings(company)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _row(company: Company, filing: Filing) -> dict[str, Any]:
    name = f"{company.ticker.lower()}-{filing.period:%Y%m%d}"
    return {
        "accessionNumber": sec_filings.accession(company, filing),
        "filingDate": filing.filed.isoformat(),
        "reportDate": filing.period.isoformat(),
        "acceptanceDateTime": f"{filing.filed.isoformat()}T16:{company.number('hour', 59):02d}:11.000Z",
        "act": "33" if filing.form.startswith(("S-1", "F-1")) else "34",
        "form": filing.form,
        "fileNumber": f"001-{company.number('file', 39_999):05d}",
        "filmNumber": f"{company.number(f'film {name}', 999_999_999):09d}",
        "items": filing.items,
        "size": 40_000 + company.number(f"size {name}", 9_000_000),
        "isXBRL": 1 if filing.year else 0,
        "isInlineXBRL": 1 if filing.year else 0,
        "primaryDocument": f"{name}.htm",
        "primaryDocDescription": filing.form,
    }


def _facts(company: Company) -> dict[str, Any]:
    taxonomy = "ifrs-full" if sec_filings.is_foreign(company) else "us-gaap"
    dei = {"EntityCommonStockSharesOutstanding": _concept("Shares", "shares", _shares(company))}
    if people := sec_filings.employees(company):
        dei["EntityNumberOfEmployees"] = _concept("Entity Number of Employees", "employee", people)
    revenue = {concept: _concept("Revenues", "USD", rows) for concept, rows in sec_filings.revenue(company).items()}
    return {"cik": company.cik, "entityName": _title(company), "facts": {"dei": dei, taxonomy: revenue}}


def _concept(label: str, unit: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"label": label, "description": f"{label}, as the filer reports it.", "units": {unit: rows}}


def _shares(company: Company) -> list[dict[str, Any]]:
    last = sec_filings.filings(company)[0]
    shares = 10_000_000 + company.number("shares", 90_000_000)
    accession = sec_filings.accession(company, last)
    return [{"end": f"{last.filed}", "val": shares, "accn": accession, "form": last.form, "filed": f"{last.filed}"}]
