"""Claims become facts: who is believed, how far, and why."""

import math
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_app import confidence
from agents_app.research import (
    ATTRIBUTES,
    SOURCES,
    ClaimValue,
    Company,
    Conflict,
    Decided,
    SourceAccess,
    SourceAnswer,
    agree,
    facts,
    gather,
    weighed,
)
from agents_app.research.attributes import BY_KEY
from agents_app.research.learning import Reliability

calm = settings(deadline=None, database=None, max_examples=150)  # a busy machine is no reason to fail

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
TODAY = AT.date()
BOTH = [SourceAccess("people_data_labs", sandbox=True), SourceAccess("newsapi", sandbox=True)]


def party(key, right=0.8, group="", **tells):
    return replace(
        SOURCES["newsapi"], key=key, name=key.title(), tells=dict.fromkeys(ATTRIBUTES, right) | tells, group=group
    )


PARTIES = {
    each.key: each
    for each in (
        party("abel"), party("beth"), party("carl"), party("dora", 0.9), party("emil", 0.95), party("fred", 0.6),
        party("one", 0.85, "union"), party("two", 0.8, "union"), party("three", 0.7, "union"),
    )
}  # fmt: skip
ALONE = ("abel", "beth", "carl", "dora", "emil", "fred")


def said(source, attribute, value, pointer="/x", on=None):
    claim = ClaimValue(attribute, value, pointer, on)
    return SourceAnswer(source=source, status="ok", reason="", request_key="", sandbox=True, claims=[claim])


def held(*answers, **options):
    return facts(answers, at=AT, **{"sources": PARTIES} | options)


def fact(*answers, **options):
    [found] = held(*answers, **options)
    return found


def whys(found, name):
    return [each["why"] for each in found.terms if each["term"] == name]


def share(found, name):
    """What the terms of that name add to the log-odds."""
    return sum(each["value"] * each["weight"] for each in found.terms if each["term"] == name)


def asked_both():
    return gather(Company("harbour-pay.example", "Harbour Pay"), sources=BOTH, budget_s=5.0, at=AT)


# --- what comes out


def test_facts_come_in_the_order_of_the_attributes_with_keys_to_cite():
    found = facts(asked_both(), at=AT)

    assert [each.key for each in found] == [f"f{n}" for n in range(1, len(found) + 1)]
    order = [ATTRIBUTES.index(each.attribute) for each in found]
    assert order == sorted(order)
    news = [each.as_of for each in found if each.attribute == "news"]
    assert news == sorted(news, reverse=True)


def test_confidence_is_the_sum_of_its_terms_and_of_nothing_else():
    for each in facts(asked_both(), at=AT):
        assert each.confidence == confidence.confidence(each.terms)
        assert all(set(term) == {"term", "value", "weight", "why"} for term in each.terms)


def test_no_claims_are_no_facts_and_no_terms_no_confidence():
    assert facts([], at=AT) == []
    assert confidence.confidence([]) == 0.0


def test_a_source_alone_is_believed_as_often_as_it_is_right():
    found = fact(said("dora", "founded_year", "2009"))

    assert (found.value, found.confidence, found.source, found.voices, found.conflicts) == ("2009", 0.9, "dora", 1, [])
    assert [(each["term"], each["why"]) for each in found.terms] == [
        ("source", "How often Dora is right about this."),
        ("age", "This does not age."),
    ]


def test_a_source_that_nothing_is_assumed_of_is_right_in_two_cases_of_three():
    assert fact(said("nobody", "founded_year", "2009")).confidence == 0.65


# --- who agrees


def test_a_second_source_that_agrees_makes_surer_and_is_cited():
    alone = fact(said("abel", "headcount", "310", "/employee_count"))

    together = fact(
        said("abel", "headcount", "310", "/employee_count"), said("dora", "headcount", "330", "/articles/0/description")
    )

    assert together.confidence > alone.confidence
    assert sorted(together.claim_refs) == [("abel", "/employee_count"), ("dora", "/articles/0/description")]
    assert (together.value, together.source, together.voices) == ("330", "dora", 2)
    assert whys(together, "agrees") == ["Abel says 310."]


def test_two_sources_that_agree_are_as_sure_as_bayes_rule_makes_them():
    found = fact(said("abel", "founded_year", "2009"), said("fred", "founded_year", "2009"))

    both_right, both_wrong_alike = 0.8 * 0.6, 0.2 * 0.4 / BY_KEY["founded_year"].rivals
    assert found.confidence == pytest.approx(both_right / (both_right + both_wrong_alike), abs=1e-4)


def test_however_many_agree_nothing_is_certain():
    found = fact(*(said(each, "founded_year", "2009") for each in ALONE))

    assert found.confidence == 0.995
    assert whys(found, "limit") == ["All may have it from the same place, so more of them would make it no surer."]


def test_a_source_that_repeats_itself_is_not_two_sources():
    once = fact(said("abel", "headcount", "310", "/a"))

    twice = fact(said("abel", "headcount", "310", "/a"), said("abel", "headcount", "310", "/b"))

    assert (twice.confidence, twice.voices, twice.terms) == (once.confidence, 1, once.terms)
    assert twice.claim_refs == [("abel", "/a"), ("abel", "/b")]


def test_who_passes_on_the_same_data_adds_nothing_and_is_named():
    alone = fact(said("one", "founded_year", "2009"))

    copied = fact(*(said(each, "founded_year", "2009", f"/{each}") for each in ("three", "one", "two")))

    assert (copied.confidence, copied.voices, copied.source) == (alone.confidence, 1, "one")
    assert whys(copied, "copies") == [
        "Two passes on the same data as One, so it adds nothing.",
        "Three passes on the same data as One, so it adds nothing.",
    ]
    assert share(copied, "copies") == 0
    assert sorted(copied.claim_refs) == [("one", "/one"), ("three", "/three"), ("two", "/two")]


def test_copies_of_one_error_do_not_outvote_a_better_source():
    found = fact(
        said("emil", "founded_year", "2009"), *(said(each, "founded_year", "1990") for each in ("one", "two", "three"))
    )

    assert (found.value, found.conflicts) == ("2009", [Conflict("1990", ["one", "two", "three"])])
    assert whys(found, "contradicts") == ["One, Two and Three say 1990."]


def test_a_range_agrees_with_the_number_in_it_and_the_number_is_what_is_held():
    found = fact(
        said("emil", "headcount", "51-200"), said("abel", "headcount", "120"), said("beth", "headcount", "900")
    )

    assert (found.value, found.source, found.conflicts) == ("120", "abel", [Conflict("900", ["beth"])])
    assert whys(found, "agrees") == ["Emil says 51-200."]


def test_a_range_speaks_for_both_numbers_in_it():
    without = fact(said("emil", "headcount", "60"), said("abel", "headcount", "190"))

    found = fact(said("emil", "headcount", "60"), said("abel", "headcount", "190"), said("dora", "headcount", "51-200"))

    assert (found.value, found.voices) == ("60", 2)
    assert found.conflicts == [Conflict("190", ["dora", "abel"])]
    assert without.confidence < found.confidence < 0.9


def test_ranges_that_only_touch_say_different_things():
    assert not agree("headcount", "11-50", "51-200")
    assert agree("headcount", "51-200", "101-250")
    assert agree("headcount", "51-200", "210")


def test_small_steps_do_not_join_what_is_far_apart():
    chain = [
        said(source, "headcount", value) for source, value in zip(ALONE, ("100", "109", "118", "128"), strict=False)
    ]

    found = fact(*chain)

    assert found.value == "118"
    assert found.conflicts == [Conflict("100", ["abel", "beth"])]


def test_ties_are_broken_by_what_was_said_and_not_by_who_answered_first():
    answers = [said("abel", "founded_year", "2009"), said("beth", "founded_year", "1990")]

    assert fact(*answers) == fact(*answers[::-1])


# --- who contradicts


def test_a_source_that_contradicts_makes_less_sure_and_is_named():
    alone = fact(said("dora", "headcount", "5,600", on=date(2026, 7, 29)))

    against = fact(said("dora", "headcount", "5,600", on=date(2026, 7, 29)), said("abel", "headcount", "4,700"))

    assert (against.value, against.claim_refs) == ("5,600", [("dora", "/x")])
    assert against.confidence < alone.confidence
    assert against.conflicts == [Conflict("4,700", ["abel"])]
    assert whys(against, "contradicts") == ["Abel says 4,700."]


def test_one_against_one_is_as_sure_as_bayes_rule_makes_it():
    found = fact(said("dora", "founded_year", "2009"), said("abel", "founded_year", "1990"))

    rivals = BY_KEY["founded_year"].rivals
    dora, abel, neither = 0.9 * rivals / 0.1, 0.8 * rivals / 0.2, rivals + 1 - 2
    assert (found.value, found.confidence) == ("2009", pytest.approx(dora / (dora + abel + neither), abs=1e-4))


def test_all_who_contradict_stand_in_one_term():
    found = fact(
        said("emil", "founded_year", "2009"), said("abel", "founded_year", "1990"),
        said("beth", "founded_year", "1991"), said("carl", "founded_year", "1990"), said("dora", "founded_year", "2009"),
    )  # fmt: skip

    assert whys(found, "contradicts") == ["Abel and Carl say 1990. Beth says 1991."]
    assert found.conflicts == [Conflict("1990", ["abel", "carl"]), Conflict("1991", ["beth"])]
    assert share(found, "contradicts") < 0


# --- units


def test_a_slip_of_the_unit_is_recognised_and_counts_half():
    two = [said("abel", "funding_total_usd", "$17.2 million"), said("beth", "funding_total_usd", "$17.4 million")]
    slip = fact(*two, said("emil", "funding_total_usd", "$17,200"))
    other = fact(*two, said("emil", "funding_total_usd", "$18,900"))

    assert slip.value == "$17.2 million"
    assert slip.conflicts == [Conflict("$17,200", ["emil"], is_slip=True)]
    assert slip.voices == 2
    assert other.conflicts == [Conflict("$18,900", ["emil"])]
    assert share(other, "contradicts") < share(slip, "contradicts") < 0
    assert whys(slip, "contradicts") == [
        "Emil says $17,200, a thousandth of it: probably a slip of the unit, so it counts half."
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [("310,000", "a thousand times that"), ("300,000,000", "a million times that"), ("3,100", ""), ("620", "")],
)
def test_only_thousands_and_millions_are_slips(value, words):
    found = fact(said("abel", "headcount", "310"), said("beth", "headcount", "300"), said("carl", "headcount", value))

    assert [each.is_slip for each in found.conflicts] == [bool(words)]
    assert words in whys(found, "contradicts")[0]


def test_where_one_stands_against_one_nobody_knows_whose_unit_slipped():
    found = fact(said("dora", "revenue_usd", "$4 billion"), said("abel", "revenue_usd", "$4 million"))

    assert (found.value, found.confidence < 0.6, found.conflicts[0].is_slip) == ("$4 billion", True, False)
    assert whys(found, "contradicts") == ["Abel says $4 million, a thousandth of it."]


# --- age


def test_what_is_older_is_less_sure_and_falls_by_half_towards_chance():
    half_life, rivals = BY_KEY["headcount"].half_life_days, BY_KEY["headcount"].rivals
    now, later = (
        fact(said("dora", "headcount", "310", on=TODAY - timedelta(days=days))).confidence for days in (0, half_life)
    )

    chance = 1 / (rivals + 1)
    assert (later - chance) / (now - chance) == pytest.approx(0.5, abs=1e-3)


def test_old_news_is_less_sure_than_fresh_news():
    fresh, old = held(said("dora", "news", "A", on=date(2026, 11, 1)), said("dora", "news", "B", on=date(2026, 1, 1)))

    assert fresh.confidence > old.confidence > 0.5
    age = next(term for term in old.terms if term["term"] == "age")
    assert age["value"] == pytest.approx(319 / 180 + 0.1, abs=1e-4)
    assert age["why"] == "As of 1 January 2026, in half-lives of 180 days."


def test_a_value_without_a_date_counts_as_rather_old():
    fresh, undated, old = (
        fact(said("dora", "headcount", "310", on=on)).confidence for on in (TODAY, None, TODAY - timedelta(days=300))
    )

    assert fresh > undated > old


def test_the_same_word_from_later_wins():
    found = fact(
        said("abel", "headcount", "310", on=date(2024, 1, 1)), said("beth", "headcount", "520", on=date(2026, 10, 1))
    )

    assert (found.value, found.as_of) == ("520", date(2026, 10, 1))


def test_however_many_agree_it_may_have_changed_since():
    two_years_ago = TODAY - timedelta(days=730)
    found = fact(*(said(each, "headcount", "310", on=two_years_ago) for each in ALONE))

    assert found.voices == 6
    assert 0.2 < found.confidence < 0.3  # a quarter is left after two half-lives
    assert whys(found, "limit") == [
        "It may have changed since. All may have it from the same place, so more of them would make it no surer."
    ]


def test_of_several_who_do_not_say_when_one_has_looked_lately():
    two, four = (fact(*(said(each, "headcount", "310") for each in ALONE[:count])) for count in (2, 4))

    assert two.confidence == pytest.approx(0.5**0.25, abs=0.01)  # as if a quarter of a half-life old
    assert four.confidence == pytest.approx(0.5**0.125, abs=0.01)


def test_an_event_of_long_ago_may_still_be_the_last_one():
    alone = fact(said("dora", "last_funding_stage", "Series B", on=date(2023, 5, 1)))
    undated = fact(said("dora", "last_funding_stage", "Series B"))

    assert alone.confidence == undated.confidence
    assert "What happened on 1 May 2023 is the last that is told of" in whys(alone, "age")[0]


def test_who_knows_of_a_later_event_knows_better():
    found = fact(
        said("abel", "last_funding_stage", "Series A", on=date(2023, 5, 16)),
        said("beth", "last_funding_stage", "Series B", on=date(2025, 11, 4)),
    )

    assert (found.value, found.as_of) == ("Series B", date(2025, 11, 4))
    assert found.confidence > 0.5


# --- what a person decided


def test_what_a_person_decided_holds_against_all_who_spoke_before():
    decided = [Decided("headcount", "475", "mia", TODAY - timedelta(days=20))]

    found = fact(said("emil", "headcount", "430"), said("dora", "headcount", "430"), decided=decided)

    assert (found.value, found.source, found.as_of, found.claim_refs) == ("475", "", TODAY - timedelta(days=20), [])
    assert found.confidence > 0.85
    assert whys(found, "person") == ["mia says so."]
    assert found.conflicts == [Conflict("430", ["emil", "dora"])]


def test_sources_that_agree_with_a_person_are_cited():
    decided = [Decided("headcount", "475", "mia", TODAY)]

    found = fact(said("emil", "headcount", "470"), decided=decided)

    assert (found.value, found.source, found.claim_refs) == ("475", "emil", [("emil", "/x")])


def test_news_from_after_a_decision_speaks_against_it():
    decided = [Decided("headcount", "475", "mia", date(2026, 3, 1))]

    before = fact(said("emil", "headcount", "900", on=date(2026, 2, 1)), decided=decided)
    after = fact(said("emil", "headcount", "900", on=date(2026, 11, 1)), decided=decided)

    assert (before.value, after.value) == ("475", "475")
    assert share(before, "contradicts") == 0 > share(after, "contradicts")


def test_the_last_of_two_decisions_holds():
    decided = [
        Decided("founded_year", "2009", "mia", date(2026, 3, 1)),
        Decided("founded_year", "2008", "jon", date(2026, 9, 1)),
    ]

    found = fact(decided=decided)

    assert (found.value, whys(found, "person")) == ("2008", ["jon says so."])


# --- what was learned


def test_a_learned_reliability_takes_the_place_of_the_assumed_one_and_is_told():
    learned = {("abel", "founded_year"): Reliability(0.55, 3, 20)}

    found = fact(said("abel", "founded_year", "2009"), reliabilities=learned)

    assert found.confidence == 0.55
    assert whys(found, "source") == ["How often Abel is right about this: right in 3 of 20 cases people looked at."]


def test_whoever_was_right_more_often_wins():
    learned = {("abel", "founded_year"): Reliability(0.55, 3, 20), ("beth", "founded_year"): Reliability(0.92, 41, 45)}
    answers = [said("abel", "founded_year", "2009"), said("beth", "founded_year", "1990")]

    found = fact(*answers, reliabilities=learned)

    assert found.value == "1990"
    assert "right in 41 of 45 cases people looked at" in whys(found, "source")[0]


# --- attributes with many values


def test_each_value_is_a_fact_of_its_own_and_those_of_several_sources_come_first():
    found = held(
        said("abel", "technology", "Kafka"), said("beth", "technology", "Node.js"), said("dora", "technology", "NodeJS"),
        said("abel", "technology", "C"), said("abel", "technology", "C++"),
    )  # fmt: skip

    assert [(each.value, each.voices, each.conflicts) for each in found] == [
        ("NodeJS", 2, []), ("C", 1, []), ("C++", 1, []), ("Kafka", 1, []),
    ]  # fmt: skip
    assert found[0].confidence > found[1].confidence


def test_news_come_from_new_to_old_and_filings_too_whoever_tells_of_them():
    both = [said(each, "news", "Old", on=date(2026, 3, 1)) for each in ("abel", "beth", "emil")]
    found = held(*both, said("fred", "news", "New", on=date(2026, 11, 1)))

    assert [each.value for each in found] == ["New", "Old"]
    assert found[0].confidence < found[1].confidence


def test_what_a_person_said_of_one_of_many_values_decides_about_no_other():
    decided = [Decided("technology", "Kafka", "mia", TODAY)]

    assert [each.value for each in held(said("abel", "technology", "Oracle"), decided=decided)] == ["Oracle"]


def test_a_person_is_the_same_with_the_title_in_short():
    [found] = held(
        said("abel", "person", "Lena Vogt, VP Finance"), said("beth", "person", "Léna Vogt, Vice President of Finance")
    )

    assert (found.value, found.voices) == ("Lena Vogt, VP Finance", 2)


def test_a_run_keeps_no_more_of_them_than_it_can_use():
    found = held(*(said("abel", "technology", f"Tool {number}") for number in range(30)))

    assert len(found) == BY_KEY["technology"].most


# --- the vote of a run


def test_a_vote_weighs_the_same_words_as_the_facts_do():
    answers = [
        said("newsapi", "headcount", "520", on=TODAY),
        said("people_data_labs", "headcount", "430"),
        said("abel", "headcount", "440"),
    ]

    votes = weighed("headcount", answers, at=AT)

    assert [(each.value, each.counts_for, each.source, each.group, each.among) for each in votes] == [
        ("520", "520", "newsapi", "press", 21),
        ("430", "430", "people_data_labs", "profiles", 21),
        ("440", "430", "abel", "abel", 21),
    ]
    assert votes[0].reliability > votes[1].reliability > votes[2].reliability


# --- what always holds


@st.composite
def claims(draw, attribute=None):
    attribute = attribute or draw(
        st.sampled_from(["headcount", "founded_year", "last_funding_stage", "technology", "news"])
    )
    values = {
        "headcount": ["100", "108", "117", "51-200", "201-500", "300", "300,000"],
        "last_funding_stage": ["seed", "Series A", "Series B"],
    }.get(attribute, ["1990", "2000", "2009"])
    on = draw(st.none() | st.dates(date(2022, 1, 1), TODAY))
    return said(
        draw(st.sampled_from([*PARTIES])),
        attribute,
        draw(st.sampled_from(values)),
        draw(st.sampled_from(["/a", "/b"])),
        on,
    )


@calm
@given(st.lists(claims(), max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_nothing(answers, rng):
    shuffled = list(answers)
    rng.shuffle(shuffled)

    assert held(*answers) == held(*shuffled)


@calm
@given(st.lists(claims(), max_size=12))
def test_terms_always_add_up_to_the_confidence_and_facts_to_the_claims(answers):
    found = held(*answers)

    for each in found:
        total = math.fsum(term["value"] * term["weight"] for term in each.terms)
        assert each.confidence == round(1 / (1 + math.exp(-total)), 4)
        assert 0 < each.confidence <= 0.995
        assert each.value in {answer.claims[0].value for answer in answers}
        assert all(agree(each.attribute, each.value, other.value) is False for other in each.conflicts)
    assert {each.attribute for each in found} == {answer.claims[0].attribute for answer in answers}


def one_valued(draw, attributes=("headcount", "founded_year", "last_funding_stage"), unique_by=None):
    attribute = draw(st.sampled_from(attributes))
    answers = draw(st.lists(claims(attribute), min_size=1, max_size=8, unique_by=unique_by))
    return answers, fact(*answers)


@calm
@given(st.data())
def test_one_more_independent_voice_that_agrees_never_makes_less_sure(data):
    answers, before = one_valued(data.draw)
    on = data.draw(st.none() | st.dates(date(2022, 1, 1), before.as_of or TODAY))

    after = fact(
        *answers,
        said("newcomer", before.attribute, before.value, on=on),
        sources=PARTIES | {"newcomer": party("newcomer", 0.7)},
    )

    assert after.confidence >= before.confidence - 1e-3


@calm
@given(st.data())
def test_a_copy_never_makes_surer(data):
    answers, before = one_valued(data.draw)
    if before.source not in ("one", "two", "three"):
        return
    copy = party("copy", 0.5, "union")

    after = fact(
        *answers, said("copy", before.attribute, before.value, on=before.as_of), sources=PARTIES | {"copy": copy}
    )

    assert after.confidence <= before.confidence + 1e-3


@calm
@given(st.data(), st.integers(1, 900))
def test_ageing_of_what_says_so_never_makes_surer(data, days):
    answers, before = one_valued(
        data.draw, ("headcount", "mail_host"), unique_by=lambda each: PARTIES[each.source].group or each.source
    )

    def older(answer):
        [claim] = answer.claims
        if claim.as_of_date is None or not agree(before.attribute, claim.value, before.value):
            return answer
        return replace(answer, claims=[replace(claim, as_of_date=claim.as_of_date - timedelta(days=days))])

    after = next((each for each in [fact(*map(older, answers))] if each.value == before.value), None)

    assert after is None or after.confidence <= before.confidence + 1e-3


def test_a_thousand_claims_are_weighed_in_a_moment():
    rng = random.Random(1)
    answers = [said(rng.choice(ALONE), "technology", f"Tool {rng.randint(1, 400)}") for _ in range(1000)]

    assert len(held(*answers)) == BY_KEY["technology"].most
