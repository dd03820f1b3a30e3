"""Evidence that may be looked at any time: it stays small while nothing is wrong, and grows when something is."""

import random
from itertools import product
from math import comb, exp, isclose, log

import pytest

from gtm.stats import eprocess
from gtm.stats.eprocess import Blocks
from gtm.stats.proportions import ImpossibleCounts


def wealth_of_a_block(pair, ratio, control, candidate):
    """The expectation of a bet's factor over one block where the true rates are these: by every way it can come out."""
    expected = 0.0
    for outcomes in product((0, 1), repeat=ratio + 1):
        chance = 1.0
        for number, kept in enumerate(outcomes):
            rate = candidate if number == ratio else control
            chance *= rate if kept else 1 - rate
        block = Blocks(1, ratio, sum(outcomes[:ratio]), outcomes[ratio])
        expected += chance * exp(eprocess._bet(pair, block))
    return expected


@pytest.mark.parametrize("ratio", [1, 3, 9])
@pytest.mark.parametrize("base", [None, 0.98, 0.6])
def test_no_bet_gains_on_average_while_the_candidate_is_no_worse(ratio, base):
    rates = [0.02, 0.3, 0.6, 0.9, 0.98]

    worst = max(
        wealth_of_a_block(pair, ratio, control, candidate)
        for pair in eprocess._pairs(base)[:: 3 if ratio == 9 else 1]
        for control in rates
        for candidate in rates
        if candidate >= control
    )

    assert worst <= 1 + 1e-9


@pytest.mark.parametrize("ratio", [1, 3, 9])
def test_some_bet_gains_on_average_when_it_is_worse(ratio):
    assert max(wealth_of_a_block(pair, ratio, 0.98, 0.8) for pair in eprocess._pairs(None)) > 1.02


def test_evidence_is_that_of_a_hand_worked_block(monkeypatch):
    monkeypatch.setattr(eprocess, "_pairs", lambda base: ((0.9, 0.5),))

    found = eprocess.worse_rate([Blocks(1, 1, 1, 0)])

    assert isclose(found, log(0.9 / 0.7) + log(0.5 / 0.3))


def test_nothing_seen_is_no_evidence():
    assert isclose(eprocess.worse_rate([]), 0.0, abs_tol=1e-12)
    assert isclose(eprocess.worse_rate([Blocks(0, 9, 0, 0)]), 0.0, abs_tol=1e-12)
    assert isclose(eprocess.higher_mean([], 1.0), 0.0, abs_tol=1e-12)
    assert eprocess.higher_mean([([1.0], [5.0], 1)], 0.0) == 0.0


def test_stages_of_different_ratios_add_up_within_each_bet():
    both = eprocess.worse_rate([Blocks(20, 9, 178, 14), Blocks(20, 1, 20, 15)], 0.98)

    assert both > eprocess.worse_rate([Blocks(20, 9, 178, 14)], 0.98) > log(20)


def test_only_full_blocks_count():
    control, candidate = [True] * 17 + [False], [True, False, False]

    assert eprocess.blocks(control, candidate, 9) == Blocks(2, 9, 17, 1)
    assert eprocess.blocks(control[:8], candidate, 9) == Blocks(0, 9, 0, 0)


def test_more_successes_than_outcomes_are_refused():
    with pytest.raises(ImpossibleCounts):
        eprocess.worse_rate([Blocks(1, 1, 2, 0)])
    with pytest.raises(ImpossibleCounts):
        eprocess.blocks([True], [True], 0)


def test_a_dearer_candidate_is_found_and_a_cheaper_one_never():
    rng = random.Random(7)
    control = [rng.uniform(0.5, 1.5) for _ in range(120)]
    dearer, cheaper = [rng.uniform(1.0, 2.0) for _ in range(120)], [rng.uniform(0.2, 1.0) for _ in range(120)]

    assert eprocess.higher_mean([(control, dearer, 1)], 3.0) > log(20)
    assert max(eprocess.higher_mean([(control[:n], cheaper[:n], 1)], 3.0) for n in range(1, 121)) < log(2)


def test_one_monstrous_amount_counts_as_the_cap():
    calm = [1.0] * 50
    once = [1.0] * 49 + [1e9]

    assert eprocess.higher_mean([(calm, once, 1)], 3.0) == eprocess.higher_mean([(calm, [1.0] * 49 + [3.0], 1)], 3.0)
    assert eprocess.higher_mean([(calm, once, 1)], 3.0) < log(2)


@pytest.mark.parametrize("chance", [0.1, 0.25, 0.5])
def test_draws_that_fall_as_they_should_gain_nothing_on_average(chance):
    draws = 40

    expected = sum(
        comb(draws, number)
        * chance**number
        * (1 - chance) ** (draws - number)
        * exp(eprocess.uneven([(draws - number, number, chance)]))
        for number in range(draws + 1)
    )

    assert isclose(expected, 1.0)


def test_evidence_that_draws_fell_otherwise_is_that_of_hand_worked_bets():
    told = eprocess.uneven([(0, 2, 0.5)])

    assert isclose(told, log(0.5 / 0.5) + log(6 / 11 / 0.5))  # Beta(5, 5), then Beta(6, 5)


def test_draws_of_several_stages_are_bets_one_after_the_other():
    stages = [(180, 60, 0.1), (90, 30, 0.25)]

    assert isclose(eprocess.uneven(stages), sum(eprocess.uneven([each]) for each in stages))
    assert eprocess.uneven(stages[:1]) > log(1000) > log(1) > eprocess.uneven(stages[1:])
    assert eprocess.uneven([]) == 0


@pytest.mark.parametrize("stage", [(-1, 2, 0.5), (1, -2, 0.5), (1, 2, 0.0), (1, 2, 1.0)])
def test_draws_that_cannot_be_are_refused(stage):
    with pytest.raises(ImpossibleCounts):
        eprocess.uneven([stage])


def test_the_evidence_wanted_grows_as_the_weight_shrinks():
    assert isclose(exp(eprocess.needed(0.05)), 20)
    assert isclose(exp(eprocess.needed(0.05, 0.4)), 50)


def test_while_nothing_is_wrong_few_of_many_ever_reach_twenty():
    rng = random.Random(20261129)
    reached = 0
    for _ in range(300):
        counts = [0, 0]
        for number in range(1, 151):
            counts = [each + (rng.random() < 0.95) for each in counts]
            if eprocess.worse_rate([Blocks(number, 1, *counts)], 0.95) >= log(20):
                reached += 1
                break

    assert reached / 300 <= 0.05
