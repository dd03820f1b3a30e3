"""What a call to the model costs: dated prices per million tokens, in bands by the size of the prompt.

The driver of a run loads the table once and hands it to its threads, which never touch the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from agents_app.models import ModelPrice

MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Usage:
    """Tokens; `input` counts only what no cache held. `cache_write` lives 5 minutes, `cache_write_1h` an hour."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.cache_write_1h + other.cache_write_1h,
        )

    @property
    def prompt(self) -> int:
        """All tokens of the prompt, cached or not: what price bands count."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens from `valid_from` on, for prompts up to `prompt_band_max` tokens (None: any)."""

    model: str
    valid_from: date
    prompt_band_max: int | None
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal

    def of(self, usage: Usage) -> Decimal:
        """US dollars, exact."""
        return (
            usage.input * self.input
            + usage.output * self.output
            + usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
            + usage.cache_write_1h * self.cache_write_1h
        ) / MILLION

    @property
    def dearest(self) -> Decimal:
        """The most that one million tokens of a prompt can cost."""
        return max(self.input, self.cache_read, self.cache_write, self.cache_write_1h)


@dataclass(frozen=True)
class PriceTable:
    prices: tuple[Price, ...]

    def cost(self, model: str, usage: Usage, on: date) -> Decimal | None:
        """US dollars; None when no price of this model holds on that day for a prompt of that size."""
        price = self._holding(model, usage.prompt, on)
        return None if price is None else price.of(usage)

    def worst(self, model: str, prompt_tokens: int, output_tokens: int, on: date) -> Decimal | None:
        """US dollars that no call with at most so many tokens can exceed; None where `cost` could be None.

        How large the prompt turns out decides its band, and what the caches hold decides the kind of its tokens; so
        every band up to that size counts, and every token as the dearest kind.
        """
        bands = {price.prompt_band_max for price in self.prices if price.model == model}
        sizes = {prompt_tokens, *(band for band in bands if band is not None and band < prompt_tokens)}
        found = [self._holding(model, size, on) for size in sizes]
        prices = [price for price in found if price is not None]
        if len(prices) < len(found):
            return None
        prompt, output = max(price.dearest for price in prices), max(price.output for price in prices)
        return (prompt_tokens * prompt + output_tokens * output) / MILLION

    def _holding(self, model: str, prompt_tokens: int, on: date) -> Price | None:
        """The latest price that has begun, and of its bands the smallest that the prompt fits in."""
        fitting = [
            price
            for price in self.prices
            if price.model == model
            and price.valid_from <= on
            and (price.prompt_band_max is None or prompt_tokens <= price.prompt_band_max)
        ]
        return max(
            fitting,
            key=lambda price: (price.valid_from, -(price.prompt_band_max or float("inf"))),
            default=None,
        )


COLUMNS = (
    "model", "valid_from", "prompt_band_max", "input", "output", "cache_read", "cache_write", "cache_write_1h",
)  # fmt: skip


def load() -> PriceTable:
    return table(ModelPrice.objects.values_list(*COLUMNS))


def table(rows: Iterable[Sequence[Any]]) -> PriceTable:
    """Of rows with the values of COLUMNS."""
    return PriceTable(tuple(Price(*row) for row in rows))
