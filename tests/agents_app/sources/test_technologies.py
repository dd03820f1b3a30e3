"""What BuiltWith and Wappalyzer say of a site's technologies, and what is said where they refuse or wait."""

import json
from datetime import UTC, date, datetime

import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess
from agents_app.research.facts import facts
from agents_app.research.source import ask
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
ACME = "bramblewick.example"


def answer(key, domain=ACME, **access):
    access = SourceAccess(key, **{"sandbox": True, **access})
    return ask(SOURCES[key], Question(Company(domain), AT), access, timeout_s=5)


def answered(key, body, status=200, **headers):
    with faults.inject(key, Fault(status, json.dumps(body).encode(), headers)):
        return answer(key)


def values(found, attribute="technology"):
    return [each.value for each in found.claims if each.attribute == attribute]


# --- BuiltWith


@pytest.mark.parametrize(
    ("code", "message", "status", "http_status", "reason"),
    [
        (-2, "API Key is wrong - it needs to be a Guid.", "failed", 401, "BuiltWith answered with error -2: API Key is wrong - it needs to be a Guid. Check the credential on the connection."),
        (-3, "You've run out of API Credits.", "failed", 402, "BuiltWith answered with error -3: You've run out of API Credits."),
        (-8, "Invalid root domain name or unsupported.", "no_match", 200, f"BuiltWith does not look at {ACME}: Invalid root domain name or unsupported."),
        (-99, "Internal code error", "failed", 200, "BuiltWith answered with error -99: Internal code error"),
        (-42, None, "failed", 400, "BuiltWith answered with error -42: no message"),
        ("odd", "No", "failed", 400, "BuiltWith answered with error odd: No"),
    ],
)  # fmt: skip
def test_an_error_that_comes_as_a_success_is_taken_as_the_error_it_is(code, message, status, http_status, reason):
    found = answered("builtwith", {"Errors": [{"Code": code, "Message": message}]})

    assert (found.status, found.http_status, found.reason) == (status, http_status, reason)
    assert (found.claims, found.credits) == ([], 0.0)


def test_how_long_to_wait_is_told_when_builtwith_says_so():
    body = {"error": "Rate limit exceeded", "maxConcurrentRequests": 8, "retryAfterSeconds": 2}

    assert answered("builtwith", body, 429).reason == "api.builtwith.com answered 429: once more in 2 s"
    assert answered("builtwith", {"error": "Rate limit exceeded"}, 429).reason == "api.builtwith.com answered 429"


def test_the_key_stands_in_no_address_and_people_are_not_asked_for():
    found = answer("builtwith", credential="0f1e2d3c")

    assert found.request_key == (
        f"GET https://api.builtwith.com/v22/api.json?HIDETEXT=yes&LOOKUP={ACME}&NOATTR=yes&NOPII=yes"
    )
    assert "Names" not in found.payload["Results"][0]["Meta"]


def test_only_what_was_seen_in_the_last_year_and_a_half_of_looking_is_said_to_be_used():
    found = answer("builtwith")

    names = [each["Name"] for each in found.payload["Results"][0]["Result"]["Paths"][0]["Technologies"]]
    assert {"jQuery", "UTF-8", "Universal Analytics"} <= set(names)
    assert {"jQuery", "UTF-8", "Universal Analytics"} & set(values(found)) == set()
    assert {each.as_of_date for each in found.claims if each.attribute == "technology"} == {date(2026, 11, 5)}


def test_a_town_without_a_country_is_no_place():
    meta = {"CompanyName": "Acme", "City": "Ottawa", "Country": ""}
    without, within = (
        answered("builtwith", {"Results": [{"Meta": {**meta, "Country": country}, "Result": {"Paths": []}}]})
        for country in ("", "CA")
    )

    assert [each.value for each in without.claims] == ["Acme"]
    assert [each.value for each in within.claims] == ["Acme", "Ottawa, Canada"]


# --- Wappalyzer


def test_a_site_that_is_only_looked_at_now_is_to_be_asked_for_later():
    found = answer("wappalyzer", "altamira-ceramics.example")

    assert (found.status, found.claims, found.credits) == ("no_match", [], 0.0)
    assert found.reason == (
        "Wappalyzer looks at altamira-ceramics.example only now: ask again in a quarter of an hour."
    )


def test_what_is_known_before_a_crawl_ends_is_taken_and_the_rest_is_told_to_be_missing():
    found = answered(
        "wappalyzer", [{"url": "x", "crawl": True, "technologies": [{"slug": "drupal", "name": "Drupal"}]}]
    )

    assert (found.status, values(found)) == ("ok", ["Drupal"])
    assert found.reason == f"Wappalyzer looks at {ACME} only now: ask again in a quarter of an hour."


def test_an_error_with_one_site_is_told_in_wappalyzer_s_words():
    found = answer("wappalyzer", "brightmoor-credit.example")

    assert (found.status, found.claims) == ("no_match", [])
    assert found.reason == "Wappalyzer could not look at brightmoor-credit.example: RESPONSE_NOT_OK"


def test_credits_are_counted_as_wappalyzer_counts_them():
    body = [{"url": "x", "technologies": [{"name": "Drupal"}]}]

    assert answer("wappalyzer").credits == 1.0
    assert answered("wappalyzer", body, **{"wappalyzer-credits-spent": "5"}).credits == 5.0
    assert answered("wappalyzer", body).credits == 1.0


# --- together


def test_those_who_look_at_the_same_site_call_what_they_see_by_the_same_name():
    answers = [answer(key) for key in ("website", "builtwith", "wappalyzer")]

    used = [each for each in facts(answers, at=AT) if each.attribute == "technology"]
    said = {each.value: {asked.partition("?")[0] for asked, _ in each.claim_refs} for each in used}
    assert said["Adobe Experience Cloud"] == said["Google Analytics"] == {"website", "builtwith", "wappalyzer"}
    assert all(len(sources) == 3 for sources in said.values())
