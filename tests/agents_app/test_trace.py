"""A request's trace: everything its runs did, read from the rows."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from agents_app import drafts, flow, llm, trace
from agents_app.models import Draft, PlanRevision, Request
from experiments.outcomes import outcomes_of, record_send
from tests.agents_app import flows_that
from tests.agents_app.models_that import failing
from tests.factories import (
    AT,
    make_contact,
    make_outcome,
    make_ready_client,
    make_ready_request,
    make_request,
    make_send,
    make_user,
    plan_run,
)

pytestmark = pytest.mark.django_db


def executed(**values):
    request = make_ready_request(**values)
    flow.execute(plan_run(request).pk, clock=lambda: AT)
    return request


def test_a_run_is_a_tree_of_steps_sources_facts_and_drafts():
    request = executed()

    [run] = trace.of_request(request)

    assert (run.status, run.rule, run.planned_at) == ("succeeded", "default", AT)
    assert [step.agent for step in run.steps] == ["research_agent", "persona_agent", "email_agent"]
    assert {step.offset_s for step in run.steps} == {0.0}
    assert list(dict.fromkeys(source.source for source in run.sources)) == ["people_data_labs", "newsapi"]
    assert [fact.key for fact in run.facts][:2] == ["f1", "f2"]
    assert all(fact.evidence for fact in run.facts)
    assert [draft.id for draft in run.drafts] == [Draft.objects.get().pk]
    assert run.prompts == {"research_agent": "Research v1", "persona_agent": "Persona v1", "email_agent": "E-mail v1"}
    assert run.generators == ["offline-composer/1"]


def test_attempts_that_failed_stay_in_the_trace(monkeypatch):
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))

    [run] = trace.of_request(executed())

    assert [(step.agent, step.status, step.error) for step in run.steps] == [
        ("research_agent", "done", ""),
        ("persona_agent", "failed", "The model is busy."),
    ]
    assert run.steps[1].attempts[0]["outcome"] == "overloaded"


def test_a_trace_takes_as_many_queries_for_a_long_run_as_for_a_short_one(django_assert_num_queries):
    short, long = executed(), executed(purpose="deep_research")

    for request in (short, long):
        with django_assert_num_queries(11):
            trace.of_request(request)


def sent_and_answered():
    """A request whose e-mail a person edited and approved; it was sent, and answered a day later."""
    request = executed()
    draft, by = Draft.objects.get(), make_user("kim")
    drafts.approve(draft, by=by, at=AT, subject="Another subject", body="Another body.")
    draft.refresh_from_db()
    send = make_send(draft)
    record_send(send)
    make_outcome(draft.contact, send=send)
    return request, draft


def test_an_e_mail_stands_with_both_texts_its_decision_its_sending_and_what_came_back():
    request, draft = sent_and_answered()

    [found] = trace.of_request(request, outcomes_of)[0].drafts

    assert (found.subject, found.body) == (draft.subject, draft.body)
    assert (found.final_subject, found.final_body, found.was_edited) == ("Another subject", "Another body.", True)
    assert (found.decided_by, found.decided_at) == ("kim", AT)
    assert (found.message_id, found.sent_at) == (f"<draft-{draft.pk}@localhost>", AT)
    assert found.outcomes == [trace.OutcomeTrace("replied", AT + timedelta(days=1), "outcomes")]


def test_an_e_mail_that_nobody_decided_about_was_not_sent_and_nothing_came_back():
    [found] = trace.of_request(executed(), outcomes_of)[0].drafts

    assert (found.decided_by, found.decided_at, found.message_id, found.sent_at) == ("", None, "", None)
    assert (found.was_edited, found.final_body, found.outcomes) == (False, found.body, [])


def test_sent_e_mails_cost_a_trace_one_query_more_however_many_there_are(django_assert_num_queries):
    request, _ = sent_and_answered()

    with django_assert_num_queries(12):
        trace.of_request(request, outcomes_of)


def test_the_command_prints_what_went_out_who_decided_and_what_came_back():
    request, draft = sent_and_answered()

    text, document = printed(str(request.pk)), json.loads(printed(str(request.pk), "--json"))

    assert draft.subject not in text.partition(f"draft {draft.pk}")[2]
    assert text.partition(f"  draft {draft.pk} ")[2].splitlines()[:5] == [
        "(approved, offline-composer/1): Another subject",
        "    Another body.",
        "    decided by kim at 2026-11-16 09:00, with the text edited (--json prints both)",
        f"    sent at 2026-11-16 09:00 as <draft-{draft.pk}@localhost>",
        "    replied at 2026-11-17 09:00, says outcomes",
    ]
    [told] = document["runs"][0]["drafts"]
    assert (told["body"], told["final_body"]) == (draft.body, "Another body.")
    assert told["outcomes"] == [{"kind": "replied", "occurred_at": "2026-11-17T09:00:00+00:00", "source": "outcomes"}]


def test_a_trace_is_plain_json():
    [run] = trace.of_request(executed())

    document = json.loads(json.dumps(trace.document(run)))

    assert document["planned_at"] == "2026-11-16T09:00:00+00:00"
    assert document["cost_usd"] == 0.0


def test_steps_without_an_agent_gates_and_changes_of_the_plan_stand_in_the_trace():
    run = flows_that.drawn_run(
        flows_that.agent("research"),
        flows_that.gate("check", "research"),
        {"key": "brief", "kind": "tool", "tool": "brief", "after": ["check"], "reason": "It keeps what stands."},
    )
    flow.execute(run.pk, clock=lambda: AT)
    flows_that.answer(run, "check", "approved", comment="Fine")
    flow.execute(run.pk, clock=lambda: AT)
    PlanRevision.objects.create(
        run=run, number=1, trigger="research", rule="deepen", reason="Weak.", nodes=run.nodes, seq=99, at=AT
    )

    [found] = trace.of_request(run.request)

    assert [(step.key, step.kind, step.agent, step.tool, step.prompt) for step in found.steps] == [
        ("research", "agent", "research_agent", "", "Research v1"),
        ("check", "gate", "", "", ""),
        ("brief", "tool", "", "brief", ""),
    ]
    assert found.steps[1].gate == {"question": "Is research right?", "decision": "approved", "comment": "Fine"}
    assert [(each.number, each.trigger, each.rule, each.reason) for each in found.revisions] == [
        (1, "research", "deepen", "Weak.")
    ]
    text = printed(str(run.request_id))
    assert "1. check, attempt 1: done" in text
    assert "asked: Is research right? approved" in text
    assert "2. brief, attempt 1: done" in text
    assert "plan changed after research (deepen): Weak." in text
    assert json.dumps(trace.document(found))


def test_steps_of_a_map_say_whom_they_are_about():
    client = make_ready_client()
    make_contact(client, full_name="Bob Ray")
    request = make_request(make_contact(client, full_name="Ada Lee"))
    Request.objects.filter(pk=request.pk).update(
        contact=None, company_domain="northwind-bank.example", purpose="account"
    )
    request.refresh_from_db()
    flow.execute(plan_run(request).pk, clock=lambda: AT)

    [run] = trace.of_request(request)

    assert [step.contact for step in run.steps if step.agent == "email_agent"] == [
        "Bob Ray (Northwind Bank)",
        "Ada Lee (Northwind Bank)",
    ]
    assert "email_agent for Ada Lee (Northwind Bank), attempt 1: done" in printed(str(request.pk))


def printed(*arguments):
    out = StringIO()
    call_command("trace", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_every_step_with_its_terms():
    request = executed()

    text = printed(str(request.pk))

    assert "0. research_agent, attempt 1: done" in text
    assert "-2.00 start: Before any evidence." in text
    assert "fact f1 " in text
    assert Draft.objects.get().subject in text


def test_the_command_prints_json():
    request = executed()

    document = json.loads(printed(str(request.pk), "--json"))

    assert (document["request"], document["client"]) == (request.pk, request.client.slug)
    assert len(document["runs"][0]["steps"]) == 3


def test_a_request_without_a_run_says_so():
    assert "No run yet." in printed(str(make_request().pk))


def test_an_unknown_request_names_the_newest():
    request = make_request()

    with pytest.raises(CommandError, match=rf"There is no request 99999\. The newest: {request.pk}\."):
        printed("99999")
