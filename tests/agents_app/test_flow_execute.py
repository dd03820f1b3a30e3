"""Executing a run: what each step leaves behind, and how a run ends that cannot go on."""

from datetime import timedelta
from decimal import Decimal

import pytest

from agents_app import flow, llm
from agents_app.models import Brief, Claim, Draft, Fact, Persona, SourceRecord, StepRun
from agents_app.research import check_pointer
from gtm.sandbox import faults, world
from tests.agents_app.models_that import answering, failing
from tests.factories import (
    AT,
    make_campaign,
    make_contact,
    make_ready_client,
    make_ready_request,
    make_request,
    make_send,
    plan_run,
)

pytestmark = pytest.mark.django_db


def execute(run, at=AT):
    return flow.execute(run.pk, clock=lambda: at)


def step_of(run, agent, attempt=1):
    return StepRun.objects.get(run=run, agent=agent, attempt=attempt)


# --- a first e-mail


def test_a_first_mail_runs_from_research_to_a_draft():
    run = execute(plan_run())

    assert (run.status, run.error, run.fence, run.lease_until, run.finished_at) == ("succeeded", "", 1, None, AT)
    steps = run.steps.order_by("stage")
    assert [(step.agent, step.stage, step.attempt, step.status) for step in steps] == [
        ("research_agent", 0, 1, "done"),
        ("persona_agent", 1, 1, "done"),
        ("email_agent", 2, 1, "done"),
    ]
    draft = Draft.objects.get(run=run)
    assert (draft.status, draft.generator, draft.contact, draft.sequence_step) == (
        "waiting",
        "offline-composer/1",
        run.request.contact,
        1,
    )
    assert (draft.final_subject, draft.final_body) == (draft.subject, draft.body)
    assert draft.step == step_of(run, "email_agent")


def test_a_step_keeps_all_that_is_needed_to_understand_it():
    run = execute(plan_run())

    step = step_of(run, "email_agent")
    assert step.input["context"]["contact"]["title"] == "Chief Financial Officer"
    assert step.input["context"]["persona"]["role"] == "Chief Financial Officer"
    assert step.prompt_version.agent == "email_agent"
    assert step.prompt_version.text in step.prompt_sent
    assert '<facts untrusted="true">[{' in step.prompt_sent
    assert (step.generator, step.attempts[0]["status"]) == ("offline-composer/1", 200)
    assert step.provider_request_id == step.attempts[0]["request_id"]
    assert min(step.tokens_input, step.tokens_output) > 0
    assert [check["check"] for check in step.checks if not check["passed"]] == []
    assert [term["term"] for term in step.confidence_terms] == ["start", "facts", "person", "checks"]
    assert 0.5 < step.confidence < 1


def test_research_keeps_what_sources_said_down_to_the_place_in_their_answer():
    run = execute(plan_run())

    records = {record.source: record for record in SourceRecord.objects.filter(run=run)}
    assert {source: record.status for source, record in records.items()} == {"people_data_labs": "ok", "newsapi": "ok"}
    claims = list(Claim.objects.select_related("source_record"))
    assert claims
    assert [claim.pk for claim in claims if not check_pointer(claim, claim.source_record.payload)] == []
    facts = list(Fact.objects.filter(run=run).order_by("pk"))
    assert [fact.key for fact in facts] == [f"f{number}" for number in range(1, len(facts) + 1)]
    assert [fact.key for fact in facts if not fact.claims.exists()] == []


def test_every_fact_that_a_step_cites_can_be_followed_to_its_row():
    run = execute(plan_run())

    given = {fact["key"]: fact["fact_id"] for fact in step_of(run, "email_agent").input["facts"]}
    cited = {name for line in Draft.objects.get().sentences for name in line["rests_on"] if name in given}
    assert cited
    assert {Fact.objects.get(pk=given[name]).key for name in cited} == cited


def test_research_itself_is_tied_to_the_rows_of_its_facts():
    run = execute(plan_run())

    given = step_of(run, "research_agent").input["facts"]
    assert {fact["key"]: fact["fact_id"] for fact in given} == dict(
        Fact.objects.filter(run=run).values_list("key", "pk")
    )


def test_unsure_facts_are_withheld_from_the_mail_with_the_reason():
    run = execute(plan_run(make_request(make_contact(make_ready_client(confidence_floor=0.9)))))

    unsure = Fact.objects.filter(run=run, confidence__lt=0.9)
    step = step_of(run, "persona_agent")
    assert {fact["key"] for fact in step.input["withheld"]} == set(unsure.values_list("key", flat=True)) != set()
    assert all("below this client's floor of 0.90" in fact["reason"] for fact in step.input["withheld"])
    assert min(fact["confidence"] for fact in step.input["facts"]) >= 0.9


def test_a_company_known_only_by_its_domain_gets_its_name_from_the_facts():
    request = make_request(make_contact(make_ready_client(), company_name="", company_domain="northwind-bank.example"))

    run = execute(plan_run(request))

    assert step_of(run, "email_agent").input["company"] == {
        "domain": "northwind-bank.example",
        "name": "Northwind Bank",
    }


def test_costs_and_tokens_of_every_call_of_a_step_are_added(monkeypatch):
    paid = llm.Usage(10, 5, 3, 2)

    def ask(question, **options):
        answer = models.answer(question, **options)
        return llm.Answer(**{**answer.__dict__, "usage": paid, "cost_usd": Decimal("0.0002225")})

    class models:
        answer = staticmethod(llm.ask)

    monkeypatch.setattr(llm, "ask", ask)

    run = execute(plan_run(make_ready_request(purpose="deep_research")))

    step = step_of(run, "persona_agent")  # three questions
    assert (step.tokens_input, step.tokens_output, step.tokens_cache_read, step.tokens_cache_write) == (30, 15, 9, 6)
    assert step.cost_usd == Decimal("0.0006675")


# --- the other routes


def test_deep_research_ends_with_a_brief_and_personas_and_no_draft():
    run = execute(plan_run(make_ready_request(purpose="deep_research")))

    assert run.status == "succeeded"
    roles = [persona.role for persona in Persona.objects.filter(run=run)]
    assert (roles[0], len(set(roles))) == ("Chief Financial Officer", 3)
    sentences = Brief.objects.get(run=run).sentences
    assert len(sentences) >= 5
    assert [sentence["text"] for sentence in sentences if not sentence["rests_on"]] == []
    assert Draft.objects.count() == 0


def test_comparison_and_persona_work_side_by_side_in_one_stage():
    run = execute(plan_run(make_ready_request(purpose="deep_research")))

    assert sorted((step.key, step.stage) for step in run.steps.all()) == [
        ("brief", 2),
        ("competitive", 1),
        ("persona", 1),
        ("research", 0),
    ]


def test_peers_are_other_companies_of_the_industry_that_this_client_knows():
    client = make_ready_client()
    for domain in ("northwind-bank.example", "northwind-bank.example"):
        execute(plan_run(make_request(make_contact(client, company_domain=domain))))
    industry = Fact.objects.filter(attribute="industry").first().value
    other = execute(
        plan_run(make_request(make_contact(client, company_domain=_other_domain(industry), company_name="")))
    )

    run = execute(
        plan_run(make_request(make_contact(client, company_domain="northwind-bank.example"), purpose="deep_research"))
    )

    [peer] = step_of(run, "competitive_agent").input["context"]["peers"]
    assert (peer["key"], peer["domain"]) == ("p1", other.request.contact.company_domain)


def _other_domain(industry):
    names = sorted(world.COMPANIES)
    known = [world.COMPANIES[name] for name in names if name != "northwind-bank.example"]
    return next(
        company.domain for company in known if company.industry == world.COMPANIES["northwind-bank.example"].industry
    )


def test_a_follow_up_uses_the_facts_and_the_mail_before():
    contact = make_contact(make_ready_client())
    first = execute(plan_run(make_request(contact)))
    sent = make_send(Draft.objects.get(run=first))

    run = execute(plan_run(make_request(contact, purpose="follow_up", sequence_step=2)), at=AT + timedelta(days=4))

    step = step_of(run, "email_agent")
    assert run.status == "succeeded"
    assert step.input["facts_from"] == {
        "run": first.pk,
        "why": f"Not researched again: these are the facts of run {first.pk}, of 16 November 2026.",
    }
    assert step.input["context"]["previous"] == {"subject": sent.draft.final_subject, "sent_on": "2026-11-16"}
    assert Draft.objects.get(run=run).sequence_step == 2
    assert SourceRecord.objects.filter(run=run).count() == 0


def test_a_follow_up_of_a_campaign_looks_only_at_that_campaigns_mails():
    contact = make_contact(make_ready_client())
    make_send(Draft.objects.get(run=execute(plan_run(make_request(contact)))))
    campaign = make_campaign(contact.client, [contact])
    run = execute(plan_run(make_request(contact, purpose="follow_up", sequence_step=2, campaign=campaign)))

    assert step_of(run, "email_agent").input["context"]["previous"] is None


# --- when it cannot go on


def test_one_failing_source_is_a_gap_with_a_reason_and_the_run_goes_on():
    with faults.inject("newsapi", faults.Fault(status=500)):
        run = execute(plan_run())

    records = SourceRecord.objects.filter(run=run, source="newsapi")  # of the research, and of asking once more
    assert {(record.status, record.payload) for record in records} == {("failed", None)}
    assert len(records) > len({record.question for record in records})
    assert [record.pk for record in records if not record.reason] == []
    assert (run.status, Draft.objects.count()) == ("succeeded", 1)


def test_no_source_reachable_is_tried_again_later():
    with (
        faults.inject("newsapi", faults.Fault(status=500)),
        faults.inject("people_data_labs", faults.Fault(status=500)),
    ):
        run = execute(plan_run())

    assert (run.status, run.lease_until, run.finished_at) == ("retry", AT + timedelta(minutes=1), None)
    assert run.error.startswith("No research source could be reached about northwind-bank.example.")
    assert SourceRecord.objects.filter(run=run, status="failed").count() == 2
    assert (step_of(run, "research_agent").status, Fact.objects.count()) == ("failed", 0)
    assert run.revisions.count() == 0  # research itself comes again, so nothing is put behind it


def test_a_company_that_no_source_knows_needs_input():
    run = execute(
        plan_run(
            make_request(make_contact(make_ready_client(), company_domain="nobody-knows.example", company_name=""))
        )
    )

    assert run.status == "needs_input"
    assert run.error.startswith("No source knows nobody-knows.example.")
    assert run.error.endswith("Check the domain, then ask again.")
    assert run.steps.count() == 1


def test_a_client_without_sources_is_told_to_connect_one():
    client = make_ready_client()
    client.connections.all().update(is_active=False)

    run = execute(plan_run(make_request(make_contact(client))))

    assert (run.status, run.error) == (
        "needs_input",
        f"{client.name} has no research source. Add an active connection to one, for example People Data Labs, then ask again.",
    )


def test_a_mail_that_lacks_its_offer_says_what_to_add():
    run = execute(plan_run(make_request(make_contact(make_ready_client(offer="", proof_points=[])))))

    assert (run.status, Draft.objects.count()) == ("needs_input", 0)
    assert run.error.startswith("The e-mail was not written. ")
    assert "offer" in run.error


def test_a_broken_promise_is_asked_for_once_more_with_the_objection(monkeypatch):
    def first_one_disrupts(document, call):
        return {**document, "subject": "A disruptive idea"} if call == 1 else document

    monkeypatch.setattr(llm, "ask", answering("email_agent", first_one_disrupts))

    run = execute(plan_run(make_request(make_contact(make_ready_client(avoid_terms=["disruptive"])))))

    step = step_of(run, "email_agent")
    assert (run.status, Draft.objects.count(), len(step.attempts)) == ("succeeded", 1, 2)
    assert step.input["context"]["objections"] == ["Contains “disruptive”."]
    assert "<variation>1</variation>" in step.prompt_sent


def test_a_promise_broken_twice_gives_no_draft_but_words(monkeypatch):
    monkeypatch.setattr(
        llm, "ask", answering("email_agent", lambda document, call: {**document, "subject": "A disruptive idea"})
    )

    run = execute(plan_run(make_request(make_contact(make_ready_client(avoid_terms=["disruptive"])))))

    assert (run.status, Draft.objects.count()) == ("needs_input", 0)
    assert (
        run.error
        == "The e-mail did not become a draft. Contains “disruptive”. Change the client's settings or the prompt, then ask again."
    )


def test_advice_that_was_not_kept_is_no_reason_why_a_mail_did_not_become_a_draft(monkeypatch):
    def disrupts_and_asks(document, call):
        first, *others = document["sentences"]
        asks = {**first, "text": f"{first['text']} Is it so? Or is it not?"}
        return {**document, "subject": "A disruptive idea", "sentences": [asks, *others]}

    monkeypatch.setattr(llm, "ask", answering("email_agent", disrupts_and_asks))

    run = execute(plan_run(make_request(make_contact(make_ready_client(avoid_terms=["disruptive"])))))

    broken = {check["check"]: check["must"] for check in step_of(run, "email_agent").checks if not check["passed"]}
    assert (run.status, broken) == ("needs_input", {"no_avoided_words": True, "asks_once": False})
    assert run.error == (
        "The e-mail did not become a draft. Contains “disruptive”. Change the client's settings or the prompt, then ask again."
    )


def test_invented_sentences_do_not_reach_the_persona(monkeypatch):
    def invents(document, call):
        return {**document, "pains": [*document["pains"], {"text": "They lose 40 % to fraud.", "rests_on": ["f99"]}]}

    monkeypatch.setattr(llm, "ask", answering("persona_agent", invents))

    run = execute(plan_run())

    [persona] = Persona.objects.filter(run=run)
    assert persona.pains
    assert [pain for pain in persona.pains if "f99" in pain["rests_on"]] == []


def test_a_busy_model_leaves_the_run_for_later_and_keeps_what_is_done(monkeypatch):
    run = plan_run()
    monkeypatch.setattr(
        llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy.", retry_after_s=90.0)
    )

    run = execute(run)

    assert (run.status, run.lease_until) == ("retry", AT + timedelta(seconds=90))
    assert run.error == "The model is busy. It is tried again by itself at 09:01."
    assert [(step.agent, step.status) for step in run.steps.order_by("pk")] == [
        ("research_agent", "done"),
        ("persona_agent", "failed"),
    ]
    assert step_of(run, "persona_agent").attempts[0]["status"] == 529
    assert flow.lost(AT + timedelta(seconds=80)) == []
    assert flow.lost(AT + timedelta(seconds=91)) == [run.pk]


def test_a_run_left_for_later_goes_on_where_it_stopped(monkeypatch):
    run = plan_run()
    with monkeypatch.context() as busy:
        busy.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))
        execute(run)

    run = execute(run, at=AT + timedelta(minutes=2))

    assert (run.status, run.error, run.recoveries) == ("succeeded", "", 0)
    assert [(step.agent, step.attempt, step.status) for step in run.steps.order_by("pk")] == [
        ("research_agent", 1, "done"),
        ("persona_agent", 1, "failed"),
        ("persona_agent", 2, "done"),
        ("email_agent", 1, "done"),
    ]


def test_after_three_attempts_the_run_fails_with_the_last_reason(monkeypatch):
    run = plan_run()
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))

    for minutes in (0, 2, 20):
        run = execute(run, at=AT + timedelta(minutes=minutes))

    assert (run.status, run.error) == (
        "failed",
        "The persona step was tried 3 times. The last time: The model is busy.",
    )
    assert run.steps.filter(agent="persona_agent").count() == 3


def test_a_refusal_ends_the_run_at_once(monkeypatch):
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelRefused, "The model declined to answer."))

    run = execute(plan_run())

    assert (run.status, run.error) == ("failed", "The persona step got no answer: The model declined to answer.")
    assert run.steps.count() == 2


def test_a_fault_of_ours_ends_the_run_in_words_and_stands_in_the_log(monkeypatch, caplog):
    def falls(question, **options):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(llm, "ask", falls)

    run = execute(plan_run())

    assert (run.status, run.error) == ("failed", "The research step stopped on a fault of this system; the log has it.")
    assert step_of(run, "research_agent").error_class == "ZeroDivisionError"
    assert "division by zero" in caplog.text
