import json
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess, check_pointer, pointers
from agents_app.research.source import ask
from gtm import sandbox
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault
from gtm.sandbox.world import COMPANIES

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
JUNIPER, QUILLSTACK = COMPANIES["juniper-outdoors.example"], COMPANIES["quillstack.example"]


def edgar(company=JUNIPER, *, domain="", sandbox=True, **ids):
    question = Question(Company(domain or company.domain, company.name, ids), AT)
    return ask(SOURCES["sec_edgar"], question, SourceAccess("sec_edgar", sandbox=sandbox), timeout_s=5)


def cik(company):
    return f"{company.cik:010d}"


def raw(kind):
    """The whole answer about Juniper Outdoors."""
    with httpx.Client(transport=sandbox.transport(), headers={"User-Agent": "desk@agency.example"}) as party:
        return party.get(f"https://data.sec.gov/{kind}/CIK{cik(JUNIPER)}.json").json()


def told(found, attribute):
    return [(each.value, each.as_of_date) for each in found.claims if each.attribute == attribute]


def on_call(number, *fault):
    return lambda call: Fault(*fault) if call == number else None


def listing(*rows):
    rows = [{"cik_str": number, "ticker": ticker, "title": title} for number, ticker, title in rows]
    return on_call(1, 200, json.dumps({str(place): row for place, row in enumerate(rows)}).encode())


# --- finding


def test_a_known_number_needs_no_list_of_tickers():
    found = edgar(cik=cik(JUNIPER), ticker="WRNG")

    assert found.request_key == (
        f"GET https://data.sec.gov/submissions/CIK{cik(JUNIPER)}.json; "
        f"GET https://data.sec.gov/api/xbrl/companyfacts/CIK{cik(JUNIPER)}.json"
    )
    assert (found.payload["found_by"], found.payload["listed"]) == ("cik", {})
    assert told(found, "cik") == [(cik(JUNIPER), None)]


@pytest.mark.parametrize("ticker", ["QSTK", "qstk"])
def test_a_ticker_leads_to_the_company_whatever_it_is_called(ticker):
    found = edgar(JUNIPER, domain="quillstack.example", ticker=ticker)

    assert (found.calls, found.payload["found_by"]) == (3, "ticker")
    assert found.payload["listed"] == {"2": {"cik_str": QUILLSTACK.cik, "ticker": "QSTK", "title": "QUILLSTACK CORP"}}
    assert told(found, "cik") == [(cik(QUILLSTACK), None)]


def test_a_class_of_shares_may_be_written_with_a_dot():
    with faults.inject("sec_edgar", listing((JUNIPER.cik, "JNOD-A", "Somebody Inc"))):
        found = edgar(ticker="JNOD.A")

    assert found.payload["found_by"] == "ticker"


@pytest.mark.parametrize(
    "title", ["Juniper Outdoors, Inc.", "JUNIPER OUTDOORS CORP /DE/", "Juniper Outdoors Co/DE", "juniper  outdoors"]
)
def test_a_name_counts_without_its_legal_form_and_state(title):
    with faults.inject("sec_edgar", listing((JUNIPER.cik, "JNOD", title))):
        found = edgar()

    assert found.status == "ok"


@pytest.mark.parametrize("title", ["Juniper Outdoors Holdings Inc", "Juniper Outdoor Inc", "Outdoors Juniper Inc", ""])
def test_a_name_that_is_only_alike_is_no_match(title):
    with faults.inject("sec_edgar", listing((JUNIPER.cik, "JNOD", title))):
        found = edgar()

    assert (found.status, found.calls) == ("no_match", 1)
    assert found.reason == "The SEC lists no company called Juniper Outdoors."


def test_a_name_of_nothing_but_signs_is_nobody_s():
    with faults.inject("sec_edgar", listing((JUNIPER.cik, "JNOD", "??"))):
        found = edgar(replace(JUNIPER, name="!!"))

    assert (found.status, found.reason) == ("no_match", "The SEC lists no company called !!.")


def test_a_name_that_two_companies_share_is_no_match():
    with faults.inject(
        "sec_edgar", listing((JUNIPER.cik, "JNOD", "Juniper Outdoors Inc"), (7, "JUN", "Juniper Outdoors Ltd"))
    ):
        found = edgar()

    assert (found.status, found.calls) == ("no_match", 1)
    assert "several companies called Juniper Outdoors" in found.reason


def test_two_tickers_of_one_company_are_one_company():
    with faults.inject(
        "sec_edgar",
        listing((JUNIPER.cik, "JNOD", "Juniper Outdoors Inc"), (JUNIPER.cik, "JNOD-B", "Juniper Outdoors Inc")),
    ):
        found = edgar()

    assert sorted(found.payload["listed"]) == ["0", "1"]


@pytest.mark.parametrize("ids", [{}, {"ticker": "JNOD"}])
def test_a_company_whose_website_is_elsewhere_is_another_one(ids):
    found = edgar(JUNIPER, domain="juniper-gin.example", **ids)

    assert (found.status, found.calls, found.claims) == ("no_match", 2, [])
    assert (
        found.reason == "The SEC's Juniper Outdoors, Inc. is at juniper-outdoors.example, not at juniper-gin.example."
    )


@pytest.mark.parametrize(
    "website", ["juniper-outdoors.example", "HTTPS://Shop.Juniper-Outdoors.example/en?a=b", "", None, "https://[bad", 7]
)
def test_a_website_of_the_same_domain_or_none_says_nothing_against_it(website):
    body = {**raw("submissions"), "website": website}

    with faults.inject("sec_edgar", on_call(2, 200, json.dumps(body).encode())):
        found = edgar(ticker="JNOD")

    assert found.status == "ok"


def test_a_name_alone_gives_no_ids_and_one_that_the_website_bears_out_does():
    alone, borne_out = edgar(QUILLSTACK), edgar(JUNIPER)

    assert (alone.payload["found_by"], told(alone, "cik"), told(alone, "ticker")) == ("name", [], [])
    assert told(alone, "revenue_usd") == [("$118.4 million", date(2025, 12, 31))]
    assert (borne_out.payload["found_by"], told(borne_out, "cik")) == ("website", [(cik(JUNIPER), None)])


def test_a_number_that_nobody_has_is_no_match():
    found = edgar(cik="0000000007")

    assert (found.status, found.reason) == ("no_match", "The SEC knows no company with the number 0000000007.")


def test_a_list_that_is_none_cannot_be_read():
    with faults.inject("sec_edgar", Fault(200, b"[]")):
        found = edgar()

    assert (found.status, found.reason) == ("failed", "The answer cannot be read: it is no list of companies")


# --- figures


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ((404, b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"), "the SEC has none"),
        ((503, b""), "data.sec.gov answered 503"),
        ((200, b""), "it is empty"),
        ((200, b"<html>"), "data.sec.gov answered 200 with something that is not JSON"),
    ],
)
def test_without_its_figures_the_rest_stands_and_the_gap_has_a_reason(fault, why):
    with faults.inject("sec_edgar", on_call(2, *fault)):
        found = edgar(cik=cik(JUNIPER))

    assert (found.status, found.reason) == ("ok", f"Its figures are missing: {why}.")
    assert found.payload["facts"] is None
    assert [told(found, "revenue_usd"), told(found, "headcount")] == [[], []]
    assert told(found, "filing")


def test_of_megabytes_of_figures_only_those_that_are_read_are_stored_where_they_stood():
    whole = raw("api/xbrl/companyfacts")
    whole["facts"]["us-gaap"]["Assets"] = {
        "units": {"USD": [{"end": "2025-12-31", "val": 1, "filed": "2026-02-01"}] * 60_000}
    }
    body = json.dumps(whole).encode()

    with faults.inject("sec_edgar", on_call(2, 200, body)):
        found = edgar(cik=cik(JUNIPER))

    assert len(body) > 3_000_000 > 100 * len(json.dumps(found.payload))
    figures = [each for each in found.claims if each.pointer.startswith("/facts/")]
    assert [each.attribute for each in figures] == ["revenue_usd", "headcount"]
    assert all(check_pointer(each, {"facts": whole}) for each in figures)


def test_filings_are_stored_where_they_stood():
    whole = {"submissions": raw("submissions")}

    found = edgar(cik=cik(JUNIPER))

    recent = pointers.resolve(found.payload, "/submissions/filings/recent")
    assert sorted(recent) == ["accessionNumber", "filingDate", "form", "primaryDocument", "reportDate"]
    assert all(check_pointer(each, whole) for each in found.claims if each.pointer.startswith("/submissions/"))


def test_revenue_is_the_newest_year_s_under_whichever_concept_it_stands():
    found = edgar(cik=cik(JUNIPER))

    [revenue] = [each for each in found.claims if each.attribute == "revenue_usd"]
    assert (revenue.value, revenue.as_of_date) == ("$142.5 million", date(2025, 9, 30))
    assert "/RevenueFromContractWithCustomerExcludingAssessedTax/" in revenue.pointer


def test_the_newest_filing_of_each_form_is_told_with_its_day():
    assert told(edgar(cik=cik(JUNIPER)), "filing") == [
        ("8-K", date(2026, 9, 17)),
        ("10-Q", date(2026, 7, 28)),
        ("10-K", date(2025, 11, 25)),
        ("S-1", date(2021, 9, 6)),
    ]


# --- the contact


def test_live_and_without_a_contact_nobody_is_asked_and_the_reason_says_what_to_set(settings):
    settings.CONTACT_EMAIL = ""

    found = edgar(sandbox=False)

    assert (found.status, found.calls) == ("failed", 0)
    assert "Set GTM_CONTACT_EMAIL" in found.reason


def test_the_sandbox_needs_no_contact(settings):
    settings.CONTACT_EMAIL = ""

    assert edgar().status == "ok"


def test_a_contact_with_a_name_goes_out_as_its_address(settings):
    settings.CONTACT_EMAIL = "Zoë of the Agency <zoe@agency.example>"

    assert edgar().status == "ok"


def test_who_is_not_let_in_is_told_what_to_look_at():
    with faults.inject("sec_edgar", Fault(403, b"<!DOCTYPE html><title>Undeclared Automated Tool</title>")):
        found = edgar()

    assert (found.status, found.http_status) == ("failed", 403)
    assert found.reason.startswith("www.sec.gov answered 403: it does not accept the contact in GTM_CONTACT_EMAIL")
