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
    status = models.CharField(max_length=12, choices=Status, default=Status.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, help_text="Why it stands in quarantine, in words.")
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "sender_event_id"],
                condition=~models.Q(sender_event_id=""),
                name="one_delivery_a_sender_event",
            )
        ]
        indexes = [models.Index(fields=["-received_at", "-id"]), models.Index(fields=["status", "received_at"])]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"


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
