"""Research asks what is worth most, learns from it, and comes back in time with whatever there is."""

import time
from datetime import UTC, date, datetime

import pytest

from agents_app.research import (
    SOURCES,
    Aim,
    ClaimValue,
    Company,
    Decided,
    Given,
    SourceAccess,
    SourceAnswer,
    explore,
    facts,
)
from agents_app.research.plan import Known, actions, hoped, learned, missing
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
EVERY = [SourceAccess(key, sandbox=True) for key in SOURCES]
NORTHWIND = Company("northwind-bank.example", "Northwind Bank")
QUILLSTACK = Company("quillstack.example")
DECIDED = Decided("headcount", "1,300", "Ann", AT.date())
EIGHT = ["people_data_labs", "newsapi", "newscatcher", "sec_edgar", "website", "mail_host", "builtwith", "crunchbase"]


def aim(*required, floor=0.8, seconds=5.0, credits=None):
    return Aim(required, floor, seconds, credits)


def access(*keys):
    return [SourceAccess(key, sandbox=True) for key in keys]


def said(source, *told, status="ok"):
    """`told`: attribute, value, day."""
    claims = [ClaimValue(attribute, value, f"/{number}", on) for number, (attribute, value, on) in enumerate(told)]
    return SourceAnswer(source, status, "", request_key="", sandbox=True, claims=claims, question=source)


def known(*answers, company=NORTHWIND, **values):
    found = facts(answers, at=AT)
    return Known(learned(company, found), found, list(answers), **values)


def offered(wanted, state, *keys, taken=()):
    return [each.source.key for each in actions(wanted, state, access(*keys), at=AT, taken=taken)]


# --- what is worth most


def test_who_tells_what_is_wanted_comes_before_who_tells_something_else():
    assert offered(aim("mail_host"), known(), "people_data_labs", "mail_host")[0] == "mail_host"
    assert offered(aim("headcount"), known(), "people_data_labs", "mail_host")[0] == "people_data_labs"


def test_what_is_nearly_sure_is_worth_less_than_what_nobody_knows():
    state = known(
        said("linkedin", ("headcount", "1,240", AT.date())), said("website", ("headcount", "1,240", AT.date()))
    )

    before = actions(aim("headcount"), known(), access("people_data_labs"), at=AT, taken=())
    after = actions(aim("headcount"), state, access("people_data_labs"), at=AT, taken=())

    assert after[0].gain < before[0].gain


def test_a_contested_attribute_is_worth_an_independent_third_source_before_an_echo():
    state = known(
        said("people_data_labs", ("headcount", "1,240", None)), said("crunchbase", ("headcount", "51-100", None))
    )
    assert SOURCES["apollo"].group == SOURCES["people_data_labs"].group

    order = offered(aim("headcount", floor=0.95), state, "apollo", "website")

    assert order[0] == "website"


def test_a_source_that_hardly_ever_answers_is_asked_last():
    rates = {"newsapi": 0.02, "newscatcher": 0.9}

    assert offered(aim("news"), known(rates=rates), "newsapi", "newscatcher")[0] == "newscatcher"


def test_a_source_that_failed_is_not_asked_another_question():
    state = known(
        said("newsapi", status="failed"), said("crunchbase", ("last_funding_date", "March 2026", date(2026, 3, 18)))
    )

    assert offered(aim("news"), state, "newsapi") == []


def test_a_question_that_lacks_what_it_asks_by_is_not_asked():
    assert offered(aim("location"), known(), "github") == []


def test_no_one_else_is_paid_while_what_is_under_way_may_be_enough():
    [paid] = actions(aim("headcount"), known(), access("people_data_labs"), at=AT, taken=())

    assert missing(aim("headcount"), hoped(known(), [paid])) == []


def test_what_does_not_apply_is_not_missing():
    assert missing(aim("parent_news"), {}) == []
    assert missing(aim("parent_news"), {"parent": 0.9}) == ["parent_news"]


# --- deeper


def test_a_dated_round_leads_to_what_was_written_around_it():
    round_of = said("crunchbase", ("last_funding_date", "March 2026", date(2026, 3, 18)))
    state = known(round_of, said("newsapi", ("news", "Northwind Bank opens a branch", date(2026, 9, 1))))
    assert [
        each
        for each in actions(aim("news"), known(round_of), access("newsapi"), at=AT, taken=())
        if each.question.since
    ] == []

    found = actions(aim("news"), state, access("newsapi"), at=AT, taken=())

    around = [each for each in found if each.question.since]
    assert [(each.question.since, each.question.until) for each in around] == [(date(2026, 3, 4), date(2026, 4, 1))]
    assert around[0].why.startswith("A round is dated 18 March 2026")


def test_a_subsidiary_leads_to_its_owner_in_the_news():
    found = explore(
        Company("velden-castings.example"),
        sources=access("crunchbase", "newsapi"),
        aim=aim("news", "headcount", "parent", "parent_news", floor=0.99),
        at=AT,
    )

    [owner] = {fact.value for fact in found.facts if fact.attribute == "parent"}
    headlines = [fact.value for fact in found.facts if fact.attribute == "parent_news"]
    assert owner == "Holzmann Reuter"
    assert headlines
    assert all("Holzmann" in each for each in headlines)


def test_a_number_that_is_learned_opens_the_register_that_asks_for_it():
    found = explore(QUILLSTACK, sources=EVERY, aim=aim("revenue_usd", "filing", floor=0.99), at=AT)

    assert {fact.attribute for fact in found.facts} >= {"revenue_usd", "filing", "ticker"}


# --- when it stops


def test_it_stops_once_everything_wanted_is_known():
    found = explore(NORTHWIND, sources=access("people_data_labs"), aim=aim("founded_year"), at=AT)

    assert found.stopped == "Everything wanted is known with a confidence of 0.80 or more."
    assert (len(found.answers), found.gaps) == (1, [])


def test_it_stops_when_no_source_could_tell_more_and_says_of_each_gap_why():
    found = explore(NORTHWIND, sources=access("people_data_labs"), aim=aim("revenue_usd", "mail_host"), at=AT)

    assert found.stopped == "No source is left that could be expected to tell more."
    assert [gap["attribute"] for gap in found.gaps] == ["revenue_usd", "mail_host"]
    assert found.gaps[1]["reason"] == "Mail runs on: none of the sources that may be asked tells it."


def test_it_spends_no_credit_beyond_the_budget():
    found = explore(NORTHWIND, sources=EVERY, aim=aim("headcount", floor=0.999, credits=1.0), at=AT)

    assert sum(answer.credits for answer in found.answers) <= 1.0
    assert found.stopped == "The 1 credits that it may spend are spent."


def test_an_answer_that_was_kept_is_used_and_nobody_asked():
    kept = explore(NORTHWIND, sources=access("people_data_labs"), aim=aim("headcount", floor=0.99), at=AT).answers[0]

    with faults.inject("people_data_labs", Fault(500)):
        found = explore(
            NORTHWIND,
            sources=access("people_data_labs"),
            aim=aim("headcount"),
            at=AT,
            given=Given(kept={kept.question: kept}),
        )

    assert [each.status for each in found.answers] == ["ok"]


# --- sources in trouble


def test_two_that_hang_one_that_is_full_and_one_that_errs_inside_200_hide_nobody_and_cost_no_time():
    with (
        faults.inject("newscatcher", Fault(delay_s=30)),
        faults.inject("website", Fault(delay_s=4, ignores_timeout=True)),
        faults.inject("newsapi", Fault(429)),
        faults.inject("builtwith", Fault(200, b'{"Errors": [{"Code": -3, "Message": "API credits exhausted"}]}')),
    ):
        started = time.monotonic()
        found = explore(
            NORTHWIND,
            sources=access(*EIGHT),
            aim=aim("headcount", "industry", "news", "technology", "mail_host", floor=0.99, seconds=2.0),
            at=AT,
        )
        took = time.monotonic() - started

    status = {each.source: each.status for each in found.answers}
    assert took < 3.0
    assert {key for key, each in status.items() if each == "failed"} == {
        "newscatcher",
        "website",
        "newsapi",
        "builtwith",
    }
    assert {each.attribute for each in found.facts} >= {"headcount", "industry", "mail_host"}
    reasons = {each["attribute"]: each["reason"] for each in found.gaps}
    assert "answered 429" in reasons["news"]
    assert "did not answer within" in reasons["news"]
    assert "API credits exhausted" in reasons["technology"]


@pytest.mark.parametrize("key", ["people_data_labs", "newsapi"])
def test_one_that_hangs_is_left_behind_once_the_rest_is_known(key):
    with faults.inject(key, Fault(delay_s=20, ignores_timeout=True)):
        started = time.monotonic()
        found = explore(
            NORTHWIND,
            sources=access("people_data_labs", "newsapi", "website", "crunchbase"),
            aim=aim("founded_year", seconds=10.0),
            at=AT,
        )
        took = time.monotonic() - started

    assert took < 4.0
    assert any(fact.attribute == "founded_year" for fact in found.facts)


def test_what_a_person_decided_stands_above_what_sources_say():
    found = explore(
        NORTHWIND, sources=access("people_data_labs"), aim=aim("headcount"), at=AT, given=Given(decided=[DECIDED])
    )

    [fact] = [each for each in found.facts if each.attribute == "headcount"]
    assert (fact.value, "person" in {term["term"] for term in fact.terms}) == ("1,300", True)
