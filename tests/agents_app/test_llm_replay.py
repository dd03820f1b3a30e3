"""Answers from a recording: the same bytes, the same path, or an error in words."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from agents_app import llm
from gtm.sandbox import faults, messages
from gtm.sandbox.faults import Fault
from tests.agents_app.models_that import USER, Ledger, ask, paid

rng = random.Random(50)
WORDS = [
    "headcount",
    "news",
    "fünfzig",
    "日本",
    "\N{ROCKET}",
    "a\\b",
    'say "no"',
    "line\nbreak",
    "\u2028",
    "</facts>",
    "",
]


def varied(number):
    """An answer of its own for each number, with text that is easy to spoil on the way."""
    said = [{"text": " ".join(rng.choices(WORDS, k=6)), "rests_on": [f"f{number}"]} for _ in range(rng.randint(0, 4))]
    text = json.dumps({"summary": said, "missing": [rng.choice(WORDS)]}, ensure_ascii=bool(number % 2))
    usage = {"input_tokens": number, "output_tokens": 2 * number, "cache_read_input_tokens": 3 * number}
    return messages.saying(text, model=rng.choice(["claude-sonnet-5-5", "claude-sonnet-5-5-20260915"]), usage=usage)


def recorded(settings, count):
    with paid(settings, lambda body, number: (200, {"request-id": f"req_{number}"}, varied(number))):
        answers = [ask(user=USER.replace("1,240", f"{number}")) for number in range(count)]
    settings.ANTHROPIC_API_KEY = settings.ANTHROPIC_BASE_URL = ""
    return answers


def test_fifty_recorded_answers_come_again_byte_for_byte(settings):
    answers = recorded(settings, 50)
    kept = json.loads(json.dumps([attempt for answer in answers for attempt in answer.attempts]))

    replay = llm.Replay(kept)
    again = [ask(models=replay, user=USER.replace("1,240", f"{number}")) for number in range(50)]

    assert again == answers
    assert [answer.raw.encode() for answer in again] == [answer.raw.encode() for answer in answers]
    assert [one.attempts[0]["response"] for one in again] == [one.attempts[0]["response"] for one in answers]
    assert len({answer.raw for answer in answers}) > 40


def test_threads_may_share_one_replay(settings):
    answers = recorded(settings, 12)
    replay = llm.Replay([attempt for answer in answers for attempt in answer.attempts])

    with ThreadPoolExecutor(6) as pool:
        again = list(pool.map(lambda number: ask(models=replay, user=USER.replace("1,240", f"{number}")), range(12)))

    assert again == answers


@pytest.mark.parametrize(
    "change",
    [
        {"user": USER.replace("Arden", "Ardent")},
        {"system": ["You research.", "For this client: be kind."]},
        {"max_tokens": 1999},
        {"effort": "high"},
    ],
)
def test_a_request_changed_by_one_word_has_no_answer(change):
    recording = ask()
    purse = Ledger()

    with pytest.raises(llm.ReplayMissing, match="holds no answer to this request") as error:
        ask(purse, models=llm.Replay(recording.attempts), **change)

    assert (error.value.attempts, purse.granted) == ([], [])
    assert isinstance(error.value, llm.ModelRefused)


def test_an_empty_recording_answers_nothing():
    with pytest.raises(llm.ReplayMissing):
        ask(models=llm.Replay([]))


def test_the_transport_itself_answers_nothing_that_is_not_recorded(settings):
    replay = llm.Replay(ask().attempts)

    with pytest.raises(Exception) as error:
        replay.client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "hello"}])

    assert isinstance(error.value.__cause__, llm.ReplayMissing)


def test_a_repair_is_replayed_with_the_model_that_made_it(settings):
    invalid = messages.saying("no", model="claude-sonnet-5-5", usage={"input_tokens": 2000, "output_tokens": 2000})
    good = messages.saying(
        '{"summary": [], "missing": []}', model="claude-haiku-5-5", usage={"input_tokens": 9, "output_tokens": 1}
    )
    with paid(settings, [(200, {}, invalid), (200, {}, good)]):
        answer = ask(Ledger(cap_usd=Decimal("0.034")))
    settings.ANTHROPIC_API_KEY = ""

    again = ask(models=llm.Replay(answer.attempts))

    assert [attempt["model"] for attempt in answer.attempts] == ["claude-sonnet-5-5", "claude-haiku-5-5"]
    assert [attempt["model"] for attempt in again.attempts] == ["claude-sonnet-5-5", "claude-haiku-5-5"]
    assert again == answer


def test_calls_that_failed_are_left_out_of_a_replay(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with faults.inject("messages", Fault(529), Fault(200, messages.not_json()), times=2):
        answer = ask()

    again = ask(models=llm.Replay(answer.attempts))

    assert len(answer.attempts) == 3
    assert [attempt["outcome"] for attempt in again.attempts] == ["ok"]
    assert (again.raw, again.parsed) == (answer.raw, answer.parsed)


@pytest.mark.parametrize("status", [529, 0])
def test_a_recorded_failure_is_no_answer_whatever_stands_beside_it(status):
    [attempt] = ask().attempts

    replay = llm.Replay([attempt | {"status": status}])

    assert (replay.names, replay.holds(attempt["request_sha256"])) == ((), False)


def test_the_same_request_gets_its_recorded_answers_in_their_order(settings):
    replies = [messages.saying(json.dumps({"summary": [], "missing": [name]}), usage={}) for name in ("a", "b")]
    with paid(settings, [(200, {}, replies[0]), (200, {}, replies[1])]):
        attempts = ask().attempts + ask().attempts
    replay = llm.Replay(attempts)

    again = [ask(models=replay).parsed.missing for _ in range(3)]

    assert again == [["a"], ["b"], ["b"]]


def test_nothing_leaves_the_machine_in_a_replay(settings):
    answer = ask()

    with paid(settings, []) as service:
        again = ask(models=llm.Replay(answer.attempts))

    assert service.requests == []
    assert again == answer
