"""Exact tests of counts against scipy, published figures and the edges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gtm.stats.exact import binomial_p, fisher_p
from gtm.stats.proportions import ImpossibleCounts

arms = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(arms, st.sampled_from([0.05, 0.3, 0.5, 0.9]))
def test_the_binomial_test_equals_scipy(case, rate):
    successes, n = case

    assert binomial_p(successes, n, rate) == pytest.approx(
        stats.binomtest(successes, n, rate, alternative="greater").pvalue, rel=1e-8, abs=1e-15
    )


def test_eight_of_ten_heads_by_hand():
    assert binomial_p(8, 10, 0.5) == pytest.approx((45 + 10 + 1) / 1024)


@settings(deadline=None)
@given(arms, arms)
def test_fishers_test_equals_scipy(first, second):
    (s1, n1), (s2, n2) = first, second
    theirs = stats.fisher_exact([[s1, n1 - s1], [s2, n2 - s2]]).pvalue

    assert fisher_p(s1, n1, s2, n2) == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_the_lady_who_tasted_tea():
    """Fisher 1935, The Design of Experiments: all of four cups right is 1 of 70, either way 2 of 70."""
    assert fisher_p(4, 4, 0, 4) == pytest.approx(2 / 70)


def test_nobody_asked_is_no_evidence():
    assert (binomial_p(0, 0, 0.5), fisher_p(0, 0, 1, 3)) == (1.0, None)


@pytest.mark.parametrize("counts", [(4, 3, 1, 2), (1, 2, -1, 2)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ImpossibleCounts):
        fisher_p(*counts)


def test_more_successes_than_trials_are_refused():
    with pytest.raises(ImpossibleCounts):
        binomial_p(4, 3, 0.5)
