from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from clients.models import AgentKey
from gtm.records import Record


class PromptVersion(Record):
    """Numbered text of an agent's prompt, with what its answer depends on besides. None of it ever changes; the label
    moves (`agents_app/versions.py`), and the semantic version may rise until it first goes live.

    `sha256` is that of the text, `digest` that of all the rest too. `output_schema` is the JSON schema of the agent's
    answer when the version was made, `interface` what the agent is given and has to keep, by name: {"inputs",
    "tools", "contracts"}. What nobody kept is empty. `change_reasons` is [{"level", "where", "what"}] against `parent`.
    """

    recorded = (
        "agent", "number", "text", "sha256", "note", "author_id", "created_at", "model", "effort", "max_tokens",
        "output_schema", "interface", "digest", "parent_id", "change_reasons",
    )  # fmt: skip

    class Label(models.TextChoices):
        DRAFT = "draft", "Draft"
        CANDIDATE = "candidate", "Candidate"
        LIVE = "live", "Live"
        RETIRED = "retired", "Retired"

    class Effort(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    class Level(models.TextChoices):
        FIRST = "first", "First"
        PATCH = "patch", "Patch"
        MINOR = "minor", "Minor"
        MAJOR = "major", "Major"

    agent = models.CharField(max_length=40, choices=AgentKey)
    number = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    note = models.CharField(max_length=300, blank=True, help_text="What changed against the version before, and why.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    model = models.CharField(max_length=80, blank=True, help_text="Empty: the one that the client's settings choose.")
    effort = models.CharField(
        max_length=10, choices=Effort, blank=True, help_text="Empty: as the client's settings or the depth ask."
    )
    max_tokens = models.PositiveIntegerField(
        "longest answer", null=True, blank=True, help_text="In tokens. Empty: as much as the agent usually may."
    )
    output_schema = models.JSONField(default=dict, blank=True)
    interface = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children", db_index=False
    )
    change_reasons = models.JSONField(default=list, blank=True)
    level = models.CharField(max_length=5, choices=Level, default=Level.FIRST)
    major = models.PositiveIntegerField(default=1)
    minor = models.PositiveIntegerField(default=0)
    patch = models.PositiveIntegerField(default=0)
    label = models.CharField(max_length=20, choices=Label, default=Label.DRAFT)
    history = HistoricalRecords()

    class Meta:
        permissions = [("move_label", "Makes prompt versions live and rolls them back")]
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="one_prompt_version_a_number"),
            models.UniqueConstraint(fields=["agent", "major", "minor", "patch"], name="one_prompt_version_a_semver"),
            models.UniqueConstraint(
                fields=["agent"], condition=models.Q(label="live"), name="one_live_prompt_an_agent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_agent_display()} v{self.number}"

    @property
    def semver(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def title(self) -> str:
        """With its semantic version: "E-mail 2.1.0 (v7)"."""
        return f"{self.get_agent_display()} {self.semver} (v{self.number})"


class Release(Record):
    """One time that a version went live: what changed with it, and how to go back.

    `changes` is [{"level", "where", "what"}] against `replaced`; `stays` is [{"client", "name", "number"}], the clients
    with a version pinned then; `going_back` are sentences.
    """

    recorded = (
        "version_id", "replaced_id", "level", "changes", "stays", "going_back", "reason", "author_id", "released_at",
    )  # fmt: skip

    version = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="releases")
    replaced = models.ForeignKey(
        "agents_app.PromptVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    level = models.CharField(max_length=5, choices=PromptVersion.Level)
    changes = models.JSONField(default=list, blank=True)
    stays = models.JSONField(default=list, blank=True)
    going_back = models.JSONField(default=list, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    released_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = "prompt release"

    def __str__(self) -> str:
        return f"{self.version.title} on {self.released_at:%d %B %Y}"


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
