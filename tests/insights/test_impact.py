from datetime import UTC, date, datetime, timedelta

import pytest

from experiments.models import Decision
from insights import changes, impact, tickets
from insights.changes import ExperimentStarts, SettingChanges
from insights.metrics import Count
from insights.models import OutcomeEvaluation, Suggestion, WeeklyReport
from tests.factories import AT, make_client, make_user
from tests.insights.test_changes import make_trial
from tests.mailings import make_mailing

pytestmark = pytest.mark.django_db

LIVE = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
DUE = datetime(2026, 12, 31, 0, 0, tzinfo=UTC)  # 28 days from 19 November, and 14 for the last reply


def make_applied(client=None, metric="reply_rate", **about):
    client, user = client or make_client(), make_user()
    ticket = tickets.create(
        "Improve it",
        description="",
        owner=user,
        due_date=date(2026, 11, 20),
        by=user,
        at=AT,
        client=client,
        metric=metric,
        **about,
    )
    changes.apply(ticket, change=SettingChanges(client.pk, "tone", "formal"), by=user, at=LIVE)
    return ticket


def test_equal_spans_leave_out_the_week_that_gave_rise_to_it():
    found = impact.spans(make_applied())

    assert (found.before.first, found.before.last) == (date(2026, 10, 19), date(2026, 11, 15))
    assert (found.after.first, found.after.last) == (date(2026, 11, 19), date(2026, 12, 16))
    assert (found.before.days, found.after.days, found.due) == (28, 28, DUE)


def test_what_a_suggestion_rests_on_is_left_out_too():
    report = WeeklyReport.objects.create(week=date(2026, 11, 9), version=1, payload={}, sha256="0" * 64, built_at=AT)
    client, user = make_client(), make_user()
    suggestion = Suggestion.objects.create(
        report=report, rule="replies_fell", rank=1, title="Fewer", text="", evidence=[], client=client, metric="reply_rate",
        baseline={"numerator": 1, "denominator": 9, "first": "2026-10-05"},
    )  # fmt: skip
    ticket = tickets.accept(suggestion, owner=user, due_date=date(2026, 11, 20), by=user, at=AT)
    changes.apply(ticket, change=SettingChanges(client.pk, "tone", "formal"), by=user, at=LIVE)

    assert impact.spans(ticket).before.last == date(2026, 10, 4)


def test_an_effect_is_judged_once_when_the_last_answers_are_in():
    client = make_client()
    make_mailing(client, 300, replies=12, sent_at=LIVE - timedelta(days=20))
    make_mailing(client, 300, replies=36, sent_at=LIVE + timedelta(days=5))
    make_mailing(client, 300, replies=0, sent_at=datetime(2026, 11, 17, tzinfo=UTC))  # in the week of the ticket
    make_mailing(make_client(), 300, replies=0, sent_at=LIVE + timedelta(days=5))  # another client's
    ticket = make_applied(client)

    assert impact.measure(ticket, at=DUE - timedelta(seconds=1)) is None

    found = impact.measure(ticket, at=DUE)

    ticket.refresh_from_db()
    assert ticket.status == "measured"
    assert (found.result["before"], found.result["after"]) == (
        {"numerator": 12, "denominator": 300},
        {"numerator": 36, "denominator": 300},
    )
    assert (found.result["verdict"], found.result["difference"]) == ("Helped", 0.08)
    assert 0 < found.result["low"] < 0.08 < found.result["high"]
    assert found.result["sentence"].startswith(
        "Helped. E-mails that were answered: 12 of 300 (4.0%) before, 36 of 300 (12.0%) after."
    )
    assert impact.measure(ticket, at=DUE + timedelta(days=1)) == found
    assert OutcomeEvaluation.objects.count() == 1


@pytest.mark.parametrize(
    ("before", "after", "higher_is_better", "verdict"),
    [
        (Count(12, 300), Count(36, 300), True, "Helped"),
        (Count(12, 300), Count(36, 300), False, "Harmed"),
        (Count(36, 300), Count(12, 300), True, "Harmed"),
        (Count(36, 300), Count(12, 300), False, "Helped"),
        (Count(15, 300), Count(18, 300), True, "No effect seen"),
        (Count(0, 300), Count(20, 49), True, "Not enough data"),
        (Count(0, 0), Count(20, 300), True, "Not enough data"),
    ],
)
def test_the_verdict_asks_on_which_side_of_nothing_the_interval_lies(before, after, higher_is_better, verdict):
    found = impact.judged(before, after, name="replies", higher_is_better=higher_is_better)

    assert found["verdict"] == verdict
    assert found["sentence"].startswith(f"{verdict}. Replies: ")


def test_a_ticket_without_a_metric_is_not_measured():
    ticket = make_applied(metric="")

    assert impact.measure(ticket, at=DUE + timedelta(days=365)) is None
    ticket.refresh_from_db()
    assert ticket.status == "applied"


def test_an_open_ticket_is_not_measured():
    user = make_user()
    ticket = tickets.create(
        "Improve it", description="", owner=user, due_date=AT.date(), by=user, at=AT, metric="reply_rate"
    )

    assert impact.measure(ticket, at=DUE) is None


def test_an_experiment_answers_for_itself():
    client, user = make_client(), make_user()
    trial = make_trial(client)
    ticket = tickets.create(
        "Try it", description="", owner=user, due_date=AT.date(), by=user, at=AT, client=client, metric="reply_rate"
    )
    changes.apply(ticket, change=ExperimentStarts(trial.pk), by=user, at=LIVE)
    assert impact.measure(ticket, at=DUE) is None

    keys = {variant.is_control: variant.key for variant in trial.variants.all()}
    arms = [{"key": keys[True], "successes": 20, "mature": 400}, {"key": keys[False], "successes": 44, "mature": 400}]
    snapshot = trial.snapshots.create(as_of=DUE, result={"variants": arms})
    Decision.objects.create(
        experiment=trial, snapshot=snapshot, outcome="winner", reason="The challenger won.", decided_at=DUE
    )

    found = impact.measure(ticket, at=DUE)

    assert (found.result["verdict"], found.result["sentence"]) == ("Helped", "The challenger won.")
    assert found.result["after"] == {"numerator": 44, "denominator": 400}
