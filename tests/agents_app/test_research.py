import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents_app.research import (
    SOURCES,
    ClaimValue,
    Company,
    SourceAccess,
    check_pointer,
    gather,
    pointers,
)
from agents_app.research.attributes import read
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
BOTH = [SourceAccess("people_data_labs", sandbox=True), SourceAccess("newsapi", sandbox=True)]
HARBOUR = Company("harbour-pay.example", "Harbour Pay")


def ask_both(company=HARBOUR, budget_s=5.0, access=BOTH):
    return gather(company, sources=access, budget_s=budget_s, at=AT)


def tuples(claims):
    return [
        [each.attribute, each.value, each.pointer, each.as_of_date and each.as_of_date.isoformat()] for each in claims
    ]


# --- reading


@pytest.mark.parametrize(
    ("attribute", "raw", "value"),
    [
        ("headcount", 1240, "1,240"), ("headcount", "51-200", "51-200"), ("headcount", True, None), ("headcount", 0, None),
        ("headcount", "The firm employs about 1,310 people.", "1,310"), ("headcount", "The site has a staff of 45 people.", None),
        ("funding_total_usd", 62_400_000, "$62.4 million"), ("funding_total_usd", 1_000_000_000, "$1 billion"), ("funding_total_usd", 950_000, "$950,000"),
        ("funding_total_usd", "62m", "$62 million"), ("funding_total_usd", "sixty", None), ("last_funding_stage", "series_d", "Series D"), ("last_funding_stage", "Arden closes Series A", "Series A"),
        ("last_funding_stage", "grant", "grant"), ("last_funding_stage", "unknown", None), ("last_funding_date", "2026-03-18", "March 2026"), ("last_funding_date", "spring", None),
        ("location", {"locality": "kansas city", "country": "united states"}, "Kansas City, United States"), ("location", "leeds", None),
        ("location", {"city": "ST. PAUL", "stateOrCountryDescription": "MN"}, "St. Paul, United States"), ("location", {"city": "LYON", "stateOrCountryDescription": "France"}, "Lyon, France"),
        ("location", {"city": "TORONTO", "stateOrCountryDescription": "Ontario, Canada"}, "Toronto, Canada"), ("location", {"city": None, "stateOrCountryDescription": ""}, None),
        ("location", {"city": "Berlin", "country": "DE"}, "Berlin, Germany"), ("location", {"city": "Basel", "country": "XX"}, "Basel, XX"),
        ("headcount", "SIZE_1", "1"), ("headcount", "SIZE_51_TO_200", "51-200"), ("headcount", "SIZE_10001_OR_MORE", "10001+"), ("headcount", "c_00251_00500", "251-500"),
        ("industry", [{"value": "Payments"}, {"value": None}, "x", {"value": "Marketplaces & Shops"}], "payments, marketplaces and shops"), ("industry", [], None),
        ("location", {"city": {"language": "en", "value": "Harrow-on-Tees"}, "country": {"value": "United Kingdom"}}, "Harrow-on-Tees, United Kingdom"),
        ("location", {"city": "LEEDS", "country": "GB"}, "Leeds, United Kingdom"), ("location", {"city": "McAllen"}, "McAllen"), ("location", {}, None),
        ("founded_year", {"time": "+2009-00-00T00:00:00Z", "precision": 9}, "2009"), ("founded_year", {"time": "+1970-00-00T00:00:00Z", "precision": 8}, None),
        ("industry", "automotive industry", "automotive"), ("headcount", {"amount": "+1240", "unit": "1"}, "1,240"), ("headcount", {"amount": "+12.5"}, None),
        ("founded_year", 2009, "2009"), ("founded_year", 9, None), ("industry", "hospital & health care", "hospital and health care"),
        ("news", " Arden\x00 opens\n a  hub ", "Arden opens a hub"), ("news", None, None), ("news", "x" * 500, "x" * 300),
        ("location", {"addressLocality": "Leeds", "addressCountry": "GB"}, "Leeds, United Kingdom"), ("location", {"City": "São Paulo", "Country": "br"}, "São Paulo, Brazil"),
        ("location", {"addressLocality": "Kiel", "addressCountry": {"@type": "Country", "name": "DE"}}, "Kiel, Germany"), 
        ("headcount", {"value": "1,240"}, "1,240"), ("headcount", {"amount": "+1240"}, "1,240"), ("headcount", {"value": "51-200"}, "51-200"), ("headcount", {"value": {"value": 5}}, None), ("headcount", {"value": ","}, None),
        ("headcount", {"minValue": "51", "maxValue": 200}, "51-200"), ("headcount", {"minValue": 1000}, "1000+"), ("headcount", {"maxValue": 200}, None), ("headcount", 10**400, None), ("headcount", float("nan"), None), ("headcount", 12.5, None),
        ("technology", "Facebook Pixel", "Meta Pixel"), ("technology", {"Name": "Cloudflare CDN"}, "Cloudflare"), ("technology", {"name": "SAP"}, "SAP"), ("technology", {"tag": "cms"}, None),
        ("last_funding_date", 1_763_251_200, "November 2025"), ("last_funding_date", 1_763_251_200_000, "November 2025"), ("last_funding_date", 10**15, None),
        ("ticker", "NASDAQ HWDV", "HWDV"), ("ticker", "NYSE: brk.b", "BRK.B"), ("ticker", "hwdv", "HWDV"), ("ticker", "on the stock exchange", None),
        ("lei", "0199:7ZW8QJWVPR4P1J1KQY45", "7ZW8QJWVPR4P1J1KQY45"), ("lei", "7ZW8QJWVPR4P1J1KQY46", None),
        ("wikidata_id", "https://www.wikidata.org/wiki/Q42", "Q42"), ("wikidata_id", "Q42", "Q42"), ("wikidata_id", "https://www.wikidata.org/wiki/P42", None),
    ],
)  # fmt: skip
def test_a_value_has_one_reading_form(attribute, raw, value):
    assert read(attribute, raw) == value


# --- asking


def test_both_sources_are_asked_and_answer_in_the_order_asked():
    first, second = ask_both()

    assert (first.source, first.status, first.http_status) == ("people_data_labs", "ok", 200)
    assert (second.source, second.status, second.http_status) == ("newsapi", "ok", 200)
    assert first.request_key == (
        "GET https://api.peopledatalabs.com/v5/company/enrich?website=harbour-pay.example; "
        "POST https://api.peopledatalabs.com/v5/person/search"
    )
    assert ["headcount", "310", "/company/employee_count", None] in tuples(first.claims)


def test_news_is_asked_for_up_to_the_clock_that_is_given():
    [news] = gather(HARBOUR, sources=BOTH[1:], budget_s=5, at=datetime(2026, 6, 1, tzinfo=UTC))

    assert [each.value for each in news.claims if each.attribute == "news"] == [
        "Harbour Pay wins payout contract with three ferry operators",
        "Harbour Pay closes $28 million Series B for marketplace payouts",
    ]


def test_a_company_nobody_knows_is_no_match_with_words():
    answers = ask_both(Company("odyne.example", "Odyne Therapeutics"))

    assert [each.status for each in answers] == ["no_match", "no_match"]
    assert answers[0].reason == "People Data Labs knows no company at odyne.example."
    assert "no headline that names Odyne Therapeutics" in answers[1].reason


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            Fault(429, b'{"status": "error", "code": "rateLimited", "message": "Too many requests."}'),
            "newsapi.org answered 429: Too many requests.",
        ),
        (Fault(500), "newsapi.org answered 500"),
        (
            Fault(401, b'{"message": "Your API key is invalid."}'),
            "newsapi.org answered 401: Your API key is invalid. Check the credential",
        ),
        (Fault(200, b'{"status": "error"}'), "The answer cannot be read: it has no list of articles"),
        (Fault(200, b"[1, 2]"), "The answer cannot be read"),
        (Fault(200, b"<html>"), "something that is not JSON"),
    ],
)
def test_one_failing_source_never_hides_the_other_and_the_gap_says_why(fault, reason):
    with faults.inject("newsapi", fault):
        people, news = ask_both()

    assert people.status == "ok"
    assert (news.status, news.claims) == ("failed", [])
    assert reason in news.reason


@pytest.mark.parametrize("fault", [Fault(delay_s=60), Fault(delay_s=8, ignores_timeout=True)])
def test_a_source_that_hangs_is_left_behind_at_the_deadline(fault):
    started = time.monotonic()

    with faults.inject("newsapi", fault):
        people, news = ask_both(budget_s=2.0)

    assert time.monotonic() - started < 6.0
    assert people.status == "ok"
    assert news.status == "failed"
    assert "did not answer within" in news.reason


def test_what_upsets_our_own_reader_becomes_that_source_s_answer(monkeypatch, caplog):
    broken = replace(SOURCES["newsapi"], read=lambda payload: 1 / 0)
    monkeypatch.setattr(sys.modules["agents_app.research.gather"], "SOURCES", {**SOURCES, "newsapi": broken})

    people, news = ask_both()

    assert people.status == "ok"
    assert news.reason == "Its answer upset our reader. The log has the details."
    assert "ZeroDivisionError" in caplog.text


def test_a_source_that_does_not_exist_or_has_no_credential_says_so():
    answers = ask_both(access=[SourceAccess("crystal_ball", sandbox=True), SourceAccess("newsapi", sandbox=False)])

    assert answers[0].reason == "There is no source called crystal_ball."
    assert answers[1].reason == "This live connection has no credential. Add it there."


def test_a_credential_is_in_no_answer_and_no_repr():
    access = SourceAccess("newsapi", sandbox=True, credential="s3cret")

    [answer] = ask_both(access=[access])

    assert "s3cret" not in repr(access)
    assert "s3cret" not in repr(answer)


def test_what_postgresql_cannot_store_is_taken_out_of_a_payload():
    assert pointers.storable({"a\x00": ["b\x00c", "\ud800", float("inf"), 1.5, None]}) == {
        "a": ["bc", "?", None, 1.5, None]
    }


# --- pointers


@pytest.mark.parametrize(
    "pointer", ["/employee_count/x", "/employees", "", "/answer/articles/0/title", "employee_count"]
)
def test_a_claim_that_points_elsewhere_is_found_out(pointer):
    assert not check_pointer(ClaimValue("headcount", "310", pointer), {"employee_count": 310})


def test_a_changed_payload_is_found_out():
    claim = ClaimValue("headcount", "310", "/employee_count")

    assert check_pointer(claim, {"employee_count": 310})
    assert not check_pointer(claim, {"employee_count": 311})


def test_pointers_escape_as_rfc_6901_says():
    assert pointers.resolve({"a/b": {"m~n": [7, 8]}}, "/a~1b/m~0n/1") == 8
