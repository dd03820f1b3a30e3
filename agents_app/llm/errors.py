"""How asking can end without an answer. What was tried and paid is kept, because it happened."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agents_app.prices import Usage


@dataclass
class Tally:
    """What one question has taken so far; the same shapes as in `Answer`."""

    attempts: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    uncertain_usd: Decimal = Decimal(0)
    request_id: str = ""


class ModelError(Exception):
    """No usable answer. `raw` is the text of the last one, where there was any."""

    def __init__(
        self, reason: str, tally: Tally | None = None, *, retry_after_s: float | None = None, raw: str = ""
    ) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.raw = raw
        self.carry(tally or Tally())

    def carry(self, tally: Tally) -> None:
        """From now on tell of these attempts and payments."""
        self.attempts = tally.attempts
        self.usage = tally.usage
        self.cost_usd = tally.cost_usd
        self.uncertain_usd = tally.uncertain_usd
        self.request_id = tally.request_id


class ModelUnavailable(ModelError):
    """The service is busy or out of reach; ask again later (`retry_after_s`, when it said so)."""


class ModelRefused(ModelError):
    """The model, its service or our own price list refuses this question; asking again does not help."""


class ServiceRefused(ModelRefused):
    """The service turned the request away for its key, its credit or its form: that tells nothing of the prompt."""


class PriceMissing(ModelRefused):
    """No price holds for any model that may be asked, so none is: what a call may cost could not be set aside."""


class AnswerInvalid(ModelError):
    """The answer broke its schema, and so did the corrected one (`raw`)."""


class BudgetSpent(ModelError):
    """No model that could answer fits into what may still be spent; a purse raises it, before anything is sent."""
