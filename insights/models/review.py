from django.conf import settings
from django.db import models

from gtm.records import Record


class WeeklyReport(Record):
    """The review of one week as it was shown. Late events make a new version; an old one never changes.

    `payload` is what the page renders; its shape is `insights.review.Payload`. `charts` is {name: SVG}.
    """

    recorded = ("week", "version", "payload", "charts", "sha256", "built_at")

    week = models.DateField(help_text="Its Monday.")
    version = models.PositiveSmallIntegerField()
    payload = models.JSONField()
    charts = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64)
    built_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["week", "version"], name="one_report_a_week_and_version")]
        indexes = [models.Index(fields=["-week", "-version"])]

    def __str__(self) -> str:
        return f"Week of {self.week} (version {self.version})"


class Suggestion(Record):
    """Something to improve, computed by a rule from rows it names.

    `evidence` is [{"label", "value", "url"}]: each figure with the page that lists its rows.
    """

    recorded = ("report_id", "rule", "rank", "title", "text", "evidence", "client_id", "metric", "baseline")

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        ACCEPTED = "accepted", "Became a ticket"
        DISMISSED = "dismissed", "Dismissed"

    report = models.ForeignKey("insights.WeeklyReport", on_delete=models.PROTECT, related_name="suggestions")
    rule = models.CharField(max_length=40)
    rank = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=160)
    text = models.CharField(max_length=600)
    evidence = models.JSONField()
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    metric = models.CharField(max_length=60, help_text="What a change should move; see insights/impact.py.")
    baseline = models.JSONField(
        default=dict, help_text='{"numerator", "denominator"} of the metric when it was suggested.'
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    dismissal = models.CharField(max_length=300, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["report", "rank"], name="one_suggestion_a_rank")]

    def __str__(self) -> str:
        return self.title
