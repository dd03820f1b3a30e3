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


class Breaker(models.Model):
    """A circuit breaker: whether a party is asked at all after it failed several times, in one row for all processes.

    Closed: asked. Open: not before `retry_at`. Half-open: one probe, numbered `probe`, is on its way and has until
    `retry_at`; all others wait for what it finds. Written by `gtm/breakers.py` alone.
    """

    class State(models.TextChoices):
        CLOSED = "closed", "Closed: the party is asked"
        OPEN = "open", "Open: the party failed and is left in peace"
        HALF_OPEN = "half_open", "Half-open: one call tries whether it is well again"

    name = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="One after the other, without a success between them.")
    trips = models.PositiveIntegerField(default=0, help_text="How often it opened since the last success.")
    retry_at = models.DateTimeField(null=True, blank=True)
    probe = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField("the last failure", max_length=300, blank=True)

    def __str__(self) -> str:
        return self.name


class Bucket(models.Model):
    """A token bucket: how many calls to a party are left to all processes together; `gtm/buckets.py` alone writes it.

    `tokens` held at `refilled_at` and have grown since; `spent` are the calls of `day` (UTC).
    """

    name = models.CharField(max_length=80, unique=True)
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()
    day = models.DateField()
    spent = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class SandboxRecord(models.Model):
    """What a stand-in for a CRM remembers, so that every process meets the same one (`gtm/sandbox/memory.py`).

    `account` keeps clients apart: what a token or an instance stands for. `values` are the record's fields by the
    party's own names, `links` the ids of others by their kind. A record that went into another is deleted too.
    """

    party = models.CharField(max_length=30)
    account = models.CharField(max_length=80)
    object_type = models.CharField(max_length=20)
    ext_id = models.CharField(max_length=40)
    values = models.JSONField(default=dict)
    links = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    is_deleted = models.BooleanField(default=False)
    merged_into = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["party", "account", "object_type", "ext_id"], name="one_sandbox_record_an_id"
            )
        ]
        indexes = [models.Index(fields=["party", "account", "object_type", "changed_at"], name="sandbox_by_change")]

    def __str__(self) -> str:
        return f"{self.party} {self.object_type} {self.ext_id}"
