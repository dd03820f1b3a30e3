"""Who pays for a question: the worst case set aside before each request, what it took settled after it."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

import httpx2
import pytest

from agents_app import llm
from agents_app.llm import charging, wire
from agents_app.llm.reading import Said
from agents_app.prices import PriceTable, Usage
from gtm.sandbox import faults, messages
from gtm.sandbox.faults import Fault
from tests.agents_app.models_that import AT, PRICES, REAL_ASK, Ledger, ask, paid, question

GOOD = '{"summary": [], "missing": []}'
LONG = ["You research. " * 150]  # a request has at most as many tokens as bytes
LIMITS = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-16T09:00:02Z",
    "anthropic-ratelimit-input-tokens-limit": "40000",
    "anthropic-ratelimit-input-tokens-remaining": "38000",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-16T10:00:03+01:00",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "soon",
    "anthropic-ratelimit-output-tokens-reset": "never",
}


def using(**counters):
    """A good answer whose usage says so."""
    return messages.saying(GOOD, model="claude-sonnet-5-5", usage=counters)


@pytest.fixture(autouse=True)
def _no_naps(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)


# --- one call


def test_the_token_counters_stay_apart_and_are_priced(settings):
    body = using(input_tokens=20, output_tokens=7, cache_creation_input_tokens=5, cache_read_input_tokens=1000)

    with paid(settings, [(200, {}, body)]):
        answer = ask(system=LONG)

    assert answer.usage == Usage(input=20, output=7, cache_read=1000, cache_write=5)
    assert answer.cost_usd == Decimal("0.0002225")
    assert answer.attempts[0]["usage"] == {
        "input": 20, "output": 7, "cache_read": 1000, "cache_write": 5, "cache_write_1h": 0,
    }  # fmt: skip
    assert answer.attempts[0]["cost_usd"] == "0.0002225"


@pytest.mark.parametrize(
    ("total", "split", "five_minutes", "one_hour"),
    [
        (300, {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}, 100, 200),
        (300, {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 200}, 100, 200),
        (None, {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}, 100, 200),
        (0, {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}, 100, 200),
        (300, None, 300, 0),
        (300, {}, 300, 0),
    ],
)
def test_writes_to_the_cache_are_told_apart_by_how_long_they_live(total, split, five_minutes, one_hour, settings):
    body = using(input_tokens=20, output_tokens=7, cache_creation_input_tokens=total, cache_creation=split)

    with paid(settings, [(200, {}, body)]):
        answer = ask()

    assert (answer.usage.cache_write, answer.usage.cache_write_1h) == (five_minutes, one_hour)
    assert answer.cost_usd == PRICES.cost("claude-sonnet-5-5", answer.usage, AT.date())


def test_a_dated_name_of_the_model_costs_what_the_asked_one_costs(settings):
    body = messages.saying(GOOD, model="claude-sonnet-5-5-20260915", usage={"input_tokens": 10, "output_tokens": 1})

    with paid(settings, [(200, {}, body)]):
        answer = ask()

    assert answer.generator == "claude-sonnet-5-5-20260915"
    assert answer.cost_usd == Decimal("0.00003")


def test_each_model_with_a_price_is_offered_at_its_worst_case_the_preferred_one_first(settings):
    purse = Ledger()

    with paid(settings, [(200, {}, using(input_tokens=10, output_tokens=1))]) as service:
        ask(purse, max_tokens=700)

    [[sonnet, haiku]] = purse.offers
    [(_, _, sent)] = service.requests
    assert (sonnet.model, haiku.model) == ("claude-sonnet-5-5", "claude-haiku-5-5")
    assert sonnet.input_tokens == len(sent)
    assert sonnet.worst_usd == (len(sent) * 4 + 700 * Decimal(10)) / 1_000_000
    assert haiku.worst_usd < sonnet.worst_usd
    assert sonnet.output_tokens == 700
    assert purse.settled == [(llm.Grant("claude-sonnet-5-5", sonnet.worst_usd), Decimal("0.00003"), 0)]


def test_what_is_hashed_and_counted_is_what_is_sent(settings):
    awkward = 'Zoë\n\t"quoted" \\ \u2028 \N{PARTY POPPER} </facts>'

    with paid(settings, [(200, {}, messages.prose()), (200, {}, using(input_tokens=1, output_tokens=1))]) as service:
        answer = ask(system=[awkward, "Two."])

    assert [attempt["request_sha256"] for attempt in answer.attempts] == [
        sha256(sent).hexdigest() for _, _, sent in service.requests
    ]


def test_the_cheaper_model_answers_where_the_preferred_one_does_not_fit(settings):
    purse = Ledger(cap_usd=Decimal("0.010"))
    body = messages.saying(GOOD, model="claude-haiku-5-5", usage={"input_tokens": 10, "output_tokens": 1})

    with paid(settings, [(200, {}, body)]) as service:
        answer = ask(purse)

    assert json.loads(service.requests[0][2])["model"] == "claude-haiku-5-5"
    assert answer.attempts[0]["model"] == answer.generator == "claude-haiku-5-5"


def test_the_caller_says_which_models_may_answer_and_in_which_order(settings):
    purse = Ledger()

    with paid(settings, [(200, {}, using(input_tokens=10, output_tokens=1))]):
        ask(purse, models=("claude-unheard-of", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"))

    assert [offer.model for offer in purse.offers[0]] == ["claude-haiku-5-5", "claude-sonnet-5-5"]


def test_a_model_without_a_price_is_not_asked(settings):
    purse = Ledger()

    with paid(settings, []) as service, pytest.raises(llm.ModelRefused, match=r"^claude-unheard-of: no price") as error:
        ask(purse, models=("claude-unheard-of", "claude-unheard-of"))

    assert (service.requests, purse.offers, error.value.attempts) == ([], [], [])


def test_offline_the_composer_is_the_one_offer_and_costs_nothing():
    purse = Ledger(cap_usd=Decimal(0))

    REAL_ASK(question(), prices=PriceTable(()), at=AT, purse=purse, models=("claude-sonnet-5-5",))

    [[offer]] = purse.offers
    assert (offer.model, offer.worst_usd) == ("offline-composer/1", 0)
    assert purse.settled == [(llm.Grant("offline-composer/1", Decimal(0)), 0, 0)]


def test_what_does_not_fit_is_not_sent(settings):
    purse = Ledger(cap_usd=Decimal("0.000001"))

    with paid(settings, []) as service, pytest.raises(llm.BudgetSpent, match="The budget is spent") as error:
        ask(purse)

    assert (service.requests, purse.settled, error.value.attempts) == ([], [], [])


# --- every request


def test_each_request_is_reserved_and_settled_by_itself(settings):
    busy = (529, {}, b"{}")
    invalid = (200, {}, messages.saying("no", model="claude-sonnet-5-5", usage={"input_tokens": 9, "output_tokens": 3}))
    good = (200, {}, using(input_tokens=10, output_tokens=1))
    purse = Ledger()

    with paid(settings, [busy, invalid, good]) as service:
        answer = ask(purse)

    assert len(service.requests) == len(purse.granted) == len(purse.settled) == 3
    assert [cost for _, cost, _ in purse.settled] == [0, Decimal("0.000048"), Decimal("0.00003")]
    assert purse.granted[2].usd > purse.granted[1].usd  # the repair carries the answer and what is wrong with it
    assert answer.cost_usd == purse.spent == Decimal("0.000078")
    assert [(each["kind"], each["cost_usd"]) for each in answer.attempts] == [
        ("ask", "0"), ("ask", "0.000048"), ("repair", "0.00003"),
    ]  # fmt: skip


def test_a_budget_that_ends_between_two_requests_keeps_what_was_paid(settings):
    invalid = messages.saying("no", model="claude-sonnet-5-5", usage={"input_tokens": 2000, "output_tokens": 2000})
    purse = Ledger(cap_usd=Decimal("0.035"))

    with paid(settings, [(200, {}, invalid)]) as service, pytest.raises(llm.BudgetSpent) as error:
        ask(purse, models=("claude-sonnet-5-5",), system=LONG)

    assert len(service.requests) == 1
    assert error.value.cost_usd == purse.spent == Decimal("0.024")
    assert [attempt["kind"] for attempt in error.value.attempts] == ["ask"]


@pytest.mark.parametrize("status", [429, 500, 529, 400, 404])
def test_what_the_service_turned_away_costs_nothing(status, settings):
    purse = Ledger()

    with paid(settings, [(status, {}, b"{}")]), pytest.raises(llm.ModelError) as error:
        ask(purse)

    assert purse.spent == error.value.cost_usd == error.value.uncertain_usd == 0
    assert len(purse.settled) == len(error.value.attempts)


@pytest.mark.parametrize("body", [None, b'{"type": "mess', b"<html>", b""])
def test_a_call_whose_answer_never_came_counts_as_its_worst_case(body, settings):
    purse = Ledger()
    good = (200, {}, using(input_tokens=10, output_tokens=1))

    with paid(settings, [body if body is None else (200, {}, body), good]):
        answer = ask(purse)

    first, second = purse.settled
    assert first[1:] == (0, purse.granted[0].usd)
    assert second[1:] == (Decimal("0.00003"), 0)
    assert answer.uncertain_usd == purse.granted[0].usd
    assert answer.attempts[0]["uncertain_usd"] == str(purse.granted[0].usd)


def test_half_an_answer_on_the_real_wire_counts_as_its_worst_case(settings):
    whole = using(input_tokens=10, output_tokens=1)
    purse = Ledger()
    half = (200, {"content-length": str(len(whole))}, whole[:40])

    with paid(settings, [half, half, (200, {}, whole)]):
        answer = ask(purse)

    assert [uncertain > 0 for _, _, uncertain in purse.settled] == [True, True, False]
    assert [each["outcome"] for each in answer.attempts] == ["connection lost", "connection lost", "ok"]


def test_a_service_that_was_never_reached_has_billed_nothing(settings):
    purse = Ledger()
    with paid(settings, []):
        pass  # the address is known, and nobody listens any more

    with pytest.raises(llm.ModelUnavailable, match="no connection"):
        ask(purse)

    assert len(purse.settled) == 3
    assert purse.spent == 0


@pytest.mark.parametrize(
    ("error", "outcome", "may_be_billed"),
    [
        (httpx2.ConnectError, "no connection", False),
        (httpx2.ConnectTimeout, "no connection", False),
        (httpx2.PoolTimeout, "no connection", False),
        (httpx2.ProxyError, "no connection", False),
        (httpx2.UnsupportedProtocol, "no connection", False),
        (httpx2.LocalProtocolError, "no connection", False),
        (httpx2.ReadTimeout, "timed out", True),
        (httpx2.WriteTimeout, "timed out", True),
        (httpx2.ReadError, "connection lost", True),
        (httpx2.RemoteProtocolError, "connection lost", True),
    ],
)
def test_a_call_counts_as_its_worst_case_only_where_it_may_have_left(
    error, outcome, may_be_billed, settings, monkeypatch
):
    def breaks(request):
        raise error("It broke.")

    settings.ANTHROPIC_API_KEY = "sk-test"
    broken, purse = wire.connect(breaks), Ledger()
    monkeypatch.setattr("agents_app.llm.wire.client", lambda: broken)

    with pytest.raises(llm.ModelUnavailable) as caught:
        ask(purse)

    assert [attempt["outcome"] for attempt in caught.value.attempts] == [outcome] * 3
    assert purse.spent == sum(grant.usd for grant in purse.granted if may_be_billed)
    assert (len(purse.settled), purse.held) == (3, 0)


def test_an_error_of_our_own_in_the_middle_still_settles(settings, monkeypatch):
    purse = Ledger()

    def breaks(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("agents_app.llm.wire.post", breaks)
    with paid(settings, []), pytest.raises(KeyboardInterrupt):
        ask(purse)

    assert purse.settled == [(purse.granted[0], 0, purse.granted[0].usd)]
    assert purse.held == 0


# --- limits


def test_the_purse_is_told_what_the_headers_said_of_the_limits(settings):
    purse = Ledger()

    with paid(settings, [(200, LIMITS, using(input_tokens=10, output_tokens=1))]):
        ask(purse)

    [seen] = purse.seen
    assert (seen.requests_remaining, seen.input_tokens_remaining, seen.output_tokens_remaining) == (49, 38_000, None)
    assert seen.requests_reset_at == datetime(2026, 11, 16, 9, 0, 2, tzinfo=UTC)
    assert seen.input_tokens_reset_at == datetime(2026, 11, 16, 9, 0, 3, tzinfo=UTC)
    assert (seen.output_tokens_reset_at, seen.retry_after_s) == (None, None)


def test_the_purse_is_told_of_a_retry_after_and_of_no_answer_at_all():
    purse = Ledger()
    limited = Fault(429, b"{}", {"retry-after": "3"})

    with faults.inject("messages", limited, faults.RESET, times=2):
        ask(purse)

    assert [seen and seen.retry_after_s for seen in purse.seen] == [3.0, None, None]
    assert [seen is None for seen in purse.seen] == [False, True, False]


class Waits(Ledger):
    asked = 0

    def reserve(self, offers):
        self.asked += 1
        if self.asked > 1:
            raise llm.ModelUnavailable("The service's limits are used up for 5 seconds.", retry_after_s=5)
        return super().reserve(offers)


def test_a_purse_that_says_wait_is_not_asked_again(settings):
    purse = Waits()

    with paid(settings, [(529, {}, b"{}")]) as service, pytest.raises(llm.ModelUnavailable) as error:
        ask(purse)

    assert (len(service.requests), purse.asked) == (1, 2)
    assert error.value.retry_after_s == 5
    assert [attempt["status"] for attempt in error.value.attempts] == [529]


# --- numbers that cannot be


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "many",
        {"input_tokens": 10},
        {"input_tokens": None, "output_tokens": 1},
        {"input_tokens": -10, "output_tokens": 1},
        {"input_tokens": 10, "output_tokens": -(10**12)},
        {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": -5},
        {"input_tokens": 10, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": -5}},
        {"input_tokens": 1.5, "output_tokens": 1},
        {"input_tokens": "10", "output_tokens": 1},
        {"input_tokens": True, "output_tokens": 1},
    ],
)
def test_counters_that_cannot_be_count_as_the_worst_case(usage, settings):
    purse = Ledger()
    body = messages.saying(GOOD, model="claude-sonnet-5-5", usage=usage)

    with paid(settings, [(200, {}, body)]):
        answer = ask(purse)

    assert purse.settled == [(purse.granted[0], 0, purse.granted[0].usd)]
    assert (answer.usage, answer.cost_usd, answer.uncertain_usd) == (Usage(), 0, purse.granted[0].usd)
    assert "did not say" in answer.attempts[0]["note"]


@pytest.mark.parametrize("count", [10**6, 10**12, 10**60, 10**400])
@pytest.mark.parametrize("counter", ["input_tokens", "output_tokens", "cache_read_input_tokens"])
def test_a_claim_beyond_the_worst_case_is_noted_and_not_paid(counter, count, settings):
    purse = Ledger()
    body = using(**{"input_tokens": 10, "output_tokens": 1, counter: count})

    with paid(settings, [(200, {}, body)]):
        answer = ask(purse)

    [(grant, cost, uncertain)] = purse.settled
    [attempt] = answer.attempts
    assert (cost, uncertain) == (grant.usd, 0)
    assert Decimal(attempt["claimed_usd"]) > grant.usd
    assert "claims" in attempt["note"]
    assert max(attempt["usage"].values()) <= max(purse.offers[0][0].input_tokens, 2000)


def test_a_call_that_cost_its_whole_worst_case_is_paid_without_a_note():
    most = Usage(cache_write_1h=1000, output=100)
    offer = llm.Offer("claude-sonnet-5-5", PRICES.cost("claude-sonnet-5-5", most, AT.date()), 1000, 100)
    said = Said(message_id="m", model=offer.model, text=GOOD, stop_reason="end_turn", category="", usage=most)

    grant = llm.Grant(offer.model, offer.worst_usd)
    charged = charging.charge(said, grant=grant, offer=offer, prices=PRICES, on=AT.date())

    assert charged == charging.Charge(most, offer.worst_usd)
    assert charged.cost_usd == Decimal("0.005")


@pytest.mark.parametrize("counter", ["cache_read", "cache_write", "cache_write_1h", "input", "output"])
def test_no_counter_is_kept_beyond_what_the_request_allows(counter):
    offer = llm.Offer("claude-sonnet-5-5", Decimal(1), 1000, 100)
    claimed = Usage(**{counter: 1_001})
    said = Said(message_id="m", model=offer.model, text=GOOD, stop_reason="end_turn", category="", usage=claimed)

    grant = llm.Grant(offer.model, offer.worst_usd)
    charged = charging.charge(said, grant=grant, offer=offer, prices=PRICES, on=AT.date())

    assert charged.usage == Usage(**{counter: 100 if counter == "output" else 1000})
    assert (charged.cost_usd, "claims" in charged.note) == (PRICES.cost(offer.model, claimed, AT.date()), True)


def test_hostile_services_never_make_a_ledger_pay_more_than_its_cap(settings):
    rng = random.Random(20261116)
    numbers = [0, 1, 7, 900, 10**4, 10**6, 10**15, 10**40, -1, -(10**9), 0.5, None, "12", True]
    names = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
    texts = [GOOD, GOOD, "no", '{"summary": []']

    def reply(body, number):
        if rng.random() < 0.3:
            return rng.choice([None, (429, {}, b"{}"), (529, {}, b"{}"), (500, {}, b"x"), (200, {}, b'{"type": "mes')])
        usage = {name: rng.choice(numbers) for name in names if rng.random() < 0.95}
        usage["cache_creation"] = {"ephemeral_1h_input_tokens": rng.choice(numbers)}
        model = rng.choice([body["model"], "claude-opus-9", "offline-composer/1", "claude-haiku-5-5"])
        return 200, {}, messages.saying(rng.choice(texts), model=model, usage=usage)

    caps = [Decimal(rng.randint(0, 200)) / 1000 for _ in range(40)]
    purses = [Ledger(cap_usd=cap) for cap in caps]

    def tries(purse):
        try:
            return ask(purse)
        except llm.ModelError as error:
            return error

    with paid(settings, reply), ThreadPoolExecutor(3) as pool:
        ended = [list(pool.map(tries, [purse] * 6)) for purse in purses]

    assert [purse.spent <= purse.cap_usd for purse in purses] == [True] * 40
    assert [purse.held for purse in purses] == [0] * 40
    for purse, ends in zip(purses, ended, strict=True):
        assert sum(end.cost_usd + end.uncertain_usd for end in ends) == purse.spent
    assert {type(end) for ends in ended for end in ends} >= {llm.Answer, llm.BudgetSpent, llm.ModelUnavailable}


def test_a_claim_that_cannot_be_but_fits_is_paid_and_noted(settings):
    body = using(input_tokens=1, output_tokens=1, cache_read_input_tokens=5_000)
    purse = Ledger()

    with paid(settings, [(200, {}, body)]):
        answer = ask(purse)

    assert answer.cost_usd == purse.spent == Decimal("0.000512")
    assert answer.usage.cache_read == purse.offers[0][0].input_tokens
    assert "claims 5001 tokens of prompt" in answer.attempts[0]["note"]
    assert "claimed_usd" not in answer.attempts[0]
