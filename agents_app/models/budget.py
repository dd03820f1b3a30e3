from decimal import Decimal

from django.db import models
from django.db.models import Q


class ModelPrice(models.Model):
    """US dollars per million tokens, from a date on, for prompts of up to `prompt_band_max` tokens (empty: any)."""

    model = models.CharField(max_length=60)
    valid_from = models.DateField()
    prompt_band_max = models.PositiveIntegerField(null=True, blank=True)
    input = models.DecimalField(max_digits=10, decimal_places=4)
    output = models.DecimalField(max_digits=10, decimal_places=4)
    cache_read = models.DecimalField(max_digits=10, decimal_places=4)
    cache_write = models.DecimalField("cache write, 5 minutes", max_digits=10, decimal_places=4)
    cache_write_1h = models.DecimalField("cache write, 1 hour", max_digits=10, decimal_places=4)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "valid_from", "prompt_band_max"],
                nulls_distinct=False,
                name="one_price_a_model_date_and_band",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} from {self.valid_from}"


class BudgetDay(models.Model):
    """What a client's runs may spend on the model in one day (UTC), have spent, and hold back while they are at work.

    US dollars. What a run spends of what it holds back is told when it needs more, or stops. `spent_usd` counts the
    worst case of calls whose answer never came.
    """

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="budget_days")
    day = models.DateField()
    cap_usd = models.DecimalField("cap", max_digits=14, decimal_places=7)
    spent_usd = models.DecimalField("spent", max_digits=14, decimal_places=7, default=0)
    reserved_usd = models.DecimalField("reserved", max_digits=14, decimal_places=7, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "day"], name="one_budget_a_client_and_day"),
            models.CheckConstraint(
                condition=Q(spent_usd__gte=0) & Q(reserved_usd__gte=0), name="budgets_are_never_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client} on {self.day}"

    @property
    def left_usd(self) -> Decimal:
        return max(self.cap_usd - self.spent_usd - self.reserved_usd, Decimal(0))
