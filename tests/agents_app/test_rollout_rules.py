"""A rollout's rules: who is in, what the guards say, whether it goes on."""

import pytest

from agents_app import rollout_rules as rules
from agents_app.rollout_rules import Past, Period
from gtm.stats import sampling

PAST = Past(rates={"contracts": 0.98, "errors": 0.99}, caps={"cost": 0.04})
UNITS = [f"contact:{number}" for number in range(10_000)]


def outcomes(candidate, *, control=None, of=20, ratio=9, **others):
    """Streams that end at `of` candidates: `candidate` of them kept their contracts, and everything else is well."""
    kept = [1.0] * candidate + [0.0] * (of - candidate)
    controls = [1.0] * of * ratio if control is None else control
    found = {key: ([1.0] * of * ratio, [1.0] * of) for key in ("errors", "edits", "bounces")}
    return {**found, "contracts": (controls, kept), "cost": ([0.01] * of * ratio, [0.01] * of), **others}


def period(share=10, of=20, **values):
    ratio = rules.CONTROLS[share]
    found = values.pop("outcomes", None) or outcomes(of, of=of, ratio=ratio)
    return Period(share, **{"control": of * ratio, "candidate": of, "outcomes": found, **values})


def test_a_growing_share_never_moves_a_unit_out():
    inside = [{unit for unit in UNITS if rules.is_in("s", unit, share)} for share in rules.SHARES]

    assert inside[0] < inside[1] < inside[2] < inside[3] == set(UNITS)
    assert [abs(len(each) / 100 - share) < 1 for each, share in zip(inside, rules.SHARES, strict=True)] == [True] * 4


def test_another_rollout_chooses_other_units():
    one = {unit for unit in UNITS if rules.is_in("one", unit, 10)}
    other = {unit for unit in UNITS if rules.is_in("other", unit, 10)}

    assert 60 < len(one & other) < 140


def test_where_a_unit_stands_is_the_same_for_ever():
    assert sampling.place("s", "josé@northwind-bank.example") == pytest.approx(0.0433730, abs=1e-6)


@pytest.mark.parametrize(("share", "of", "following"), [(10, 20, 25), (25, 40, 50)])
def test_enough_good_outcomes_go_on_to_the_next_share(share, of, following):
    verdict = rules.judge([period(share, of)], PAST)

    assert (verdict.step, verdict.share) == ("go_on", following)


def test_after_the_last_stage_it_is_finished():
    verdict = rules.judge([period(10), period(25, 40), period(50, 80)], PAST)

    assert (verdict.step, verdict.share) == ("finish", 100)


def test_too_few_outcomes_wait_and_say_for_what():
    verdict = rules.judge([period(25, 39)], PAST)

    assert (verdict.step, verdict.share) == ("wait", None)
    assert verdict.reasons == (
        "Answers that keep their contracts: 39 of 40 outcomes of the candidate at 25 %.",
        "Steps that end with an answer: 39 of 40 outcomes of the candidate at 25 %.",
    )


def edited(candidate, of=20, control=130, ratio=9):
    """Drafts of both: so many of them were approved as they stood."""
    streams = [[1.0] * control + [0.0] * (of * ratio - control), [1.0] * candidate + [0.0] * (of - candidate)]
    return {"outcomes": outcomes(of, of=of, edits=tuple(streams))}


def test_the_pace_waits_while_people_s_decisions_leave_open_whether_its_drafts_are_worse():
    [as_good, worse] = [rules.judge([period(**edited(candidate))], PAST) for candidate in (15, 12)]

    assert as_good.step == "go_on"
    assert worse.step == "wait"
    assert worse.reasons == (
        "Drafts approved as they stand: 12 of 20 with the candidate, 130 of 180 without. That it is not worse is likely "
        "by 25%; 60% are needed at 10 %.",
    )


def test_where_nobody_decides_about_drafts_the_guards_alone_set_the_pace():
    assert rules.judge([period(outcomes=outcomes(20, edits=([], [])))], PAST).step == "go_on"


def test_how_sure_it_is_that_a_rate_is_not_worse_grows_with_what_was_seen():
    assert rules.not_worse((0, 0), (0, 0)) == pytest.approx(0.540, abs=0.001)
    assert rules.not_worse((80, 100), (80, 100)) > rules.not_worse((16, 20), (16, 20)) > 0.6
    assert rules.not_worse((180, 200), (140, 200)) < 0.01


def test_a_worse_candidate_is_rolled_back_with_its_numbers():
    verdict = rules.judge([period(outcomes=outcomes(12))], PAST)

    assert verdict.step == "roll_back"
    [reason] = verdict.reasons
    assert reason.startswith("Answers that keep their contracts: 60.0% with the candidate, 100.0% without, of 20; ")


def test_harm_that_showed_in_an_earlier_stage_is_not_forgotten():
    earlier = period(outcomes=outcomes(17))

    alone = rules.judge([earlier], PAST).found[0].wealth
    both = rules.judge([earlier, period(25, 20, outcomes=outcomes(17, ratio=3))], PAST).found[0].wealth

    assert both > alone > 1


def test_a_dearer_candidate_is_rolled_back():
    found = outcomes(80, of=80, ratio=1, cost=([0.01] * 80, [0.03] * 80))

    verdict = rules.judge([period(50, 80, outcomes=found)], PAST)

    assert (verdict.step, verdict.reasons[0].split(":")[0]) == ("roll_back", "Cost of an answer")


def dear(count, ratio=1, times=10.0):
    return ([0.01] * count * ratio, [0.01 * times] * count)


def test_what_was_never_paid_before_is_learned_from_the_first_controls_and_guarded_from_then_on():
    unknown = rules.Past(rates=PAST.rates)

    early = rules.judge([period(50, 15, outcomes=outcomes(15, of=15, ratio=1, cost=dear(15)))], unknown)
    later = rules.judge([period(50, 80, outcomes=outcomes(80, of=80, ratio=1, cost=dear(80)))], unknown)

    [blind] = [each for each in early.found if each.guard.key == "cost"]
    assert (blind.is_blind, blind.wealth, early.step) == (True, 1.0, "wait")
    assert (later.step, later.reasons[0].split(":")[0]) == ("roll_back", "Cost of an answer")


def test_ten_times_as_dear_looks_dear_also_where_costs_hardly_differ():
    past = rules.Past(rates=PAST.rates, caps={"cost": rules.cap_of([0.0099, 0.01, 0.0101] * 10)})

    assert past.caps["cost"] == pytest.approx(0.0303)
    assert rules.judge([period(50, 80, outcomes=outcomes(80, of=80, ratio=1, cost=dear(80)))], past).step == "roll_back"


def test_what_costs_nothing_is_not_guarded_and_says_so():
    free = outcomes(80, of=80, ratio=1, cost=([0.0] * 80, [0.0] * 80))

    found = rules.judge([period(50, 80, outcomes=free)], rules.Past(rates=PAST.rates))

    assert (found.step, found.found[-1].is_blind) == ("finish", True)


def test_outcomes_on_their_way_are_waited_for_until_there_are_enough():
    few, enough = ({"edits": ([1.0] * 180, [1.0] * count)} for count in (5, 20))

    waits = rules.judge([period(outcomes=outcomes(20) | few, pending={"edits": 9})], PAST)
    goes_on = rules.judge([period(outcomes=outcomes(20) | enough, pending={"edits": 9})], PAST)
    nothing_comes = rules.judge([period(outcomes=outcomes(20))], PAST)

    assert (waits.step, goes_on.step, nothing_comes.step) == ("wait", "go_on", "go_on")
    assert waits.reasons == (
        "Drafts approved as they stand: 5 of 20 outcomes of the candidate at 10 %. 9 more may still come.",
    )


def test_evidence_that_is_not_enough_yet_stops_the_growth():
    steps = [rules.judge([period(outcomes=outcomes(kept))], PAST).step for kept in range(20, 11, -1)]

    assert sorted(set(steps), key=steps.index) == ["go_on", "hold", "roll_back"]


def test_units_that_did_not_fall_as_they_should_hold_it():
    verdict = rules.judge([period(control=180, candidate=60)], PAST)

    assert (verdict.step, verdict.share) == ("alarm", None)
    assert "Of 240 units 60 got the candidate where 10 % should have" in verdict.reasons[0]


def test_each_stage_is_held_against_its_own_share():
    stages = [period(10, control=180, candidate=20), period(25, 40, control=120, candidate=40)]

    assert rules.uneven_p(stages) == 1.0
    assert rules.uneven_p([period(control=120, candidate=40)]) < 0.001
    assert rules.uneven_p([Period(10)]) is None


def test_the_weights_of_the_guards_are_all_of_alpha():
    assert sum(guard.weight for guard in rules.GUARDS) == pytest.approx(1.0)


def test_a_share_that_is_no_stage_is_refused():
    with pytest.raises(ValueError, match="30 % is no stage"):
        rules.judge([Period(30)], PAST)
