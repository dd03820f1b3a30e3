import random
from datetime import date
from decimal import Decimal

import pytest

from agents_app import prices
from agents_app.models import ModelPrice
from agents_app.prices import Price, PriceTable, Usage

pytestmark = pytest.mark.django_db
NOVEMBER = date(2026, 11, 16)
NEW_YEAR = date(2026, 1, 1)


def price(model="m", valid_from=NEW_YEAR, band=None, amounts="1 1 1 1 1"):
    """`amounts`: input, output, cache read, cache write for 5 minutes, for 1 hour."""
    return Price(model, valid_from, band, *map(Decimal, amounts.split()))


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
        ("claude-sonnet-5-5", Usage(input=20, output=7, cache_read=1000, cache_write_1h=5), NOVEMBER, "0.00023"),
        ("claude-opus-5-5", Usage(cache_write=1_000_000, cache_write_1h=1_000_000), NOVEMBER, "13"),
        ("claude-haiku-5-5", Usage(input=150_000, output=1000), NOVEMBER, "0.0775"),
        ("claude-haiku-5-5", Usage(input=100_000, output=1000), NOVEMBER, "0.0105"),
        ("claude-haiku-5-5", Usage(input=1, cache_read=100_000), NOVEMBER, "0.0050005"),
        ("claude-haiku-5-5", Usage(input=1, cache_write_1h=100_000), NOVEMBER, "0.1000005"),
        ("offline-composer/1", Usage(input=5000, output=900), NOVEMBER, "0"),
    ],
)
def test_a_call_costs_by_its_day_its_band_and_each_kind_of_token(model, usage, on, dollars):
    assert prices.load().cost(model, usage, on) == Decimal(dollars)


def test_a_new_price_counts_from_its_day():
    ModelPrice.objects.create(
        model="claude-opus-5-5", valid_from=NOVEMBER, input=3, output=15, cache_read=0, cache_write=0, cache_write_1h=0
    )

    table = prices.load()

    assert table.cost("claude-opus-5-5", Usage(input=1_000_000), date(2026, 11, 15)) == 4
    assert table.cost("claude-opus-5-5", Usage(input=1_000_000), NOVEMBER) == 3


def test_no_price_is_no_number():
    table = prices.load()

    assert table.cost("claude-unheard-of", Usage(input=1), NOVEMBER) is None
    assert table.cost("claude-sonnet-5-5", Usage(input=1), date(2020, 1, 1)) is None
    assert table.worst("claude-unheard-of", 1, 1, NOVEMBER) is None
    assert table.worst("claude-sonnet-5-5", 1, 1, date(2020, 1, 1)) is None


def test_usages_add_up_counter_by_counter():
    assert Usage(1, 2, 3, 4, 5) + Usage(10, 20, 30, 40, 50) == Usage(11, 22, 33, 44, 55)
    assert Usage(1, 2, 3, 4, 5).prompt == 13


@pytest.mark.parametrize(
    ("model", "prompt", "output", "dollars"),
    [
        ("claude-sonnet-5-5", 1_000_000, 0, "4"),  # all written to the cache for an hour
        ("claude-sonnet-5-5", 0, 1_000_000, "10"),
        ("claude-haiku-5-5", 100_000, 1000, "0.0205"),
        ("claude-haiku-5-5", 100_001, 1000, "0.102501"),  # the dear band may be reached
        ("offline-composer/1", 10_000, 10_000, "0"),
    ],
)
def test_the_worst_case_takes_every_token_as_the_dearest_kind(model, prompt, output, dollars):
    assert prices.load().worst(model, prompt, output, NOVEMBER) == Decimal(dollars)


def test_a_band_that_is_dearer_for_small_prompts_counts_for_large_ones_too():
    table = PriceTable((price(band=1000, amounts="9 90 9 9 9"), price(band=None, amounts="1 1 1 1 1")))

    assert table.worst("m", 1_000_000, 1_000_000, NOVEMBER) == 9 + 90


def test_a_prompt_larger_than_every_band_has_no_worst_case():
    table = PriceTable((price(band=1000),))

    assert table.worst("m", 1000, 1, NOVEMBER) is not None
    assert table.worst("m", 1001, 1, NOVEMBER) is None


def test_prices_of_the_past_and_the_future_do_not_count():
    table = PriceTable(
        (
            price(amounts="50 50 50 50 50"),
            price(valid_from=date(2026, 6, 1), amounts="2 2 2 2 2"),
            price(valid_from=date(2026, 12, 1), amounts="90 90 90 90 90"),
        )
    )

    assert table.worst("m", 500_000, 500_000, NOVEMBER) == 2


def test_no_call_costs_more_than_its_worst_case():
    rng, compared = random.Random(7), 0
    for _ in range(2000):
        table = PriceTable(
            tuple(
                price(
                    valid_from=date(2026, rng.randint(1, 12), 1),
                    band=rng.choice([None, 100, 5_000, 100_000]),
                    amounts=" ".join(str(rng.randint(0, 50)) for _ in range(5)),
                )
                for _ in range(rng.randint(1, 5))
            )
        )
        used = Usage(*(rng.choice([0, 3, 90, 4_000, 200_000]) for _ in range(5)))
        room = rng.choice([0, 1, 50_000])

        cost = table.cost("m", used, NOVEMBER)
        worst = table.worst("m", used.prompt + room, used.output + room, NOVEMBER)

        assert worst is None or (cost is not None and cost <= worst)
        compared += worst is not None
    assert compared > 500
