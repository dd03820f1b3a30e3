"""Circuit breakers and token buckets, shared by all processes as rows."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from gtm import breakers, buckets
from gtm.breakers import Entered
from gtm.buckets import Published
from gtm.models import Breaker, Bucket

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
NAME = "crm:1"
HUBSPOT = Published(calls=100, seconds=10, a_day=1000)


def later(seconds):
    return AT + timedelta(seconds=seconds)


def fail(times=1, *, at=AT, **values):
    for _ in range(times):
        breakers.failed(NAME, Entered(), why="it answered 503", at=at, **values)


def row():
    found = Breaker.objects.get(name=NAME)
    return found.state, found.failures, found.trips, found.retry_at


# --- breakers


def test_a_party_nobody_has_heard_of_is_asked_and_success_writes_nothing():
    assert breakers.enter(NAME, at=AT) == Entered()

    breakers.succeeded(NAME, Entered())

    assert Breaker.objects.count() == 0


def test_five_failures_running_open_it_for_half_a_minute():
    fail(4)
    assert breakers.enter(NAME, at=AT).wait_s == 0.0

    fail()

    assert row() == ("open", 5, 1, later(30))
    assert breakers.enter(NAME, at=later(1)) == Entered(wait_s=29.0)
    assert breakers.wait_s(NAME, at=later(1)) == 29.0
    assert Breaker.objects.get().why == "it answered 503"


def test_a_success_between_them_begins_the_count_anew():
    fail(4)
    breakers.succeeded(NAME, Entered())
    fail(4)

    assert row() == ("closed", 4, 0, None)


def test_when_its_time_has_come_one_call_tries_and_all_others_wait_for_it():
    fail(5)

    first, second = breakers.enter(NAME, at=later(30)), breakers.enter(NAME, at=later(31))

    assert (first, second) == (Entered(probe=1), Entered(wait_s=119.0))
    assert breakers.wait_s(NAME, at=later(31)) == 119.0


def test_a_probe_that_succeeds_closes_it():
    fail(5)
    probe = breakers.enter(NAME, at=later(30))

    breakers.succeeded(NAME, probe)

    assert row() == ("closed", 0, 0, None)
    assert breakers.enter(NAME, at=later(31)) == Entered()


def test_each_probe_that_fails_doubles_the_time_up_to_a_quarter_of_an_hour():
    fail(5)
    at, waits = AT, []
    for _ in range(8):
        at += timedelta(seconds=breakers.wait_s(NAME, at=at))
        probe = breakers.enter(NAME, at=at)
        breakers.failed(NAME, probe, why="still 503", at=at)
        waits.append(breakers.wait_s(NAME, at=at))

    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0, 900.0]
    assert Breaker.objects.get().probe == 8


def test_a_longer_wait_that_the_party_asked_for_holds_a_day_at_most():
    fail(4)
    fail(retry_after_s=1200.0)
    assert breakers.wait_s(NAME, at=AT) == 1200.0

    Breaker.objects.all().delete()
    fail(4)
    fail(retry_after_s=1e12)
    assert breakers.wait_s(NAME, at=AT) == 86_400.0


def test_a_probe_that_never_tells_how_it_went_makes_room_for_the_next():
    fail(5)
    lost = breakers.enter(NAME, at=later(30))

    assert breakers.enter(NAME, at=later(149)).wait_s == 1.0
    assert breakers.enter(NAME, at=later(150)) == Entered(probe=2)

    breakers.succeeded(NAME, lost)
    assert row()[0] == "half_open"


def test_what_began_before_it_opened_no_longer_moves_it():
    early = breakers.enter(NAME, at=AT)
    fail(5)

    breakers.succeeded(NAME, early)
    fail()

    assert row() == ("open", 5, 1, later(30))
    probe = breakers.enter(NAME, at=later(30))
    breakers.succeeded(NAME, early)
    fail(at=later(31))
    assert row() == ("half_open", 5, 1, later(150))
    breakers.succeeded(NAME, probe)
    assert row()[0] == "closed"


def test_parties_have_breakers_of_their_own():
    fail(5)

    assert breakers.enter("crm:2", at=AT) == Entered()


# --- buckets


def take(times, *, at=AT, published=HUBSPOT, **values):
    return [buckets.take(NAME, published, at=at, **values) for _ in range(times)]


def test_a_full_bucket_holds_a_fifth_of_the_published_number_and_fills_with_four_fifths():
    assert take(21) == [0.0] * 20 + [pytest.approx(0.125)]

    assert take(9, at=later(1)) == [0.0] * 8 + [pytest.approx(0.125)]


def test_a_pause_fills_it_to_the_brim_and_no_further():
    take(20)

    assert take(21, at=later(3600)) == [0.0] * 20 + [pytest.approx(0.125)]


def test_in_no_span_are_there_more_calls_than_published():
    taken = [n for n in range(400) if take(1, at=AT + timedelta(milliseconds=50 * n)) == [0.0]]

    moments = [n * 0.05 for n in taken]
    assert max(sum(start <= each < start + 10 for each in moments) for start in moments) <= 100
    assert len(taken) == 179  # 20 at once, then 8 a second for 20 seconds: nothing is left unused


def test_a_call_a_second_at_the_least_fits_into_a_bucket():
    search = Published(calls=5, seconds=1, a_day=1000)

    assert take(2, published=search) == [0.0, pytest.approx(0.25)]


def test_the_last_tenth_of_a_day_is_for_people():
    small = Published(calls=10_000, seconds=10, a_day=100)

    assert take(73, published=small) == [0.0] * 72 + [15 * 3600.0]
    assert take(9, published=small, by_person=True) == [0.0] * 8 + [15 * 3600.0]
    assert take(1, published=small, at=AT + timedelta(hours=15)) == [0.0]
    assert Bucket.objects.get().spent == 1


def test_an_hour_hand_that_goes_back_over_midnight_gives_no_second_day():
    small = Published(calls=10_000, seconds=10, a_day=100)
    take(80, published=small, by_person=True, at=AT + timedelta(hours=15))

    [wait] = take(1, published=small, at=AT + timedelta(hours=15, seconds=-1))

    assert wait > 0
    assert (Bucket.objects.get().spent, Bucket.objects.get().day.day) == (80, 17)


def test_a_clock_that_is_behind_fills_nothing():
    take(20, at=later(10))

    assert take(1, at=AT) == [pytest.approx(0.125)]


def test_what_the_party_counts_for_the_day_holds_where_it_is_more():
    take(3)

    buckets.heard(NAME, 400, 1000, HUBSPOT, at=AT)
    assert Bucket.objects.get().spent == 400
    buckets.heard(NAME, 2, 1000, HUBSPOT, at=AT)
    assert Bucket.objects.get().spent == 400
    buckets.heard(NAME, 12, 15, HUBSPOT, at=AT)
    assert Bucket.objects.get().spent == 800
    assert take(1) == [15 * 3600.0]


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
def test_of_many_that_would_try_a_party_again_one_does():
    for round_ in range(1, 6):
        Breaker.objects.update_or_create(
            name=NAME, defaults={"state": "open", "failures": 5, "trips": 1, "retry_at": AT, "probe": round_ * 10}
        )

        entered = in_threads(lambda _: breakers.enter(NAME, at=AT), 24)

        assert Counter(each.probe for each in entered) == {round_ * 10 + 1: 1, 0: 23}
        assert [each.wait_s for each in entered if not each.probe] == [120.0] * 23


@pytest.mark.django_db(transaction=True)
def test_failures_of_many_at_once_open_it_once():
    in_threads(lambda _: breakers.failed(NAME, Entered(), why="503", at=AT), 24)

    assert row() == ("open", 5, 1, later(30))


@pytest.mark.django_db(transaction=True)
def test_many_at_once_take_no_more_tokens_than_there_are():
    waits = in_threads(lambda _: buckets.take(NAME, HUBSPOT, at=AT), 60)

    assert Counter(wait == 0.0 for wait in waits) == {True: 20, False: 40}
    assert (Bucket.objects.get().spent, round(Bucket.objects.get().tokens, 6)) == (20, 0.0)
