"""What counts allow to say."""

import numpy as np
import pytest

from experiments.results import Arm, Plan, judge

PLAN = Plan(planned_per_variant=400, alpha=0.05, window_days=14, counted="replies")


def arm(key, mature, successes=0, **values):
    basis = {
        "version": 1,
        "label": f"E-mail v{1 if key == 'a' else 2}",
        "is_control": key == "a",
        "weight": 1,
        "assigned": mature,
        "exposed": mature,
    }
    return Arm(key=key, mature=mature, successes=successes, **{**basis, **values})


def test_before_anything_is_sent_it_says_so():
    result = judge(arm("a", 0), arm("b", 0), PLAN)

    assert (result["verdict"], result["conclusion"], result["p_value"], result["difference"]) == (
        "no_data",
        "",
        None,
        None,
    )
    assert result["sentence"] == "No result yet: no e-mail of this experiment has been sent."
    assert [(v["rate"], v["low"], v["high"]) for v in result["variants"]] == [(None, 0.0, 1.0)] * 2


def test_while_everybody_still_has_time_to_answer_it_says_how_many():
    result = judge(arm("a", 0, exposed=21), arm("b", 0, exposed=19), PLAN)

    assert result["verdict"] == "no_data"
    assert result["sentence"] == "No result yet: 40 contacts were written to; none has had the full 14 days to answer."


def test_too_early_says_how_much_is_there_and_gives_no_p_value():
    result = judge(arm("a", 260, 5), arm("b", 240, 40), PLAN)

    assert (result["verdict"], result["conclusion"], result["p_value"], result["reached"]) == (
        "too_early",
        "",
        None,
        240,
    )
    assert result["sentence"] == (
        "Too early to say: 240 of 400 contacts (60%) in the smaller variant have had their full 14 days."
    )


def test_one_empty_arm_is_too_early_and_never_a_winner():
    result = judge(arm("a", 3), arm("b", 0), PLAN)

    assert (result["verdict"], result["difference"]) == ("too_early", None)


def test_a_clear_gain_wins():
    result = judge(arm("a", 400, 20), arm("b", 400, 44), PLAN)

    assert (result["verdict"], result["conclusion"]) == ("ready", "winner")
    assert result["p_value"] == pytest.approx(0.00176, abs=1e-5)
    assert result["sentence"] == (
        "E-mail v2 gets more replies: 11.0% against 5.0% (difference +2.3 to +9.9 points), and does not drive people away."
    )


def test_a_small_gain_is_no_difference():
    result = judge(arm("a", 400, 20), arm("b", 400, 24), PLAN)

    assert (result["verdict"], result["conclusion"]) == ("ready", "no_difference")
    assert result["sentence"] == (
        "No difference was found: 6.0% against 5.0%. The true one lies somewhere from −2.2 to +4.3 points. E-mail v1 stays."  # noqa: RUF001
    )


def test_a_loss_is_named_and_the_control_stays():
    result = judge(arm("a", 400, 44), arm("b", 400, 20), PLAN)

    assert result["conclusion"] == "worse"
    assert "gets fewer replies: 5.0% against 11.0%" in result["sentence"]
    assert result["sentence"].endswith("E-mail v1 stays.")


@pytest.mark.parametrize(("harmed_a", "harmed_b", "hurt"), [(2, 5, False), (2, 7, True), (0, 4, False), (10, 2, False)])
def test_a_gain_that_drives_people_away_does_not_win(harmed_a, harmed_b, hurt):
    result = judge(arm("a", 400, 20, harmed=harmed_a), arm("b", 400, 44, harmed=harmed_b), PLAN)

    assert result["guardrail"]["hurt"] is hurt
    assert result["conclusion"] == ("harmful" if hurt else "winner")
    assert ("more people unsubscribe" in result["sentence"]) is hurt


def test_a_split_that_was_not_planned_forbids_any_result():
    result = judge(arm("a", 580, 20), arm("b", 420, 60), PLAN)

    assert (result["verdict"], result["conclusion"]) == ("invalid", "")
    assert result["srm_p_value"] < 0.001
    assert result["sentence"].startswith("Do not trust this result: 580 (58%) a and 420 (42%) b is not the split")


def test_the_split_is_judged_by_its_own_weights():
    result = judge(arm("a", 750, 30, weight=3), arm("b", 250, 10), PLAN)

    assert result["srm_p_value"] == pytest.approx(1.0)
    assert result["verdict"] == "too_early"


@pytest.mark.parametrize("successes", [0, 400])
def test_all_or_nothing_is_no_difference_and_no_fault(successes):
    result = judge(arm("a", 400, successes), arm("b", 400, successes), PLAN)

    assert (result["verdict"], result["conclusion"], result["p_value"]) == ("ready", "no_difference", 1.0)


def test_a_challenger_no_better_than_the_control_seldom_wins():
    rng = np.random.default_rng(5)
    draws = rng.binomial(400, 0.05, (4000, 2))

    wins = [judge(arm("a", 400, int(a)), arm("b", 400, int(b)), PLAN)["conclusion"] == "winner" for a, b in draws]

    assert np.mean(wins) < 0.03
