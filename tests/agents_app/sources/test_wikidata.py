"""Wikidata: which item is the company's, which statements hold, and what its refusals say."""

import json
from datetime import date

import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess
from agents_app.research.source import ask
from agents_app.research.statements import in_force, of_when, place
from gtm.sandbox import faults, wikidata_items
from gtm.sandbox.faults import Fault
from gtm.sandbox.world import COMPANIES
from tests.agents_app.sources.test_every_source import AT, tuples

SOURCE = SOURCES["wikidata"]
NORTHWIND = COMPANIES["northwind-bank.example"]


def asked(domain, name="", **ids):
    access = SourceAccess("wikidata", sandbox=True)
    return ask(SOURCE, Question(Company(domain, name, ids), AT), access, timeout_s=5)


def said(code, info="It says so.", status=200):
    return Fault(status, json.dumps({"error": {"code": code, "info": info}, "servedby": "mw-api-ext"}).encode())


def value_of(found, attribute):
    return [(each.value, each.as_of_date and each.as_of_date.isoformat()) for each in found.claims if each.attribute == attribute]  # fmt: skip


# --- which item


def test_the_item_is_found_by_the_company_s_website_in_three_calls():
    found = asked("northwind-bank.example")

    assert (found.status, found.calls) == ("ok", 3)
    assert value_of(found, "wikidata_id") == [(NORTHWIND.wikidata_id, None)]
    assert "by_name" not in found.payload["search"]


def test_a_known_number_needs_no_search():
    found = asked("northwind-bank.example", wikidata_id=NORTHWIND.wikidata_id)

    assert (found.status, found.calls, found.payload["search"]) == ("ok", 2, None)


def test_an_item_whose_site_is_a_page_below_the_root_is_found_by_its_name_and_that_site():
    company = next(each for each in COMPANIES.values() if wikidata_items.is_known(each) and each.number("site", 6) == 1)

    found = asked(company.domain, company.name)

    assert (found.status, found.calls) == ("ok", 4)
    assert value_of(found, "wikidata_id") == [(company.wikidata_id, None)]


def test_an_item_of_the_same_name_without_the_site_is_somebody_else_s():
    found = asked("pulsewright.example", "Pulsewright")

    assert (found.status, found.claims) == ("no_match", [])
    assert found.reason == (
        "Wikidata has no item whose official website is at pulsewright.example; a name alone is not enough."
    )


def test_of_several_items_at_one_site_the_one_of_that_name_counts_and_without_it_none(two_at_one_site):
    by_name = asked("northwind-bank.example", "Northwind Bank")
    without = asked("northwind-bank.example", "Northwind")

    assert value_of(by_name, "wikidata_id") == [(NORTHWIND.wikidata_id, None)]
    assert (without.status, without.claims) == ("no_match", [])
    assert without.reason == (
        f"Wikidata has several items whose official website is at northwind-bank.example ({NORTHWIND.wikidata_id}, Q7)."
    )


@pytest.fixture
def two_at_one_site(monkeypatch):
    other = {**wikidata_items.items()[NORTHWIND.wikidata_id], "labels": {"en": {"language": "en", "value": "Northwind app"}}}  # fmt: skip
    more = {**wikidata_items.items(), "Q7": other}
    monkeypatch.setattr(wikidata_items, "items", lambda: more)


def test_a_number_that_nobody_has_is_no_match():
    found = asked("northwind-bank.example", wikidata_id="Q4")

    assert (found.status, found.reason) == ("no_match", "Wikidata has no item Q4.")


# --- what holds


def test_a_count_is_told_with_its_date_and_never_the_older_one_beside_it():
    assert value_of(asked("northwind-bank.example"), "headcount") == [("900", "2023-12-31")]


def test_a_name_that_is_the_same_in_all_languages_is_the_name():
    company = next(
        each for each in COMPANIES.values() if wikidata_items.is_known(each) and each.number("label", 4) == 1
    )

    found = asked(company.domain)

    assert found.payload["entity"]["labels"]["en"]["language"] == "mul"
    assert value_of(found, "name") == [(company.name, None)]


def test_owner_and_owned_are_told_by_name():
    owner, owned = asked("holzmann-reuter.example"), asked("velden-castings.example")

    assert [value for value, _ in value_of(owner, "subsidiary")] == ["Velden Castings", "Brockhurst Bearings"]
    assert value_of(owned, "parent") == [("Holzmann Reuter", None)]


@pytest.mark.parametrize(
    ("statements", "indices"),
    [
        ([{"rank": "normal"}, {"rank": "preferred"}], [1]),
        ([{"rank": "deprecated"}, {"rank": "normal"}], [1]),
        ([{"rank": "deprecated"}], []),
        ([{"rank": "normal", "on": "+2019-00-00T00:00:00Z"}, {"rank": "normal", "on": "+2023-05-00T00:00:00Z"}], [1, 0]),
        ([{"rank": "normal"}, {"rank": "normal", "on": "+2001-01-01T00:00:00Z"}], [1, 0]),
        ([{"rank": "normal", "qualifiers": {"P582": [{"snaktype": "somevalue"}]}}, {"rank": "normal"}], [1]),
        ([{"rank": "normal", "mainsnak": {"snaktype": "novalue"}}], []),
    ],
)  # fmt: skip
def test_of_several_statements_the_preferred_and_of_those_the_newest_holds(statements, indices):
    snak = {"snaktype": "value", "datavalue": {"value": "x"}}
    for each in statements:
        each.setdefault("mainsnak", snak)
        if "on" in each:
            each["qualifiers"] = {"P585": [{"datavalue": {"value": {"time": each["on"]}}}]}

    assert [index for index, _ in in_force({"claims": {"P1128": statements}}, "P1128")] == indices


@pytest.mark.parametrize(
    ("time", "on"),
    [("+2023-12-31T00:00:00Z", "2023-12-31"), ("+2023-06-00T00:00:00Z", "2023-06-01"), ("+2023-00-00T00:00:00Z", "2023-01-01"),
     ("-0044-03-15T00:00:00Z", None), ("+2023-13-40T00:00:00Z", None), ("2023", None)],
)  # fmt: skip
def test_a_statement_is_of_the_first_day_of_the_time_that_it_names(time, on):
    dated = {"qualifiers": {"P585": [{"datavalue": {"value": {"time": time}}}]}}

    assert of_when(dated) == (on and date.fromisoformat(on))


def test_the_country_beside_the_town_counts_before_the_company_s_own():
    def named(number, **qualifiers):
        snak = {"datavalue": {"value": {"id": number}}}
        return {"mainsnak": snak, "rank": "normal", "qualifiers": {key: [{"datavalue": {"value": {"id": each}}}] for key, each in qualifiers.items()}}  # fmt: skip

    own = {"P17": [named("Q30")]}

    assert place({"claims": {"P159": [named("Q1", P17="Q145")], **own}}) == ("Q1", "Q145")
    assert place({"claims": {"P159": [named("Q1")], **own}}) == ("Q1", "Q30")
    assert place({"claims": own}) == ("", "")


def test_of_an_item_only_what_is_read_is_kept():
    entity = asked("quillstack.example").payload["entity"]

    assert set(entity["claims"]) <= {"P856", "P159", "P17", "P571", "P1128", "P452", "P749", "P355", "P1278", "P5531",
                                     "P2037", "P2088", "P4264"}  # fmt: skip


# --- what it says no to


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (said("maxlag", "Waiting for 10.64.0.1: 6 seconds lagged."), "failed",
         "www.wikidata.org answered with an error: Waiting for 10.64.0.1: 6 seconds lagged."),
        (said("ratelimited", "You've exceeded your rate limit."), "failed", "exceeded your rate limit"),
        (said("internal_api_error_DBQueryError", "[f00d] Caught exception."), "failed", "Caught exception"),
        (said("badvalue", "Unrecognized value."), "failed", "answered with an error: Unrecognized value."),
        (said("no-such-entity", 'Could not find an entity with the ID "Q1x".'), "no_match", "Could not find an entity"),
        (Fault(429, b"Too many requests"), "failed", "www.wikidata.org answered 429"),
        (Fault(403, b"Please set a user-agent", {"content-type": "text/plain"}), "failed", "answered 403"),
        (Fault(200, b'{"error": "gone"}'), "failed", "answered with an error: no words"),
        (Fault(200, b'{"query": {}}'), "failed", "its search has no list of items"),
    ],
)  # fmt: skip
def test_errors_come_inside_of_success_and_say_in_words_what_is_wrong(fault, status, reason):
    with faults.inject("wikidata", fault):
        found = asked("northwind-bank.example")

    assert (found.status, found.claims) == (status, [])
    assert reason in found.reason


def test_without_the_labels_the_other_statements_stand():
    with faults.inject("wikidata", lambda call: Fault(503) if call == 3 else None):
        found = asked("northwind-bank.example")

    assert (found.status, found.calls) == ("ok", 3)
    assert found.reason == "Its town, industry and owners are missing: www.wikidata.org answered 503."
    assert {each[0] for each in tuples(found.claims)}.isdisjoint({"location", "industry", "parent", "subsidiary"})
    assert value_of(found, "headcount") == [("900", "2023-12-31")]


def test_a_search_for_a_long_domain_keeps_to_what_the_search_takes():
    domain = f"{'very-' * 20}long.example"

    found = asked(domain)

    assert found.status == "no_match"
    assert "a name alone is not enough" in found.reason
