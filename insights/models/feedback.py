from django.db import models
from django.db.models import Q


class SatisfactionScore(models.Model):
    """A client's answer to "How likely are you to recommend us?", 0 to 10."""

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    score = models.PositiveSmallIntegerField()
    comment = models.CharField(max_length=500, blank=True)
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(score__lte=10), name="score_from_0_to_10")]

    def __str__(self) -> str:
        return f"{self.client}: {self.score}"


class SupportTicket(models.Model):
    """A client's question or complaint, as a person entered it."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        SOLVED = "solved", "Solved"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField()
    solved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.subject
