"""Which observation wins a field."""

from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.merge import JOINED, LATEST, RULES, Rule, Seen, Verdict, full_name, resolve, rule_of, winner
from tests.factories import AT

seen = st.builds(
    lambda number, value, minutes, key: Seen(number, value, AT + timedelta(minutes=minutes), key),
    st.integers(1, 99),
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.sampled_from(["e1", "e2"]),
)


def at(minutes, value, key="e1"):
    return Seen(1, value, AT + timedelta(minutes=minutes), key)


def test_the_later_observation_wins_whichever_came_first():
    assert winner(at(0, "CFO"), at(1, "CEO")) == winner(at(1, "CEO"), at(0, "CFO")) == at(1, "CEO")


def test_at_the_same_moment_the_event_key_decides():
    assert winner(at(0, "CFO", "e2"), at(0, "CEO", "e1")) == at(0, "CFO", "e2")


@given(st.lists(seen, min_size=1, max_size=6), st.randoms())
def test_any_order_and_any_repetition_end_at_the_same_observation(found, rng):
    shuffled = [*found, *found[:2]]
    rng.shuffle(shuffled)

    assert reduce(winner, shuffled, None) == reduce(winner, found, None)


def said(seen, rule=LATEST):
    return Verdict(seen.value, seen, rule)


def test_a_name_is_joined_from_newer_parts_else_it_is_the_whole():
    ada, lee, whole = said(at(1, "Ada")), said(at(0, "Lee")), said(at(0, "Dr Ada Lee"))

    assert full_name(whole, ada, lee) == Verdict("Ada Lee", at(1, "Ada"), JOINED)
    assert full_name(said(at(2, "Dr Ada Lee")), ada, lee) == said(at(2, "Dr Ada Lee"))
    assert full_name(None, None, lee) == Verdict("Lee", at(0, "Lee"), JOINED)
    assert full_name(None, None, None) is None


def word(source, value, minutes=0, **more):
    speakers = {"hubspot": 1, "salesforce": 2, "person": 0}
    return Seen(1, value, AT + timedelta(minutes=minutes), "e1", source, speakers[source], **more)


def held(rule, *seen, **setup):
    verdict = resolve(seen, Rule(rule, **setup))
    return verdict.value


ORDER = ("salesforce", "hubspot")


def test_the_first_source_wins_whatever_is_newer_and_a_blank_one_is_passed_over():
    old, new = word("salesforce", "CFO"), word("hubspot", "CEO", 60)

    assert held("priority", old, new, sources=ORDER) == "CFO"
    assert held("priority", word("salesforce", "", 5), new, sources=ORDER) == "CEO"
    assert held("priority", old, new, sources=("hubspot",)) == "CEO"


def test_the_first_source_loses_once_its_word_is_older_than_the_days_allow():
    old, new = word("salesforce", "CFO"), word("hubspot", "CEO", 60 * 24 * 10)

    assert held("priority_unless_older", old, new, sources=ORDER, days=10) == "CFO"
    assert held("priority_unless_older", old, new, sources=ORDER, days=9) == "CEO"


def test_under_manual_what_stood_first_stays_and_a_person_is_asked():
    first, later = word("salesforce", "CFO"), word("hubspot", "CEO", 1)

    verdict = resolve([later, first], Rule("manual"))

    assert (verdict.value, set(verdict.disputed)) == ("CFO", {first, later})


def test_what_a_person_decided_holds_until_a_source_says_something_new():
    first, later, decided = word("salesforce", "CFO"), word("hubspot", "CEO", 1), word("person", "CEO", 2)

    assert resolve([first, later, decided], Rule("manual")) == Verdict("CEO", decided, "a person decides")
    newer = word("hubspot", "COO", 3)
    again = resolve([first, newer, decided], Rule("manual"))
    assert (again.value, set(again.disputed)) == ("CEO", {first, newer, decided})


def test_all_words_together_the_longest_and_what_is_never_taken_back():
    one, other = word("salesforce", "vip, beta"), word("hubspot", "alpha,vip", 1)

    assert held("union", one, other) == "alpha, beta, vip"
    assert held("longest", one, other) == "alpha,vip"
    assert held("monotone", word("hubspot", "true"), word("hubspot", "false", 9)) == "true"


def test_a_persons_word_comes_before_every_named_source():
    assert held("priority", word("salesforce", "CFO", 9), word("person", "CEO"), sources=ORDER) == "CEO"


def test_an_opt_out_has_one_rule_whatever_the_client_says():
    assert rule_of("do_not_contact", {"do_not_contact": Rule("latest")}) == Rule("monotone")
    assert rule_of("title", {}) == Rule("latest")


@pytest.mark.parametrize("rule", RULES)
@given(
    seen=st.lists(
        st.builds(
            word,
            st.sampled_from(["hubspot", "salesforce", "person"]),
            st.sampled_from(["a", "bb", "true", ""]),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=6,
    ),
    rng=st.randoms(),
)
def test_every_rule_is_blind_to_the_order(rule, seen, rng):
    setup = Rule(rule, ORDER, days=0)
    shuffled = [*seen, seen[0]]
    rng.shuffle(shuffled)

    assert resolve(shuffled, setup) == resolve(seen, setup)
