from django.db import models
from django.db.models import Q

from clients.models import AgentKey
from gtm.records import Record


class FlowRun(Record):
    """One planned journey for a request. Everything it needs was fixed when it was planned.

    `stages` is [[{"agent": "research_agent", "reason": "…"}], …]: the agents of one inner list run side by side.
    `skipped` is [{"agent", "reason"}]. `config` is the effective config as a document, `config_sources` {dotted path:
    layer}. `hints` is a list of sentences. `variants` is {agent: {"experiment": id, "variant": id, "key": "b"}}.
    """

    recorded = (
        "request_id", "client_id", "idempotency_key", "route", "stages", "skipped", "config", "config_sources",
        "config_sha256", "hints", "variants", "planned_at",
    )  # fmt: skip

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        NEEDS_INPUT = "needs_input", "Needs input"
        FAILED = "failed", "Failed"

    request = models.ForeignKey("agents_app.Request", on_delete=models.PROTECT, related_name="runs")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="runs")
    idempotency_key = models.CharField(max_length=120, unique=True)
    route = models.CharField(max_length=40, help_text="The routing rule that answered.")
    stages = models.JSONField()
    skipped = models.JSONField(default=list)
    config = models.JSONField()
    config_sources = models.JSONField(default=dict)
    config_sha256 = models.CharField(max_length=64)
    hints = models.JSONField(default=list, blank=True)
    variants = models.JSONField(default=dict, blank=True)
    planned_at = models.DateTimeField()

    status = models.CharField(max_length=12, choices=Status, default=Status.PLANNED)
    fence = models.PositiveIntegerField(
        default=0, help_text="Grows with every claim; an old owner's writes are refused."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    recoveries = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="Why it failed or what it lacks, in words.")

    class Meta:
        verbose_name = "run"
        indexes = [models.Index(fields=["-planned_at", "-id"]), models.Index(fields=["status", "lease_until"])]

    def __str__(self) -> str:
        return f"Run {self.pk}"


class PlannedPrompt(models.Model):
    """The prompt version that a run uses for one agent, fixed when it was planned."""

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="prompts")
    agent = models.CharField(max_length=40, choices=AgentKey)
    version = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="planned")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "agent"], name="one_prompt_a_run_and_agent")]

    def __str__(self) -> str:
        return str(self.version)


class StepRun(models.Model):
    """One attempt of one agent in one run. A finished attempt never changes (the database refuses it).

    `confidence_terms` is [{"term", "value", "weight", "why"}]; `confidence` is computed from them alone.
    """

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        LOST = "lost", "Lost: its worker died"

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="steps")
    key = models.CharField(max_length=60, help_text="The agent's key, the same in every attempt.")
    agent = models.CharField(max_length=40, choices=AgentKey)
    stage = models.PositiveSmallIntegerField()
    attempt = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    fence = models.PositiveIntegerField()
    input = models.JSONField()
    input_sha256 = models.CharField(max_length=64)
    output = models.JSONField(null=True, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    confidence_terms = models.JSONField(default=list, blank=True)
    checks = models.JSONField(default=list, blank=True, help_text='[{"check", "passed", "detail"}]')
    prompt_version = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="steps")
    prompt_sent = models.TextField(blank=True)
    generator = models.CharField(max_length=80, blank=True, help_text="The model that answered, by its own name.")
    provider_request_id = models.CharField(max_length=120, blank=True)
    attempts = models.JSONField(
        default=list, blank=True, help_text="Every call to the model that this step made, with status and time."
    )
    tokens_input = models.PositiveIntegerField(default=0)
    tokens_output = models.PositiveIntegerField(default=0)
    tokens_cache_read = models.PositiveIntegerField(default=0)
    tokens_cache_write = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=7, default=0)
    error = models.TextField(blank=True)
    error_class = models.CharField(max_length=80, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "step"
        constraints = [
            models.UniqueConstraint(fields=["run", "key", "attempt"], name="one_step_an_attempt"),
            models.UniqueConstraint(
                fields=["run", "key"], condition=Q(status__in=["running", "done"]), name="one_open_or_done_step_a_key"
            ),
        ]
        indexes = [models.Index(fields=["agent", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.get_agent_display()}, attempt {self.attempt}"
