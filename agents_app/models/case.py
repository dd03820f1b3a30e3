from django.conf import settings
from django.db import models

from clients.models import AgentKey
from gtm.records import Record


class GoldenCase(Record):
    """One question that an agent was asked in a real run, frozen, so that prompts can be tried on it.

    `config`, `facts` and `context` are the parts of `prompts.Material`. A case is switched off, not deleted. `note`
    says what a good answer would have; it may be rewritten.
    """

    recorded = ("agent", "client_id", "step_id", "config", "facts", "context", "title", "author_id", "created_at")

    agent = models.CharField(max_length=40, choices=AgentKey)
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="golden_cases")
    step = models.ForeignKey("agents_app.StepRun", on_delete=models.PROTECT, related_name="cases")
    config = models.JSONField(default=dict)
    facts = models.JSONField(default=list)
    context = models.JSONField(default=dict)
    title = models.CharField(max_length=160)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    is_active = models.BooleanField(
        "active", default=True, help_text="Whether prompts are tried on it. Switch it off in place of deleting it."
    )
    note = models.TextField(blank=True, help_text="What a good answer has, and what it must not say.")

    class Meta:
        verbose_name = "test case"
        indexes = [models.Index(fields=["agent"], condition=models.Q(is_active=True), name="active_cases_of_an_agent")]

    def __str__(self) -> str:
        return self.title
