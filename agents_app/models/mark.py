from django.conf import settings
from django.db import models

from gtm.records import Record


class RunMark(Record):
    """What somebody thinks of a run, or of one of its steps. The newest of a person counts."""

    recorded = ("run_id", "step_id", "verdict", "note", "author_id", "at")

    class Verdict(models.TextChoices):
        GOOD = "good", "Good"
        BAD = "bad", "Bad"

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="marks")
    step = models.ForeignKey(
        "agents_app.StepRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Empty: the run as a whole.",
    )
    verdict = models.CharField(max_length=4, choices=Verdict)
    note = models.CharField(max_length=500, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = "mark"

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: run {self.run_id}"
