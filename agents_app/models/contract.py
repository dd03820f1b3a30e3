from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from agents_app.promises import KINDS
from clients.models import AgentKey

KIND_CHOICES = [(key, kind.label) for key, kind in KINDS.items()]


class Contract(models.Model):
    """A promise that an agent's answers must keep. Runs keep those that stood when they were planned.

    `parameters` fit its kind (`agents_app/promises/kinds.py`). One of a client speaks in the place of everybody's of
    the same name, also where it is switched off.
    """

    class Severity(models.TextChoices):
        MUST = "must", "Must: an answer that breaks it goes no further"
        SHOULD = "should", "Should: it is shown beside the answer"

    agent = models.CharField(max_length=40, choices=AgentKey)
    name = models.CharField(
        max_length=40,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*$", "Small letters, numbers and _, beginning with a letter.")],
        help_text="A short name, as it stands beside answers: asks_once.",
    )
    kind = models.CharField(max_length=20, choices=KIND_CHOICES)
    parameters = models.JSONField(default=dict, blank=True)
    severity = models.CharField(max_length=6, choices=Severity, default=Severity.SHOULD)
    weight = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.1), MaxValueValidator(10)],
        help_text="How much it counts among an answer's promises when its confidence is computed: 0.1 to 10.",
    )
    client = models.ForeignKey(
        "clients.Client",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="contracts",
        help_text="Empty: everybody. One of a client speaks in the place of everybody's of the same name.",
    )
    is_active = models.BooleanField("in force", default=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(editable=False)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "name", "client"],
                nulls_distinct=False,
                name="one_contract_a_name",
                violation_error_message="There is one of this name for this agent and scope already. Change that one, "
                "or choose another name.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_agent_display()}: {self.name}"
