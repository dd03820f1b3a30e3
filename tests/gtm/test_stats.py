"""Our formulas against published examples, against scipy, and at the edges where formulas break."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gtm.stats.proportions import (
    ImpossibleCounts,
    ImpossiblePlan,
    newcombe,
    nps,
    sample_size,
    srm_p,
    two_proportion_p,
    wilson,
)
from gtm.stats.stratified import mantel_haenszel_difference

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_equals_the_examples_of_newcombe_1998(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(counts)
def test_wilson_equals_scipy(case):
    successes, n = case
    theirs = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")

    assert wilson(successes, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_of_nobody_says_that_nothing_is_known():
    assert wilson(0, 0) == (0.0, 1.0)


def test_wilson_of_one_person_stays_between_nought_and_one():
    low, high = wilson(1, 1)

    assert (low, high) == (pytest.approx(0.2065, abs=1e-4), 1.0)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((2, 7), (6, 7), 0.0582, 0.8062),
        ((0, 29), (5, 56), -0.0381, 0.1926),
        ((0, 10), (10, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_equals_the_examples_of_his_paper(first, second, low, high):
    found = newcombe(*first, *second)

    assert found is not None
    assert found.difference == pytest.approx(second[0] / second[1] - first[0] / first[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(counts, counts)
def test_newcombe_turned_round_is_its_mirror_image(first, second):
    one, other = newcombe(*first, *second), newcombe(*second, *first)

    assert one is not None
    assert other is not None
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.low <= one.difference <= one.high


@pytest.mark.parametrize("case", [(0, 0, 3, 10), (3, 10, 0, 0), (0, 0, 0, 0)])
def test_an_empty_arm_has_no_difference_and_no_p_value(case):
    assert newcombe(*case) is None
    assert two_proportion_p(*case) is None


@given(counts, counts)
def test_p_value_equals_pearsons_chi_square(first, second):
    (s1, n1), (s2, n2) = first, second
    table = np.array([[s1, n1 - s1], [s2, n2 - s2]])
    if (table.sum(axis=0) == 0).any():
        assert two_proportion_p(s1, n1, s2, n2) == 1.0
        return

    theirs = stats.chi2_contingency(table, correction=False).pvalue

    assert two_proportion_p(s1, n1, s2, n2) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("base", "lift", "per_variant"),
    [(0.04, 0.02, 1863), (0.01, 0.005, 7750), (0.03, 0.005, 19743), (0.06, -0.02, 1863)],
)
def test_sample_size_equals_the_known_sizes(base, lift, per_variant):
    assert sample_size(base, lift, 0.05, 0.8) == per_variant


def test_sample_size_reaches_its_power_when_simulated():
    per_variant, rng = sample_size(0.05, 0.05), np.random.default_rng(7)

    a, b = rng.binomial(per_variant, 0.05, 2000), rng.binomial(per_variant, 0.10, 2000)
    found = [two_proportion_p(int(x), per_variant, int(y), per_variant) < 0.05 for x, y in zip(a, b, strict=True)]

    assert 0.77 < np.mean(found) < 0.85


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ((0.0, 0.02, 0.05, 0.8), "expected rate lies between 0 and 1"),
        ((5.0, 0.02, 0.05, 0.8), "0.05 for 5 %"),
        ((0.04, 0.0, 0.05, 0.8), "another difference"),
        ((0.04, 0.97, 0.05, 0.8), "another difference"),
        ((0.04, -0.05, 0.05, 0.8), "another difference"),
        ((0.04, 0.02, 0.0, 0.8), "usual: 0.05"),
        ((0.04, 0.02, 0.05, 1.0), "usual: 0.8"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_words(plan, words):
    with pytest.raises(ImpossiblePlan, match=words):
        sample_size(*plan)


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=4).filter(sum))
def test_srm_equals_scipys_goodness_of_fit(observed):
    assert srm_p(observed, [1] * len(observed)) == pytest.approx(stats.chisquare(observed).pvalue, abs=1e-9)


def test_srm_finds_a_split_that_another_tool_reported():
    assert srm_p([4072, 2035], [80, 20]) == pytest.approx(2.40e-149, rel=0.01)


def test_srm_does_not_count_a_variant_without_weight():
    assert srm_p([500, 520, 0], [1, 1, 0]) == pytest.approx(0.5312, abs=1e-4)
    assert srm_p([500, 520, 1], [1, 1, 0]) == 0.0


@pytest.mark.parametrize(("observed", "weights"), [([0, 0], [1, 1]), ([10], [1]), ([], []), ([10, 0], [1, 0])])
def test_srm_of_nothing_to_compare_has_no_p_value(observed, weights):
    assert srm_p(observed, weights) is None


def test_nps_counts_promoters_less_detractors():
    found = nps(40, 35, 25)

    assert found is not None
    assert found.score == pytest.approx(15.0)
    # (40.75 - 25.75) / 103 = 0.14563; sqrt((0.64563 - 0.14563^2) / 103) = 0.077861; 1.959964 of those are 0.152605
    assert (found.low, found.high) == pytest.approx((-0.6974, 29.8236), abs=1e-4)


def test_nps_interval_holds_the_truth_about_as_often_as_it_says():
    rng, truth = np.random.default_rng(3), 100 * (0.5 - 0.2)
    intervals = [nps(*map(int, row)) for row in rng.multinomial(30, [0.5, 0.3, 0.2], 2000)]

    assert 0.93 < np.mean([i.low <= truth <= i.high for i in intervals]) < 0.98


@pytest.mark.parametrize(("answers", "score"), [((1, 0, 0), 100.0), ((0, 1, 0), 0.0), ((0, 0, 1), -100.0)])
def test_nps_of_one_answer_is_wide_but_possible(answers, score):
    found = nps(*answers)

    assert found is not None
    assert found.score == score
    assert -100 <= found.low < found.high <= 100


def test_nps_of_no_answer_is_none():
    assert nps(0, 0, 0) is None


def test_one_stratum_gives_the_plain_difference():
    found = mantel_haenszel_difference([(40, 1000, 60, 1000)])

    assert found is not None
    assert found.difference == pytest.approx(0.02)
    assert (found.low, found.high) == pytest.approx((0.0009, 0.0391), abs=2e-4)


def test_strata_undo_the_mix_that_reverses_a_pooled_comparison():
    good_week, bad_week = (90, 900, 12, 100), (2, 100, 36, 900)
    pooled = newcombe(92, 1000, 48, 1000)

    found = mantel_haenszel_difference([good_week, bad_week])

    assert pooled is not None
    assert found is not None
    assert pooled.high < 0
    assert found.difference == pytest.approx(0.02)


def test_strata_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(11)
    sizes, bases = [(30, 60), (80, 40), (50, 50), (20, 90)], [0.02, 0.10, 0.05, 0.20]

    def holds() -> bool:
        rows = [
            (int(rng.binomial(n1, p)), n1, int(rng.binomial(n2, p + 0.05)), n2)
            for (n1, n2), p in zip(sizes, bases, strict=True)
        ]
        found = mantel_haenszel_difference(rows)
        return found is not None and found.low <= 0.05 <= found.high

    assert 0.93 < np.mean([holds() for _ in range(2000)]) < 0.97


@pytest.mark.parametrize("strata", [[], [(0, 0, 3, 10)], [(3, 10, 0, 0), (0, 0, 1, 1)]])
def test_strata_without_both_arms_have_no_difference(strata):
    assert mantel_haenszel_difference(strata) is None


def test_a_stratum_with_one_empty_arm_changes_nothing():
    assert mantel_haenszel_difference([(4, 100, 6, 100), (50, 60, 0, 0)]) == mantel_haenszel_difference(
        [(4, 100, 6, 100)]
    )


@pytest.mark.parametrize(
    "ask",
    [
        lambda: wilson(5, 4),
        lambda: wilson(-1, 4),
        lambda: two_proportion_p(1, 4, 5, 4),
        lambda: srm_p([1, 2], [1]),
        lambda: nps(3, -1, 2),
        lambda: mantel_haenszel_difference([(5, 4, 1, 4)]),
    ],
)
def test_counts_that_cannot_be_are_refused(ask):
    with pytest.raises(ImpossibleCounts):
        ask()
