"""Runs as a collector receives them: decoded with OpenTelemetry's own messages, and compared with the rows."""

import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from agents_app import exporting, finished, flow, llm, reruns
from agents_app.models import FlowRun, JobProgress, ModelPrice, Request, SourceRecord, StepRun
from agents_app.reruns import Wanted
from clients.models import Client, Contact
from gtm import loop
from tests.agents_app import flows_that
from tests.agents_app.flows_that import agent, composed, counted, drawn_run, execute, gate
from tests.agents_app.models_that import answering, failing, paid
from tests.crowd import make_crowd
from tests.factories import (
    AT,
    make_contact,
    make_ready_client,
    make_ready_request,
    make_request,
    make_run,
    make_user,
    plan_run,
)
from tests.gtm.loopback import Server

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(hours=1)
STATUS = {
    "succeeded": Status.STATUS_CODE_OK, "done": Status.STATUS_CODE_OK, "failed": Status.STATUS_CODE_ERROR,
    "lost": Status.STATUS_CODE_ERROR, "dead": Status.STATUS_CODE_ERROR, "needs_input": Status.STATUS_CODE_ERROR,
}  # fmt: skip
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ, WRITTEN = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"


@pytest.fixture
def collector(settings):
    server = Server()
    server.script = (200, {"content-type": "application/x-protobuf"}, [])
    settings.OTLP_ENDPOINT = f"http://{server.place}"
    yield server
    server.close()


def received(collector):
    """Every span that came, as OpenTelemetry's own messages read it."""
    found = []
    for method, path, headers, body in collector.seen:
        assert (method, path, headers["content-type"]) == ("POST", "/v1/traces", "application/x-protobuf")
        told = ExportTraceServiceRequest.FromString(body)
        found += [span for each in told.resource_spans for scope in each.scope_spans for span in scope.spans]
    return found


def said(span):
    return {pair.key: value_of(pair.value) for pair in span.attributes}


def refusing(collector, trace, status, taken):
    """A script that answers `status` to whatever has something of this trace in it, and takes the rest."""

    def script(path):
        if trace in collector.seen[-1][3]:
            return (status, {}, [b"no"])
        taken.append(collector.seen[-1])
        return (200, {}, [])

    return script


def value_of(value):
    kind = value.WhichOneof("value")
    return [value_of(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def honest(body, number):
    return composed(body, cache_read_input_tokens=70, cache_creation_input_tokens=30)


def account():
    client = make_ready_client()
    ada, _ = make_contact(client), make_contact(client, first_name="Ben", last_name="Ray", full_name="Ben Ray")
    company = {"company_domain": ada.company_domain, "company_name": ada.company_name}
    return Request.objects.create(client=client, purpose="account", asked_at=AT, **company)


def assert_told(run, spans):
    """Count, parents, statuses, times, tokens and cost are those of the rows."""
    [root] = [span for span in spans if not span.parent_span_id]
    steps, records = list(run.steps.filter(fence__gt=0)), list(run.source_records.all())
    calls = [call for step in steps for call in step.attempts]
    own = [span for span in spans if span.parent_span_id == root.span_id]
    leaves = [span for span in spans if span.parent_span_id not in (b"", root.span_id)]
    assert len(spans) == 1 + len(steps) + len(calls) + len(records)
    assert len({span.span_id for span in spans}) == len(spans)
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert (len(own), len(leaves)) == (len(steps), len(calls) + len(records))
    assert root.status.code == STATUS.get(run.status, Status.STATUS_CODE_UNSET)
    assert root.start_time_unix_nano == exactly(run.started_at or run.planned_at)
    assert root.end_time_unix_nano == exactly(run.finished_at)
    assert_each_is_its_row(steps, records, own, leaves)
    assert_paid(steps, root, own, [span for span in leaves if span.name.startswith("chat")])
    assert Counter(span.name for span in leaves if span.name.startswith("retrieval")) == Counter(
        f"retrieval {record.source}" for record in records
    )


def assert_each_is_its_row(steps, records, own, leaves):
    """By key, number in its map and attempt; below each step hang its own calls and sources and no others."""
    rows = {(step.key, step.map_index, step.attempt): step for step in steps}
    spans = {place_of(span): span for span in own}
    assert (spans.keys(), len(rows)) == (rows.keys(), len(steps))
    for place, span in spans.items():
        step = rows[place]
        assert span.status.code == STATUS.get(step.status, Status.STATUS_CODE_UNSET), place
        assert span.start_time_unix_nano == exactly(step.started_at), place
        assert span.end_time_unix_nano == exactly(step.finished_at or step.started_at), place
        below = [leaf for leaf in leaves if leaf.parent_span_id == span.span_id]
        expected = [f"chat {call['model']}" for call in step.attempts]
        expected += [f"retrieval {record.source}" for record in records if record.step_id == step.pk]
        assert Counter(leaf.name for leaf in below) == Counter(expected), place


def place_of(span):
    about = said(span)
    return about["gtm.step"], about.get("gtm.map_index", 0), about["gtm.attempt"]


def assert_paid(steps, root, own, chats):
    tokens = [said(chat) for chat in chats]
    assert sum(each[OUTPUT] for each in tokens) == sum(step.tokens_output for step in steps)
    assert sum(each[READ] for each in tokens) == sum(step.tokens_cache_read for step in steps)
    assert sum(each[INPUT] - each[READ] - each[WRITTEN] for each in tokens) == sum(s.tokens_input for s in steps)
    cost = float(sum((step.cost_usd for step in steps), Decimal(0)))
    assert sum(each["gtm.cost_usd"] for each in tokens) == pytest.approx(cost, abs=1e-9)
    assert sum(said(span)["gtm.cost_usd"] for span in own) == pytest.approx(cost, abs=1e-9)
    assert said(root)["gtm.cost_usd"] == pytest.approx(cost, abs=1e-9)


def exactly(moment):
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


# --- every kind of run


def test_a_run_arrives_whole_with_its_names_and_tells_who_what_and_when(collector):
    run = execute(plan_run(make_ready_request()))

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    assert_told(run, spans)
    assert Counter(span.name for span in spans) == {
        "invoke_workflow first_mail": 1,
        "invoke_agent research_agent": 1,
        "invoke_agent persona_agent": 1,
        "invoke_agent email_agent": 1,
        "chat offline-composer/1": 3,
        "retrieval people_data_labs": 1,
        "retrieval newsapi": run.source_records.filter(source="newsapi").count(),
    }
    assert {span.name.split()[0]: span.kind for span in spans} == {
        "invoke_workflow": Wire.SPAN_KIND_INTERNAL,
        "invoke_agent": Wire.SPAN_KIND_INTERNAL,
        "chat": Wire.SPAN_KIND_CLIENT,
        "retrieval": Wire.SPAN_KIND_CLIENT,
    }
    root = said(spans[0])
    assert (root["openinference.span.kind"], root["gen_ai.conversation.id"]) == ("CHAIN", f"request-{run.request_id}")
    assert (root["gtm.client"], root["gtm.rule"], root["gtm.status"]) == (run.client.slug, "default", "succeeded")
    written = next(said(span) for span in spans if span.name == "invoke_agent email_agent")
    email = run.steps.get(agent="email_agent")
    assert (written["gen_ai.prompt.name"], written["gen_ai.prompt.version"]) == ("email_agent", "1.0.0")
    assert (written["gtm.confidence"], written["gtm.input_sha256"]) == (email.confidence, email.input_sha256)


def test_tokens_and_cost_of_a_billed_run_are_what_the_price_list_makes_of_them(collector, settings):
    with paid(settings, honest):
        run = execute(plan_run(make_ready_request()))

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    assert_told(run, spans)
    price = ModelPrice.objects.filter(model="claude-sonnet-5-5", valid_from__lte=AT).latest("valid_from")
    for call in (said(span) for span in spans if span.name.startswith("chat")):
        fresh = call[INPUT] - call[READ] - call[WRITTEN]
        million = fresh * price.input + call[OUTPUT] * price.output + 70 * price.cache_read + 30 * price.cache_write
        assert (call[READ], call[WRITTEN], call["gen_ai.usage.cache_creation.input_tokens"]) == (70, 30, 30)
        assert call["gtm.cost_usd"] == pytest.approx(float(million) / 1e6, abs=1e-9)


def test_a_comprehensive_run_with_a_planner_proposals_and_judges_arrives_whole(collector, settings):
    with paid(settings, honest):
        run = execute(plan_run(make_ready_request(depth="comprehensive", purpose="deep_research")))

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    assert_told(run, spans)
    assert [span.name for span in spans if "planner" in span.name] == ["invoke_agent planner"]


def test_a_map_arrives_with_a_span_for_each_contact(collector):
    run = execute(plan_run(account()))

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    assert_told(run, spans)
    mails = [said(span) for span in spans if span.name == "invoke_agent email_agent"]
    assert sorted(each["gtm.map_index"] for each in mails) == [1, 2]


def test_retries_arrive_as_attempts_and_a_failure_with_its_class(collector, monkeypatch):
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "Ada Lee's service is busy."))
    run = plan_run(make_ready_request())
    for minutes in (0, 2, 30):
        execute(run, AT + timedelta(minutes=minutes))
    run.refresh_from_db()

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    assert_told(run, spans)
    tries = [said(span) for span in spans if span.name == "invoke_agent persona_agent"]
    assert [(each["gtm.attempt"], each["error.type"]) for each in tries] == [
        (1, "ModelUnavailable"), (2, "ModelUnavailable"), (3, "ModelUnavailable"),
    ]  # fmt: skip
    assert {said(span)["error.type"] for span in spans if span.name.startswith("chat") and span.status.code == 2} == {
        "overloaded"
    }
    assert (said(spans[0])["error.type"], run.status) == ("failed", "failed")


def test_gates_and_tools_have_names_of_their_own(collector):
    run = drawn_run(
        agent("research"),
        gate("check", "research"),
        {"key": "brief", "kind": "tool", "tool": "brief", "after": ["check"], "reason": "It keeps what stands."},
    )
    execute(run)
    flows_that.answer(run, "check", "approved")
    run = execute(run)

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    assert_told(run, spans)
    names = [span.name for span in spans]
    assert {"gate check", "execute_tool brief"} <= set(names)
    assert said(spans[names.index("gate check")])["openinference.span.kind"] == "CHAIN"


def test_a_source_that_failed_and_an_answer_used_again_are_told_apart(collector):
    request = make_ready_request()
    first = execute(plan_run(request))
    second = execute(plan_run(make_request(make_contact(request.client))), AT + timedelta(minutes=1))
    assert SourceRecord.objects.filter(run=second, same_as__isnull=False).exists()

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    by_trace = {run.pk: [s for s in spans if s.trace_id == trace_of(run)] for run in (first, second)}
    for run, own in ((first, by_trace[first.pk]), (second, by_trace[second.pk])):
        assert_told(run, own)
    again = [said(span)["gtm.reused"] for span in by_trace[second.pk] if span.name.startswith("retrieval")]
    assert any(again)
    lasted = [span for span in by_trace[second.pk] if said(span).get("gtm.reused")]
    assert {span.end_time_unix_nano - span.start_time_unix_nano for span in lasted} == {0}


def test_a_run_done_again_arrives_without_the_steps_that_it_took_over(collector):
    original = execute(plan_run(make_ready_request()))
    step = StepRun.objects.select_related("run__request__contact", "run__client", "context").get(
        run=original, key="email"
    )
    made = execute(reruns.ask(step, Wanted(), by=make_user(), at=AT), AT + timedelta(minutes=1))

    loop.look_at_runs(at=LATER)

    spans = [span for span in received(collector) if span.trace_id == trace_of(made)]
    assert_told(made, spans)
    assert (made.steps.count(), [place_of(span) for span in spans if "gtm.step" in said(span)]) == (
        3,
        [("email", 0, 1)],
    )
    assert_told(original, [span for span in received(collector) if span.trace_id == trace_of(original)])


def test_a_cancelled_run_arrives_with_what_it_had_done_and_went_neither_well_nor_wrong(collector, monkeypatch):
    counted(monkeypatch)
    run = execute(drawn_run(flows_that.tool("one"), gate("check", "one"), flows_that.tool("two", "check")))
    flow.cancel(run, by=make_user(), at=AT + timedelta(minutes=1))
    run = execute(run, AT + timedelta(minutes=2))

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    assert_told(run, spans)
    assert (run.status, said(spans[0])["gtm.status"], spans[0].status.code) == ("cancelled", "cancelled", 0)
    assert sorted(place_of(span)[0] for span in spans if span.parent_span_id) == ["check", "one"]


def trace_of(run):
    return bytes.fromhex(exporting.of_request(run.request_id)[0].trace_id)


# --- what never leaves


def test_nothing_of_people_prompts_answers_or_secrets_leaves(collector, monkeypatch):
    monkeypatch.setattr(llm, "ask", answering("persona_agent", lambda document, number: document))
    run = execute(plan_run(make_ready_request()))
    contact = run.request.contact

    loop.look_at_runs(at=LATER)

    whole = json.dumps([[span.name, span.status.message, said(span)] for span in received(collector)])
    email = run.steps.get(agent="email_agent")
    for secret in (
        contact.email, contact.full_name, contact.first_name, contact.company_name, contact.company_domain,
        email.output["subject"], email.prompt_sent[:40], run.facts.first().value, "Kim Novak", "@",
    ):  # fmt: skip
        assert secret not in whole


def test_nothing_of_a_crowds_people_leaves(collector):
    rows = make_crowd(3)

    loop.look_at_runs(at=LATER)

    spans = received(collector)
    told = json.dumps([[span.name, span.status.message, said(span)] for span in spans])
    assert len({span.trace_id for span in spans}) == len(rows[FlowRun])
    for contact, client in zip(rows[Contact], rows[Client], strict=True):
        for secret in (contact.email, contact.full_name, contact.company_name, contact.company_domain, client.name):
            assert secret not in told


def test_an_invalid_answer_is_told_by_its_class_alone(collector, settings):
    def quoting(body, number):
        return (200, {}, json_said("Ada Lee said so")) if number == 1 else composed(body)

    with paid(settings, quoting):
        execute(plan_run(make_ready_request()))

    loop.look_at_runs(at=LATER)

    classes = {said(span).get("error.type") for span in received(collector) if span.name.startswith("chat")}
    assert classes == {None, "invalid_answer"}


def json_said(text):
    usage = {"input_tokens": 10, "output_tokens": 5}
    content = [{"type": "text", "text": json.dumps({"summary": text})}]
    basis = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
    return json.dumps(basis | {"content": content, "stop_reason": "end_turn", "usage": usage}).encode()


# --- once, bounded, and again where it was not taken


def test_nothing_is_read_or_sent_where_no_collector_is_named(settings):
    settings.OTLP_ENDPOINT = ""
    execute(plan_run(make_ready_request()))

    with CaptureQueriesContext(connection) as queries:
        exporting.export(at=LATER)

    assert (len(queries), JobProgress.objects.count()) == (0, 0)


def test_a_run_is_told_once_and_the_next_one_alone(collector):
    first = execute(plan_run(make_ready_request()))
    loop.look_at_runs(at=LATER)
    loop.look_at_runs(at=LATER)
    assert len(collector.seen) == 1

    second = execute(plan_run(make_ready_request()), AT + timedelta(minutes=5))
    loop.look_at_runs(at=LATER)

    assert {span.trace_id for span in received(collector)} == {trace_of(first), trace_of(second)}
    assert [said(span)["gtm.run"] for span in received(collector) if not span.parent_span_id] == [first.pk, second.pk]


def test_runs_that_go_on_or_ended_just_now_wait(collector):
    execute(plan_run(make_ready_request()))
    make_run(status="running", started_at=AT)

    loop.look_at_runs(at=AT + timedelta(seconds=30))

    assert collector.seen == []


@pytest.mark.parametrize("status", [302, 401, 403, 404, 429, 500])
def test_what_the_collector_does_not_take_is_sent_again_at_the_next_tick(collector, monkeypatch, status):
    monkeypatch.setattr("gtm.telemetry.TIMEOUT_S", 1.0)
    run = execute(plan_run(make_ready_request()))
    collector.script = (status, {}, [b"no"])
    loop.look_at_runs(at=LATER)
    refused = len(collector.seen)
    collector.seen.clear()

    collector.script = (200, {}, [])
    loop.look_at_runs(at=LATER)

    assert refused >= 1  # the library asks again by itself where it is told to wait
    assert_told(run, received(collector))


def test_many_runs_go_in_bounded_requests(collector, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_SPANS", 12)
    runs = [execute(plan_run(make_ready_request()), AT + timedelta(minutes=number)) for number in range(3)]

    told = exporting.export(at=LATER)

    assert (told, len(collector.seen)) == (3, 3)
    assert {span.trace_id for span in received(collector)} == {trace_of(run) for run in runs}


@pytest.mark.parametrize("status", [400, 413])
def test_a_run_that_the_collector_refuses_is_named_and_passed_over_and_the_others_arrive(collector, caplog, status):
    runs = [execute(plan_run(make_ready_request()), AT + timedelta(minutes=number)) for number in range(4)]
    bad, taken = runs[2], []
    collector.script = refusing(collector, trace_of(bad), status, taken)

    told = exporting.export(at=LATER)

    collector.seen[:] = taken
    spans = received(collector)
    assert (told, {span.trace_id for span in spans}) == (3, {trace_of(run) for run in runs if run != bad})
    for run in runs[:2] + runs[3:]:
        assert_told(run, [span for span in spans if span.trace_id == trace_of(run)])
    assert f"run {bad.pk} is passed over" in caplog.text
    assert [record.levelname for record in caplog.records if record.name == exporting.__name__] == ["ERROR"]
    assert (exporting.export(at=LATER), exporting.waiting_since(at=LATER)) == (0, None)


def test_a_collector_that_fails_between_two_halves_is_told_the_rest_at_the_next_tick(collector):
    runs = [execute(plan_run(make_ready_request()), AT + timedelta(minutes=number)) for number in range(4)]
    answers = iter([413, 200, 401])
    collector.script = lambda path: (next(answers), {}, [])

    told = exporting.export(at=LATER)

    assert (told, exporting.waiting_since(at=LATER)) == (2, runs[2].finished_at)


def test_a_batch_of_runs_takes_as_many_queries_as_one(collector, django_assert_num_queries):
    for number in range(3):
        execute(plan_run(make_ready_request()), AT + timedelta(minutes=number))
    mark = finished.mark(exporting.JOB, begin=AT - timedelta(days=1))

    for most in (1, 3):
        with django_assert_num_queries(4):
            list(map(exporting.of_run, exporting._whole(finished.after(mark, at=LATER)[:most])))


def test_a_run_that_cannot_be_told_holds_up_no_other(collector):
    broken = execute(plan_run(make_ready_request()))
    whole = execute(plan_run(make_ready_request()), AT + timedelta(minutes=1))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL gtm.erasing = 'on'")
        StepRun.objects.filter(run=broken).update(attempts=["nothing that we wrote"])
        cursor.execute("SET LOCAL gtm.erasing = 'off'")

    loop.look_at_runs(at=LATER)

    assert {span.trace_id for span in received(collector)} == {trace_of(whole)}


def test_the_operators_headers_go_with_every_request(collector, settings):
    settings.OTLP_HEADERS = "x-team=gtm, authorization=Bearer%20abc"
    execute(plan_run(make_ready_request()))

    loop.look_at_runs(at=LATER)

    [(_, _, headers, _)] = collector.seen
    assert (headers["x-team"], headers["authorization"]) == ("gtm", "Bearer abc")


# --- by hand


def test_the_command_prints_and_sends_the_spans_of_one_request(collector):
    run = execute(plan_run(make_ready_request()))
    printed, sent = StringIO(), StringIO()

    call_command("trace", str(run.request_id), "--spans", stdout=printed)
    call_command("trace", str(run.request_id), "--otlp", stdout=sent)

    assert_told(run, received(collector))
    assert [each["span_id"] for each in json.loads(printed.getvalue())] == [
        span.span_id.hex() for span in received(collector)
    ]
    assert f"were sent to http://{collector.place}/v1/traces" in sent.getvalue()


def test_the_command_says_that_no_collector_is_named(settings):
    settings.OTLP_ENDPOINT = ""
    request = make_ready_request()

    with pytest.raises(CommandError, match="Set OTEL_EXPORTER_OTLP_ENDPOINT"):
        call_command("trace", str(request.pk), "--otlp")


def test_the_mark_never_goes_back():
    run = execute(plan_run(make_ready_request()))
    mark = finished.mark("a job", begin=LATER)

    finished.advance(mark, FlowRun.objects.get(pk=run.pk))

    assert JobProgress.objects.get(job="a job").finished_at == LATER


def test_each_source_hangs_below_the_step_that_asked_it():
    run = execute(plan_run(make_ready_request()))
    research = run.steps.get(agent="research_agent")

    assert set(run.source_records.values_list("step", flat=True)) == {research.pk}
