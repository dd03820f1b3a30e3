from django.db import models


class Heartbeat(models.Model):
    """When a background process last said that it lives; `name` is the cluster's."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"


class RateLimit(models.Model):
    """What an outside party last said of its limits; one row that every process reads and lowers (`gtm/limits.py`).

    `remaining` values hold until their `reset_at`; None: the party never said. Until `blocked_until` nobody asks.
    """

    name = models.CharField(max_length=80, unique=True, help_text="The party and, for models, the model.")
    requests_remaining = models.PositiveIntegerField(null=True, blank=True)
    requests_reset_at = models.DateTimeField(null=True, blank=True)
    input_tokens_remaining = models.PositiveBigIntegerField(null=True, blank=True)
    input_tokens_reset_at = models.DateTimeField(null=True, blank=True)
    output_tokens_remaining = models.PositiveBigIntegerField(null=True, blank=True)
    output_tokens_reset_at = models.DateTimeField(null=True, blank=True)
    blocked_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
