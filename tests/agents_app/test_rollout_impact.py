"""What is expected of a candidate, and how good the expectation was."""

import pytest

from agents_app.rollouts import impact
from gtm.stats.proportions import ImpossibleCounts, paired_difference


def test_expected_is_centred_on_what_changed_with_an_interval():
    found = impact.expected("Rehearsal 3, on 24 test cases", worsened=1, mended=5, cases=24, cost_usd=-0.001)

    assert (found.basis, found.cost_usd) == ("Rehearsal 3, on 24 test cases", -0.001)
    assert found.difference == pytest.approx((6 - 2) / 26, abs=1e-4)
    assert found.low < 0 < found.high
    assert 0.9 < found.chance < 0.95


def test_without_cases_there_is_no_basis():
    assert impact.expected("Rehearsal 3", worsened=0, mended=0, cases=0, cost_usd=None) == impact.Expected()


def test_the_paired_interval_is_bonett_and_prices():
    found = paired_difference(9, 3, 98)

    assert found.difference == pytest.approx(-0.06)
    spread = ((0.14 - 0.0036) / 100) ** 0.5
    assert (found.low, found.high) == pytest.approx((-0.06 - 1.959964 * spread, -0.06 + 1.959964 * spread))


def test_more_changes_than_cases_are_refused():
    with pytest.raises(ImpossibleCounts):
        paired_difference(3, 3, 5)
    with pytest.raises(ImpossibleCounts):
        paired_difference(-1, 3, 5)


def test_a_hit_costs_its_width_and_a_miss_more():
    told = {"basis": "x", "low": -0.1, "high": 0.1, "chance": 0.8}

    inside = impact.scores(told, {"difference": 0.05, "low": 0, "high": 0.1}, went_live=True)
    outside = impact.scores(told, {"difference": -0.2, "low": -0.3, "high": -0.1}, went_live=False)

    assert inside == {"brier": 0.04, "interval": 0.2, "covered": 1.0}
    assert outside == {"brier": 0.64, "interval": pytest.approx(0.2 + 20 * 0.1), "covered": 0.0}


def test_no_basis_is_not_scored():
    assert impact.scores(impact.Expected().document(), {"difference": 0.1}, went_live=True) == {}


def test_observed_is_the_difference_of_both_arms():
    assert impact.observed((98, 100), (80, 100))["difference"] == -0.18
    assert impact.observed((0, 0), (80, 100)) == {}
