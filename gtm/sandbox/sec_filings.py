"""What the listed companies of the world have filed with the SEC, and the figures in it: fixed, the same on any day.

Companies of the United States and Canada file 10-K, 10-Q and 8-K, all others 20-F and 6-K. What is in the news is filed
the same day. The last filing is of 14 November 2026.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from gtm.sandbox.world import Company

LAST_DAY = date(2026, 11, 14)
YEARS = (2023, 2024, 2025, 2026)  # financial years, by their last day
ENDS = ((12, 31), (6, 30), (9, 30))
GROWTH = 1.12
NEW_CONCEPT_SINCE = 2024
CONTRACTS = "RevenueFromContractWithCustomerExcludingAssessedTax"
SHARES = (0.22, 0.24, 0.26)  # of a year's revenue, by quarter; the fourth is the rest


@dataclass(frozen=True)
class Filing:
    """`year` and `quarter` are the financial ones that a report is about; 0 for what is no report."""

    form: str
    filed: date
    period: date
    items: str = ""
    year: int = 0
    quarter: int = 0

    @property
    def fp(self) -> str:
        return f"Q{self.quarter}" if self.quarter else "FY"


def is_foreign(company: Company) -> bool:
    return company.country not in ("United States", "Canada")


def year_end(company: Company, year: int) -> date:
    return date(year, *ENDS[company.number("financial year", len(ENDS)) - 1])


def quarter_end(company: Company, year: int, quarter: int) -> date:
    """The last day of the month, three months a quarter after the year before."""
    before = year_end(company, year - 1)
    months = before.year * 12 + before.month + 3 * quarter
    return date(months // 12, months % 12 + 1, 1) - timedelta(days=1)


def filings(company: Company) -> list[Filing]:
    """From new to old; who files at a weekend is filed on Monday."""
    told = (*_reports(company), *_current(company), *_first(company))
    every = [replace(each, filed=_working_day(each.filed)) for each in told]
    every.sort(key=lambda filing: (filing.filed, filing.form), reverse=True)
    return [filing for filing in every if filing.filed <= LAST_DAY]


def _working_day(on: date) -> date:
    return on + timedelta(days=7 - on.weekday()) if on.weekday() > 4 else on


def accession(company: Company, filing: Filing) -> str:
    """The filer's number, the year, and its how manieth filing of the year."""
    place = sorted(filings(company), key=lambda each: (each.filed, each.form))
    before = [each for each in place if each.filed.year == filing.filed.year]
    return f"{company.cik:010d}-{filing.filed:%y}-{before.index(filing) + 1:06d}"


def _reports(company: Company) -> Iterator[Filing]:
    delay = company.number("filing", 18)
    for year in YEARS:
        end = year_end(company, year)
        if is_foreign(company):
            yield Filing("20-F", end + timedelta(days=95 + delay), end, year=year)
        else:
            yield Filing("10-K", end + timedelta(days=52 + delay), end, year=year)
        for quarter in (1, 2, 3):
            end = quarter_end(company, year, quarter)
            filed = end + timedelta(days=24 + delay)
            if is_foreign(company):
                yield Filing("6-K", filed, end)
                continue
            yield Filing("8-K", filed - timedelta(days=1), end, items="2.02,9.01")
            yield Filing("10-Q", filed, end, year=year, quarter=quarter)
            yield Filing("4", filed + timedelta(days=3), filed + timedelta(days=1))


def _current(company: Company) -> Iterator[Filing]:
    for news in company.news:
        if is_foreign(company):
            yield Filing("6-K", news.on, news.on)
        else:
            yield Filing("8-K", news.on, news.on, items="7.01,9.01")


def _first(company: Company) -> Iterator[Filing]:
    """When it went to the stock exchange; no filing of the years in between is shown."""
    on = date(2021, company.number("listing", 12), 4)
    form = "F-1" if is_foreign(company) else "S-1"
    yield Filing(form, on, on)
    yield Filing(f"{form}/A", on + timedelta(days=30), on)


def revenue(company: Company) -> dict[str, list[dict[str, Any]]]:
    """By concept, as companyfacts has it: figures of a period again and again, in each report under its own year."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for filing in reversed(filings(company)):
        if filing.year:
            rows.setdefault(_concept(company, filing.year), []).extend(_rows(company, filing))
    for figures in rows.values():
        figures.sort(key=lambda row: (row["end"], row["start"], row["filed"]))
        _frame(figures)
    return rows


def _concept(company: Company, year: int) -> str:
    """Half of them changed to the newer concept, and left the older one standing."""
    if is_foreign(company):
        return "Revenue"
    is_newer = company.number("concept", 2) == 1 and year >= NEW_CONCEPT_SINCE
    return CONTRACTS if is_newer else "Revenues"


def _rows(company: Company, filing: Filing) -> Iterator[dict[str, Any]]:
    """An annual report has three years; a quarterly one the quarter, the months so far, and the same a year before."""
    for year in range(filing.year - 2, filing.year + 1) if not filing.quarter else (filing.year - 1, filing.year):
        whole, first = _year(company, year), year_end(company, year - 1) + timedelta(days=1)
        if not filing.quarter:
            yield _row(company, filing, (first, year_end(company, year)), whole)
            continue
        end = quarter_end(company, year, filing.quarter)
        start = quarter_end(company, year, filing.quarter - 1) + timedelta(days=1)
        yield _row(company, filing, (start, end), whole * SHARES[filing.quarter - 1])
        if filing.quarter > 1:
            yield _row(company, filing, (first, end), whole * sum(SHARES[: filing.quarter]))


def _row(company: Company, filing: Filing, period: tuple[date, date], amount: float) -> dict[str, Any]:
    return {
        "start": period[0].isoformat(),
        "end": period[1].isoformat(),
        "val": round(amount / 1000) * 1000,
        "accn": accession(company, filing),
        "fy": filing.year,
        "fp": filing.fp,
        "form": filing.form,
        "filed": filing.filed.isoformat(),
    }


def _year(company: Company, year: int) -> float:
    """What the world knows is the revenue of the last year that an annual report is about."""
    last = max(filing.year for filing in filings(company) if filing.year and not filing.quarter)
    return (company.revenue_usd or 0) * GROWTH ** (year - last)


def _frame(figures: list[dict[str, Any]]) -> None:
    """The last to say a year's figure carries the calendar year that it is nearest to."""
    for row in figures:
        start, end = date.fromisoformat(row["start"]), date.fromisoformat(row["end"])
        later = [other for other in figures if (other["start"], other["end"]) == (row["start"], row["end"])]
        if (end - start).days > 350 and later[-1] is row:
            row["frame"] = f"CY{(start + (end - start) / 2).year}"


def employees(company: Company) -> list[dict[str, Any]]:
    """Few filers mark the number of their people so that machines read it."""
    if company.number("employees", 3) != 1:
        return []
    annual = [filing for filing in reversed(filings(company)) if filing.year and not filing.quarter]
    return [
        {
            "end": filing.period.isoformat(),
            "val": round(company.headcount / GROWTH ** (annual[-1].year - filing.year)),
            "accn": accession(company, filing),
            "fy": filing.year,
            "fp": filing.fp,
            "form": filing.form,
            "filed": filing.filed.isoformat(),
        }
        for filing in annual
    ]
