"""What a call to the model costs: dated prices per million tokens, in bands by the size of the prompt.

The driver of a run loads the table once and hands it to its threads, which never touch the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from agents_app.models import ModelPrice

MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Usage:
    """Tokens; `input` counts only what no cache held."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )

    @property
    def prompt(self) -> int:
        """All tokens of the prompt, cached or not: what price bands count."""
        return self.input + self.cache_read + self.cache_write


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

    def of(self, usage: Usage) -> Decimal:
        """US dollars, exact."""
        return (
            usage.input * self.input
            + usage.output * self.output
            + usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
        ) / MILLION


@dataclass(frozen=True)
class PriceTable:
    prices: tuple[Price, ...]

    def cost(self, model: str, usage: Usage, on: date) -> Decimal | None:
        """US dollars; None when no price of this model holds on that day for a prompt of that size."""
        found = [price for price in self.prices if price.model == model and price.valid_from <= on]
        fitting = [price for price in found if price.prompt_band_max is None or usage.prompt <= price.prompt_band_max]
        if not fitting:
            return None
        return max(fitting, key=lambda price: (price.valid_from, -(price.prompt_band_max or float("inf")))).of(usage)


def load() -> PriceTable:
    rows = ModelPrice.objects.order_by("model", "valid_from", "prompt_band_max")
    return PriceTable(
        tuple(
            Price(
                row.model, row.valid_from, row.prompt_band_max, row.input, row.output, row.cache_read, row.cache_write
            )
            for row in rows
        )
    )
