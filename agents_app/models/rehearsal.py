from decimal import Decimal

from django.conf import settings
from django.db import models

from clients.models import AgentKey
from gtm.records import Record


class Rehearsal(Record):
    """A prompt version tried on an agent's test cases beside another one. Nothing of it can be sent.

    `promises` are the agent's contracts as they stood, each with `is_active` (`agents_app.promising.of_agent`).
    `report` is `rehearsals.gate.Report` as a document, once it is over. Money is the agency's own, in US dollars.
    """

    recorded = (
        "candidate_id", "against_id", "agent", "repeats", "promises", "budget_usd", "author_id", "asked_at",
    )  # fmt: skip

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Stopped"

    OPEN = (Status.PLANNED, Status.RUNNING)

    class Verdict(models.TextChoices):
        PASSED = "passed", "Passed"
        TOO_FEW = "too_few", "Too few cases to tell"
        WORSE = "worse", "Keeps fewer of the lesser contracts"
        FAILED = "failed", "Breaks what the other keeps"

    candidate = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="rehearsals")
    against = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="+")
    agent = models.CharField(max_length=40, choices=AgentKey)
    repeats = models.PositiveSmallIntegerField(default=1)
    promises = models.JSONField(default=list)
    budget_usd = models.DecimalField("budget", max_digits=12, decimal_places=7)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()

    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    fence = models.PositiveIntegerField(default=0, help_text="Grows with every claim; an old owner writes nothing.")
    lease_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    report = models.JSONField(default=dict, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_because = models.CharField(max_length=300, blank=True)

    class Meta:
        permissions = [("approve_rehearsal", "Lets a prompt version pass that keeps fewer of the lesser contracts")]
        constraints = [
            models.UniqueConstraint(
                fields=["candidate", "against"],
                condition=models.Q(status__in=["planned", "running"]),
                name="one_open_rehearsal_of_two_versions",
            )
        ]

    def __str__(self) -> str:
        return f"{self.candidate} beside v{self.against.number}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def has_passed(self) -> bool:
        """By itself, or because a person let it pass."""
        return self.verdict == self.Verdict.PASSED or self.approved_at is not None


class RehearsalAnswer(models.Model):
    """What one version answered to one case, once: asked anew only where its worker died."""

    class Side(models.TextChoices):
        OLD = "old", "The other version"
        NEW = "new", "The candidate"

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Running"
        DONE = "done", "Answered"
        FAILED = "failed", "No answer"

    rehearsal = models.ForeignKey("agents_app.Rehearsal", on_delete=models.PROTECT, related_name="answers")
    case = models.ForeignKey("agents_app.GoldenCase", on_delete=models.PROTECT, related_name="answers")
    side = models.CharField(max_length=3, choices=Side)
    repeat = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    set_aside_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    cost_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    uncertain_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    ms = models.PositiveIntegerField(default=0, help_text="What its calls to the model took.")
    words = models.PositiveIntegerField(default=0)
    text = models.TextField(blank=True)
    output = models.JSONField(default=dict, blank=True)
    checks = models.JSONField(default=list, blank=True)
    generator = models.CharField(max_length=80, blank=True)
    error = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rehearsal", "case", "side", "repeat"], name="one_answer_a_case_and_side")
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()}: {self.case}"
