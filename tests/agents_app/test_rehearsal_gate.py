"""What a rehearsal says of two versions, and when the candidate may pass."""

import pytest

from agents_app.rehearsals import gate
from agents_app.rehearsals.gate import Answer, Pair


def check(name, passed, *, must=False, weight=1.0, judged=True):
    return {"check": name, "passed": passed, "detail": "", "must": must, "weight": weight, "judged": judged}


def answer(*checks, text="one two", **values):
    return Answer(list(checks), text, **{"words": 2, "cost_usd": 0.01, "ms": 100, **values})


def pairs(old, new, count=20, first=1):
    return [Pair(number, [old], [new]) for number in range(first, first + count)]


KEPT, LOST = check("short", passed=True), check("short", passed=False)
SAFE, UNSAFE = check("safe", passed=True, must=True), check("safe", passed=False, must=True)


def flips(report, name):
    return next(each for each in report.flips if each.contract == name)


def test_twenty_cases_without_a_loss_pass():
    report = gate.report(pairs(answer(KEPT, SAFE), answer(KEPT, SAFE)))

    assert (report.verdict, report.net, report.new_failures, report.alike) == ("passed", 0, [], 1.0)
    assert [each.contract for each in report.flips] == ["gives_an_answer", "safe", "short", "writes_something"]
    assert (flips(report, "short").old, flips(report, "short").new, flips(report, "short").p) == (20, 20, 1.0)


def test_nineteen_cases_are_too_few():
    report = gate.report(pairs(answer(KEPT), answer(KEPT), count=19))

    assert report.verdict == "too_few"
    assert report.reasons == ["19 cases; 20 are needed. Copy more steps of real runs as test cases."]


def test_one_new_failure_of_a_must_fails_whatever_else_is_won():
    mended = pairs(answer(LOST, SAFE), answer(KEPT, SAFE), count=19)
    report = gate.report([*mended, *pairs(answer(KEPT, SAFE), answer(KEPT, UNSAFE), count=1, first=20)])

    assert (report.verdict, report.new_failures, report.net) == ("failed", [20], -19)
    assert report.reasons == ["safe is newly broken on 1 case."]


def test_a_must_that_was_broken_before_is_no_new_failure():
    report = gate.report(pairs(answer(UNSAFE), answer(UNSAFE)))

    assert (report.verdict, flips(report, "safe").old, flips(report, "safe").new) == ("passed", 0, 0)


def test_more_lost_than_won_is_worse_and_says_where():
    lost = pairs(answer(KEPT), answer(LOST), count=3)
    won = pairs(answer(LOST), answer(KEPT), count=2, first=4)
    report = gate.report([*lost, *won, *pairs(answer(KEPT), answer(KEPT), count=15, first=6)])

    assert (report.verdict, report.net, report.new_failures) == ("worse", 1, [])
    assert report.reasons == [
        "More of the lesser contracts are lost than won (by a weight of 1).",
        "short: lost on 3, won on 2.",
    ]
    assert (flips(report, "short").worsened, flips(report, "short").mended) == ([1, 2, 3], [4, 5])


def test_as_many_won_as_lost_pass():
    report = gate.report(
        [*pairs(answer(KEPT), answer(LOST), count=10), *pairs(answer(LOST), answer(KEPT), count=10, first=11)]
    )

    assert (report.verdict, report.net, flips(report, "short").p) == ("passed", 0, 1.0)


def test_a_heavier_contract_counts_for_more():
    heavy, light = check("tone", passed=True, weight=3), check("tone", passed=False, weight=3)
    lost = pairs(answer(heavy, LOST), answer(light, KEPT), count=1)

    report = gate.report([*lost, *pairs(answer(heavy, KEPT), answer(heavy, KEPT), count=19, first=2)])

    assert (report.verdict, report.net) == ("worse", 2)


def test_a_contract_counts_as_kept_only_where_every_repeat_kept_it():
    pair = Pair(1, [answer(KEPT), answer(KEPT)], [answer(KEPT), answer(LOST)])

    assert flips(gate.report([pair]), "short").worsened == [1]


def test_an_answer_that_did_not_come_is_a_broken_must():
    report = gate.report(pairs(answer(KEPT), answer(failed=True)))

    assert (report.verdict, len(report.new_failures)) == ("failed", 20)
    assert report.reasons == ["gives_an_answer is newly broken on 20 cases."]
    assert report.deltas == []


def test_a_candidate_that_writes_nothing_where_the_other_wrote_breaks_a_must():
    report = gate.report(pairs(answer(KEPT), answer(text="", wrote=False)))

    assert (report.verdict, report.changed, len(report.new_failures)) == ("failed", 20, 20)
    assert report.reasons == ["writes_something is newly broken on 20 cases."]


def test_where_both_say_what_is_missing_nothing_flips():
    report = gate.report(pairs(answer(wrote=False), answer(wrote=False)))

    assert (report.verdict, report.changed) == ("passed", 0)
    assert (flips(report, "writes_something").old, flips(report, "writes_something").judged) == (0, 20)


def test_an_answer_that_did_not_come_breaks_one_must_and_not_two():
    report = gate.report(pairs(answer(KEPT), answer(failed=True, wrote=False)))

    assert flips(report, "writes_something").unjudged == 20
    assert report.reasons == ["gives_an_answer is newly broken on 20 cases."]


def test_cases_that_nobody_answered_tell_nothing():
    report = gate.report(pairs(answer(failed=True), answer(failed=True)))

    assert (report.verdict, report.cases, report.answered) == ("too_few", 20, 0)
    assert report.reasons == [
        "20 cases, of which the other version answered 0; 20 such are needed. Below stands why the others got no answer. "
        "Copy more steps of real runs as test cases."
    ]


@pytest.mark.parametrize(("count", "verdict"), [(20, "passed"), (19, "too_few")])
def test_only_cases_that_the_other_version_answered_count_towards_the_twenty(count, verdict):
    unanswered = pairs(answer(failed=True), answer(KEPT), count=5, first=100)

    report = gate.report([*pairs(answer(KEPT), answer(KEPT), count=count), *unanswered])

    assert (report.verdict, report.cases, report.answered) == (verdict, count + 5, count)


def test_what_nobody_could_judge_is_counted_apart():
    unjudged = check("polite", passed=True, judged=False)

    report = gate.report(pairs(answer(unjudged, KEPT), answer(unjudged, KEPT)))

    polite = flips(report, "polite")
    assert (polite.judged, polite.unjudged, polite.worsened, polite.mended) == (0, 20, [], [])


def test_a_contract_that_only_one_side_was_held_against_flips_nothing():
    report = gate.report(pairs(answer(KEPT), answer(KEPT, check("new_one", passed=False))))

    assert (flips(report, "new_one").judged, flips(report, "new_one").unjudged, report.verdict) == (0, 20, "passed")


def test_deltas_are_means_over_the_cases_that_both_answered():
    one = Pair(1, [answer(words=100, cost_usd=0.02, ms=1000)], [answer(words=80, cost_usd=0.01, ms=500)])
    other = Pair(2, [answer(words=50, cost_usd=0.02, ms=1000)], [answer(words=60, cost_usd=0.02, ms=500)])
    unanswered = Pair(3, [answer(words=999)], [answer(failed=True)])

    report = gate.report([one, other, unanswered])

    assert [(each.name, each.old, each.new, each.change) for each in report.deltas] == [
        ("words", 75, 70, -5),
        ("cost_usd", 0.02, 0.015, -0.005),
        ("ms", 1000, 500, -500),
    ]


def test_how_unlikely_a_split_is_by_mcnemars_exact_test():
    lost = pairs(answer(KEPT), answer(LOST), count=9)
    won = pairs(answer(LOST), answer(KEPT), count=1, first=10)

    assert flips(gate.report([*lost, *won]), "short").p == pytest.approx(2 * (10 + 1) / 1024, abs=1e-6)
