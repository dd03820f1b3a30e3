from datetime import timedelta

from django.conf import settings
from django.db import models

from gtm.records import Record


class Delivery(Record):
    """One body as a party sent or answered it: raw, before anybody tried to read it."""

    recorded = (
        "connection_id",
        "received_at",
        "headers",
        "body",
        "body_sha256",
        "sender_event_id",
        "way",
        "original_id",
    )

    class Status(models.TextChoices):
        RECEIVED = "received", "Received"
        APPLIED = "applied", "Applied"
        QUARANTINED = "quarantined", "Quarantined"
        DISCARDED = "discarded", "Discarded"

    class Way(models.TextChoices):
        CALL = "call", "The party called us"
        ASKED = "asked", "We asked the party"
        MENDED = "mended", "A person mended the body"

    connection = models.ForeignKey("clients.Connection", on_delete=models.PROTECT, related_name="deliveries")
    way = models.CharField("how it came", max_length=10, choices=Way, default=Way.CALL)
    original = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="mended",
        help_text="What was mended here.",
    )
    received_at = models.DateTimeField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    body_sha256 = models.CharField(max_length=64)
    sender_event_id = models.CharField(
        max_length=200, blank=True, help_text="The sender's own id of this call, where it gives one."
    )
    receipt = models.UUIDField(
        null=True,
        unique=True,
        editable=False,
        help_text="Our own number of the call, given before it was stored: whatever way it takes, it is stored once.",
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Why it stands in quarantine, in words.")
    error_class = models.CharField(
        "kind of problem", max_length=30, blank=True, help_text="One of clients/quarantine.py: CLASSES."
    )
    applied_at = models.DateTimeField(null=True, blank=True)
    discarded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    discarded_at = models.DateTimeField(null=True, blank=True)
    discarded_why = models.CharField(max_length=300, blank=True)
    mapping = models.ForeignKey(
        "clients.Mapping",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="The version that read it; none: what we read such calls by where no version is in force.",
    )

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "sender_event_id"],
                condition=~models.Q(sender_event_id=""),
                name="one_delivery_a_sender_event",
            )
        ]
        indexes = [
            models.Index(fields=["-received_at", "-id"]),
            models.Index(fields=["status", "received_at"]),
            models.Index(
                fields=["connection", "error_class", "id"],
                condition=models.Q(status="quarantined"),
                name="deliveries_in_quarantine",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"


class Replay(models.Model):
    """Deliveries of one connection and kind of problem that are tried again, so many a minute, oldest first.

    `upto` is the newest that counts, `reached` the last one tried; `why` says who or what asked.
    """

    connection = models.ForeignKey("clients.Connection", on_delete=models.PROTECT, related_name="replays")
    error_class = models.CharField(max_length=30, blank=True, help_text="Empty: every kind.")
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    per_minute = models.PositiveIntegerField(default=60)
    upto = models.BigIntegerField()
    reached = models.BigIntegerField(default=0)
    tried = models.PositiveIntegerField(default=0)
    why = models.CharField(max_length=200, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    stepped_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "error_class"],
                condition=models.Q(ended_at__isnull=True),
                name="one_replay_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Replay {self.pk}"


class Event(Record):
    """One change inside a delivery, in our words. `payload` holds canonical fields: {"email": …, "title": …}."""

    recorded = ("client_id", "delivery_id", "source", "event_key", "kind", "occurred_at", "payload", "origin")

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="events")
    delivery = models.ForeignKey("clients.Delivery", on_delete=models.PROTECT, related_name="events")
    contact = models.ForeignKey(
        "clients.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    record = models.ForeignKey(
        "clients.SourceRecord", on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    origin = models.CharField(max_length=120, blank=True, help_text="Who made the change at the party, as it tells it.")
    source = models.CharField(max_length=30)
    event_key = models.CharField(max_length=200)
    kind = models.CharField(max_length=30, help_text="contact_changed, or a kind the sender names.")
    occurred_at = models.DateTimeField()
    payload = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "source", "event_key"], name="one_event_a_key")]

    def __str__(self) -> str:
        return f"{self.source} {self.kind}"


class RejectedCall(models.Model):
    """A call that a connection refused, so that a person can see which secret is wrong.

    `headers` and `body` hold no secret and no signature, `body` only its beginning. Kept for KEPT, at most MOST of them
    a connection.
    """

    KEPT = timedelta(hours=24)
    MOST = 50

    connection = models.ForeignKey("clients.Connection", on_delete=models.CASCADE, related_name="rejected_calls")
    at = models.DateTimeField()
    why = models.CharField(max_length=300)
    address = models.CharField("called from", max_length=64, blank=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = [models.Index(fields=["connection", "-at"]), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"Refused call {self.pk}"
