"""How right sources are, from what people decided: counted, weighed against what was assumed, and used in the next run."""

from datetime import date, timedelta

import pytest

from agents_app import corrections, research
from agents_app.flow import reliability
from agents_app.models import Fact
from agents_app.research.learning import Decision, Reliability, Said, counted, learn
from gtm.sandbox import faults, world
from tests.agents_app.flows_that import agent, answer, draw, execute, gate, gate_of
from tests.factories import AT, make_contact, make_ready_client, make_request, make_user, plan_run

ON = date(2026, 11, 1)
MINUTE = timedelta(minutes=1)
CONTESTED = "copperfield-lending.example"  # People Data Labs says 430 people, the news say 520
DOWN = faults.Fault(status=500)
NEWS_KEPT = research.SOURCES["newsapi"].keeps  # until then nobody asks again
ALL_KEPT = max(source.keeps for source in research.SOURCES.values())
MODES = {"people_data_labs": True, "newsapi": True}
PDL, NEWS = ("people_data_labs", "headcount"), ("newsapi", "headcount")


def said(source, value, on=None, attribute="headcount"):
    return Said(source, attribute, value, on)


def decision(*words, value="520", before="520", company="a.example", attribute="headcount"):
    return Decision(company, attribute, before, value, ON, words)


# --- counting


@pytest.mark.parametrize(
    ("decisions", "counts"),
    [
        ([decision(said("a", "520"), said("b", "430"))], {"a": (1, 1), "b": (0, 1)}),
        ([decision(said("a", "540"), said("b", "501-1000"))], {"a": (1, 1), "b": (1, 1)}),  # as near as values agree
        ([decision(said("a", "430"), said("a", "520", ON))], {"a": (1, 1)}),  # its last word counts
        ([decision(said("a", "520", ON), said("a", "430", ON - timedelta(days=9)))], {"a": (1, 1)}),
        ([decision(said("a", "430", ON - timedelta(days=200)))], {}),  # it may have been right then
        ([decision(said("a", "seed", attribute="last_funding_stage"))], {}),  # another attribute
        ([decision(said("a", "520"))] * 2, {"a": (1, 1)}),  # the same again in another run
        ([decision(said("a", "520")), decision(said("a", "520"), company="b.example")], {"a": (2, 2)}),
        ([decision(said("a", "520")), decision(said("a", "430"))], {"a": (1, 1)}),  # the newest decision comes first
        ([decision(said("a", "520"), attribute="star_sign")], {}),
    ],
)
def test_a_source_is_counted_by_what_a_person_decided(decisions, counts):
    assert {source: count for (source, _), count in counted(decisions).items()} == counts


def test_of_many_values_only_the_one_that_was_shown_is_judged():
    words = [
        said(source, value, attribute="technology")
        for source, value in (("a", "Oracle"), ("a", "Kafka"), ("b", "Oracle"), ("c", "Kafka"))
    ]

    kept = counted([decision(*words, attribute="technology", before="Oracle", value="Oracle")])
    corrected = counted([decision(*words, attribute="technology", before="Oracle", value="PostgreSQL")])

    assert kept == {("a", "technology"): (1, 1), ("b", "technology"): (1, 1)}
    assert corrected == {("a", "technology"): (0, 1), ("b", "technology"): (0, 1)}


def test_what_is_assumed_counts_as_much_as_twenty_cases():
    found = learn({("a", "x"): (0, 20), ("b", "x"): (41, 45), ("c", "x"): (0, 0)}, lambda source, attribute: 0.8)

    assert found == {
        ("a", "x"): Reliability(0.4, 0, 20),
        ("b", "x"): Reliability(pytest.approx(57 / 65), 41, 45),
    }


# --- from gates


def about(**values):
    contact = make_contact(make_ready_client(), company_domain=CONTESTED, company_name=world.COMPANIES[CONTESTED].name)
    return plan_run(make_request(contact, **values))


def settled(value, by="mia"):
    """A run in which a person was asked which headcount is right."""
    run = execute(about(depth="comprehensive"))
    shown = gate_of(run, "settle").shown
    edited = {**shown, "facts": [{**shown["facts"][0], "value": value}]}
    answer(run, "settle", "approved", edited=edited, by=make_user(by))
    return execute(run)


def later(at=AT):
    return at + 10 * MINUTE


@pytest.mark.django_db
def test_where_nobody_decided_nothing_is_learned():
    execute(about(depth="comprehensive"))

    assert reliability.of_sources(later(), MODES) == {}


@pytest.mark.django_db
@pytest.mark.parametrize(("value", "pdl", "news"), [("430", 1, 0), ("520", 0, 1), ("475", 0, 1), ("700", 0, 0)])
def test_a_decision_between_sources_says_who_was_right(value, pdl, news):
    settled(value)

    found = reliability.of_sources(later(), MODES)

    assert {key: (each.right, each.seen) for key, each in found.items()} == {PDL: (pdl, 1), NEWS: (news, 1)}
    assert found[PDL].share == pytest.approx((research.right(*PDL) * 20 + pdl) / 21)


@pytest.mark.django_db
def test_whoever_puts_one_fact_right_has_read_the_others():
    draw(agent("research"), gate("check", "research"), agent("persona", "check"))
    run = execute(plan_run())
    shown = gate_of(run, "check").shown
    facts = [
        {**each, "value": "2,500" if each["attribute"] == "headcount" else each["value"]} for each in shown["facts"]
    ]
    answer(run, "check", "approved", edited={**shown, "facts": facts}, by=make_user("mia"))
    execute(run)

    found = reliability.of_sources(later(), MODES)

    assert (found[PDL].right, found[PDL].seen) == (0, 1)
    assert (found["people_data_labs", "industry"].right, found["people_data_labs", "industry"].seen) == (1, 1)


@pytest.mark.django_db
def test_a_yes_without_a_look_at_the_facts_teaches_nothing():
    draw(agent("research"), gate("check", "research"), agent("persona", "check"))
    run = execute(plan_run())
    answer(run, "check", "approved", by=make_user("mia"))
    execute(run)

    assert reliability.of_sources(later(), MODES) == {}


@pytest.mark.django_db
def test_what_is_decided_later_or_was_practised_in_the_sandbox_teaches_nothing():
    settled("430")

    assert reliability.of_sources(AT, MODES) == {}
    assert set(reliability.of_sources(later(), {"people_data_labs": False, "newsapi": True})) == {NEWS}
    assert set(reliability.of_sources(later(), {"newsapi": True})) == {NEWS}
    assert reliability.of_sources(later(), {}) == {}


# --- in the next run


@pytest.mark.django_db
def test_the_next_run_believes_sources_as_far_as_people_found_them_right():
    before = execute(about())
    settled("430")

    run = execute(about(), at=later())

    [held] = Fact.objects.filter(run=run, attribute="headcount")
    why = {each["term"]: each["why"] for each in held.confidence_terms}
    assert (Fact.objects.get(run=before, attribute="headcount").value, held.value) == ("520", "430")
    assert why["source"] == "How often People Data Labs is right about this: right in 1 of 1 cases people looked at."
    assert why["contradicts"] == "NewsAPI says 520."


@pytest.mark.django_db
def test_what_a_person_decided_is_not_asked_again_and_holds_for_this_client_alone():
    run = settled("475")

    same = execute(plan_run(make_request(run.request.contact)), at=later())
    other = execute(about(), at=later())

    assert [each.value for each in Fact.objects.filter(run=same, attribute="headcount")] == ["475"]
    assert same.revisions.count() == 0
    assert [each.value for each in Fact.objects.filter(run=other, attribute="headcount")] == ["520"]
    assert [each.by for each in corrections.standing(same.client_id, CONTESTED)] == ["mia"]
    assert corrections.standing(other.client_id, CONTESTED) == []


@pytest.mark.django_db
def test_sources_that_are_asked_again_are_weighed_with_all_that_people_said():
    run = settled("475")

    with faults.inject("newsapi", DOWN, times=1):
        again = execute(plan_run(make_request(run.request.contact)), at=later(AT + NEWS_KEPT))

    deepened = Fact.objects.get(run=again, attribute="headcount", step__key="deepen")
    why = {each["term"]: each["why"] for each in deepened.confidence_terms}
    assert (deepened.value, why["person"]) == ("475", "mia says so.")
    assert why["agrees"] == "NewsAPI says 520: right in 1 of 1 cases people looked at."


@pytest.mark.django_db
def test_where_no_source_answers_what_a_person_decided_is_no_reason_to_go_on():
    run = settled("475")

    with faults.inject("newsapi", DOWN), faults.inject("people_data_labs", DOWN):
        again = execute(plan_run(make_request(run.request.contact)), at=later(AT + ALL_KEPT))

    assert (again.status, Fact.objects.filter(run=again).count()) == ("retry", 0)
