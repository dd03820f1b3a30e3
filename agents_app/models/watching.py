"""What looks at runs after they ended: up to where each job has come, and what it found."""

from django.conf import settings
from django.db import models

from agents_app import names
from clients.models import AgentKey
from gtm.records import Record


class JobProgress(models.Model):
    """Up to where a job has come through the runs, in the order in which they ended (`finished.py`)."""

    job = models.CharField(max_length=40, primary_key=True)
    finished_at = models.DateTimeField()
    run = models.BigIntegerField(default=0, help_text="Of several that ended in one moment, up to which.")

    def __str__(self) -> str:
        return f"{self.job}: up to {self.finished_at:%Y-%m-%d %H:%M:%S}"


class Anomaly(Record):
    """Something unusual in a run that ended (`anomalies/`): found once, and then somebody's to settle.

    `baseline` and `value` are in the unit of `metric`. `change` is {"before_run", "words": [what was changed between
    that run and the first bad one]}.
    """

    recorded = (
        "key", "run_id", "step_id", "client_id", "agent", "tier", "kind", "words", "metric", "baseline", "value",
        "first_run_id", "change", "found_at",
    )  # fmt: skip

    class Tier(models.TextChoices):
        RULE = "rule", "Wrong in any case"
        BASELINE = "baseline", "Unusual for client and version"
        SHIFT = "shift", "A version unlike the one before"

    class Status(models.TextChoices):
        OPEN = "open", "To be looked at"
        SETTLED = "settled", "Settled"

    key = models.CharField(max_length=120, unique=True, help_text="The same for the same finding.")
    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="anomalies")
    step = models.ForeignKey("agents_app.StepRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    agent = models.CharField(max_length=40, choices=AgentKey, blank=True)
    tier = models.CharField(max_length=10, choices=Tier)
    kind = models.CharField(max_length=20, choices=list(names.ANOMALIES.items()))
    words = models.CharField(max_length=500)
    metric = models.CharField(max_length=40, blank=True)
    baseline = models.FloatField("what is usual", null=True, blank=True)
    value = models.FloatField("what was seen", null=True, blank=True)
    first_run = models.ForeignKey(
        "agents_app.FlowRun", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name="since run"
    )
    change = models.JSONField(default=dict)
    found_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "anomalies"
        indexes = [
            models.Index(fields=["client", "-found_at"], name="anomalies_of_a_client"),
            models.Index(fields=["-found_at"], name="anomalies_by_time"),
        ]

    def __str__(self) -> str:
        return self.words
