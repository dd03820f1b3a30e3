"""A bench refuses figures that would not mean what they are called."""

import importlib

import pytest
from django.conf import settings

from tests.factories import plan_run


class Side:
    """What a bench of the engine measures, with runs that end at once: `planned` stay as they are, and took `ms`."""

    def __init__(self, planned, ms):
        self.planned, self.ms = planned, ms

    def requests(self, graph, count):
        return []

    def plan(self, requests, runs):
        runs.extend(self.planned)

    def execute(self, runs):
        return self.ms


class Meter:
    def connections(self, database):
        return 1


@pytest.fixture
def bench(monkeypatch):
    """`bench(name)` is a module of tests/bench, whose scripts find each other by their folder."""
    monkeypatch.syspath_prepend(settings.BASE_DIR / "tests" / "bench")
    return importlib.import_module


@pytest.mark.django_db
def test_a_wide_run_that_failed_at_once_is_not_counted_as_fast(bench):
    with pytest.raises(bench("_our_runs").RunFailed, match="ended planned with 0 of 3 steps done"):
        bench("engine").wide(Meter(), Side([plan_run()], [1010.0]), times=1)


@pytest.mark.django_db
def test_a_wide_run_that_was_over_before_its_steps_is_refused(bench):
    with pytest.raises(bench("_measure").BenchRefused, match=r"1\.0 s each was over after 0\.99 s"):
        bench("engine").wide(Meter(), Side([], [1010.0, 990.0]), times=2)


@pytest.mark.django_db
def test_of_several_wide_runs_the_slowest_is_told(bench):
    assert bench("engine").wide(Meter(), Side([], [1010.0, 1040.0, 1020.0]), times=3)["wide_s"] == 1.04


def test_in_a_small_world_facts_are_right_more_often_than_first_answers(bench):
    world = bench("triangulation")

    found = world.measure(7, 60, world.panel())

    assert found["fused"]["accuracy"] > found["first_answer"]["accuracy"] + 0.05
    assert found["fused"]["sure_right_share"] > found["first_answer"]["sure_right_share"]


def test_a_world_is_the_same_for_the_same_seed(bench):
    world = bench("_known_world")

    assert (
        world.companies(7, 5, world.FIELD) == world.companies(7, 5, world.FIELD) != world.companies(8, 5, world.FIELD)
    )


def test_few_normal_runs_are_flagged_and_most_slower_versions_are_found(bench):
    world = bench("anomalies")

    found = world.normal(7, 200)

    assert found["ours"] <= 0.015 < found["three_deviations"]
    assert world.slower(7, 20) >= 0.8
