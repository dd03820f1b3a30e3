import json
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from gtm.sandbox import faults, messages
from gtm.sandbox.faults import Fault

SCHEMA = {"type": "object", "title": "ResearchAnswer", "properties": {}}
USER = (
    '<config>{"client_name": "Acme", "tone": "direct", "custom_fields": {}, "confidence_floor": 0.5}</config>\n'
    '<facts untrusted="true">[{"key": "f1", "attribute": "headcount", "value": "1,240", "confidence": 0.8, "source": "people_data_labs"}]</facts>\n'
    '<context untrusted="true">{"company": {"domain": "a.example", "name": "Arden"}, "required": ["headcount", "news"]}</context>\n'
    "<variation>0</variation>"
)


def body(**changes):
    asked = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 900,
        "system": [{"type": "text", "text": "Write."}],
        "messages": [{"role": "user", "content": USER}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    }
    return asked | changes


def post(content, headers=(("x-api-key", "k"),), path="/v1/messages"):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return messages.answer(
        httpx2.Request("POST", f"https://api.anthropic.com{path}", content=raw, headers=dict(headers))
    )


def test_a_message_names_the_composer_and_counts_its_tokens_by_the_stated_rule():
    reply = post(body())

    told = reply.json()
    text = told["content"][0]["text"]
    assert (told["type"], told["role"], told["model"], told["stop_reason"]) == (
        "message",
        "assistant",
        "offline-composer/1",
        "end_turn",
    )
    assert json.loads(text) == {
        "summary": [{"text": "Arden employs 1,240 people.", "rests_on": ["f1"]}],
        "missing": ["news"],
    }
    assert told["usage"]["output_tokens"] == -(-len(text.encode()) // 4)
    assert told["usage"]["input_tokens"] == messages.tokens("Write.") + messages.tokens(USER)
    assert reply.headers["request-id"].startswith("req_")


def test_the_same_request_gives_the_same_bytes_and_ids():
    first, second = post(body()), post(body())

    assert first.content == second.content
    assert first.headers["request-id"] == second.headers["request-id"]


def test_a_short_allowance_cuts_the_answer_and_says_so():
    told = post(body(max_tokens=5)).json()

    assert told["stop_reason"] == "max_tokens"
    assert told["usage"]["output_tokens"] == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "The body is not JSON."),
        (b"[]", "model: Field required"),
        (body(max_tokens=0), "max_tokens: Field required"),
        (body(messages=[]), "messages: Field required"),
        (body(output_config={}), "output_config.format.schema.title: one of"),
        (body(messages=[{"role": "user", "content": "hello"}]), "the block <config> is missing"),
        (body(messages=[{"role": "user", "content": USER.replace('"key"', "key")}]), "the block <facts> is not JSON"),
        (body(messages=[{"role": "user", "content": USER.replace("[{", "{").replace("}]", "}")}]), "no list of facts"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_the_api_s_own_shape(content, message):
    reply = post(content)

    assert reply.status_code == 400
    assert reply.json()["type"] == "error"
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert message in reply.json()["error"]["message"]


def test_a_request_needs_a_key_and_the_right_address():
    assert post(body(), headers=()).status_code == 401
    assert post(body(), path="/v1/complete").status_code == 404


# --- limits, faults, and answers that the composer never gives


def test_every_reply_says_what_is_left_of_the_limits():
    headers = post(body()).headers

    assert headers["anthropic-ratelimit-requests-limit"] == "4000"
    assert headers["anthropic-ratelimit-requests-remaining"] == "3999"
    used = post(body()).json()["usage"]
    assert int(headers["anthropic-ratelimit-input-tokens-remaining"]) == 2_000_000 - used["input_tokens"]
    assert int(headers["anthropic-ratelimit-output-tokens-remaining"]) == 400_000 - used["output_tokens"]
    for name in ("requests", "input-tokens", "output-tokens"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", headers[f"anthropic-ratelimit-{name}-reset"])


def test_the_usage_tells_writes_to_the_cache_apart():
    assert post(body()).json()["usage"]["cache_creation"] == {
        "ephemeral_5m_input_tokens": 0,
        "ephemeral_1h_input_tokens": 0,
    }


def test_a_reset_is_a_broken_connection_and_a_hang_a_timeout(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    with faults.inject("messages", faults.RESET), pytest.raises(httpx2.ReadError):
        post(body())
    with faults.inject("messages", faults.HANG), pytest.raises(httpx2.ReadTimeout):
        messages.answer(
            httpx2.Request("POST", "https://api.anthropic.com/v1/messages", extensions={"timeout": {"read": 1.0}})
        )


def test_half_an_answer_has_a_good_status_and_no_json():
    whole = post(body()).content

    with faults.inject("messages", faults.HALF):
        half = post(body())
    with faults.inject("messages", Fault(200, b"0123456789", is_half=True)):
        own = post(body())

    assert (half.status_code, half.content) == (200, whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        half.json()
    assert own.content == b"01234"


def test_a_schedule_decides_by_the_number_of_the_call():
    asked = []

    def schedule(call):
        asked.append(call)
        return Fault(529) if call % 3 == 0 else None

    with faults.inject("messages", schedule):
        statuses = [post(body()).status_code for _ in range(7)]

    assert statuses == [200, 200, 529, 200, 200, 529, 200]
    assert asked == [1, 2, 3, 4, 5, 6, 7]
    assert post(body()).status_code == 200


def test_a_schedule_with_a_seed_gives_the_same_storm_to_any_number_of_threads():
    def storm():
        rng = random.Random(3)
        with (
            faults.inject("messages", lambda call: Fault(529) if rng.random() < 0.3 else None),
            ThreadPoolExecutor(8) as pool,
        ):
            return sorted(pool.map(lambda _: post(body()).status_code, range(200)))

    first, second = storm(), storm()

    assert first == second
    assert 40 < first.count(529) < 80


def test_a_schedule_is_asked_by_one_call_at_a_time():
    inside, most = [], []

    def schedule(call):
        inside.append(call)
        most.append(len(inside))
        time.sleep(0.002)
        inside.remove(call)
        return Fault(529)

    with faults.inject("messages", schedule), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: post(body()), range(40)))

    assert most == [1] * 40


def test_faults_come_in_their_order_and_the_last_one_stays():
    with faults.inject("messages", Fault(500), Fault(429)):
        assert [post(body()).status_code for _ in range(4)] == [500, 429, 429, 429]
    with faults.inject("messages", Fault(500), Fault(429), times=2):
        assert [post(body()).status_code for _ in range(4)] == [500, 429, 200, 200]


@pytest.mark.parametrize(
    ("content", "stop_reason", "kinds"),
    [
        (messages.refusal("bio"), "refusal", []),
        (messages.cut_off(), "max_tokens", ["text"]),
        (messages.too_long_to_read(), "model_context_window_exceeded", ["text"]),
        (messages.tool_use(), "tool_use", ["tool_use"]),
        (messages.pause_turn(), "pause_turn", ["text"]),
        (messages.prose(), "end_turn", ["text"]),
        (messages.saying("{}", model="m", usage=None), "end_turn", ["text"]),
    ],
)
def test_answers_of_a_model_that_is_no_composer_have_the_shape_of_a_message(content, stop_reason, kinds):
    told = json.loads(content)

    assert (told["type"], told["role"], told["stop_reason"]) == ("message", "assistant", stop_reason)
    assert [block["type"] for block in told["content"]] == kinds
    assert set(told) >= {"id", "model", "usage"}
