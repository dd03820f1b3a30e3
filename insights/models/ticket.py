from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.db import models
from simple_history.models import HistoricalRecords

from gtm.records import Record


class Ticket(models.Model):
    """One improvement: who does it, by when, what it changed and what that brought."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        APPLIED = "applied", "Applied, being measured"
        MEASURED = "measured", "Measured"
        DROPPED = "dropped", "Dropped"

    title = models.CharField(max_length=160)
    description = models.TextField()
    suggestion = models.OneToOneField(
        "insights.Suggestion", on_delete=models.PROTECT, null=True, blank=True, related_name="ticket"
    )
    report = models.ForeignKey(
        "insights.WeeklyReport", on_delete=models.PROTECT, null=True, blank=True, related_name="tickets"
    )
    run = models.OneToOneField(
        "agents_app.FlowRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The run that was given up, where the ticket asks to find out why.",
    )
    decision = models.OneToOneField(
        "agents_app.RolloutDecision",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="By which a rollout was rolled back, or held, where the ticket asks to find out why.",
    )
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due_date = models.DateField()
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    metric = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    closed_reason = models.CharField(max_length=300, blank=True)
    history = HistoricalRecords()

    class Meta:
        indexes = [models.Index(fields=["status", "due_date"])]

    def __str__(self) -> str:
        return self.title


class ChangeLink(Record):
    """What a ticket changed: the row, what it was and what it became, at a time taken from the system."""

    recorded = (
        "ticket_id",
        "content_type_id",
        "object_id",
        "description",
        "before",
        "after",
        "applied_by_id",
        "applied_at",
    )

    ticket = models.OneToOneField("insights.Ticket", on_delete=models.PROTECT, related_name="change")
    content_type = models.ForeignKey("contenttypes.ContentType", on_delete=models.PROTECT, related_name="+")
    object_id = models.PositiveBigIntegerField()
    changed = GenericForeignKey("content_type", "object_id")
    description = models.CharField(max_length=300)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    applied_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    applied_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.description


class OutcomeEvaluation(Record):
    """The measured effect of a ticket's change: its metric in equal spans before and after.

    `result` is {"before": {"numerator", "denominator"}, "after": {…}, "difference", "low", "high", "verdict",
    "sentence"}; "low" and "high" are the interval of the difference, fractions of 1.
    """

    recorded = ("ticket_id", "result", "measured_at")

    ticket = models.ForeignKey("insights.Ticket", on_delete=models.PROTECT, related_name="evaluations")
    result = models.JSONField()
    measured_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.result.get("sentence", ""))
