from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from clients.models import AgentKey
from gtm.records import Record


class OutcomeKind(models.TextChoices):
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    BOUNCED = "bounced", "Bounced"
    OPENED = "opened", "Opened"
    REPLIED = "replied", "Replied"
    MEETING_BOOKED = "meeting_booked", "Meeting booked"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
    COMPLAINED = "complained", "Complained"
    DEFERRED = "deferred", "Not delivered for now"
    CLICKED = "clicked", "Link clicked"
    MACHINE_OPENED = "machine_opened", "Opened by a machine"
    AUTO_REPLIED = "auto_replied", "Answered by an auto-reply"
    MEETING_MOVED = "meeting_moved", "Meeting moved"
    MEETING_CANCELLED = "meeting_cancelled", "Meeting cancelled"


class Experiment(models.Model):
    """Two or more prompt versions of one agent, tried on the contacts of one client.

    The unit is the contact. A contact counts once exposed (its first e-mail of the experiment was sent) and mature
    (`window_days` have passed since). The decision is taken once, when `planned_per_variant` mature contacts stand in
    each variant.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"
        STOPPED = "stopped", "Stopped by a person"

    class Metric(models.TextChoices):
        REPLIED = "replied", "Replies"
        MEETING_BOOKED = "meeting_booked", "Meetings"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    hypothesis = models.CharField(max_length=300, help_text="What is changed, and what it should bring.")
    agent = models.CharField(max_length=40, choices=AgentKey, default=AgentKey.EMAIL)
    metric = models.CharField(max_length=20, choices=Metric, default=Metric.REPLIED)
    window_days = models.PositiveSmallIntegerField(
        default=14, help_text="A reply counts when it comes within so many days."
    )
    base_rate = models.FloatField(default=0.05, help_text="What the control is expected to reach, 0 to 1.")
    smallest_lift = models.FloatField(
        default=0.03, help_text="The smallest difference worth finding, in absolute points, 0 to 1."
    )
    alpha = models.FloatField(default=0.05)
    power = models.FloatField(default=0.8)
    planned_per_variant = models.PositiveIntegerField(
        help_text="Contacts a variant, computed when the experiment is made."
    )
    salt = models.CharField(max_length=32, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "agent"],
                condition=Q(status="running"),
                name="one_running_experiment_a_client_and_agent",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    experiment = models.ForeignKey("experiments.Experiment", on_delete=models.CASCADE, related_name="variants")
    key = models.CharField(max_length=10, help_text="a, b, …")
    is_control = models.BooleanField(default=False)
    weight = models.PositiveSmallIntegerField(default=1)
    prompt_version = models.ForeignKey("agents_app.PromptVersion", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "key"], name="one_variant_a_key"),
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(is_control=True), name="one_control_an_experiment"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}{' (control)' if self.is_control else ''}"


class Assignment(Record):
    """Which variant a contact was given, once. `bucket` is the salted hash of the contact in [0, 1)."""

    recorded = ("experiment_id", "contact_id", "variant_id", "bucket", "assigned_at")

    experiment = models.ForeignKey("experiments.Experiment", on_delete=models.PROTECT, related_name="assignments")
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, related_name="+")
    variant = models.ForeignKey("experiments.Variant", on_delete=models.PROTECT, related_name="assignments")
    bucket = models.FloatField()
    assigned_at = models.DateTimeField()
    exposed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the first e-mail written with the variant was sent."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "contact"], name="assigned_once")]
        indexes = [models.Index(fields=["experiment", "variant", "exposed_at"])]

    def __str__(self) -> str:
        return f"{self.contact_id} → {self.variant_id}"


class OutcomeEvent(Record):
    """What became of an e-mail, as one source says. The same (client, source, event_key) counts once."""

    recorded = ("client_id", "contact_id", "send_id", "kind", "occurred_at", "received_at", "source", "event_key")

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, related_name="+")
    send = models.ForeignKey("agents_app.Send", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=20, choices=OutcomeKind)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    source = models.CharField(max_length=30)
    event_key = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "source", "event_key"], name="one_outcome_an_event")]
        indexes = [
            models.Index(fields=["contact", "kind", "occurred_at"]),
            models.Index(fields=["send", "kind"]),
            models.Index(fields=["-occurred_at", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.occurred_at:%Y-%m-%d}"


class AnalysisSnapshot(Record):
    """One analysis of an experiment at a moment, kept as it was computed.

    `result` is a `Result` of experiments/results.py: per variant the people exposed, mature and successful with rate
    and interval, the difference, the checks, a verdict and a sentence. Rates and differences are fractions of 1.
    """

    recorded = ("experiment_id", "as_of", "result")

    experiment = models.ForeignKey("experiments.Experiment", on_delete=models.PROTECT, related_name="snapshots")
    as_of = models.DateTimeField()
    result = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["experiment", "-as_of"])]

    def __str__(self) -> str:
        return f"{self.experiment} as of {self.as_of:%Y-%m-%d}"


class Decision(Record):
    """What was concluded from a snapshot, once an experiment. `promoted_at`: when a person made the winner live."""

    recorded = ("experiment_id", "snapshot_id", "outcome", "winner_id", "reason", "decided_at")

    class Outcome(models.TextChoices):
        WINNER = "winner", "A variant won"
        NO_DIFFERENCE = "no_difference", "No better variant found"
        INVALID = "invalid", "Cannot be trusted"

    experiment = models.OneToOneField("experiments.Experiment", on_delete=models.PROTECT, related_name="decision")
    snapshot = models.ForeignKey("experiments.AnalysisSnapshot", on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=20, choices=Outcome)
    winner = models.ForeignKey("experiments.Variant", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=400)
    decided_at = models.DateTimeField()
    promoted_at = models.DateTimeField(null=True, blank=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.experiment}: {self.get_outcome_display()}"


class SettingProposal(Record):
    """A change of one client's setting that its work speaks for. Nothing changes before a person approves it.

    `own` is what the client's own layer said when it was made (null: nothing), `proposed` what it would say: a value,
    or a word about what is inherited (`clients/config/layers.py`). `in_force` is {"value", "sources"} of that moment.
    `evidence` and `expected` are documents of `experiments/evolution.py`, counts and rates with their intervals.
    `written` is what was approved in the end, and `version` the number of the settings' version that holds it.
    """

    recorded = (
        "client_id", "rule", "path", "own", "in_force", "proposed", "evidence", "expected", "risk", "made_at",
    )  # fmt: skip

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        APPROVED = "approved", "Approved"
        DISMISSED = "dismissed", "Dismissed"
        ROLLED_BACK = "rolled_back", "Rolled back"
        STALE = "stale", "Out of date"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=20)
    path = models.CharField(max_length=80)
    own = models.JSONField(null=True)
    in_force = models.JSONField()
    proposed = models.JSONField()
    evidence = models.JSONField()
    expected = models.JSONField()
    risk = models.CharField(max_length=300)
    made_at = models.DateTimeField()

    status = models.CharField(max_length=12, choices=Status, default=Status.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was decided so, or is out of date.")
    written = models.JSONField(null=True, blank=True)
    version = models.PositiveIntegerField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "path"], condition=Q(status="open"), name="one_open_proposal_a_setting"
            )
        ]
        indexes = [
            models.Index(fields=["-made_at", "-id"]),
            models.Index(fields=["client", "path", "-made_at"]),
        ]

    def __str__(self) -> str:
        return f"Proposal {self.pk}"


class ProposalEffect(Record):
    """What an approved proposal brought, measured once: `result` is a document of `experiments/effects.py`."""

    recorded = ("proposal_id", "as_of", "result")

    proposal = models.OneToOneField("experiments.SettingProposal", on_delete=models.PROTECT, related_name="effect")
    as_of = models.DateTimeField()
    result = models.JSONField()

    def __str__(self) -> str:
        return f"Effect of proposal {self.proposal_id}"
