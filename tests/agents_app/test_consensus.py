"""Several answers become one: who is asked, what wins, by how much, and what the others said."""

import json
import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_app import consensus
from agents_app.consensus import CLOSE, Claim, Election, Vote, VoteImpossible, Voter, elect, objections, values
from agents_app.contracts import Check

calm = settings(deadline=None, database=None, max_examples=300)  # a busy machine is no reason to fail

A, B, C = "proposal 1", "proposal 2", "proposal 3"


def voter(name, reliability, choice, why="", asked=None):
    def ask():
        if asked is not None:
            asked.append(name)
        return choice, why

    return Voter(name, reliability, ask)


def voters(*said):
    return [voter(f"v{number}", reliability, choice) for number, (reliability, choice) in enumerate(said, start=1)]


def everybody(options, said):
    """The winner and the totals when nobody is left out: the rule written down once more, without stopping."""
    totals = {
        option: math.fsum(
            consensus.weight(reliability, len(options)) for reliability, choice in said if choice == option
        )
        for option in options
    }
    return max(options, key=totals.__getitem__), totals


# --- what a vote weighs


@pytest.mark.parametrize(
    ("reliability", "nats"),
    [(0.5, 0.0), (0.8, 1.386294361), (0.2, -1.386294361), (0.95, 2.944438979), (1.0, 2.944438979), (0.0, -2.944438979)],
)
def test_a_vote_weighs_its_voters_log_odds_within_bounds(reliability, nats):
    assert Vote("judge", A, reliability, "").weight == nats


def test_among_more_options_a_voter_is_measured_against_blind_choice():
    assert [consensus.weight(1 / 3, 3), consensus.weight(0.25, 4)] == [0.0, 0.0]
    assert consensus.weight(0.45, 3) > 0 > consensus.weight(0.45, 2)
    assert elect([A, B, C], voters((0.45, C), (0.45, C), (0.45, C))).winner == C


@pytest.mark.parametrize("reliability", [-0.01, 1.01, math.nan])
def test_a_reliability_that_cannot_be_is_refused_before_anybody_is_asked(reliability):
    asked = []

    with pytest.raises(VoteImpossible, match="it is a share of answers"):
        elect([A, B], [voter("good", 0.9, A, asked=asked), voter("bad", reliability, A, asked=asked)])

    assert asked == []


# --- one election


def test_the_election_keeps_every_vote_its_why_and_the_dissent():
    judges = [
        voter("facts", 0.65, A, "It cites two facts."),
        voter("length", 0.6, B, "It is shorter."),
        voter("tone", 0.6, A),
    ]

    held = elect([A, B], judges)

    assert held.document() == {
        "winner": A,
        "margin": 0.3,
        "is_close": True,
        "totals": [{"option": A, "total": 1.0245}, {"option": B, "total": 0.4055}],
        "votes": [
            {"voter": "facts", "choice": A, "why": "It cites two facts.", "reliability": 0.65, "weight": 0.619},
            {"voter": "length", "choice": B, "why": "It is shorter.", "reliability": 0.6, "weight": 0.4055},
            {"voter": "tone", "choice": A, "why": "", "reliability": 0.6, "weight": 0.4055},
        ],
        "dissent": [{"voter": "length", "choice": B, "why": "It is shorter.", "reliability": 0.6, "weight": 0.4055}],
        "not_asked": [],
    }
    assert json.loads(json.dumps(held.document())) == held.document()


def test_the_strongest_are_asked_first_and_the_rest_not_at_all_once_it_is_settled():
    asked = []
    judges = [
        voter(name, strength, A, asked=asked) for name, strength in [("c", 0.6), ("a", 0.9), ("d", 0.55), ("b", 0.8)]
    ]

    held = elect([A, B], judges)

    assert asked == ["a"]
    assert held.not_asked == ("b", "c", "d")
    assert [vote.voter for vote in held.votes] == ["a"]


def test_a_lead_that_the_last_vote_could_level_is_no_end():
    asked = []
    judges = [voter("first", 0.7, B, asked=asked), voter("second", 0.7, A, asked=asked)]

    held = elect([A, B], judges)

    assert asked == ["first", "second"]
    assert (held.winner, held.margin, held.is_close) == (A, 0.0, True)


def test_a_voter_worse_than_chance_is_asked_by_its_weight_and_counts_against_its_choice():
    held = elect([A, B], voters((0.6, A), (0.1, A)))

    assert [vote.voter for vote in held.votes] == ["v2"]
    assert (held.winner, held.not_asked, held.dissent) == (B, ("v1",), held.votes)


def test_those_who_weigh_nothing_are_not_asked():
    held = elect([A, B], voters((0.5, B), (0.5, B)))

    assert (held.winner, held.margin, held.votes, held.not_asked) == (A, 0.0, (), ("v1", "v2"))


def test_who_abstains_is_listed_and_counts_for_nobody():
    held = elect([A, B], [voter("tired", 0.9, "", "It could not answer."), voter("awake", 0.6, B)])

    assert [(vote.voter, vote.choice, vote.why) for vote in held.votes] == [
        ("tired", "", "It could not answer."),
        ("awake", B, ""),
    ]
    assert (held.winner, held.dissent) == (B, ())


def test_a_tie_goes_to_the_first_option_and_to_a_person():
    assert [elect(options, voters((0.7, A), (0.7, B))).winner for options in ([A, B], [B, A])] == [A, B]
    assert elect([A, B], voters((0.7, A), (0.7, B))).is_close


def test_a_single_option_wins_whole_and_nobody_is_asked():
    held = elect([A], voters((0.9, A)))

    assert (held.winner, held.margin, held.is_close, held.not_asked) == (A, 1.0, False, ("v1",))


@pytest.mark.parametrize(
    ("options", "said"),
    [([], "nothing to choose from"), ([A, A], "Name each once"), ([A, ""], "none is empty")],
)
def test_options_that_cannot_be_told_apart_are_refused_before_anybody_is_asked(options, said):
    asked = []

    with pytest.raises(VoteImpossible, match=said):
        elect(options, [voter("judge", 0.9, A, asked=asked)])

    assert asked == []


def test_a_choice_that_is_no_option_ends_the_election_with_who_said_it():
    asked = []

    with pytest.raises(VoteImpossible) as caught:
        elect([A, B], [voter("judge", 0.9, "proposal 9", asked=asked), voter("next", 0.8, A, asked=asked)])

    assert str(caught.value) == "judge chose “proposal 9”, which is no option. Choose one of: proposal 1, proposal 2."
    assert asked == ["judge"]


# --- when a person decides


def drawn(rng, options):
    """One simulated election: the truth, and voters who say it as often as their reliability is."""
    truth = rng.choice(options)
    others = [option for option in options if option != truth]
    strengths = [rng.uniform(0.4, 0.9) for _ in range(rng.randint(1, 5))]
    return truth, [(each, truth if rng.random() < each else rng.choice(others)) for each in strengths]


@pytest.mark.parametrize("options", [[A, B], [A, B, C]], ids=["two", "three"])
def test_a_winner_is_wrong_as_often_as_its_totals_say_also_when_the_vote_stopped_early(options):
    rng = random.Random(1982)
    expected, wrong = [], 0
    for _ in range(6000):
        truth, said = drawn(rng, options)
        held = elect(options, voters(*said))
        expected.append(1 - math.exp(held.totals[held.winner]) / sum(math.exp(total) for total in held.totals.values()))
        wrong += held.winner != truth

    spread = 3 * math.sqrt(sum(each * (1 - each) for each in expected))
    assert abs(wrong - sum(expected)) < spread


def test_close_is_where_the_winner_of_two_is_wrong_in_a_third_of_the_cases():
    """By the formula at the border, and by 20,000 simulated elections on both sides of it."""
    rng = random.Random(1970)
    wrong, counted = Counter(), Counter()
    for _ in range(20_000):
        truth, said = drawn(rng, [A, B])
        held = elect([A, B], voters(*said))
        counted[held.is_close] += 1
        wrong[held.is_close] += held.winner != truth

    wrong_at_the_border = (1 - CLOSE) / 2
    assert wrong_at_the_border == pytest.approx(1 / 3)
    assert wrong[True] / counted[True] > 1 / 3
    assert wrong[False] / counted[False] < 0.2


@pytest.mark.parametrize(("margin", "is_close"), [(math.nextafter(CLOSE, 0), True), (CLOSE, False)])
def test_a_lead_of_a_third_is_not_close_and_less_is(margin, is_close):
    assert Election(A, margin, {A: 1.0, B: 0.0}, ()).is_close is is_close


def test_new_voters_decide_together_but_not_two_against_one():
    fresh = consensus.reliability(0, 0)

    assert not elect([A, B], voters((fresh, A), (fresh, A), (fresh, A))).is_close
    assert elect([A, B], voters((fresh, A), (fresh, B), (fresh, A))).is_close


# --- conflicting values


def test_the_value_with_the_more_reliable_sources_wins_and_the_other_is_kept():
    held = values([Claim("1,100", "newsapi", 0.82, why="An article of May."), Claim("1,240", "people_data_labs", 0.8)])

    assert (held.winner, held.is_close) == ("1,100", True)
    assert [(vote.voter, vote.choice) for vote in held.dissent] == [("people_data_labs", "1,240")]
    assert held.votes[0].why == "An article of May."


def test_copies_count_once_however_many_they_are():
    copies = [Claim("900", f"paper {number}", 0.7, group="the wire", why="Reprinted.") for number in (1, 2, 3)]

    held = values([*copies, Claim("1,240", "register", 0.9)])

    assert held.winner == "1,240"
    assert [(vote.voter, vote.choice, vote.reliability) for vote in held.votes] == [
        ("paper 1", "900", 0.7),
        ("register", "1,240", 0.9),
    ]
    assert (
        held.votes[0].why
        == "Reprinted. paper 2 says 900 and is counted with it. paper 3 says 900 and is counted with it."
    )


def test_the_more_values_are_possible_the_more_two_voices_that_agree_say():
    claims = [Claim("430", "a", 0.6), Claim("430", "b", 0.6), Claim("520", "c", 0.8)]

    assert values(claims).winner == "520"
    assert values(claims, among=21).winner == "430"
    assert [vote.options for vote in values(claims, among=21).votes] == [21, 21, 21]


def test_a_source_that_contradicts_itself_votes_for_its_better_claim_and_the_other_stays_visible():
    held = values([Claim("900", "register", 0.6), Claim("1,240", "register", 0.8), Claim("1,240", "newsapi", 0.55)])

    assert held.totals == {"1,240": pytest.approx(1.386294361 + 0.200670695)}
    assert held.votes[0].why == "register says 900 and is counted with it."
    assert held.margin == 1.0


def test_every_claim_is_counted_also_when_the_outcome_is_plain():
    held = values([Claim("a", "one", 0.95), Claim("a", "two", 0.95), Claim("b", "three", 0.6)])

    assert ([vote.voter for vote in held.votes], held.not_asked) == (["one", "two", "three"], ())
    assert [vote.voter for vote in held.dissent] == ["three"]


def test_no_claim_is_no_election():
    with pytest.raises(VoteImpossible, match="nothing to choose from"):
        values([])


# --- voters that learn


def test_a_voter_starts_a_little_better_than_chance_and_learns_from_decisions():
    learned = [consensus.reliability(*counts) for counts in [(0, 0), (0, 1), (0, 2), (0, 3), (10, 10), (300, 1000)]]

    assert [round(each, 4) for each in learned] == [0.6, 0.5455, 0.5, 0.4615, 0.8, 0.303]
    assert consensus.weight(learned[0]) == pytest.approx(0.405, abs=0.001)


@pytest.mark.parametrize(("agreed", "seen"), [(1, 0), (-1, 3), (4, 3)])
def test_counts_that_cannot_be_are_refused(agreed, seen):
    with pytest.raises(VoteImpossible, match="count both from the same decisions"):
        consensus.reliability(agreed, seen)


# --- checks before votes, objections for the one revision


def check(detail, *, passed=False, must=True):
    return Check("check", passed, detail, must)


def test_objections_are_the_broken_promises_once_each_the_commonest_first():
    proposals = [
        [check("Contains “synergy”."), check("Fits.", passed=True), check("It asks 2 questions.", must=False)],
        [check("Unfilled: {name}."), check("Unfilled: {name}.")],
        [check("160 words; at most 120 are allowed."), check("Unfilled: {name}.")],
    ]

    assert objections(proposals) == ["Unfilled: {name}.", "Contains “synergy”.", "160 words; at most 120 are allowed."]


def test_objections_are_few_enough_to_be_mended():
    assert objections([[check(f"Objection {number}.") for number in range(20)]]) == [
        f"Objection {n}." for n in range(8)
    ]


def test_nothing_broken_is_no_objection():
    assert objections([[check("Fits.", passed=True)], []]) == []


# --- properties

strengths = st.one_of(st.sampled_from([0.0, 0.05, 0.2, 1 / 3, 0.5, 0.6, 0.7, 0.95, 1.0]), st.floats(0, 1))
choices = st.sampled_from([A, B, C, ""])
ballots = st.lists(st.tuples(strengths, choices), max_size=7)


@calm
@given(st.floats(0, 1), st.lists(choices, max_size=7), st.randoms())
def test_the_order_of_voters_of_equal_strength_never_changes_the_winner(strength, said, rng):
    shuffled = list(said)
    rng.shuffle(shuffled)

    first, second = (elect([A, B, C], voters(*((strength, each) for each in order))) for order in (said, shuffled))

    assert first.winner == second.winner


@settings(deadline=None, database=None, max_examples=500)
@given(ballots)
def test_stopping_early_never_changes_the_winner(said):
    held = elect([A, B, C], voters(*said))

    assert held.winner == everybody([A, B, C], said)[0]
    assert len(held.votes) + len(held.not_asked) == len(said)


def test_in_500_random_elections_stopping_early_changes_no_winner_and_spares_votes():
    rng = random.Random(500)
    spared = 0
    for _ in range(500):
        options = [f"o{number}" for number in range(rng.randint(2, 5))]
        said = [(rng.choice([rng.random(), 0.7]), rng.choice(options)) for _ in range(rng.randint(1, 9))]
        held = elect(options, voters(*said))
        assert held.winner == everybody(options, said)[0]
        spared += len(held.not_asked)

    assert spared > 500


@calm
@given(ballots, st.floats(0.5, 1))
def test_a_further_vote_for_the_winner_never_makes_it_lose(said, strength):
    winner = elect([A, B, C], voters(*said)).winner

    assert elect([A, B, C], voters(*said, (strength, winner))).winner == winner


@calm
@given(ballots)
def test_the_margin_is_the_probability_by_which_the_winner_leads(said):
    held = elect([A, B, C], voters(*said))

    odds = sorted((math.exp(total) for total in held.totals.values()), reverse=True)
    assert 0 <= held.margin <= 1
    assert held.margin == pytest.approx((odds[0] - odds[1]) / sum(odds))


claims = st.builds(
    Claim,
    st.sampled_from(["1", "2", "3"]),
    st.sampled_from("abcd"),
    st.floats(0, 1),
    st.sampled_from(["", "", "g", "h"]),
)


@calm
@given(st.lists(claims, min_size=1, max_size=8))
def test_each_group_of_sources_votes_once_for_something_it_said(said):
    held = values(said)

    groups = {claim.group or claim.source for claim in said}
    assert len(held.votes) == len(groups)
    assert {(vote.voter, vote.choice) for vote in held.votes} <= {(claim.source, claim.value) for claim in said}
    assert held.winner in held.totals
    assert 0 <= held.margin <= 1
