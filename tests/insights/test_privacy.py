import pytest

from gtm.stats.discoveries import discoveries
from insights import privacy
from insights.privacy import Voice


def test_four_clients_agree_on_nothing_and_five_do():
    voices = [Voice(1, 0.03), Voice(1, 0.04), Voice(1, 0.05), Voice(1, 0.03)]

    assert privacy.agreement(voices) is None

    agreed = privacy.agreement([*voices, Voice(1, 0.05)])
    assert agreed is not None
    assert (agreed.side, agreed.clients, agreed.share) == (1, 5, 1.0)
    assert agreed.effect == pytest.approx(0.04)
    assert agreed.p < 0.01


def test_five_in_favour_do_not_count_when_three_are_against():
    assert privacy.agreement([*[Voice(1, 0.03)] * 5, *[Voice(-1, -0.03)] * 3]) is None


def test_nobody_agrees_on_nothing():
    assert privacy.agreement([]) is None


def test_a_harmful_pattern_is_agreed_on_too():
    agreed = privacy.agreement([Voice(-1, -0.02)] * 6)

    assert agreed is not None
    assert (agreed.side, agreed.p) == (-1, 0.0)


@pytest.mark.parametrize(("clients", "shown"), [(5, 5), (9, 5), (10, 10), (14, 10)])
def test_clients_are_rounded_to_the_five_below(clients, shown):
    assert privacy.rounded_clients(clients) == shown


@pytest.mark.parametrize(("effect", "shown"), [(0.0124, 0.01), (0.0125, 0.015), (-0.0125, -0.015), (0.002, 0.0)])
def test_effects_are_rounded_to_half_a_point(effect, shown):
    assert privacy.rounded_effect(effect) == pytest.approx(shown)


def test_coming_leaving_and_changing_ones_vote_are_changes():
    assert privacy.changed({1: 1, 2: 1, 3: -1}, {1: 1, 3: 1, 4: 1}) == 3


def test_many_tests_keep_fewer_findings_than_one_would():
    # Example of Benjamini and Hochberg (1995), table 1: fifteen hypotheses, four discoveries at 0.05.
    published = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]

    assert discoveries(dict(enumerate(published)), 0.05) == {0, 1, 2, 3}
    assert discoveries({}) == set()
