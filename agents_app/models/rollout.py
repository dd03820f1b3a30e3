from django.conf import settings
from django.db import models

from clients.models import AgentKey
from gtm.records import Record


class Rollout(Record):
    """A candidate that gets a growing share of one agent's work beside the live version (`rollout_rules.py`).

    `past` is {"rates": {guard: rate}, "caps": {guard: amount}} of the live version before it began. `expected` is
    `rollouts.impact.Expected` as a document, with an empty `basis` where nothing is known. `observed` and `scores` say
    how that came out, once it is over. `stand` is what the newest look found: {"reasons", "found"}.
    """

    recorded = ("candidate_id", "control_id", "agent", "seed", "past", "expected", "reason", "author_id", "started_at")

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        HELD = "held", "Held: its share does not grow"
        ROLLED_BACK = "rolled_back", "Rolled back"
        FINISHED = "finished", "Finished: the candidate is live"
        STOPPED = "stopped", "Stopped by a person"

    OPEN = (Status.RUNNING, Status.HELD)

    candidate = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="rollouts")
    control = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="+")
    agent = models.CharField(max_length=40, choices=AgentKey)
    seed = models.CharField(max_length=40)
    past = models.JSONField(default=dict)
    expected = models.JSONField(default=dict)
    reason = models.CharField(max_length=300, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField()

    status = models.CharField(max_length=12, choices=Status, default=Status.RUNNING)
    share = models.PositiveSmallIntegerField(default=10, help_text="Per cent of the units that get the candidate.")
    stand = models.JSONField(default=dict, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    observed = models.JSONField(default=dict, blank=True)
    scores = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agent"],
                condition=models.Q(status__in=["running", "held"]),
                name="one_open_rollout_an_agent",
            )
        ]

    def __str__(self) -> str:
        return f"Rollout {self.pk}: {self.candidate}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class RolloutDraw(Record):
    """One run that a rollout looks at: its unit, and which version it got. Written when it is planned."""

    recorded = ("rollout_id", "run_id", "unit", "is_candidate", "share")

    rollout = models.ForeignKey("agents_app.Rollout", on_delete=models.PROTECT, related_name="draws")
    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="+")
    unit = models.CharField(
        max_length=300, help_text="company:CLIENT:DOMAIN, or contact:NUMBER where no company is known."
    )
    is_candidate = models.BooleanField()
    share = models.PositiveSmallIntegerField(help_text="Per cent when it was planned: which stage it belongs to.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "rollout"], name="one_draw_a_run_and_rollout")]

    def __str__(self) -> str:
        return f"{self.unit} in {self.rollout_id}"


class RolloutDecision(Record):
    """A look at a rollout that changed something, with its reasons and what every guard stood at."""

    recorded = ("rollout_id", "step", "share", "reasons", "found", "at")

    class Step(models.TextChoices):
        GO_ON = "go_on", "Its share grows"
        WAIT = "wait", "Waits for outcomes"
        HOLD = "hold", "Held"
        ALARM = "alarm", "Held: its units did not fall as they should"
        ROLL_BACK = "roll_back", "Rolled back"
        FINISH = "finish", "Went live"
        STOP = "stop", "Stopped"

    rollout = models.ForeignKey("agents_app.Rollout", on_delete=models.PROTECT, related_name="decisions")
    step = models.CharField(max_length=10, choices=Step)
    share = models.PositiveSmallIntegerField(help_text="Per cent afterwards.")
    reasons = models.JSONField(default=list)
    found = models.JSONField(default=list, help_text='[{"guard", "wealth", "needed", "control", "candidate", "seen"}]')
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["rollout", "-id"])]

    def __str__(self) -> str:
        return f"{self.get_step_display()} at {self.share} %"
