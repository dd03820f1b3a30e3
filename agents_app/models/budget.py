from django.db import models


class ModelPrice(models.Model):
    """US dollars per million tokens, from a date on, for prompts of up to `prompt_band_max` tokens (empty: any)."""

    model = models.CharField(max_length=60)
    valid_from = models.DateField()
    prompt_band_max = models.PositiveIntegerField(null=True, blank=True)
    input = models.DecimalField(max_digits=10, decimal_places=4)
    output = models.DecimalField(max_digits=10, decimal_places=4)
    cache_read = models.DecimalField(max_digits=10, decimal_places=4)
    cache_write = models.DecimalField(max_digits=10, decimal_places=4)

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
