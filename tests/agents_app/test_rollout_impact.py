"""What is expected of a candidate, and how good the expectation was."""

import pytest

from agents_app.rollouts import impact
from gtm.stats.proportions import ImpossibleCounts, paired_difference


def seen(*differences, half=0.05):
    return [{"difference": each, "low": each - half, "high": each + half} for each in differences]


def test_expected_is_centred_on_what_changed_with_an_interval():
    known = impact.rehearsed(worsened=1, mended=5, cases=24)
    found = impact.expected("Rehearsal 3, on 24 test cases", [known], cost_usd=-0.001)

    assert (found.basis, found.cost_usd) == ("Rehearsal 3, on 24 test cases", -0.001)
    assert found.difference == pytest.approx((6 - 2) / 26, abs=1e-4)
    assert found.low < 0 < found.high
    assert 0.9 < found.chance < 0.95
    half = paired_difference(1, 5, 24, 0.9)
    assert (found.low, found.high) == pytest.approx((half.low, half.high), abs=1e-4)


def test_without_cases_there_is_no_basis():
    assert impact.rehearsed(worsened=0, mended=0, cases=0) is None
    assert impact.expected("Rehearsal 3", []) == impact.Expected()


def test_fewer_than_five_earlier_rollouts_say_nothing():
    assert impact.usual(seen(0.0, 0.02, -0.01, 0.03)) is None


def test_what_such_changes_usually_do_is_their_mean_with_their_spread_by_hand():
    """Q = 4 x 0.1^2 / s^2; equal weights, so the spread beyond chance is the variance of the effects less that of one."""
    effects = [-0.1, -0.1, 0.0, 0.1, 0.1]
    deviation = 0.05 * 2 / impact.WIDTHS

    found = impact.usual(seen(*effects))

    between = sum(each**2 for each in effects) / 4 - deviation**2
    assert found.difference == pytest.approx(0.0)
    assert found.deviation == pytest.approx((between + (between + deviation**2) / 5) ** 0.5)


def test_rollouts_that_differ_by_chance_alone_leave_the_doubt_about_their_mean():
    found = impact.usual(seen(*[0.02] * 5))

    assert found.difference == pytest.approx(0.02)
    assert found.deviation == pytest.approx(0.05 * 2 / impact.WIDTHS / 5**0.5)


def test_what_few_test_cases_say_shrinks_towards_what_such_changes_do():
    few, many = impact.rehearsed(worsened=0, mended=4, cases=20), impact.rehearsed(worsened=0, mended=80, cases=400)
    usual = impact.usual(seen(-0.02, 0.01, 0.0, 0.02, -0.01))

    alone, shrunk = impact.expected("few", [few]), impact.expected("few", [few, usual])
    moved = [
        impact.expected("", [each]).difference - impact.expected("", [each, usual]).difference for each in (few, many)
    ]

    assert usual.difference < shrunk.difference < alone.difference
    assert shrunk.high - shrunk.low < alone.high - alone.low
    assert moved[0] > moved[1] > 0


def test_an_interval_of_a_share_ends_where_shares_do():
    found = impact.expected("wide", [impact.Estimate(0.9, 0.4)])

    assert (found.low, found.high) == (pytest.approx(0.9 - 0.4 * impact.WIDTHS / 2, abs=1e-4), 1.0)


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

    inside = impact.scores(told, {"difference": 0.05, "low": 0, "high": 0.1})
    outside = impact.scores(told, {"difference": -0.2, "low": -0.3, "high": -0.1})

    assert inside == {"brier": 0.04, "interval": 0.2, "covered": 1.0}
    assert outside == {"brier": 0.64, "interval": pytest.approx(0.2 + 20 * 0.1), "covered": 0.0}


@pytest.mark.parametrize(("came", "brier"), [(0.001, 0.04), (0.0, 0.04), (-0.001, 0.64)])
def test_the_chance_is_held_against_whether_the_share_fell(came, brier):
    told = {"basis": "x", "low": -0.1, "high": 0.1, "chance": 0.8}

    assert impact.scores(told, {"difference": came, "low": -0.1, "high": 0.1})["brier"] == brier


def test_without_a_basis_or_an_observation_nothing_is_scored():
    told = {"basis": "x", "low": -0.1, "high": 0.1, "chance": 0.8}

    assert impact.scores(impact.Expected().document(), {"difference": 0.1}) == {}
    assert impact.scores(told, {}) == {}


def test_observed_is_the_difference_of_both_arms():
    assert impact.observed((98, 100), (80, 100))["difference"] == -0.18
    assert impact.observed((0, 0), (80, 100)) == {}
