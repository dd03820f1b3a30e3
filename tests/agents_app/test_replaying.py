"""Steps read back from the database and done again from their recorded answers: the same to the byte, or told apart."""

import hashlib
import json
import re
from dataclasses import replace
from functools import partial
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents_app import flow, llm, research, versions, voters
from agents_app.agents import AGENTS as REGISTERED
from agents_app.flow import results
from agents_app.llm import wire
from agents_app.models import Draft, FlowRun, ModelPrice, PromptVersion, Request, StepRun
from gtm.sandbox import faults, messages
from gtm.sandbox.faults import Fault
from tests.agents_app import flows_that
from tests.agents_app.flows_that import composed, execute
from tests.agents_app.models_that import failing, paid
from tests.factories import AT, make_contact, make_ready_client, make_ready_request, make_request, plan_run

pytestmark = pytest.mark.django_db
AGENTS = ["research_agent", "persona_agent", "email_agent"]


def executed(**values):
    return execute(plan_run(make_ready_request(**values)))


def account():
    """A company where two people are known."""
    client = make_ready_client()
    ada, _ = make_contact(client), make_contact(client, first_name="Ben", last_name="Ray", full_name="Ben Ray")
    company = {"company_domain": ada.company_domain, "company_name": ada.company_name}
    request = Request.objects.create(client=client, purpose="account", asked_at=AT, **company)
    return execute(plan_run(request))


def replayed(run):
    """{step's key and number: how it came out}, of rows that are read afresh."""
    fresh = FlowRun.objects.get(pk=run.pk)
    return {f"{each.step.key} {each.step.map_index or ''}".strip(): each for each in flow.replays(fresh)}


def assert_same_to_the_byte(found):
    for name, each in found.items():
        row, again = StepRun.objects.get(pk=each.step.pk), each.work
        assert (name, each.told.partition(",")[0], each.differences) == (name, "The same", ())
        assert results.output(again) == row.output
        assert results.prompt_sent(again) == row.prompt_sent
        assert sent_and_got(again.attempts) == sent_and_got(row.attempts)


def sent_and_got(attempts):
    return {(each["request_sha256"], hashlib.sha256(each["response"].encode()).hexdigest()) for each in attempts}


def judged(body, number):
    """A service that bills and judges: it likes the second proposal best."""
    if body["output_config"]["format"]["schema"]["title"] != "JudgeAnswer":
        return composed(body)
    text = json.dumps({"choice": "proposal 2", "why": "It reads best."})
    return 200, {"request-id": f"req_{number}"}, messages.saying(text, model=body["model"])


def rewritten(row, **columns):
    """As no program of ours can: past the guards."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        type(row).objects.filter(pk=row.pk).update(**columns)
        cursor.execute("SET session_replication_role = DEFAULT")


def everything():
    """Every row of every table."""
    return {model._meta.label: list(model.objects.order_by("pk").values()) for model in apps.get_models()}


# --- the same


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({}, ["research", "persona", "email"]),
        ({"depth": "comprehensive"}, ["research", "persona", "email"]),
        ({"purpose": "deep_research"}, ["research", "competitive", "persona"]),
        (
            {"purpose": "deep_research", "depth": "comprehensive"},
            ["research", "planner", "competitive", "persona"],
        ),
    ],
)
def test_every_step_of_a_run_comes_out_again_byte_for_byte(values, keys):
    run = executed(**values)

    found = replayed(run)

    assert (run.status, list(found)) == ("succeeded", keys)
    assert_same_to_the_byte(found)


def test_a_step_is_replayed_with_the_effort_and_limit_it_was_planned_with(monkeypatch):
    planned_with = {"model": "claude-opus-5-5", "effort": "high", "max_tokens": 900}
    versions.go_live(
        versions.create("email_agent", text="Write.", note="", by=None, at=AT, **planned_with), by=None, at=AT
    )
    run = executed()
    monkeypatch.setitem(REGISTERED, "email_agent", replace(REGISTERED["email_agent"], max_tokens=5000))

    assert {row.agent: row.max_tokens for row in run.prompts.all()}["email_agent"] == 900
    assert_same_to_the_byte(replayed(run))


def test_a_run_from_before_that_was_kept_is_replayed_with_what_its_settings_and_agents_say():
    run = executed()
    for planned in run.prompts.all():
        rewritten(planned, model="", effort="", max_tokens=None)

    assert_same_to_the_byte(replayed(run))


def test_each_contact_of_a_map_is_replayed_by_itself():
    found = replayed(account())

    assert sorted(found) == ["email 1", "email 2", "persona 1", "persona 2", "research"]
    assert_same_to_the_byte(found)


def test_a_step_that_read_what_a_person_corrected_is_replayed_with_the_correction():
    run = flows_that.drawn_run(
        flows_that.agent("research"), flows_that.gate("check", "research"), flows_that.agent("persona", "check")
    )
    execute(run)
    shown = flows_that.gate_of(run, "check").shown
    corrected = [{**fact, "value": "4321"} if fact["attribute"] == "headcount" else fact for fact in shown["facts"]]
    flows_that.answer(run, "check", "edited", edited={**shown, "facts": corrected})
    execute(run)

    found = replayed(run)

    assert "4321" in results.prompt_sent(found["persona"].work)
    assert_same_to_the_byte(found)


@pytest.mark.parametrize("is_offline_now", [False, True])
def test_a_vote_of_paid_judges_is_replayed_whatever_service_answers_today(monkeypatch, settings, is_offline_now):
    choices = {f"rule {number}": f"proposal {number}" for number in (1, 2)}
    split = {name: partial(lambda choice, candidates: (choice, "So it says."), each) for name, each in choices.items()}
    monkeypatch.setattr(voters, "VOTES", split)
    with paid(settings, judged) as service:
        run = executed(depth="comprehensive")
        asked = len(service.requests)
        if is_offline_now:
            settings.ANTHROPIC_API_KEY = ""
        found = replayed(run)

    row = StepRun.objects.get(run=run, key="email")
    assert (run.status, len(service.requests)) == ("succeeded", asked)
    assert any(vote["voter"].startswith("judge") for vote in row.votes["votes"])
    assert len(row.attempts) > 3
    assert_same_to_the_byte(found)
    assert found["email"].work.votes == row.votes


def test_offline_proposals_are_replayed_without_judges_where_a_key_is_there_today(settings):
    run = executed(depth="comprehensive")

    with paid(settings, []) as service:
        found = replayed(run)

    assert service.requests == []
    assert_same_to_the_byte(found)


def test_voters_count_in_a_replay_as_they_did_then():
    """What people decide on an older draft afterwards changes how often a voter was right, and no vote of the past."""
    older = executed(depth="comprehensive")
    run = executed(depth="comprehensive")
    before = StepRun.objects.get(run=run, key="email").votes
    Draft.objects.filter(run=older).update(status="rejected", decided_at=AT.replace(year=2025))

    found = replayed(run)

    assert_same_to_the_byte(found)
    after = found["email"].work.votes
    # of those who were not asked only the names are kept: in which order they would have come is not recorded
    assert sorted(after.pop("not_asked")) == sorted(before.pop("not_asked"))
    assert after == before


def test_calls_that_failed_or_were_mended_on_the_way_change_nothing(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with faults.inject("messages", Fault(529), Fault(200, messages.prose()), times=2):
        run = executed()

    found = replayed(run)

    attempts = found["research"].step.attempts
    assert [(each["kind"], each["status"]) for each in attempts] == [("ask", 529), ("ask", 200), ("repair", 200)]
    assert {each.is_same for each in found.values()} == {True}
    assert found["research"].told == "The same, from 2 recorded answers."


def test_a_price_that_is_gone_stops_no_replay(settings):
    with paid(settings, judged):
        run = executed()
    ModelPrice.objects.all().delete()

    assert_same_to_the_byte(replayed(run))


# --- different


def test_a_prompt_version_that_was_tampered_with_is_told():
    run = executed()
    version = PromptVersion.objects.get(steps__run=run, agent="email_agent")
    rewritten(version, text=f"{version.text} Promise a refund.")

    found = replayed(run)

    assert {name: each.is_same for name, each in found.items()} == {"research": True, "persona": True, "email": False}
    assert found["email"].told.startswith("Different: The recording holds no answer to this request")
    assert isinstance(found["email"].work.error, llm.ReplayMissing)


@pytest.mark.parametrize("key", ["research", "persona", "email"])
def test_a_context_that_was_tampered_with_is_told(key):
    run = executed()
    context = StepRun.objects.get(run=run, key=key).context
    facts = [{**fact, "value": f"{fact['value']} and more"} for fact in context.document["facts"]]
    rewritten(context, document={**context.document, "facts": facts})

    found = replayed(run)

    assert [name for name, each in found.items() if not each.is_same] == [key]
    assert found[key].told.startswith("Different: The recording holds no answer to this request")


def test_a_context_that_was_tampered_with_beside_the_prompt_is_told_too():
    run = executed()
    context = StepRun.objects.get(run=run, key="email").context
    rewritten(context, document={**context.document, "facts_from": {"run": 1, "why": "So."}})

    assert replayed(run)["email"].told == "Different: What it was given has changed since it was stored."


def test_a_context_that_lost_a_part_is_told():
    run = executed()
    context = StepRun.objects.get(run=run, key="email").context
    rewritten(context, document={name: each for name, each in context.document.items() if name != "company"})

    assert replayed(run)["email"].told == "Different: What it was given is no longer what its agent needs."


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("output", {"subject": "Another"}, "Different: Its answer is another one."),
        ("prompt_sent", "Another", "Different: Its prompt is another one."),
    ],
)
def test_a_row_that_says_something_else_is_told(column, value, told):
    row = StepRun.objects.get(run=executed(), key="email")
    setattr(row, column, value)

    assert flow.replay(row).told == told


def test_a_recorded_answer_that_was_rewritten_is_told():
    row = StepRun.objects.get(run=executed(), key="email")
    document = json.loads(row.attempts[0]["response"])
    answer = json.loads(document["content"][0]["text"]) | {"subject": "Another subject"}
    document["content"][0]["text"] = json.dumps(answer)
    row.attempts[0]["response"] = json.dumps(document)

    assert flow.replay(row).told == "Different: Its answer is another one."


def test_a_recorded_answer_that_nobody_asks_for_is_told():
    row = StepRun.objects.get(run=executed(), key="email")
    row.attempts.append(row.attempts[0] | {"request_sha256": "0" * 64})

    assert flow.replay(row).told == "Different: Not the same recorded answers were read."


def test_a_code_that_has_changed_since_is_named_where_something_differs(settings):
    run = executed()
    row = StepRun.objects.select_related("run").get(run=run, key="email")
    row.run.code_revision, settings.CODE_REVISION = "aaaa", "bbbb"

    assert flow.replay(row).told.startswith("The same")
    row.prompt_sent = "Another"
    assert flow.replay(row).told == ("Different: Its prompt is another one. The code was aaaa then and is bbbb now.")


# --- nothing to replay


def test_a_step_that_called_nothing_says_so(monkeypatch):
    monkeypatch.setattr(research, "explore", lambda *company, **options: research.Explored([], []))
    run = executed()

    [each] = replayed(run).values()

    assert each.told == f"Not replayed: It called no model. {run.steps.get().error}"
    assert (each.work, each.is_same) == (None, False)


def test_a_step_whose_calls_failed_says_how(monkeypatch):
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelRefused, "The model says no."))
    run = executed()

    found = replayed(run)

    assert found["research"].is_same
    assert found["persona"].told == "Not replayed: No call of it brought an answer (overloaded)."


def test_a_step_whose_answers_could_not_be_used_says_so():
    with faults.inject("messages", Fault(200, messages.prose()), times=2):
        run = executed()

    told = replayed(run)["research"].told

    assert told.startswith("Not replayed: It ended without an answer of its own (failed). The model's answer was")


# --- nothing is written, nothing leaves


@pytest.mark.parametrize("values", [{}, {"purpose": "deep_research", "depth": "comprehensive"}])
def test_a_replay_writes_nothing_and_asks_nobody(monkeypatch, values):
    run = executed(**values)
    before = everything()

    def nobody(*arguments, **options):
        raise AssertionError("Somebody was asked.")

    monkeypatch.setattr(wire, "client", nobody)
    monkeypatch.setattr(research, "gather", nobody)
    with CaptureQueriesContext(connection) as captured:
        found = replayed(run)

    assert {each.is_same for each in found.values()} == {True}
    assert {query["sql"].partition(" ")[0] for query in captured.captured_queries} == {"SELECT"}
    assert everything() == before


# --- the command


def printed(*arguments):
    out = StringIO()
    call_command("trace", *arguments, "--replay", stdout=out)
    return out.getvalue()


def test_the_command_says_of_every_step_how_it_came_out():
    run = executed()
    version = PromptVersion.objects.get(steps__run=run, agent="persona_agent")
    rewritten(version, text="Another prompt.")

    lines = printed(str(run.request_id)).splitlines()

    assert lines[2] == f"Run {run.pk} again, from its recorded answers:"
    assert re.fullmatch(r"  Research: \d+ facts, \d+ claims in 3 stored answers: all follow\.", lines[3])
    assert lines[4] == "  0. research_agent, attempt 1: The same, from 1 recorded answer."
    assert lines[5].startswith("  1. persona_agent, attempt 1: Different: The recording holds no answer")
    assert lines[6] == "  2. email_agent, attempt 1: The same, from 1 recorded answer."
    assert len(lines) == 7


def test_the_command_names_the_contacts_of_a_map_and_the_planner():
    assert "email_agent for Ben Ray (Northwind Bank), attempt 1: The same" in printed(str(account().request_id))
    studied = executed(purpose="deep_research", depth="comprehensive")
    assert "1. planner, attempt 1: The same" in printed(str(studied.request_id))


def test_the_command_says_that_there_is_no_run():
    assert "No run yet." in printed(str(make_request().pk))


def test_the_command_prints_a_replay_or_json_and_not_both():
    with pytest.raises(CommandError, match="not allowed with argument"):
        printed(str(make_request().pk), "--json")
