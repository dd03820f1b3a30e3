import json

import pytest

from agents_app.research import SOURCES, facts
from gtm.sandbox import faults, keys
from gtm.sandbox.faults import Fault
from tests.agents_app.sources.vendors import AT, asked, on_call, said

KEY, FATHOMLINE = "apollo", "fathomline.example"
MISSING = "Who works there is missing: api.apollo.io answered 403. The plan or scope of the key does not include it."


def test_a_company_is_enriched_and_its_people_searched_then_looked_up():
    found = asked(KEY, FATHOMLINE)

    assert (found.status, found.reason, found.calls, found.credits) == ("ok", "", 3, 3.0)
    assert found.request_key == (
        "GET https://api.apollo.io/api/v1/organizations/enrich?domain=fathomline.example; "
        "POST https://api.apollo.io/api/v1/mixed_people/api_search; POST https://api.apollo.io/api/v1/people/bulk_match"
    )
    assert said(found, "headcount", "location", "technology") == [
        ["headcount", "190", "/organization/estimated_num_employees", ""],
        ["location", "Berlin, Germany", "/organization", ""],
        ["technology", "Kubernetes", "/organization/current_technologies/2", ""],
        ["technology", "Salesforce", "/organization/current_technologies/3", ""],
        ["technology", "dbt", "/organization/current_technologies/4", ""],
    ]


def test_a_person_has_the_full_name_and_the_day_of_apollo_s_last_look():
    assert said(asked(KEY, FATHOMLINE), "person") == [
        ["person", "Lena Vogt, Chief Revenue Officer", "/people/matches/0", "2026-10-28"],
        ["person", "Arun Mehta, VP Engineering", "/people/matches/1", "2026-08-28"],
    ]


def test_of_a_person_neither_address_nor_profile_is_stored():
    found = asked(KEY, FATHOMLINE)

    assert {tuple(each) for each in found.payload["people"]["matches"]} == {
        ("id", "name", "first_name", "last_name", "title", "seniority", "organization_id")
    }
    assert "@" not in json.dumps(found.payload)
    assert "linkedin.com/in/" not in json.dumps(found.payload)


def test_what_the_client_keeps_at_apollo_about_the_company_is_not_stored():
    assert "555-0114" not in json.dumps(asked(KEY, FATHOMLINE).payload)


def test_whoever_works_elsewhere_by_now_is_not_stored():
    elsewhere = json.dumps(
        {
            "credits_consumed": 2,
            "matches": [
                {"id": "a", "name": "Lena Vogt", "title": "Chief Revenue Officer", "organization_id": "another"},
                None,
                {"id": "b", "name": "Arun Mehta", "title": "VP Engineering", "organization_id": None},
            ],
        }
    )

    with faults.inject(KEY, on_call(3, Fault(200, elsewhere.encode()))):
        found = asked(KEY, FATHOMLINE)

    assert [each[1] for each in said(found, "person")] == ["Arun Mehta, VP Engineering"]
    assert "Lena" not in json.dumps(found.payload)
    assert found.credits == 3.0


def test_a_key_for_companies_alone_says_what_is_missing_and_the_company_stands():
    found = asked(KEY, FATHOMLINE, credential=keys.COMPANIES_ONLY)

    assert (found.status, found.reason, found.credits, found.payload["people"]) == ("ok", MISSING, 1.0, None)
    assert said(found, "headcount") == [["headcount", "190", "/organization/estimated_num_employees", ""]]


@pytest.mark.parametrize("call", [2, 3])
def test_people_that_fail_to_come_leave_the_company_standing(call):
    with faults.inject(KEY, on_call(call, Fault(429, b'{"message": "The maximum number of api calls"}'))):
        found = asked(KEY, FATHOMLINE)

    assert (found.status, found.credits) == ("ok", 1.0)
    assert found.reason == "Who works there is missing: api.apollo.io answered 429: The maximum number of api calls."


def test_where_nobody_is_found_nobody_is_looked_up():
    with faults.inject(KEY, on_call(2, Fault(200, b'{"total_entries": 0, "people": []}'))):
        found = asked(KEY, FATHOMLINE)

    assert (found.status, found.reason, found.calls, found.credits) == ("ok", "", 2, 1.0)


@pytest.mark.parametrize("body", [b"{}", b'{"organization": null}'])
def test_an_empty_answer_is_no_match_and_costs_nothing(body):
    with faults.inject(KEY, Fault(200, body)):
        found = asked(KEY, FATHOMLINE)

    assert (found.status, found.reason, found.calls, found.credits) == (
        "no_match", "Apollo knows no organisation at fathomline.example.", 1, 0.0,
    )  # fmt: skip


def test_a_domain_nobody_knows_is_no_match():
    assert asked(KEY, "nobody.example").reason == "Apollo knows no organisation at nobody.example."


def test_a_refused_key_and_a_used_up_limit_are_told_apart():
    invalid, limited = (asked(KEY, FATHOMLINE, credential=each) for each in (keys.INVALID, keys.LIMITED))

    assert (invalid.http_status, invalid.reason) == (
        401, "api.apollo.io answered 401. Check the credential on the connection.",
    )  # fmt: skip
    assert limited.reason.startswith("api.apollo.io answered 429: The maximum number of api calls allowed for api/v1/")


def test_an_owner_and_what_is_owned_are_claimed_from_both_sides():
    assert said(asked(KEY, "gantryware.example"), "parent", "subsidiary") == [
        ["parent", "Nimbletree", "/organization/owned_by_organization/name", ""]
    ]
    assert said(asked(KEY, "nimbletree.example"), "parent", "subsidiary") == [
        ["subsidiary", "Gantryware", "/organization/suborganizations/0/name", ""]
    ]


def test_the_same_people_told_by_two_vendors_are_one_fact_each():
    both = [asked(key, "harbour-pay.example") for key in (KEY, "people_data_labs")]

    found = [each for each in facts(both, at=AT) if each.attribute == "person"]

    assert sorted(each.value.casefold() for each in found) == [
        "joris bakker, vp finance",
        "sanne de wit, chief compliance officer",
    ]
    assert all({asked.partition("?")[0] for asked, _ in each.claim_refs} == {KEY, "people_data_labs"} for each in found)


def test_vendors_that_count_the_same_profiles_speak_with_one_voice():
    assert SOURCES[KEY].group == SOURCES["people_data_labs"].group == "profiles"
