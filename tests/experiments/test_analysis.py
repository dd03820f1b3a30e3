"""Rows → counts → result → one decision."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from agents_app.models import PromptVersion
from experiments import analysis
from experiments.models import AnalysisSnapshot, Assignment, Decision, Experiment
from tests.factories import AT, fill_variant, make_experiment, make_outcome

DAY = timedelta(days=1)
RIPE = AT + 15 * DAY


def counts(experiment, at):
    return [
        {name: variant[name] for name in ("assigned", "exposed", "mature", "successes")}
        for variant in analysis.measure(experiment, at=at)["variants"]
    ]


@pytest.mark.django_db
class TestDenominator:
    def test_people_count_whether_or_not_anything_came_back(self):
        experiment = make_experiment()
        fill_variant(experiment, "a", 20, replies=2), fill_variant(experiment, "b", 18, replies=3)

        assert counts(experiment, RIPE) == [
            {"assigned": 20, "exposed": 20, "mature": 20, "successes": 2},
            {"assigned": 18, "exposed": 18, "mature": 18, "successes": 3},
        ]

    def test_many_outcomes_of_one_person_are_one_success(self):
        experiment = make_experiment()
        first, *_ = fill_variant(experiment, "a", 5, replies=1)
        for kind in ["opened", "opened", "replied", "replied", "meeting_booked"]:
            make_outcome(first, kind, occurred_at=AT + 2 * DAY)

        assert counts(experiment, RIPE)[0] == {"assigned": 5, "exposed": 5, "mature": 5, "successes": 1}

    def test_assigned_but_never_written_to_is_no_denominator(self):
        experiment = make_experiment()
        fill_variant(experiment, "a", 4), fill_variant(experiment, "a", 6, exposed_at=AT)
        Assignment.objects.filter(contact__in=fill_variant(experiment, "a", 3)).update(exposed_at=None)

        assert counts(experiment, RIPE)[0] == {"assigned": 13, "exposed": 10, "mature": 10, "successes": 0}

    def test_only_those_with_a_full_window_are_mature_and_early_answers_wait_with_them(self):
        experiment = make_experiment()
        (
            fill_variant(experiment, "a", 4, replies=1),
            fill_variant(experiment, "a", 3, replies=3, exposed_at=AT + 10 * DAY),
        )

        assert counts(experiment, AT + 14 * DAY - timedelta(seconds=1))[0]["mature"] == 0
        assert counts(experiment, AT + 14 * DAY)[0] == {"assigned": 7, "exposed": 7, "mature": 4, "successes": 1}
        assert counts(experiment, AT + 24 * DAY)[0] == {"assigned": 7, "exposed": 7, "mature": 7, "successes": 4}

    @pytest.mark.parametrize(
        ("after", "kind", "successes"),
        [
            (timedelta(0), "replied", 1),
            (14 * DAY, "replied", 1),
            (14 * DAY + timedelta(seconds=1), "replied", 0),
            (-timedelta(seconds=1), "replied", 0),
            (DAY, "opened", 0),
            (DAY, "meeting_booked", 0),
        ],
    )
    def test_a_success_is_the_right_kind_inside_the_window(self, after, kind, successes):
        experiment = make_experiment()
        (person,) = fill_variant(experiment, "a", 1)
        make_outcome(person, kind, occurred_at=AT + after)

        assert counts(experiment, AT + 40 * DAY)[0]["successes"] == successes

    def test_the_metric_decides_what_counts(self):
        experiment = make_experiment(metric="meeting_booked")
        first, second = fill_variant(experiment, "a", 2)
        make_outcome(first, "meeting_booked"), make_outcome(second, "replied")

        assert counts(experiment, RIPE)[0]["successes"] == 1

    def test_last_weeks_result_can_be_computed_again(self):
        experiment = make_experiment()
        first, *_ = fill_variant(experiment, "a", 5)
        before = analysis.measure(experiment, at=RIPE)
        make_outcome(first, occurred_at=AT + DAY, received_at=RIPE + DAY)

        assert analysis.measure(experiment, at=RIPE) == before
        assert analysis.measure(experiment, at=RIPE + DAY)["variants"][0]["successes"] == 1

    def test_other_experiments_do_not_leak_in(self):
        experiment, other = make_experiment(), make_experiment()
        fill_variant(other, "a", 9, replies=4)

        assert counts(experiment, RIPE)[0] == {"assigned": 0, "exposed": 0, "mature": 0, "successes": 0}

    @pytest.mark.parametrize("people", [0, 5, 60])
    def test_two_queries_whatever_the_row_count(self, people, django_assert_num_queries):
        experiment = make_experiment()
        fill_variant(experiment, "a", people, replies=people // 2)

        with django_assert_num_queries(2):
            analysis.measure(experiment, at=RIPE)


@pytest.mark.django_db
def test_an_analysis_is_kept_as_it_was_computed():
    experiment = make_experiment()
    fill_variant(experiment, "a", 5, replies=1)

    snapshot = analysis.analyse(experiment, at=RIPE)

    kept = AnalysisSnapshot.objects.get()
    assert (kept, kept.as_of) == (snapshot, RIPE)
    assert kept.result == analysis.measure(experiment, at=RIPE)


@pytest.mark.django_db
class TestDecide:
    def test_below_the_planned_size_nothing_happens(self):
        experiment = make_experiment(size=10)
        fill_variant(experiment, "a", 50), fill_variant(experiment, "b", 9, replies=9)

        assert analysis.decide(experiment, at=RIPE) is None

        experiment.refresh_from_db()
        assert (experiment.status, Decision.objects.count(), AnalysisSnapshot.objects.count()) == ("running", 0, 0)

    def test_people_without_a_full_window_do_not_reach_it(self):
        experiment = make_experiment(size=10)
        fill_variant(experiment, "a", 10), fill_variant(experiment, "b", 10, replies=9)

        assert analysis.decide(experiment, at=AT + 13 * DAY) is None

    def test_a_winner_ends_the_experiment_and_waits_for_a_person(self):
        experiment = make_experiment(size=100)
        fill_variant(experiment, "a", 100, replies=5), fill_variant(experiment, "b", 100, replies=20)
        challenger = experiment.variants.get(key="b")

        decision = analysis.decide(experiment, at=RIPE)

        experiment.refresh_from_db()
        assert (decision.outcome, decision.winner, decision.promoted_at) == ("winner", challenger, None)
        assert decision.reason == decision.snapshot.result["sentence"]
        assert (experiment.status, experiment.ended_at) == ("finished", RIPE)
        assert PromptVersion.objects.get(pk=challenger.prompt_version_id).label == "candidate"

    @pytest.mark.parametrize(("replies_a", "replies_b", "leaves_b"), [(5, 6, 0), (20, 5, 0), (5, 20, 9)])
    def test_without_a_better_variant_the_challenger_is_retired(self, replies_a, replies_b, leaves_b):
        experiment = make_experiment(size=100)
        fill_variant(experiment, "a", 100, replies=replies_a)
        fill_variant(experiment, "b", 100, replies=replies_b, leaves=leaves_b)

        decision = analysis.decide(experiment, at=RIPE)

        assert (decision.outcome, decision.winner) == ("no_difference", None)
        assert experiment.variants.get(key="b").prompt_version.label == "retired"
        assert decision.reason.endswith("stays.")

    def test_a_split_that_was_not_planned_makes_it_invalid(self):
        experiment = make_experiment(size=100)
        fill_variant(experiment, "a", 200, replies=5), fill_variant(experiment, "b", 100, replies=40)

        decision = analysis.decide(experiment, at=RIPE)

        assert (decision.outcome, decision.winner) == ("invalid", None)
        assert decision.reason.startswith("Do not trust this result")

    def test_it_is_taken_once(self):
        experiment = make_experiment(size=10)
        fill_variant(experiment, "a", 10), fill_variant(experiment, "b", 10)

        first, second = analysis.decide(experiment, at=RIPE), analysis.decide(experiment, at=RIPE + DAY)

        assert second is None
        assert list(Decision.objects.all()) == [first]

    @pytest.mark.parametrize("status", ["draft", "stopped", "finished"])
    def test_only_a_running_experiment_is_decided(self, status):
        experiment = make_experiment(size=10)
        fill_variant(experiment, "a", 10), fill_variant(experiment, "b", 10)
        Experiment.objects.filter(pk=experiment.pk).update(status=status)

        assert analysis.decide(experiment, at=RIPE) is None
        assert not Decision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_decide_once():
    experiment = make_experiment(size=10)
    fill_variant(experiment, "a", 10), fill_variant(experiment, "b", 10)

    def decide(_):
        try:
            return analysis.decide(experiment, at=RIPE)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        decided = [decision for decision in pool.map(decide, range(4)) if decision]

    assert len(decided) == 1
    assert Decision.objects.count() == AnalysisSnapshot.objects.count() == 1
