"""How requests become plans, as rows an operator edits: templates of steps, and rules that choose among them.

Rows are the desk; what runs use are `FlowVersion`s, written each time a desk is saved (`agents_app/flows.py`).
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from agents_app import names
from clients.models import AgentKey
from gtm.records import Record

LONGEST_CONDITION = 300
MOST_SECONDS = 240  # of one step
LONGEST_DRIVE_S = 480  # after which a run begins no more steps in one task; the next task goes on (gtm/checks.py)


class StepKind(models.TextChoices):
    AGENT = "agent", names.KINDS["agent"]
    MAP = "map", names.KINDS["map"]
    TOOL = "tool", names.KINDS["tool"]
    GATE = "gate", names.KINDS["gate"]
    JOIN = "join", names.KINDS["join"]
    PLANNER = "planner", names.KINDS["planner"]


class RetryClass(models.TextChoices):
    NEVER = "never", "Never tried again"
    STANDARD = "standard", "Up to 3 tries, after 1 and 10 minutes"
    PATIENT = "patient", "Up to 5 tries, over five hours"


class Goal(models.TextChoices):
    """What a flow has to end with; without the step that makes it, a request is refused."""

    DRAFT = "draft", "An e-mail"
    BRIEF = "brief", "A brief"
    ANY = "any", "Nothing in particular"


class FlowTemplate(models.Model):
    """A graph of steps. Steps that wait for nothing begin at once; a step begins when all it waits for has ended."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=600, blank=True)
    goal = models.CharField(max_length=10, choices=Goal, default=Goal.DRAFT)
    allows_planner = models.BooleanField(
        default=False,
        help_text="In comprehensive runs a model may look at the research and propose changes of the plan.",
    )
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class TemplateStep(models.Model):
    template = models.ForeignKey("agents_app.FlowTemplate", on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(default=1)
    key = models.SlugField(max_length=40, help_text="Its name in this flow, for example research.")
    kind = models.CharField(max_length=10, choices=StepKind, default=StepKind.AGENT)
    agent = models.CharField(max_length=40, choices=AgentKey, blank=True, help_text="For an agent.")
    tool = models.CharField(max_length=40, blank=True, help_text="For a tool.")
    after = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        verbose_name="waits for",
        help_text="Keys of the steps it waits for, with commas.",
    )
    condition = models.CharField(max_length=LONGEST_CONDITION, blank=True, help_text="Empty: always.")
    reason = models.CharField(max_length=300, help_text="Why it is in the plan, in a sentence.")
    otherwise = models.CharField(
        max_length=300, blank=True, help_text="What is said when its condition does not hold, in a sentence."
    )
    deadline_s = models.PositiveSmallIntegerField(
        "deadline",
        default=120,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_SECONDS)],
        help_text=f"Seconds, at most {MOST_SECONDS}.",
    )
    retry = models.CharField(max_length=10, choices=RetryClass, default=RetryClass.STANDARD)
    budget_share = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="The most it may spend, in per cent of the run's budget.",
    )
    is_optional = models.BooleanField(
        "optional", default=False, help_text="It may be left out when time or money runs short."
    )
    proposals = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="Independent answers, of which a vote picks one.",
    )
    wants = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        verbose_name="finds out",
        help_text="For research: what of a company, beside what the purpose and the client's settings name.",
    )
    question = models.CharField(max_length=300, blank=True, help_text="For a gate: what the person is asked.")
    expires_hours = models.PositiveSmallIntegerField(
        default=72, validators=[MinValueValidator(1)], help_text="For a gate: how long it waits."
    )
    goes_on = models.BooleanField(
        "goes on when it expires", default=False, help_text="For a gate. Otherwise nothing behind it is done."
    )

    class Meta:
        verbose_name = "step of a template"
        verbose_name_plural = "steps of templates"
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["template", "key"], name="one_template_step_a_key")]

    def __str__(self) -> str:
        return self.key


class RoutingRule(models.Model):
    """Rules stand in the order of their priority; the first whose condition holds chooses the template."""

    key = models.SlugField(max_length=40, unique=True)
    priority = models.PositiveSmallIntegerField(default=100, help_text="Small numbers are asked first.")
    condition = models.CharField(
        max_length=LONGEST_CONDITION, blank=True, help_text="Empty: every request that no rule above has answered."
    )
    template = models.ForeignKey("agents_app.FlowTemplate", on_delete=models.PROTECT, related_name="rules")
    reason = models.CharField(max_length=300, help_text="Why this flow, in a sentence that a person reads on the run.")
    is_active = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["priority", "key"]

    def __str__(self) -> str:
        return self.key


class FlowVersion(Record):
    """What a template, or the table of rules, said at one time. Runs are planned from these alone.

    `document` of a template: {"key", "name", "goal", "allows_planner", "steps": [columns of TemplateStep]}; of the
    rules: {"rules": [{"key", "condition", "template", "reason"}]} in their order.
    """

    recorded = ("kind", "key", "number", "document", "sha256", "author_id", "created_at")

    class Kind(models.TextChoices):
        TEMPLATE = "template", "Flow template"
        RULES = "rules", "Routing rules"

    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    document = models.JSONField()
    sha256 = models.CharField(max_length=64)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key", "number"], name="one_flow_version_a_number")]

    def __str__(self) -> str:
        return f"{self.key} v{self.number}"
