"""What goes back to a CRM, what went, and what comparing with it found."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords


class SyncSettings(models.Model):
    """How we write to a connection's party. Without a row nothing is written: the defaults hold.

    `own_id` is the party's name for us (HubSpot: the app's id; Salesforce: the client id or the user; Pipedrive: the
    user). `paused_at`: the party no longer knows us, so that nothing is written before a person did something.
    """

    connection = models.OneToOneField("clients.Connection", on_delete=models.CASCADE, related_name="sync")
    is_dry_run = models.BooleanField(
        "only show what would be written",
        default=True,
        help_text="Every change is prepared and shown under Pushes, and nothing is sent.",
    )
    daily_writes = models.PositiveIntegerField(
        "writes a day",
        default=1000,
        help_text="Records we change there in a day, at most. A tenth is kept for what a person sends.",
    )
    own_id = models.CharField(
        "our id there",
        max_length=120,
        blank=True,
        help_text="HubSpot: the id of our app. Salesforce: the id of the user, or the client name, that we write with. "
        "By it we know our own changes when they come back. Empty: we ask the party once writing is switched on.",
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_why = models.CharField(max_length=300, blank=True, editable=False)
    history = HistoricalRecords(excluded_fields=["paused_at", "paused_why"])

    class Meta:
        verbose_name = verbose_name_plural = "sync settings"

    def __str__(self) -> str:
        return "Dry run" if self.is_dry_run else f"Writes, at most {self.daily_writes:,} a day"


class Push(models.Model):
    """Our change of one record on its way to its party.

    `fields` {our field: value}; `before` {our field: what we knew the record to say}. At most one row of a record
    waits, one is being sent and one is held for a person; what is new goes into the one that waits. `why` says in words
    how a push ended or what it waits for. `tries_from`: when the first of its tries failed.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits"
        SENDING = "sending", "Being sent"
        HELD = "held", "A person is asked"
        DONE = "done", "Written"
        DEAD = "dead", "Given up"
        SKIPPED = "skipped", "Not sent"

    connection = models.ForeignKey("clients.Connection", on_delete=models.PROTECT, related_name="pushes")
    record = models.ForeignKey("clients.SourceRecord", on_delete=models.PROTECT, related_name="pushes")
    fields = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    why = models.TextField(blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    mapping_version = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    tries_from = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When it was last sent.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = "push to a CRM", "pushes to CRMs"
        constraints = [
            models.UniqueConstraint(
                fields=["record", "state"],
                condition=Q(state__in=["waiting", "sending", "held"]),
                name="one_open_push_a_record_and_state",
            )
        ]
        indexes = [
            models.Index(fields=["connection", "due_at"], condition=Q(state="waiting"), name="pushes_that_wait"),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="pushes_being_sent"),
            models.Index(fields=["connection", "sent_at"], name="pushes_by_day"),
            models.Index(fields=["-made_at", "-id"], name="pushes_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{', '.join(self.fields) or 'nothing'} → {self.record_id}"


class Pushed(models.Model):
    """That a party's record was given this value by us, and when it last was: the keyed hash alone.

    By it a value that comes back is known to be our own, and a value that stands there already is not sent again.
    """

    record = models.ForeignKey("clients.SourceRecord", on_delete=models.CASCADE, related_name="pushed")
    field = models.CharField(max_length=60)
    value_hmac = models.CharField(max_length=64)
    at = models.DateTimeField()
    said_at = models.DateTimeField(help_text="When that was said which we wrote.")

    class Meta:
        verbose_name_plural = "pushed values"
        constraints = [
            models.UniqueConstraint(fields=["record", "field", "value_hmac"], name="one_row_a_value_given_to_a_record")
        ]

    def __str__(self) -> str:
        return f"{self.field} at {self.at:%Y-%m-%d %H:%M}"


class Reconciliation(models.Model):
    """One comparison with a party: everything that it says changed in a span of time, asked for page by page.

    `cursor` is where the next page begins; after a refusal for the moment it goes on there, at `again_at`.
    `found_only_here` of `records_seen` had said something that no call of the party had told us.
    """

    connection = models.ForeignKey("clients.Connection", on_delete=models.PROTECT, related_name="reconciliations")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()
    cursor = models.TextField(blank=True)
    started_at = models.DateTimeField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    answers = models.ManyToManyField("clients.Delivery", related_name="+", blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    again_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    records_seen = models.PositiveIntegerField(default=0)
    found_only_here = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Why it waits or ended early, in words.")

    class Meta:
        verbose_name, verbose_name_plural = "comparison with a CRM", "comparisons with CRMs"
        constraints = [
            models.UniqueConstraint(
                fields=["connection"], condition=Q(ended_at__isnull=True), name="one_open_reconciliation_a_connection"
            )
        ]
        indexes = [models.Index(fields=["connection", "-started_at"], name="reconciliations_newest_first")]

    def __str__(self) -> str:
        return f"{self.from_at:%Y-%m-%d %H:%M} to {self.until_at:%Y-%m-%d %H:%M}"
