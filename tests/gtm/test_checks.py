"""A queue that would break the engine's promises does not start."""

import copy

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from gtm import checks


def found(monkeypatch, *, runs=None, **basis):
    """The complaints about the queue with these values changed, as (id, message)."""
    cluster = copy.deepcopy(settings.Q_CLUSTER) | basis
    cluster["ALT_CLUSTERS"]["runs"] |= runs or {}
    monkeypatch.setattr(settings, "Q_CLUSTER", cluster)
    return [(error.id, error.msg) for error in checks.queue(None)]


def test_the_settings_of_this_project_are_in_order():
    assert checks.queue(None) == []


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"max_attempts": 0}, ("gtm.E002", "Q_CLUSTER: max_attempts of the cluster “ingest” is not 1: the queue would start a failed task again by itself.")),
        ({"ack_failures": False}, ("gtm.E003", "Q_CLUSTER: ack_failures of the cluster “ingest” is not True: a task that fails would be started for ever.")),
        ({"queue_limit": 9}, ("gtm.E004", "Q_CLUSTER: queue_limit of the cluster “ingest” differs from workers: tasks would age in a queue that nobody sees.")),
        ({"timeout": None}, ("gtm.E005", "Q_CLUSTER: timeout of the cluster “ingest” is not set: a task that hangs would hold its worker for ever.")),
        ({"retry": 119}, ("gtm.E006", "Q_CLUSTER: retry of the cluster “ingest” is below twice the timeout: a task that still runs would be handed out again.")),
        ({"runs": {"timeout": 779}}, ("gtm.E007", "Q_CLUSTER: timeout of the cluster “runs” is below 780 s: a run could be cut off in mid-step.")),
        ({"runs": {"retry": 1799}}, ("gtm.E006", "Q_CLUSTER: retry of the cluster “runs” is below twice the timeout: a task that still runs would be handed out again.")),
    ],
)  # fmt: skip
def test_a_value_that_breaks_a_promise_is_named_with_what_it_would_do(monkeypatch, changed, complaint):
    assert complaint in found(monkeypatch, **changed)


def test_a_limit_that_the_runs_inherit_is_complained_of_for_both(monkeypatch):
    assert [name for name, _ in found(monkeypatch, max_attempts=2)] == ["gtm.E002", "gtm.E002"]


def test_without_a_cluster_for_runs_nothing_starts(monkeypatch):
    monkeypatch.setattr(settings, "Q_CLUSTER", {**settings.Q_CLUSTER, "ALT_CLUSTERS": {}})

    assert [error.id for error in checks.queue(None)] == ["gtm.E001"]


def test_no_command_runs_with_settings_that_contradict_the_engine(monkeypatch):
    monkeypatch.setattr(settings, "Q_CLUSTER", {**settings.Q_CLUSTER, "max_attempts": 0})

    with pytest.raises(SystemCheckError, match="max_attempts of the cluster “ingest” is not 1"):
        call_command("check")
