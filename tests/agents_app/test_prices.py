from datetime import date
from decimal import Decimal

import pytest

from agents_app import prices
from agents_app.models import ModelPrice
from agents_app.prices import Usage

pytestmark = pytest.mark.django_db
NOVEMBER = date(2026, 11, 16)


@pytest.mark.parametrize(
    ("model", "usage", "on", "dollars"),
    [
        ("claude-sonnet-5-5", Usage(input=20, output=7, cache_read=1000, cache_write=5), NOVEMBER, "0.0002225"),
        (
            "claude-sonnet-5-5",
            Usage(input=20, output=7, cache_read=1000, cache_write=5),
            date(2026, 10, 6),
            "0.0003225",
        ),
        ("claude-haiku-5-5", Usage(input=150_000, output=1000), NOVEMBER, "0.0775"),
        ("claude-haiku-5-5", Usage(input=100_000, output=1000), NOVEMBER, "0.0105"),
        ("claude-haiku-5-5", Usage(input=1, cache_read=100_000), NOVEMBER, "0.0050005"),
        ("offline-composer/1", Usage(input=5000, output=900), NOVEMBER, "0"),
    ],
)
def test_a_call_costs_by_its_day_its_band_and_each_kind_of_token(model, usage, on, dollars):
    assert prices.load().cost(model, usage, on) == Decimal(dollars)


def test_a_new_price_counts_from_its_day():
    ModelPrice.objects.create(
        model="claude-opus-5-5", valid_from=date(2026, 11, 16), input=3, output=15, cache_read=0, cache_write=0
    )

    table = prices.load()

    assert table.cost("claude-opus-5-5", Usage(input=1_000_000), date(2026, 11, 15)) == 4
    assert table.cost("claude-opus-5-5", Usage(input=1_000_000), NOVEMBER) == 3


def test_no_price_is_no_number():
    assert prices.load().cost("claude-unheard-of", Usage(input=1), NOVEMBER) is None
    assert prices.load().cost("claude-sonnet-5-5", Usage(input=1), date(2020, 1, 1)) is None


def test_usages_add_up_counter_by_counter():
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)
