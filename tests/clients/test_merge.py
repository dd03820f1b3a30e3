"""Which observation wins a field."""

from datetime import timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from clients.merge import JOINED, LATEST, Seen, full_name, winner
from tests.factories import AT

seen = st.builds(
    lambda number, value, minutes, key: Seen(number, value, AT + timedelta(minutes=minutes), key),
    st.integers(1, 99),
    st.sampled_from("abc"),
    st.integers(0, 3),
    st.sampled_from(["e1", "e2"]),
)


def at(minutes, value, key="e1"):
    return Seen(1, value, AT + timedelta(minutes=minutes), key)


def test_the_later_observation_wins_whichever_came_first():
    assert winner(at(0, "CFO"), at(1, "CEO")) == winner(at(1, "CEO"), at(0, "CFO")) == at(1, "CEO")


def test_at_the_same_moment_the_event_key_decides():
    assert winner(at(0, "CFO", "e2"), at(0, "CEO", "e1")) == at(0, "CFO", "e2")


@given(st.lists(seen, min_size=1, max_size=6), st.randoms())
def test_any_order_and_any_repetition_end_at_the_same_observation(found, rng):
    shuffled = [*found, *found[:2]]
    rng.shuffle(shuffled)

    assert reduce(winner, shuffled, None) == reduce(winner, found, None)


def test_a_name_is_joined_from_newer_parts_else_it_is_the_whole():
    assert full_name(at(0, "Dr Ada Lee"), at(1, "Ada"), at(0, "Lee")) == ("Ada Lee", at(1, "Ada"), JOINED)
    assert full_name(at(2, "Dr Ada Lee"), at(1, "Ada"), at(0, "Lee")) == ("Dr Ada Lee", at(2, "Dr Ada Lee"), LATEST)
    assert full_name(None, None, at(0, "Lee")) == ("Lee", at(0, "Lee"), JOINED)
    assert full_name(None, None, None) == ("", None, LATEST)
