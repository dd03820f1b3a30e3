"""Who pays: before each call its worst case is set aside, after it what it really took is settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from agents_app.llm.headers import Seen


@dataclass(frozen=True)
class Offer:
    """One model that could answer, and the most that it can cost and use.

    `input_tokens` counts every byte of the request: a token is at least one byte, so no prompt has more.
    """

    model: str
    worst_usd: Decimal
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Grant:
    """The model to ask, and what was set aside for it."""

    model: str
    usd: Decimal


class Purse(Protocol):
    """One `reserve` before every HTTP request, and after it one `settle`, whatever became of the request."""

    def reserve(self, offers: Sequence[Offer]) -> Grant:
        """The first offer that fits. Raises BudgetSpent when none does, and ModelUnavailable (`retry_after_s`) when the
        service's limits ask for a long wait; a short one the purse waits for itself."""
        ...

    def settle(self, grant: Grant, *, cost_usd: Decimal, uncertain_usd: Decimal, seen: Seen | None) -> None:
        """What the call took: `cost_usd` and `uncertain_usd` together are at most what was granted. `seen` is what the
        response said of the service's limits; None: there was no response."""
        ...


class Unlimited:
    """A purse for questions outside runs: it grants the first choice and keeps no account."""

    def reserve(self, offers: Sequence[Offer]) -> Grant:
        return Grant(offers[0].model, offers[0].worst_usd)

    def settle(self, grant: Grant, *, cost_usd: Decimal, uncertain_usd: Decimal, seen: Seen | None) -> None:
        """Nothing is kept."""
