import json

import httpx2
import pytest

from gtm.sandbox import messages

SCHEMA = {"type": "object", "title": "ResearchAnswer", "properties": {}}
USER = (
    '<config>{"client_name": "Acme", "tone": "direct", "custom_fields": {}, "confidence_floor": 0.5}</config>\n'
    '<facts>[{"key": "f1", "attribute": "headcount", "value": "1,240", "confidence": 0.8, "source": "people_data_labs"}]</facts>\n'
    '<context>{"company": {"domain": "a.example", "name": "Arden"}, "required": ["headcount", "news"]}</context>\n'
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
