"""Any order of events, any repetition and any split into deliveries end at the same contacts, with the same origins."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clients import inbox
from clients.models import Event, Observation
from tests.clients import histories

pytestmark = pytest.mark.django_db
CALM = settings(
    deadline=None, phases=[Phase.generate], database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def any_sender(monkeypatch):
    for party in histories.SOURCES:
        monkeypatch.setitem(inbox.PARSERS, party, histories.read)


def converges(history, field_rules, rng, cuts):
    """As it happened, one delivery an event; and shuffled, a third of it twice, in as many deliveries as `cuts` says."""
    as_it_happened = histories.become([[entry] for entry in history], field_rules)

    shuffled = [*history, *history[::3]]
    rng.shuffle(shuffled)
    parts = [shuffled[number::cuts] for number in range(cuts)]

    assert histories.become(parts, field_rules) == as_it_happened


@settings(CALM, max_examples=25)
@given(histories.histories, histories.rules, st.randoms(use_true_random=False), st.integers(1, 3))
def test_any_order_ends_at_the_same_contacts(any_sender, history, field_rules, rng, cuts):
    converges(history, field_rules, rng, cuts)


@pytest.mark.faults
@settings(CALM, max_examples=500)
@given(histories.histories, histories.rules, st.randoms(use_true_random=False), st.integers(1, 4))
def test_five_hundred_histories_converge(any_sender, history, field_rules, rng, cuts):
    converges(history, field_rules, rng, cuts)


@settings(CALM, max_examples=10)
@given(histories.histories, histories.rules)
def test_telling_everything_again_changes_nothing(any_sender, history, field_rules):
    once = histories.become([history], field_rules)
    rows = (Event.objects.count(), Observation.objects.count())

    assert histories.become([history, history], field_rules) == once
    fresh = (Event.objects.count() - rows[0], Observation.objects.count() - rows[1])
    assert fresh[0] <= rows[0]
