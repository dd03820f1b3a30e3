"""Old runs without what only debugging needs: their figures stay, and what an e-mail that was sent rests on."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.utils import IntegrityError
from django.urls import reverse

from agents_app import exporting, retention
from agents_app.models import Draft, FlowRun, StepContext, StepRun
from gtm import caretaking
from tests.agents_app.flows_that import composed, execute
from tests.agents_app.models_that import paid
from tests.factories import AT, make_ready_request, make_send, plan_run

pytestmark = pytest.mark.django_db
OLD = AT + timedelta(days=401)


@pytest.fixture
def run(settings):
    return executed(settings)


def executed(settings, at=AT):
    with paid(settings, lambda body, number: composed(body)):
        return execute(plan_run(make_ready_request()), at)


def rows(run):
    return StepRun.objects.filter(run=run).select_related("context").order_by("pk")


def test_recorded_answers_prompts_and_contexts_of_old_runs_go_and_everything_else_stays(run):
    before = {row.pk: row for row in rows(run)}
    spans = exporting.of_request(run.request_id)

    caretaking.forget_calls(at=OLD)

    run.refresh_from_db()
    assert run.calls_removed_at == OLD
    for row in rows(run):
        old = before[row.pk]
        assert (row.prompt_sent, row.input) == ("", {})
        assert row.attempts == [{k: v for k, v in call.items() if k != "response"} for call in old.attempts]
        for name in ("output", "checks", "confidence_terms", "decisions", "cost_usd", "context_id", "tokens_input"):
            assert getattr(row, name) == getattr(old, name)
    assert [span.name for span in exporting.of_request(run.request_id)] == [span.name for span in spans]
    assert Draft.objects.get(run=run).body


def test_what_an_e_mail_that_was_sent_rests_on_stays(run):
    make_send(Draft.objects.get(run=run))
    before = {row.pk: (row.prompt_sent, row.input) for row in rows(run)}

    caretaking.forget_calls(at=OLD)

    assert {row.pk: (row.prompt_sent, row.input) for row in rows(run)} == before
    assert not any("response" in call for row in rows(run) for call in row.attempts)


def test_younger_runs_and_those_that_go_on_keep_everything(run):
    FlowRun.objects.filter(pk=run.pk).update(finished_at=AT + timedelta(days=2))
    before = list(rows(run).values())

    caretaking.forget_calls(at=OLD)

    assert list(rows(run).values()) == before
    assert StepContext.objects.filter(document={}).count() == 0


def test_nought_days_keep_everything_for_good(run, settings):
    settings.KEEP_CALLS_DAYS = 0
    before = list(rows(run).values())

    caretaking.forget_calls(at=OLD + timedelta(days=9000))

    assert list(rows(run).values()) == before


def test_a_context_that_a_younger_run_was_given_too_stays(run, settings):
    younger = executed(settings, AT + timedelta(days=100))
    shared = rows(run).get(key="email").context_id
    second = rows(younger).get(key="email")
    with retention.allowed():
        StepRun.objects.filter(pk=second.pk).update(context=shared)

    caretaking.forget_calls(at=OLD)

    assert StepContext.objects.get(pk=shared).document != {}
    assert rows(run).get(key="persona").input == {}


def test_it_goes_on_where_it_stopped_and_a_tick_is_bounded(run, settings, monkeypatch):
    monkeypatch.setattr(retention, "MOST_RUNS", 1)
    second = executed(settings, AT + timedelta(minutes=5))

    ticks = [retention.forget(at=OLD) for _ in range(3)]

    second.refresh_from_db()
    assert (ticks, second.calls_removed_at) == ([1, 1, 0], OLD)


def test_the_guard_is_back_behind_it(run):
    caretaking.forget_calls(at=OLD)

    with pytest.raises(IntegrityError, match="record what happened"):
        StepRun.objects.filter(run=run).update(prompt_sent="Something else.")


def test_the_page_says_so_and_a_replay_too(run, operator):
    caretaking.forget_calls(at=OLD)
    out = StringIO()

    page = operator.get(reverse("run_page", args=[run.pk])).content.decode()
    call_command("trace", str(run.request_id), "--replay", stdout=out)

    assert "The recorded calls of this run were removed on 22 December 2027" in page
    assert "Not replayed: Its recorded calls were removed on 22 December 2027." in out.getvalue()
