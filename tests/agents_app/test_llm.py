import json
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from agents_app import llm
from agents_app.prices import Price, PriceTable, Usage
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

PAYLOADS = Path(__file__).parent.parent / "payloads" / "messages"
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
PRICES = PriceTable(
    (
        Price("claude-sonnet-5-5", date(2026, 1, 1), None, Decimal(2), Decimal(10), Decimal("0.1"), Decimal("2.5")),
        Price("offline-composer/1", date(2026, 1, 1), None, Decimal(0), Decimal(0), Decimal(0), Decimal(0)),
    )
)
USER = (
    '<config>{"client_name": "Acme", "custom_fields": {}, "confidence_floor": 0.5}</config>'
    '<facts>[{"key": "f1", "attribute": "headcount", "value": "1,240", "confidence": 0.8}]</facts>'
    '<context>{"company": {"name": "Arden"}, "required": ["headcount", "news"]}</context><variation>0</variation>'
)


class ResearchAnswer(BaseModel):
    summary: list[dict[str, object]]
    missing: list[str] = Field(max_length=3)


def question(**changes):
    asked = {
        "agent": "research_agent",
        "system": ["You research.", "For this client: be brief."],
        "user": USER,
        "schema": ResearchAnswer,
    }
    return llm.Question(**asked | changes)


def ask(**changes):
    return llm.ask(question(**changes), prices=PRICES, at=AT)


def recorded(name, status=200, **changes):
    body = json.loads((PAYLOADS / f"{name}.json").read_text()) | changes
    return Fault(status, json.dumps(body).encode())


def saying(text, **changes):
    return recorded("answered", content=[{"type": "text", "text": text}], **changes)


@pytest.fixture
def naps(monkeypatch):
    """How long we slept, without sleeping."""
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def outcomes(of):
    return [(each["kind"], each["status"], each["outcome"]) for each in of.attempts]


# --- an answer


def test_without_a_key_the_composer_answers_over_the_same_wire():
    answer = ask()

    assert answer.generator == "offline-composer/1"
    assert answer.parsed == ResearchAnswer(
        summary=[{"text": "Arden employs 1,240 people.", "rests_on": ["f1"]}], missing=["news"]
    )
    assert answer.stop_reason == "end_turn"
    assert answer.request_id.startswith("req_")
    assert answer.usage.input > 0
    assert answer.cost_usd == 0
    assert outcomes(answer) == [("ask", 200, "ok")]
    assert llm.is_offline()


def test_the_four_token_counters_stay_apart_and_are_priced():
    with faults.inject("messages", recorded("answered")):
        answer = ask()

    assert answer.usage == Usage(input=20, output=7, cache_read=1000, cache_write=5)
    assert answer.cost_usd == Decimal("0.0002225")


def test_a_variation_reaches_the_model():
    seen = [llm.ask(question(), prices=PRICES, at=AT, variation=number) for number in (0, 7)]

    assert seen[0].request_id != seen[1].request_id


def test_what_is_sent_holds_schema_effort_and_the_cache_mark(settings):
    with real_service([(200, {}, (PAYLOADS / "answered.json").read_bytes())]) as (url, requests):
        settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "sk-test", url
        answer = ask(effort="medium", max_tokens=700)

    [(path, headers, body)] = requests
    assert path == "/v1/messages"
    assert "sk-test" in (headers.get("authorization") or headers.get("x-api-key"))
    assert (body["model"], body["max_tokens"]) == (settings.MODEL, 700)
    assert body["output_config"]["effort"] == "medium"
    assert body["output_config"]["format"]["schema"]["title"] == "ResearchAnswer"
    assert [block.get("cache_control") for block in body["system"]] == [None, {"type": "ephemeral"}]
    assert answer.generator == "claude-sonnet-5-5"
    assert not llm.is_offline()


def test_threads_share_one_client():
    answers = []
    threads = [threading.Thread(target=lambda: answers.append((ask().raw, llm.client()))) for _ in range(6)]

    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert len({raw for raw, _ in answers}) == 1
    assert len({id(client) for _, client in answers}) == 1


# --- repair


def test_an_answer_out_of_bounds_is_asked_for_once_more_with_the_errors(settings):
    bad = json.loads((PAYLOADS / "answered.json").read_text()) | {
        "content": [{"type": "text", "text": '{"summary": [], "missing": ["a", "b", "c", "d"]}'}]
    }
    good = (PAYLOADS / "answered.json").read_bytes()
    with real_service([(200, {}, json.dumps(bad).encode()), (200, {}, good)]) as (url, requests):
        settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = "sk-test", url
        answer = ask()

    turns = requests[1][2]["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert "missing: List should have at most 3 items" in turns[2]["content"]
    assert [(kind, outcome[:14]) for kind, _, outcome in outcomes(answer)] == [
        ("ask", "invalid answer"),
        ("repair", "ok"),
    ]
    assert answer.usage.output == 14
    assert answer.cost_usd == 2 * Decimal("0.0002225")


def test_an_answer_invalid_twice_is_an_error_that_keeps_what_was_paid():
    with (
        faults.inject("messages", saying("Sure! Here it is:")),
        pytest.raises(llm.AnswerInvalid, match="invalid twice") as error,
    ):
        ask()

    assert error.value.raw == "Sure! Here it is:"
    assert error.value.usage.output == 14
    assert error.value.cost_usd == 2 * Decimal("0.0002225")
    assert len(error.value.attempts) == 2


def test_an_answer_that_was_cut_off_is_asked_to_be_shorter():
    cut = saying('{"summary": [', stop_reason="max_tokens")

    with faults.inject("messages", cut, times=1):
        answer = ask()

    assert answer.stop_reason == "end_turn"
    assert "cut off" in answer.attempts[0]["outcome"]


# --- trouble


def test_a_refusal_is_not_asked_again():
    with (
        faults.inject("messages", recorded("refusal")),
        pytest.raises(llm.ModelRefused, match="refused to answer") as error,
    ):
        ask()

    assert outcomes(error.value) == [("ask", 200, "refused")]
    assert error.value.usage.input == 310


def test_a_stop_that_we_do_not_use_is_an_error():
    with (
        faults.inject("messages", saying("{}", stop_reason="tool_use")),
        pytest.raises(llm.ModelRefused, match="tool_use"),
    ):
        ask()


def test_a_busy_service_is_asked_three_times_with_growing_patience(naps):
    with faults.inject("messages", recorded("overloaded", 529)), pytest.raises(llm.ModelUnavailable) as error:
        ask()

    assert outcomes(error.value) == [("ask", 529, "overloaded")] * 3
    waits = [nap for nap in naps if nap]
    assert len(waits) == 2
    assert max(waits) <= 8
    assert error.value.usage == Usage()


def test_a_short_retry_after_is_waited_for(naps):
    limited = Fault(429, (PAYLOADS / "overloaded.json").read_bytes(), {"retry-after": "7"})

    with faults.inject("messages", limited, times=1):
        answer = ask()

    assert outcomes(answer) == [("ask", 429, "rate limited"), ("ask", 200, "ok")]
    assert 7.0 in naps


def test_a_long_retry_after_gives_the_slot_back(naps):
    limited = Fault(429, (PAYLOADS / "overloaded.json").read_bytes(), {"retry-after": "7200"})

    with faults.inject("messages", limited), pytest.raises(llm.ModelUnavailable) as error:
        ask()

    assert error.value.retry_after_s == 7200
    assert len(error.value.attempts) == 1
    assert [nap for nap in naps if nap] == []


def test_a_service_that_hangs_is_unavailable(naps):
    with (
        faults.inject("messages", Fault(delay_s=1000)),
        pytest.raises(llm.ModelUnavailable, match="timed out") as error,
    ):
        ask()

    assert outcomes(error.value) == [("ask", 0, "timed out")] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_request_the_service_refuses_is_not_asked_again(status):
    with faults.inject("messages", recorded("bad_request", status)), pytest.raises(llm.ModelRefused) as error:
        ask()

    assert "max_tokens: must be greater than 0" in str(error.value)
    assert len(error.value.attempts) == 1


def test_a_model_without_a_price_is_not_asked(settings):
    settings.ANTHROPIC_API_KEY, settings.MODEL = "sk-test", "claude-unheard-of"

    with pytest.raises(llm.ModelRefused, match="claude-unheard-of has no price") as error:
        ask()

    assert error.value.attempts == []


# --- a real service on loopback


class real_service:
    """Answers on 127.0.0.1, one reply a request, in order; yields its address and the requests it saw."""

    def __init__(self, replies):
        self.replies, self.requests = list(replies), []

    def __enter__(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                service.requests.append(
                    (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                )
                status, headers, content = service.replies.pop(0)
                self.send_response(status)
                for name, value in {
                    "content-type": "application/json",
                    "content-length": str(len(content)),
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}", self.requests

    def __exit__(self, *problem):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
