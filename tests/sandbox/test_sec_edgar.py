"""The stand-in for SEC EDGAR at its wire."""

from datetime import date

import httpx
import pytest

from gtm import sandbox
from gtm.sandbox.world import COMPANIES

LISTED = [company for company in COMPANIES.values() if company.ticker]
AGENT = {"User-Agent": "agency (desk@agency.example)"}


@pytest.fixture
def party():
    with httpx.Client(transport=sandbox.transport(), headers=AGENT) as client:
        yield client


def submissions(party, company):
    return party.get(f"https://data.sec.gov/submissions/CIK{company.cik:010d}.json").json()


def concepts(party, company):
    facts = party.get(f"https://data.sec.gov/api/xbrl/companyfacts/CIK{company.cik:010d}.json").json()["facts"]
    return {name: concept["units"] for taxonomy in facts.values() for name, concept in taxonomy.items()}


def test_the_list_of_tickers_has_every_listed_company_once(party):
    rows = party.get("https://www.sec.gov/files/company_tickers.json").json()

    assert sorted(rows, key=int) == [str(place) for place in range(len(LISTED))]
    assert sorted((row["cik_str"], row["ticker"]) for row in rows.values()) == sorted(
        (each.cik, each.ticker) for each in LISTED
    )


@pytest.mark.parametrize("company", LISTED, ids=lambda company: company.ticker)
def test_filings_are_columns_of_one_length_from_new_to_old_up_to_november(party, company):
    told = submissions(party, company)
    recent = told["filings"]["recent"]

    assert (told["cik"], told["tickers"]) == (f"{company.cik:010d}", [company.ticker])
    assert {len(column) for column in recent.values()} == {len(recent["form"])}
    assert recent["filingDate"] == sorted(recent["filingDate"], reverse=True)
    assert recent["filingDate"][0] <= "2026-11-14"
    assert all(date.fromisoformat(each).weekday() < 5 for each in recent["filingDate"])
    assert len(set(recent["accessionNumber"])) == len(recent["accessionNumber"])


def test_companies_from_elsewhere_file_other_forms(party):
    at_home = submissions(party, COMPANIES["quillstack.example"])["filings"]["recent"]["form"]
    abroad = submissions(party, COMPANIES["nimbletree.example"])["filings"]["recent"]["form"]

    assert {"10-K", "10-Q", "8-K", "4"} < set(at_home)
    assert set(abroad) == {"20-F", "6-K", "F-1", "F-1/A"}


@pytest.mark.parametrize("company", LISTED, ids=lambda company: company.ticker)
def test_the_newest_year_has_the_revenue_that_the_world_knows(party, company):
    figures = [
        row
        for name, units in concepts(party, company).items()
        if name.startswith("Revenue")
        for row in units["USD"]
        if "frame" in row
    ]

    newest = max(figures, key=lambda row: row["end"])
    assert newest["val"] == company.revenue_usd
    assert (newest["fp"], newest["form"]) in (("FY", "10-K"), ("FY", "20-F"))


def test_a_report_repeats_earlier_years_under_its_own(party):
    [rows] = [
        units["USD"] for name, units in concepts(party, COMPANIES["quillstack.example"]).items() if name == "Revenues"
    ]

    of_2024 = [row for row in rows if (row["start"], row["end"]) == ("2024-01-01", "2024-12-31")]
    assert [(row["fy"], row["fp"]) for row in of_2024] == [(2024, "FY"), (2025, "FY")]
    assert ["frame" in row for row in of_2024] == [False, True]
    assert {row["fp"] for row in rows} == {"FY", "Q1", "Q2", "Q3"}


def test_some_companies_say_how_many_people_they_employ(party):
    told = [("EntityNumberOfEmployees" in concepts(party, company)) for company in LISTED]

    assert set(told) == {True, False}


@pytest.mark.parametrize("agent", ["", "python-httpx/0.28.1"])
def test_who_names_no_contact_is_shown_the_door(party, agent):
    reply = party.get("https://data.sec.gov/submissions/CIK0000000001.json", headers={"User-Agent": agent})

    assert reply.status_code == 403
    assert "Undeclared Automated Tool" in reply.text


@pytest.mark.parametrize(
    "url",
    [
        "https://data.sec.gov/submissions/CIK0000000001.json", "https://data.sec.gov/submissions/CIK1.json",
        "https://data.sec.gov/api/xbrl/companyfacts/CIK0000000001.json", "https://www.sec.gov/files/other.json",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404_with_xml(party, url):
    reply = party.get(url)

    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/xml")
    assert b"NoSuchKey" in reply.content
