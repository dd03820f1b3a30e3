"""Old runs without what only debugging needs: their figures stay, and what an e-mail that was sent rests on."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.utils import IntegrityError
from django.urls import reverse

from agents_app import cases, explaining, exporting, reruns, retention
from agents_app.evidence import is_emptied
from agents_app.models import Draft, FlowRun, StepContext, StepRun
from gtm import caretaking
from tests.agents_app.flows_that import composed, execute
from tests.agents_app.models_that import paid
from tests.factories import (
    AT,
    make_contact,
    make_ready_client,
    make_ready_request,
    make_request,
    make_send,
    make_user,
    plan_run,
)

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
        assert (row.prompt_sent, row.input) == ("", retention.without_words(old.input))
        assert row.attempts == [{k: v for k, v in call.items() if k != "response"} for call in old.attempts]
        for name in ("output", "checks", "confidence_terms", "decisions", "cost_usd", "context_id", "tokens_input"):
            assert getattr(row, name) == getattr(old, name)
    assert [span.name for span in exporting.of_request(run.request_id)] == [span.name for span in spans]
    assert Draft.objects.get(run=run).body


def test_of_what_a_step_was_given_stays_what_its_decision_rests_on_without_its_words(settings):
    run = unsure(settings)
    before = {row.key: row.input for row in rows(run)}

    caretaking.forget_calls(at=OLD)

    left = {row.key: row.input for row in rows(run)}
    assert left["research"]["search"] == before["research"]["search"]
    assert set(left["research"]) == {"emptied", "facts", "search"}
    persona = before["persona"]
    assert persona["withheld"]
    assert left["persona"] == {
        "emptied": True,
        "withheld": persona["withheld"],
        "facts_from": persona["facts_from"],
        "facts": [
            {name: fact[name] for name in ("key", "attribute", "fact_id")} | {"sha256": explaining.hash_of(fact)}
            for fact in persona["facts"]
        ],
    }


def test_why_a_step_did_what_it_did_is_told_as_before_but_for_the_values_of_facts(settings):
    run = unsure(settings)
    before = {row.key: explaining.explain(row) for row in rows(run)}

    caretaking.forget_calls(at=OLD)

    for row in rows(run):
        old = before[row.key]
        inputs = [
            replace(each, said=each.said.partition(": ")[0]) if each.kind == "fact" else each for each in old.inputs
        ]
        assert explaining.explain(row) == replace(old, inputs=inputs)
    assert any(each.kind == "fact" for each in before["email"].inputs)
    assert any("below this client's floor" in each.why for each in before["persona"].alternatives)


def unsure(settings):
    """A run in which some facts were too unsure to be used."""
    with paid(settings, lambda body, number: composed(body)):
        return execute(plan_run(make_request(make_contact(make_ready_client(confidence_floor=0.9)))))


def test_what_was_removed_is_kept_whole_again_once_a_later_step_is_given_the_very_same(run, settings):
    before = {row.key: row.input for row in rows(run)}
    caretaking.forget_calls(at=OLD)
    again = make_request(run.request.contact)
    shared = rows(run).get(key="research").planned_sha256

    younger = execute(plan_run(again), OLD)

    assert younger.steps.get(key="research").planned_sha256 == shared
    assert StepContext.objects.get(pk=shared).document["company"] == before["research"]["company"]
    assert is_emptied(rows(run).get(key="research").input)


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
    assert StepContext.objects.filter(document__has_key="emptied").count() == 0


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
    assert is_emptied(rows(run).get(key="persona").input)


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


def test_no_page_says_of_what_was_removed_that_it_never_was(run, settings, operator):
    other = executed(settings, AT + timedelta(minutes=5))
    caretaking.forget_calls(at=OLD)
    email = rows(run).get(key="email")

    written = operator.get(reverse("written_by", args=[email.pk])).content.decode()
    compared = operator.get(reverse("runs_compared", args=[run.pk, other.pk])).content.decode()
    itself = operator.get(reverse("runs_compared", args=[run.pk, run.pk])).content.decode()
    page = operator.get(reverse("run_page", args=[run.pk])).content.decode()

    assert "It was removed on 22 December 2027" in written
    assert "has not ended" not in written
    assert compared.count("was removed on 22 December 2027, unless an e-mail") >= 2
    assert "all 3 steps are the same: what they were given" not in compared
    assert "It is the same run." in itself
    assert "nothing of this name was given" not in page
    assert "no longer kept with the step" in page


def test_a_step_whose_words_were_removed_is_no_test_case_and_is_not_done_again(run):
    caretaking.forget_calls(at=OLD)
    [*_, email] = rows(run).select_related("run__request__contact", "run__client")

    with pytest.raises(cases.CaseRefused, match="it was removed on 22 December 2027, as of every old run"):
        cases.copy(email, by=make_user(), at=OLD)

    assert reruns.refusal(email) == "What E-mail was given is not stored whole, so it cannot be given again."
