from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, Q, When

from agents_app import graph, names, spans
from agents_app.models.flow import StepKind
from clients.models import AgentKey
from gtm.records import Record


class FlowRun(Record):
    """One planned journey for a request. Everything it needs was fixed when it was planned.

    `nodes` is the plan as it began: a list of `graph.Node` documents; later plans are `PlanRevision`s. `skipped` is
    [{"key", "agent", "reason"}]. `config` is the effective config as a document, `config_sources` {dotted path:
    layer}. `hints` is a list of sentences. `variants` is {agent: {"experiment": id, "variant": id, "key": "b"}}.
    `promises` are the contracts that stood then (`agents_app.promises.Promise` as documents).
    `seq` counts the changes of the run and its steps; amounts are US dollars.
    """

    recorded = (
        "request_id", "client_id", "idempotency_key", "route", "reason", "template_version_id", "rules_version_id",
        "code_revision", "facts_routed", "nodes", "skipped", "config", "config_sources", "config_sha256", "hints",
        "variants", "budget_usd", "time_budget_s", "planned_at", "config_version", "deployment_id", "promises",
    )  # fmt: skip

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waits for a person"
        RETRY = "retry", "Goes on later"
        SUCCEEDED = "succeeded", "Succeeded"
        NEEDS_INPUT = "needs_input", "Needs input"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        DEAD = "dead", "Given up"

    OPEN = (Status.PLANNED, Status.RUNNING, Status.WAITING, Status.RETRY)
    WRONG = (Status.FAILED, Status.NEEDS_INPUT, Status.DEAD)

    request = models.ForeignKey("agents_app.Request", on_delete=models.PROTECT, related_name="runs")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="runs")
    idempotency_key = models.CharField(max_length=120, unique=True)
    route = models.CharField(max_length=40, help_text="The routing rule that answered.")
    reason = models.CharField(max_length=300, blank=True, help_text="Why this flow.")
    template_version = models.ForeignKey(
        "agents_app.FlowVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    rules_version = models.ForeignKey(
        "agents_app.FlowVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    code_revision = models.CharField(max_length=40, blank=True)
    facts_routed = models.JSONField(default=dict, help_text="What routing looked at, by name.")
    nodes = models.JSONField(default=list)
    skipped = models.JSONField(default=list)
    config = models.JSONField()
    config_sources = models.JSONField(default=dict)
    config_sha256 = models.CharField(max_length=64)
    config_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The client's own part of it, by the number of its version."
    )
    deployment = models.ForeignKey(
        "agents_app.Deployment",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
        db_constraint=False,
        db_index=False,
        help_text="What the client ran on when it was planned.",
    )
    hints = models.JSONField(default=list, blank=True)
    variants = models.JSONField(default=dict, blank=True)
    promises = models.JSONField(default=list, blank=True, help_text="The contracts that stood when it was planned.")
    budget_usd = models.DecimalField("budget", max_digits=12, decimal_places=7, default=Decimal(0))
    time_budget_s = models.PositiveSmallIntegerField("time budget", default=30)
    planned_at = models.DateTimeField()

    status = models.CharField(max_length=12, choices=Status, default=Status.PLANNED)
    is_open = models.GeneratedField(
        expression=Case(When(status__in=["planned", "running", "waiting", "retry"], then=True), default=False),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    fence = models.PositiveIntegerField(
        default=0, help_text="Grows with every claim; an old owner's writes are refused."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    recoveries = models.PositiveSmallIntegerField(default=0)
    seq = models.PositiveIntegerField(default=0)
    revised = models.PositiveSmallIntegerField(default=0, help_text="How often its plan was changed.")
    reserved_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    spent_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    lent_usd = models.DecimalField(
        max_digits=12,
        decimal_places=7,
        default=Decimal(0),
        help_text="Set aside on its client's day: what the run sets aside itself, and what it has not told yet.",
    )
    lent_date = models.DateField(null=True, blank=True, help_text="Which day, in UTC.")
    untold_usd = models.DecimalField(
        max_digits=12, decimal_places=7, default=Decimal(0), help_text="Spent since the client's day was last told."
    )
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="Why it failed, waits or what it lacks, in words.")
    calls_removed_at = models.DateTimeField(
        null=True, blank=True, help_text="When what only debugging needs of it was removed (retention.py)."
    )

    class Meta:
        verbose_name = "run"
        indexes = [
            models.Index(fields=["-planned_at", "-id"]),
            # of nothing that a turn writes: an update that touches no index stays in its page (HOT)
            models.Index(fields=["planned_at"], condition=Q(is_open=True), name="open_runs"),
            models.Index(fields=["deployment"], condition=Q(deployment__isnull=False), name="runs_by_deployment"),
            BrinIndex(fields=["finished_at"], name="runs_by_their_end"),  # summaries hinder no such update
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"

    @property
    def stages(self) -> list[list[dict[str, Any]]]:
        """The planned steps by level: those of one list need nothing from each other."""
        return [[node.document() for node in level] for level in graph.levels(graph.nodes_of(self.nodes))]

    @property
    def plan_now(self) -> list[graph.Node]:
        """The plan as it is by now; a query where it was changed."""
        last = self.revisions.order_by("-number").first() if self.revised else None
        return graph.nodes_of(last.nodes if last else self.nodes)

    @property
    def left_usd(self) -> Decimal:
        """What may still be set aside, in US dollars."""
        return max(self.budget_usd - self.spent_usd - self.reserved_usd, Decimal(0))

    def awaits(self, gate: "Gate") -> bool:
        """Whether an answer to its question would still count, its time apart; `Gates.open` says the same in SQL."""
        return not gate.decision and self.status in self.OPEN and self.cancel_asked_at is None


class PlannedPrompt(Record):
    """The prompt version that a run uses for one agent, fixed when it was planned, with what it is asked with.

    `model`, `effort` and `max_tokens` are empty in runs that were planned before they were kept: there the settings of
    the day decide.
    """

    recorded = ("run_id", "agent", "version_id", "model", "effort", "max_tokens")

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="prompts")
    agent = models.CharField(max_length=40, choices=AgentKey)
    version = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="planned")
    model = models.CharField(max_length=80, blank=True)
    effort = models.CharField(max_length=10, blank=True)
    max_tokens = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "agent"], name="one_prompt_a_run_and_agent")]

    def __str__(self) -> str:
        return str(self.version)


class PlanRevision(Record):
    """A change of a run's plan while it ran: what asked for it, and the whole plan from then on."""

    recorded = ("run_id", "number", "trigger", "rule", "reason", "nodes", "seq", "at")

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveSmallIntegerField()
    trigger = models.CharField(max_length=60, help_text="The step after which it was made.")
    rule = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)
    nodes = models.JSONField()
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_revision_a_number")]

    def __str__(self) -> str:
        return f"Revision {self.number} of run {self.run_id}"


class StepContext(Record):
    """What a step was given, by the hash of its content: the same context stands here once."""

    recorded = ("document",)

    sha256 = models.CharField(max_length=64, primary_key=True)
    document = models.JSONField()

    def __str__(self) -> str:
        return self.sha256[:12]


class StepRun(models.Model):
    """One attempt of one step in one run. An ended attempt never changes (the database refuses it).

    Foreign keys to rows that the database never lets go (gtm/records.py) need no check and no index of their own.

    `confidence_terms` is [{"term", "value", "weight", "why"}]; `confidence` is computed from them alone.
    `uncertain_usd` is the worst case of calls whose answer never came. Few columns are indexed, and none that closing a
    step in the usual way changes, so that the row stays in its page (HOT).
    """

    class Status(models.TextChoices):
        RUNNING = "running", names.STATES["running"]
        WAITING = "waiting", names.STATES["waiting"]
        DONE = "done", names.STATES["done"]
        SKIPPED = "skipped", names.STATES["skipped"]
        REJECTED = "rejected", names.STATES["rejected"]
        FAILED = "failed", names.STATES["failed"]
        LOST = "lost", names.STATES["lost"]

    run = models.ForeignKey(
        "agents_app.FlowRun", on_delete=models.PROTECT, related_name="steps", db_constraint=False, db_index=False
    )
    key = models.CharField(max_length=60, help_text="The step's name in the plan, the same in every attempt.")
    kind = models.CharField(max_length=10, choices=StepKind, default=StepKind.AGENT)
    agent = models.CharField(max_length=40, choices=AgentKey, blank=True)
    tool = models.CharField(max_length=40, blank=True)
    stage = models.PositiveSmallIntegerField()
    map_index = models.PositiveSmallIntegerField(default=0, help_text="Which of a map's contacts, from 1; otherwise 0.")
    contact = models.ForeignKey(
        "clients.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    fence = models.PositiveIntegerField()
    prompt_version = models.ForeignKey(
        "agents_app.PromptVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="steps",
        db_constraint=False,
        db_index=False,
    )
    context = models.ForeignKey(
        "agents_app.StepContext",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    started_at = models.DateTimeField()
    started_seq = models.PositiveIntegerField(default=0)
    # what closing a step writes stands together at the end, so that the log keeps only that (WAL prefix compression)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    is_void = models.GeneratedField(
        expression=Case(When(status__in=["skipped", "rejected", "failed", "lost"], then=True), default=False),
        output_field=models.BooleanField(),
        db_persist=True,
        help_text="It ended without an answer; another attempt may follow.",
    )
    planned_sha256 = models.CharField(
        max_length=64, blank=True, help_text="The context it began with; empty where that is still its context."
    )
    output = models.JSONField(null=True, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    confidence_terms = models.JSONField(default=list, blank=True)
    checks = models.JSONField(default=list, blank=True, help_text='[{"check", "passed", "detail", "must"}]')
    votes = models.JSONField(default=dict, blank=True, help_text="How one of several answers was chosen.")
    prompt_sent = models.TextField(blank=True)
    generator = models.CharField(max_length=80, blank=True, help_text="The model that answered, by its own name.")
    provider_request_id = models.CharField(max_length=120, blank=True)
    attempts = models.JSONField(
        default=list, blank=True, help_text="Every call to the model that this step made, with what came back."
    )
    tokens_input = models.PositiveIntegerField(default=0)
    tokens_output = models.PositiveIntegerField(default=0)
    tokens_cache_read = models.PositiveIntegerField(default=0)
    tokens_cache_write = models.PositiveIntegerField(default=0)
    tokens_cache_write_1h = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    uncertain_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    reserved_usd = models.DecimalField(max_digits=12, decimal_places=7, default=Decimal(0))
    error = models.TextField(blank=True)
    error_class = models.CharField(max_length=80, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    finished_seq = models.PositiveIntegerField(default=0)
    decisions = models.JSONField(
        default=dict, blank=True, help_text="What was decided about it and in it, as it was (flow/noting.py)."
    )

    class Meta:
        verbose_name = "step"
        constraints = [
            models.UniqueConstraint(fields=["run", "key", "map_index", "attempt"], name="one_step_an_attempt"),
            models.UniqueConstraint(
                fields=["run", "key", "map_index"],
                condition=Q(is_void=False),
                name="one_open_or_done_step_a_key",
            ),
        ]
        indexes = [BrinIndex(fields=["started_at"], name="steps_by_time")]

    def __str__(self) -> str:
        return f"{self.label}, attempt {self.attempt}"

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The step and its calls to the model, in OpenTelemetry's words (`agents_app/spans.py`)."""
        prompt = self.prompt_version.semver if self.prompt_version else ""
        place = spans.place(self.run_id, self.run.planned_at, request=self.run.request_id, prompt=prompt)
        return [span.document() for span in spans.of_step(self, place)]

    @property
    def input_sha256(self) -> str:
        """The hash of what it was given when it began; empty for steps that are given nothing."""
        return self.planned_sha256 or self.context_id or ""

    @property
    def tokens_cache_written(self) -> int:
        """For five minutes and for an hour."""
        return self.tokens_cache_write + self.tokens_cache_write_1h

    @property
    def tokens_in(self) -> int:
        """All that the model was given; `tokens_input` is what was neither read from its cache nor written to it."""
        return self.tokens_input + self.tokens_cache_read + self.tokens_cache_written

    @property
    def is_taken_over(self) -> bool:
        """Whether another run did it, which this one does again (`agents_app/reruns.py`): no driver of its own did."""
        return self.fence == 0

    @property
    def label(self) -> str:
        """The step's name for people."""
        name = self.get_agent_display() if self.agent else names.in_words(self.key)
        return f"{name} {self.map_index}" if self.map_index else name

    @property
    def input(self) -> dict[str, Any]:
        """What the step was given; empty for steps that are given nothing."""
        document: dict[str, Any] = self.context.document if self.context else {}
        return document


class Gates(models.QuerySet["Gate"]):
    def open(self) -> "Gates":
        """Those that somebody still has to answer."""
        return self.filter(decision="", step__run__status__in=FlowRun.OPEN, step__run__cancel_asked_at=None)


class Gate(models.Model):
    """What a person is asked inside a run, and what the person said. The answer is written once.

    `shown` is the output that is decided about; `answer` is the person's version of it where it was edited.
    """

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        EDITED = "edited", "Edited and approved"
        REJECTED = "rejected", "Rejected"
        EXPIRED = "expired", "Nobody answered in time"

    step = models.OneToOneField("agents_app.StepRun", on_delete=models.PROTECT, related_name="gate")
    question = models.CharField(max_length=500)
    shown = models.JSONField(default=dict)
    may_edit = models.BooleanField(default=True)
    goes_on = models.BooleanField(default=False, help_text="Whether the run goes on when nobody answers in time.")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    answer = models.JSONField(null=True, blank=True)
    comment = models.CharField(max_length=300, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = Gates.as_manager()

    class Meta:
        permissions = [("answer_gate", "Answers what a run asks a person")]
        indexes = [models.Index(fields=["expires_at"], condition=Q(decision=""), name="open_gates")]

    def __str__(self) -> str:
        return self.question
