"""What outside parties keep of a person: their records, which of them are one person, whom we were told to forget."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from simple_history.models import HistoricalRecords

from gtm.records import Record


class SourceRecord(models.Model):
    """One party's record of a person. `contact` is null until an address is known.

    `ext_id` is the party's id, or "address:…" where its bodies have none; a person's own corrections are a record of
    the source "person" without a connection. `addresses` are those that it has at present, normalised.
    `look_up_at`: when to ask the party for what its event did not tell.
    """

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="source_records")
    connection = models.ForeignKey(
        "clients.Connection", on_delete=models.PROTECT, null=True, blank=True, related_name="source_records"
    )
    source = models.CharField(max_length=30, help_text="The connection's party, or person.")
    object_type = models.CharField(max_length=30, default="contact")
    ext_id = models.CharField(max_length=300)
    contact = models.ForeignKey(
        "clients.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="source_records"
    )
    addresses = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    look_up_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "connection", "object_type", "ext_id"],
                nulls_distinct=False,
                name="one_record_an_id_of_its_party",
            )
        ]
        indexes = [
            models.Index(
                fields=["connection", "look_up_at"],
                condition=models.Q(look_up_at__isnull=False),
                name="records_to_look_up",
            ),
            GinIndex(fields=["addresses"], name="records_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.object_type} {self.ext_id}"


class SamePerson(Record):
    """Two records that are one person, for good: the party merged them, or a person said so."""

    recorded = ("one_id", "other_id", "since")

    one = models.ForeignKey("clients.SourceRecord", on_delete=models.PROTECT, related_name="+")
    other = models.ForeignKey("clients.SourceRecord", on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "same persons"
        constraints = [models.UniqueConstraint(fields=["one", "other"], name="said_once_of_two_records")]

    def __str__(self) -> str:
        return f"{self.one_id} = {self.other_id}"


class RecordAddress(models.Model):
    """That a record once had this address: the keyed hash alone (`clients/suppression.py`), so it outlives erasure."""

    record = models.ForeignKey("clients.SourceRecord", on_delete=models.CASCADE, related_name="addresses_ever")
    address_hmac = models.CharField(max_length=64, db_index=True)

    class Meta:
        verbose_name_plural = "record addresses"
        constraints = [
            models.UniqueConstraint(fields=["record", "address_hmac"], name="one_row_an_address_of_a_record")
        ]

    def __str__(self) -> str:
        return f"{self.address_hmac[:8]}…"


class FieldRule(models.Model):
    """Which source's word on a field holds for a client where several differ; without a row, the latest."""

    class Rule(models.TextChoices):
        LATEST = "latest", "The latest word"
        PRIORITY = "priority", "The first source that has a word"
        PRIORITY_UNLESS_OLDER = "priority_unless_older", "The first source, unless its word is old"
        MANUAL = "manual", "A person decides"
        UNION = "union", "All of them together"
        LONGEST = "longest", "The longest"
        MONOTONE = "monotone", "Once said, never taken back"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="field_rules")
    field = models.CharField(max_length=60, help_text="A field of a contact, or custom.NAME.")
    rule = models.CharField(max_length=30, choices=Rule, default=Rule.LATEST)
    sources = models.JSONField(default=list, blank=True, help_text="First to last, for example salesforce, hubspot.")
    days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="How old a word may be, in days.")
    history = HistoricalRecords()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "field"], name="one_rule_a_field_of_a_client")]

    def __str__(self) -> str:
        return f"{self.field}: {self.get_rule_display()}"


class Erasure(models.Model):
    """Somebody asked that a person be forgotten, or what came in again was about such a person. No address is kept.

    Whichever of `record`, `contact`, `delivery` and `address_hmac` is known says where to look; done within 5 minutes.
    `sealed` is an address that was typed, encrypted, until then.
    """

    class Reason(models.TextChoices):
        ASKED_IN_CRM = "asked_in_crm", "Privacy deletion in the CRM"
        ASKED_HERE = "asked_here", "Entered by a person"
        CAME_AGAIN = "came_again", "Came in again after erasure"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="erasures")
    reason = models.CharField(max_length=20, choices=Reason)
    record = models.ForeignKey(
        "clients.SourceRecord", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    delivery = models.ForeignKey("clients.Delivery", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    address_hmac = models.CharField(max_length=64, blank=True)
    sealed = models.BinaryField(default=b"", blank=True, editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    blanked = models.JSONField(default=dict, blank=True, help_text="How many rows of each table were blanked.")

    class Meta:
        verbose_name, verbose_name_plural = "request to be forgotten", "requests to be forgotten"
        indexes = [
            models.Index(fields=["asked_at"], condition=models.Q(done_at__isnull=True), name="erasures_to_do"),
            models.Index(fields=["client", "address_hmac"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}, {self.asked_at:%Y-%m-%d}"
