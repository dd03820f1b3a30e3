"""Asking the model: what is sent, what is made of the answer, and what becomes of trouble."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents_app import llm
from agents_app.llm import asking
from agents_app.llm.reading import read
from agents_app.prices import Usage
from gtm.sandbox import faults, messages
from gtm.sandbox.faults import Fault
from tests.agents_app.models_that import AT, USER, PaidService, ResearchAnswer, ask, paid

PAYLOADS = Path(__file__).parent.parent / "payloads" / "messages"
ANSWERED = (PAYLOADS / "answered.json").read_bytes()
OVERLOADED = (PAYLOADS / "overloaded.json").read_bytes()


def outcomes(of):
    return [(each["kind"], each["status"], each["outcome"]) for each in of.attempts]


@pytest.fixture
def naps(monkeypatch):
    """How long we slept, without sleeping."""
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


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
    assert (answer.cost_usd, answer.uncertain_usd) == (0, 0)
    assert outcomes(answer) == [("ask", 200, "ok")]
    assert json.loads(answer.raw) == answer.parsed.model_dump()
    assert llm.is_offline()


def test_an_attempt_tells_what_was_sent_and_what_came_back():
    [attempt] = ask().attempts

    assert attempt["model"] == "offline-composer/1"
    assert len(attempt["request_sha256"]) == 64
    assert json.loads(attempt["response"])["content"][0]["type"] == "text"
    assert (attempt["stop_reason"], attempt["cost_usd"], attempt["uncertain_usd"]) == ("end_turn", "0", "0")
    assert sorted(attempt["usage"]) == ["cache_read", "cache_write", "cache_write_1h", "input", "output"]
    assert AT <= datetime.fromisoformat(attempt["started_at"]) <= datetime.now(UTC)
    assert json.loads(json.dumps(attempt)) == attempt


def test_a_variation_reaches_the_model():
    seen = [ask(user=USER.replace("<variation>0<", f"<variation>{number}<")) for number in (0, 7)]

    assert seen[0].request_id != seen[1].request_id


def test_what_is_sent_holds_schema_effort_and_the_cache_mark(settings):
    with paid(settings, [(200, {}, ANSWERED)]) as service:
        answer = ask(effort="medium", max_tokens=700)

    [(path, headers, sent)] = service.requests
    body = json.loads(sent)
    assert path == "/v1/messages"
    assert "sk-test" in (headers.get("authorization") or headers.get("x-api-key"))
    assert (body["model"], body["max_tokens"]) == (settings.MODEL, 700)
    assert body["output_config"]["effort"] == "medium"
    assert body["output_config"]["format"]["schema"]["title"] == "ResearchAnswer"
    assert [block.get("cache_control") for block in body["system"]] == [None, {"type": "ephemeral"}]
    assert answer.generator == "claude-sonnet-5-5"
    assert "sk-test" not in json.dumps(answer.attempts)
    assert not llm.is_offline()


def test_a_redirect_does_not_carry_the_key_elsewhere(settings):
    with PaidService([(200, {}, ANSWERED)]) as elsewhere:
        moved = (307, {"location": f"{elsewhere.url}/v1/messages"}, b"{}")
        with paid(settings, [moved]), pytest.raises(llm.ModelRefused, match="307"):
            ask()

    assert elsewhere.requests == []


def test_where_the_service_numbers_no_request_the_message_is_told_by_its_own_name(settings):
    with paid(settings, [(200, {}, ANSWERED)]):
        answer = ask()

    assert answer.request_id == answer.attempts[0]["request_id"] == json.loads(ANSWERED)["id"] != ""


def test_of_several_calls_the_last_that_was_numbered_is_told(settings, naps):
    invalid = (200, {"request-id": "req_1"}, messages.prose())
    with paid(settings, [invalid, None]), pytest.raises(llm.ModelUnavailable) as error:
        ask()

    assert [attempt["request_id"] for attempt in error.value.attempts] == ["req_1", "", "", ""]
    assert error.value.request_id == "req_1"


def test_threads_share_one_client():
    answers = []
    threads = [threading.Thread(target=lambda: answers.append((ask().raw, llm.client()))) for _ in range(6)]

    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert len({raw for raw, _ in answers}) == 1
    assert len({id(client) for _, client in answers}) == 1


# --- repair


def test_an_answer_out_of_bounds_is_asked_for_once_more_with_the_errors(settings):
    bad = messages.saying('{"summary": [], "missing": ["a", "b", "c", "d"]}')
    with paid(settings, [(200, {}, bad), (200, {}, ANSWERED)]) as service:
        answer = ask()

    turns = json.loads(service.requests[1][2])["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert "missing: List should have at most 3 items" in turns[2]["content"]
    assert [(kind, outcome[:14]) for kind, _, outcome in outcomes(answer)] == [
        ("ask", "invalid answer"),
        ("repair", "ok"),
    ]
    assert answer.usage.output == 12 + 7


def test_an_answer_invalid_twice_is_an_error_that_keeps_what_was_said():
    with (
        faults.inject("messages", Fault(200, messages.prose())),
        pytest.raises(llm.AnswerInvalid, match="invalid twice") as error,
    ):
        ask()

    assert str(error.value) == (
        "The model's answer was invalid twice: the whole answer: Invalid JSON: expected value at line 1 column 1."
    )
    assert error.value.raw == "Sure! Here is your answer: Arden employs 1,240 people."
    assert error.value.usage.output == 28
    assert [(kind, outcome[:14]) for kind, _, outcome in outcomes(error.value)] == [
        ("ask", "invalid answer"),
        ("repair", "invalid answer"),
    ]


def test_of_what_is_wrong_with_an_answer_an_attempt_keeps_a_few_lines(settings):
    bad = messages.saying(json.dumps({"summary": ["no"] * 20, "missing": []}))
    with paid(settings, [(200, {}, bad), (200, {}, ANSWERED)]) as service:
        answer = ask()

    told = json.loads(service.requests[1][2])["messages"][2]["content"]
    assert [f"summary.{number}: " in told for number in range(20)] == [True] * 8 + [False] * 12
    assert len(answer.attempts[0]["outcome"]) == 300


@pytest.mark.parametrize("body", [messages.cut_off(), messages.too_long_to_read()])
def test_an_answer_that_was_cut_off_is_asked_to_be_shorter(body, settings):
    with paid(settings, [(200, {}, body), (200, {}, ANSWERED)]) as service:
        answer = ask()

    assert answer.stop_reason == "end_turn"
    assert "cut off" in answer.attempts[0]["outcome"]
    assert "Write less." in json.loads(service.requests[1][2])["messages"][2]["content"]


def test_what_the_model_could_not_hold_is_not_sent_to_it_again(settings):
    with paid(settings, [(200, {}, messages.too_long_to_read()), (200, {}, ANSWERED)]) as service:
        ask()

    assert json.loads(service.requests[1][2])["messages"][1]["content"] == "(no text)"


def test_an_answer_with_a_character_that_no_database_takes_is_mended():
    hostile = messages.saying('{"summary": [], "missing": ["a\\u0000b"]}')

    with faults.inject("messages", Fault(200, hostile), times=1):
        answer = ask()

    assert "NUL" in answer.attempts[0]["outcome"]
    assert "\0" not in json.dumps(answer.attempts, ensure_ascii=False)
    assert answer.parsed.missing == ["news"]


# --- stops


@pytest.mark.parametrize(
    ("body", "outcome", "sentence"),
    [
        (messages.refusal(), "refused", "The model refused to answer. Change what is asked"),
        (messages.refusal("cyber"), "refused", "reads like a request about breaking into computers"),
        (messages.refusal("something_new"), "refused", "reads like a request about something_new"),
        (messages.tool_use(), "stopped: tool_use", "asked for a tool instead of answering"),
        (messages.pause_turn(), "stopped: pause_turn", "paused in the middle of its answer"),
        (messages.saying("{}", stop_reason="dreaming"), "stopped: dreaming", "a way we do not know (dreaming)"),
        (messages.saying("{}", stop_reason=None), "stopped: no reason", "a way we do not know (it gave no reason)"),
    ],
)
def test_a_stop_without_an_answer_is_told_in_words_and_not_asked_again(body, outcome, sentence):
    with faults.inject("messages", Fault(200, body)), pytest.raises(llm.ModelRefused) as error:
        ask()

    assert sentence in str(error.value)
    assert outcomes(error.value) == [("ask", 200, outcome)]


def test_a_stop_sequence_is_an_answer():
    good = messages.saying('{"summary": [], "missing": []}', stop_reason="stop_sequence")

    with faults.inject("messages", Fault(200, good)):
        answer = ask()

    assert (answer.stop_reason, answer.parsed.missing) == ("stop_sequence", [])


# --- trouble


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(529, "overloaded"), (500, "busy"), (503, "busy"), (408, "busy"), (409, "busy"), (429, "rate limited")],
)
def test_a_busy_service_is_asked_three_times(status, outcome, naps):
    with faults.inject("messages", Fault(status, OVERLOADED)), pytest.raises(llm.ModelUnavailable) as error:
        ask()

    assert outcomes(error.value) == [("ask", status, outcome)] * 3
    assert len([nap for nap in naps if nap]) == 2
    assert error.value.usage == Usage()


def test_patience_with_a_busy_service_grows_and_is_never_twice_the_same(naps):
    """Steps that were refused together would otherwise come back together."""
    for _ in range(20):
        with faults.inject("messages", Fault(529, OVERLOADED)), pytest.raises(llm.ModelUnavailable):
            ask()

    waits = [nap for nap in naps if nap]
    firsts, seconds = waits[::2], waits[1::2]
    window = asking._jittered.multiplier
    wider = window * asking._jittered.exp_base
    assert len(set(waits)) == len(waits) == 40
    assert max(firsts) <= window < max(seconds) <= wider <= 8


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "7"},
        {"retry-after": "7.0"},
        {"retry-after": "Mon, 16 Nov 2026 09:00:07 GMT", "date": "Mon, 16 Nov 2026 09:00:00 GMT"},
    ],
)
def test_a_short_retry_after_is_waited_for(headers, naps):
    with faults.inject("messages", Fault(429, OVERLOADED, headers), times=1):
        answer = ask()

    assert outcomes(answer) == [("ask", 429, "rate limited"), ("ask", 200, "ok")]
    assert [nap for nap in naps if nap] == [7.0]


@pytest.mark.parametrize(
    ("said", "slept"),
    [("20", [20.0]), ("0", []), ("Mon, 16 Nov 2026 08:00:00 GMT", [])],
    ids=["longest", "none", "past"],
)
def test_a_retry_after_is_kept_to_from_none_to_the_longest_that_is_slept_through(said, slept, naps):
    with faults.inject("messages", Fault(429, OVERLOADED, {"retry-after": said}), times=1):
        answer = ask()

    assert outcomes(answer) == [("ask", 429, "rate limited"), ("ask", 200, "ok")]
    assert [nap for nap in naps if nap] == slept


def test_a_date_to_retry_after_is_read_by_our_clock_where_the_service_names_none(naps):
    limited = Fault(429, OVERLOADED, {"retry-after": "Mon, 16 Nov 2026 09:00:15 GMT"})

    with faults.inject("messages", limited, times=1):
        ask()

    [nap] = [nap for nap in naps if nap]
    assert 14 < nap <= 15


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("21", 21), ("7200", 7200), ("Mon, 16 Nov 2026 10:00:00 GMT", 3600), ("999999999999", 86_400)],
)
def test_a_long_retry_after_gives_the_slot_back(said, seconds, naps):
    limited = Fault(429, OVERLOADED, {"retry-after": said, "date": "Mon, 16 Nov 2026 09:00:00 GMT"})

    with faults.inject("messages", limited), pytest.raises(llm.ModelUnavailable) as error:
        ask()

    assert error.value.retry_after_s == seconds
    assert len(error.value.attempts) == 1
    assert [nap for nap in naps if nap] == []


@pytest.mark.parametrize("said", ["soon", "-5", "nan", "inf", "1e9", "\N{ARABIC-INDIC DIGIT SEVEN}", ""])
def test_a_retry_after_that_cannot_be_read_is_as_none(said, naps):
    limited = Fault(429, OVERLOADED, {"retry-after": said.encode()} if said else {})

    with faults.inject("messages", limited), pytest.raises(llm.ModelUnavailable) as error:
        ask()

    assert error.value.retry_after_s is None
    assert len(error.value.attempts) == 3
    assert max(naps) <= 8


@pytest.mark.parametrize(
    ("fault", "status", "outcome"),
    [
        (faults.HANG, 0, "timed out"),
        (faults.RESET, 0, "connection lost"),
        (faults.HALF, 200, "not readable"),
        (Fault(200, messages.not_json()), 200, "not readable"),
        (Fault(200, b""), 200, "not readable"),
        (Fault(200, b'{"type": "message"}'), 200, "not readable"),
        (Fault(200, b'{"model": "m", "content": [{"type": "text", "text": "\\ud800"}]}'), 200, "not readable"),
        (Fault(200, b"\x00\xff"), 200, "not readable"),
    ],
)
def test_an_answer_that_never_came_is_asked_for_again(fault, status, outcome, naps):
    with faults.inject("messages", fault, times=2):
        answer = ask()

    assert outcomes(answer) == [("ask", status, outcome)] * 2 + [("ask", 200, "ok")]
    assert "\0" not in json.dumps(answer.attempts, ensure_ascii=False)


def test_a_service_that_hangs_is_unavailable(naps):
    with faults.inject("messages", faults.HANG), pytest.raises(llm.ModelUnavailable, match="timed out") as error:
        ask()

    assert outcomes(error.value) == [("ask", 0, "timed out")] * 3


def test_an_absurdly_large_answer_is_not_read():
    endless = messages.saying("x" * 1_000_001)

    with faults.inject("messages", Fault(200, endless), times=1):
        answer = ask()

    assert outcomes(answer)[0] == ("ask", 200, "not readable")
    assert len(answer.attempts[0]["response"]) == 20_000


def test_only_what_the_model_says_as_text_is_its_answer():
    blocks = [
        {"type": "thinking", "text": "I wonder."},
        {"type": "text", "text": "One"},
        {"type": "text", "text": " two."},
    ]

    said = read(json.dumps({"model": "m", "content": blocks, "stop_reason": "end_turn"}).encode())

    assert said.text == "One two."


@pytest.mark.parametrize(("size", "outcomes_told"), [(1_000_000, ["ok"]), (1_000_001, ["not readable", "ok"])])
def test_an_answer_is_read_up_to_a_million_bytes(size, outcomes_told, naps):
    whole = messages.saying('{"summary": [], "missing": []}').ljust(size)

    with faults.inject("messages", Fault(200, whole), times=1):
        answer = ask()

    assert [each["outcome"] for each in answer.attempts] == outcomes_told


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_a_request_the_service_refuses_is_not_asked_again(status):
    refused = Fault(status, (PAYLOADS / "bad_request.json").read_bytes())

    with faults.inject("messages", refused), pytest.raises(llm.ServiceRefused) as error:
        ask()

    assert "max_tokens: must be greater than 0" in str(error.value)
    assert len(error.value.attempts) == 1


def test_a_refusal_without_a_reason_says_so():
    with faults.inject("messages", Fault(400, b"<html>")), pytest.raises(llm.ModelRefused, match="no reason given"):
        ask()


# --- what the last block of system texts and the first calls tell of caching


@pytest.mark.parametrize(
    ("calls", "cache_write", "cache_read", "never"),
    [(5, 0, 0, True), (4, 0, 0, False), (5, 1, 0, False), (5, 0, 1, False), (0, 0, 0, False)],
)
def test_a_cache_that_never_formed_is_named_after_five_calls(calls, cache_write, cache_read, never):
    assert llm.cache_never_formed(calls, cache_write, cache_read) is never
