"""What a party still lets us ask, shared by all processes as one row."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gtm import limits
from gtm.limits import Seen
from gtm.models import RateLimit

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
SOON = AT + timedelta(seconds=30)
MODEL = "messages:claude-sonnet-5-5"


def row(name=MODEL):
    return RateLimit.objects.get(name=name)


def seen(requests=50, input_tokens=40_000, output_tokens=8_000, reset_at=SOON):
    return Seen(requests, reset_at, input_tokens, reset_at, output_tokens, reset_at)


def test_what_a_response_said_is_written_down():
    limits.observe(MODEL, seen(), at=AT)

    found = row()
    assert (found.requests_remaining, found.input_tokens_remaining, found.output_tokens_remaining) == (50, 40_000, 8000)
    assert (found.requests_reset_at, found.input_tokens_reset_at, found.output_tokens_reset_at) == (SOON, SOON, SOON)
    assert (found.blocked_until, found.updated_at) == (None, AT)


def test_a_response_that_says_nothing_leaves_no_row():
    limits.observe(MODEL, Seen(), at=AT)

    assert RateLimit.objects.count() == 0


def test_taking_lowers_what_is_left_for_everybody():
    limits.observe(MODEL, seen(), at=AT)

    waits = [limits.take(MODEL, input_tokens=15_000, output_tokens=2_000, at=AT) for _ in range(3)]

    assert waits == [0.0, 0.0, 30.0]
    found = row()
    assert (found.requests_remaining, found.input_tokens_remaining, found.output_tokens_remaining) == (
        48, 10_000, 4_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        ({"requests": 0}, {}),
        ({"input_tokens": 999}, {"input_tokens": 1000}),
        ({"output_tokens": 999}, {"output_tokens": 1000}),
    ],
)
def test_any_one_number_that_is_too_small_refuses_and_lowers_nothing(left, wanted):
    limits.observe(MODEL, seen(**left), at=AT)
    before = RateLimit.objects.values().get()

    wait = limits.take(MODEL, **wanted, at=AT)

    assert wait == 30.0
    assert RateLimit.objects.values().get() == before


def test_a_party_nobody_has_heard_of_yet_is_asked_and_gets_its_row():
    assert limits.wait_s(MODEL, input_tokens=10**9, at=AT) == 0.0

    assert limits.take(MODEL, input_tokens=10**9, output_tokens=10**9, at=AT) == 0.0
    assert (row().requests_remaining, row().blocked_until) == (None, None)


def test_a_number_past_its_reset_no_longer_counts():
    limits.observe(MODEL, seen(requests=0, input_tokens=0, output_tokens=0), at=AT)

    assert limits.wait_s(MODEL, input_tokens=1, at=SOON - timedelta(seconds=1)) == 1.0
    assert limits.wait_s(MODEL, input_tokens=1, at=SOON) == 0.0
    assert limits.take(MODEL, input_tokens=1, at=SOON) == 0.0
    assert row().requests_remaining == 0


def test_what_is_exactly_enough_is_not_waited_for():
    limits.observe(MODEL, seen(requests=1, input_tokens=100, output_tokens=10), at=AT)

    assert limits.wait_s(MODEL, input_tokens=100, output_tokens=10, at=AT) == 0.0
    assert limits.take(MODEL, input_tokens=100, output_tokens=10, at=AT) == 0.0
    assert (row().requests_remaining, row().input_tokens_remaining, row().output_tokens_remaining) == (0, 0, 0)


@pytest.mark.parametrize(
    "said", [Seen(retry_after_s=30), Seen(5, SOON), Seen(output_tokens_remaining=5, output_tokens_reset_at=SOON)]
)
def test_a_party_limits_us_until_the_moment_that_it_named(said):
    limits.observe(MODEL, said, at=AT)

    assert [limits.holds(row(), at=at) for at in (AT, SOON - timedelta(seconds=1), SOON)] == [True, True, False]


def test_the_wait_is_until_the_last_of_what_is_missing():
    later = AT + timedelta(seconds=55)
    limits.observe(MODEL, Seen(0, SOON, 0, later, 9000, later + timedelta(minutes=1)), at=AT)

    assert limits.wait_s(MODEL, input_tokens=1, output_tokens=1, at=AT) == 55.0


def test_nobody_asks_before_a_retry_after_is_over():
    limits.observe(MODEL, Seen(retry_after_s=90), at=AT)
    limits.observe(MODEL, Seen(retry_after_s=5), at=AT)

    assert limits.take(MODEL, at=AT) == 90.0
    assert limits.take(MODEL, at=AT + timedelta(seconds=89)) == 1.0
    assert limits.take(MODEL, at=AT + timedelta(seconds=90)) == 0.0


def test_the_newest_word_of_the_party_wins_over_what_we_counted():
    limits.observe(MODEL, seen(requests=50), at=AT)
    limits.take(MODEL, input_tokens=30_000, at=AT)

    limits.observe(MODEL, seen(requests=48, input_tokens=35_000), at=AT + timedelta(seconds=2))

    assert (row().requests_remaining, row().input_tokens_remaining) == (48, 35_000)


def test_of_two_words_of_one_moment_the_one_that_came_last_wins():
    limits.observe(MODEL, seen(requests=50), at=AT)

    limits.observe(MODEL, seen(requests=60), at=AT)

    assert row().requests_remaining == 60


def test_a_late_word_counts_where_nothing_newer_is_known():
    limits.observe(MODEL, Seen(input_tokens_remaining=9_000, input_tokens_reset_at=SOON), at=AT + timedelta(seconds=2))

    limits.observe(MODEL, seen(requests=3, input_tokens=9_500), at=AT)

    found = row()
    assert (found.requests_remaining, found.requests_reset_at, found.input_tokens_remaining) == (3, SOON, 9_000)


def test_an_older_word_that_arrives_late_may_only_lower():
    limits.observe(MODEL, seen(requests=20, input_tokens=9_000), at=AT + timedelta(seconds=2))

    limits.observe(MODEL, seen(requests=45, input_tokens=8_000, reset_at=SOON - timedelta(seconds=9)), at=AT)

    found = row()
    assert (found.requests_remaining, found.input_tokens_remaining) == (20, 8_000)
    assert (found.requests_reset_at, found.input_tokens_reset_at) == (SOON, SOON)
    assert found.updated_at == AT + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("said", "left", "reset_at"),
    [
        (Seen(requests_remaining=7), 7, AT + timedelta(minutes=1)),
        (Seen(requests_remaining=7, requests_reset_at=AT - timedelta(seconds=1)), None, None),
        (Seen(requests_remaining=7, requests_reset_at=AT), None, None),
        (Seen(requests_remaining=-3, requests_reset_at=SOON), 0, SOON),
        (Seen(requests_remaining=10**30, requests_reset_at=SOON), 2**31 - 1, SOON),
        (Seen(requests_remaining=0, requests_reset_at=AT + timedelta(days=9000)), 0, AT + timedelta(hours=1)),
    ],
)
def test_numbers_that_make_no_sense_do_no_harm(said, left, reset_at):
    limits.observe(MODEL, Seen(input_tokens_remaining=1, input_tokens_reset_at=SOON), at=AT)

    limits.observe(MODEL, said, at=AT)

    assert (row().requests_remaining, row().requests_reset_at) == (left, reset_at)


def test_an_absurd_retry_after_blocks_for_a_day_at_most():
    limits.observe(MODEL, Seen(retry_after_s=1e300), at=AT)

    assert limits.wait_s(MODEL, at=AT) == 86_400.0


def test_parties_have_rows_of_their_own():
    limits.observe(MODEL, seen(requests=0), at=AT)

    assert limits.take("messages:claude-haiku-5-5", at=AT) == 0.0
    assert limits.take(MODEL, at=AT) == 30.0


def test_taking_and_observing_are_one_update_each():
    limits.observe(MODEL, seen(), at=AT)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        limits.take(MODEL, input_tokens=10, output_tokens=10, at=AT)
        limits.observe(MODEL, seen(), at=AT)

    assert [query["sql"].split()[0] for query in asked.captured_queries] == ["UPDATE", "UPDATE"]


# --- many processes at once


def in_threads(work, times):
    def closing(number):
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(closing, range(times)))


@pytest.mark.django_db(transaction=True)
def test_many_at_once_take_no_more_than_is_left():
    limits.observe(MODEL, seen(requests=1000, input_tokens=20_500, output_tokens=10**6), at=AT)

    waits = in_threads(lambda _: limits.take(MODEL, input_tokens=1_000, output_tokens=10, at=AT), 60)

    assert sorted(waits) == [0.0] * 20 + [30.0] * 40
    found = row()
    assert (found.requests_remaining, found.input_tokens_remaining, found.output_tokens_remaining) == (
        980, 500, 10**6 - 200,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_the_first_sight_of_many_at_once_is_one_row():
    waits = in_threads(lambda _: limits.take(MODEL, input_tokens=5, at=AT), 24)
    in_threads(lambda _: limits.observe("another", seen(requests=3), at=AT), 24)

    assert waits == [0.0] * 24
    assert sorted(RateLimit.objects.values_list("name", "requests_remaining")) == [("another", 3), (MODEL, None)]


@pytest.mark.django_db(transaction=True)
def test_takers_and_observers_together_never_go_below_nothing():
    limits.observe(MODEL, seen(requests=40), at=AT)

    def work(number):
        if number % 5 == 0:
            limits.observe(MODEL, seen(requests=40 - number // 2), at=AT + timedelta(milliseconds=number))
        return limits.take(MODEL, input_tokens=10, output_tokens=10, at=AT)

    waits = in_threads(work, 80)

    assert set(waits) <= {0.0, 30.0}
    assert row().requests_remaining >= 0
