"""When e-mails may leave."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_app.windows import next_open
from clients.keys import DAYS

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from_hour": 8, "to_hour": 18}


def moment(day, hour, minute=0):
    """A day of November 2026; the 16th is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        (moment(16, 9, 30), moment(16, 9, 30)),
        (moment(16, 8), moment(16, 8)),
        (moment(16, 7, 59), moment(16, 8)),
        (moment(16, 18), moment(17, 8)),
        (moment(20, 18, 1), moment(23, 8)),
        (moment(21, 12), moment(23, 8)),
    ],
)
def test_an_e_mail_leaves_at_once_while_the_window_is_open_and_else_when_it_opens(at, leaves):
    assert next_open(OFFICE, at) == leaves


def test_a_window_until_midnight_closes_with_the_day():
    assert next_open({"days": ["mon"], "from_hour": 20, "to_hour": 24}, moment(16, 23, 59)) == moment(16, 23, 59)
    assert next_open({"days": ["mon"], "from_hour": 20, "to_hour": 24}, moment(17, 0)) == moment(23, 20)


def test_a_window_that_says_nothing_keeps_nothing_back():
    assert next_open({}, moment(21, 3)) == moment(21, 3)


@pytest.mark.parametrize(
    "window", [{"days": []}, {**OFFICE, "from_hour": 18, "to_hour": 8}, {**OFFICE, "from_hour": 9, "to_hour": 9}]
)
def test_a_window_without_a_day_or_with_its_hours_the_wrong_way_round_never_opens(window):
    assert next_open(window, moment(18, 10)) is None


windows = st.fixed_dictionaries(
    {"days": st.lists(st.sampled_from(list(DAYS)), min_size=1, unique=True), "from_hour": st.integers(0, 22)}
).flatmap(lambda w: st.integers(w["from_hour"] + 1, 24).map(lambda ends: {**w, "to_hour": ends}))


minutes = st.integers(0, 366 * 24 * 60).map(lambda n: moment(1, 0) + timedelta(minutes=n))


@given(windows, minutes)
def test_it_always_opens_within_eight_days_and_never_before(window, at):
    leaves = next_open(window, at)

    assert at <= leaves < at + timedelta(days=8)
    assert list(DAYS)[leaves.weekday()] in window["days"]
    assert window["from_hour"] <= leaves.hour < window["to_hour"]
    assert next_open(window, leaves) == leaves
