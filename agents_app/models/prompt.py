from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from clients.models import AgentKey
from gtm.records import Record


class PromptVersion(Record):
    """Numbered text of an agent's prompt. The text never changes; the label moves (`agents_app/versions.py`)."""

    recorded = ("agent", "number", "text", "sha256", "note", "author_id", "created_at")

    class Label(models.TextChoices):
        DRAFT = "draft", "Draft"
        CANDIDATE = "candidate", "Candidate"
        LIVE = "live", "Live"
        RETIRED = "retired", "Retired"

    agent = models.CharField(max_length=40, choices=AgentKey)
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    note = models.CharField(max_length=300, blank=True, help_text="What changed against the version before, and why.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    label = models.CharField(max_length=20, choices=Label, default=Label.DRAFT)
    history = HistoricalRecords()

    class Meta:
        permissions = [("move_label", "Makes prompt versions live and rolls them back")]
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="one_prompt_version_a_number"),
            models.UniqueConstraint(
                fields=["agent"], condition=models.Q(label="live"), name="one_live_prompt_an_agent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_agent_display()} v{self.number}"


class ClientPrompt(models.Model):
    """A version pinned for one client: its runs use it, whichever is live. Its history says who pinned it and why."""

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="pinned_prompts")
    agent = models.CharField(max_length=40, choices=AgentKey)
    version = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="pins")
    reason = models.CharField(max_length=200, blank=True)
    history = HistoricalRecords()

    class Meta:
        verbose_name = "pinned prompt"
        constraints = [models.UniqueConstraint(fields=["client", "agent"], name="one_pinned_prompt_a_client_and_agent")]

    def __str__(self) -> str:
        return f"{self.version} for {self.client}"
