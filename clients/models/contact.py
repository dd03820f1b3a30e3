from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from gtm.records import Record


class ContactField(models.TextChoices):
    """What sources may say of a contact, in our words."""

    FIRST_NAME = "first_name", "First name"
    LAST_NAME = "last_name", "Last name"
    FULL_NAME = "full_name", "Full name"
    TITLE = "title", "Title"
    COMPANY_NAME = "company_name", "Company"
    COMPANY_DOMAIN = "company_domain", "Company domain"
    EMAIL = "email", "E-mail"
    OTHER_EMAILS = "other_emails", "Other e-mails"
    PHONE = "phone", "Phone"
    LINKEDIN_URL = "linkedin_url", "LinkedIn page"
    COUNTRY = "country", "Country"
    TIMEZONE = "timezone", "Time zone"
    LIFECYCLE_STAGE = "lifecycle_stage", "Lifecycle stage"
    OWNER = "owner", "Owner in the CRM"
    TAGS = "tags", "Tags"
    DO_NOT_CONTACT = "do_not_contact", "Do not contact"


class Contact(models.Model):
    """A person we write to, for one client. The fields show the winning observations (`FieldState`).

    Two that turn out to be one person: the younger row stays, with `merged_into`, for what was done with it.
    """

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="contacts")
    email = models.EmailField(max_length=254, help_text="As it was first written.")
    email_normalised = models.CharField(
        max_length=254, editable=False, help_text="Unicode NFC, trimmed, case folded: the identity."
    )
    first_name = models.CharField(max_length=120, blank=True)
    last_name = models.CharField(max_length=120, blank=True)
    full_name = models.CharField(max_length=240, blank=True)
    title = models.CharField(max_length=160, blank=True)
    company_name = models.CharField(max_length=160, blank=True)
    company_domain = models.CharField(max_length=253, blank=True)
    other_emails = models.CharField(max_length=1000, blank=True, help_text="Further addresses, parted by commas.")
    phone = models.CharField(max_length=40, blank=True)
    linkedin_url = models.CharField("LinkedIn page", max_length=300, blank=True)
    country = models.CharField(max_length=80, blank=True)
    timezone = models.CharField("time zone", max_length=60, blank=True)
    lifecycle_stage = models.CharField(max_length=80, blank=True)
    owner = models.CharField("owner in the CRM", max_length=120, blank=True)
    tags = models.CharField(max_length=1000, blank=True, help_text="Parted by commas.")
    do_not_contact = models.CharField(
        max_length=5, blank=True, help_text="“true” once any source said so; it is never taken back by a source."
    )
    custom = models.JSONField(default=dict, blank=True, help_text="Fields of the client's own: {name: text}.")
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="When it was gone from every source.")
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When its personal data were erased for good.")
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged", editable=False
    )
    source = models.CharField(max_length=30, blank=True, help_text="Who told us of this contact first.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "email_normalised"],
                condition=models.Q(merged_into__isnull=True),
                name="one_contact_an_address",
            )
        ]
        indexes = [models.Index(fields=["client", "company_domain"]), models.Index(fields=["-created_at", "-id"])]

    def __str__(self) -> str:
        return f"{self.full_name or self.email} ({self.company_name or 'company unknown'})"


class Observation(Record):
    """What one source's record says of one field at one time. `event` tells how we know.

    `field` is a ContactField, "custom.NAME", or GONE ("true" or "false": the record was deleted or restored). An empty
    `value` clears the field.
    """

    GONE = "gone"
    recorded = ("record_id", "field", "value", "occurred_at", "event_id")

    record = models.ForeignKey("clients.SourceRecord", on_delete=models.PROTECT, related_name="observations")
    field = models.CharField(max_length=60)
    value = models.CharField(max_length=1000, blank=True)
    occurred_at = models.DateTimeField()
    event = models.ForeignKey(
        "clients.Event", on_delete=models.PROTECT, null=True, blank=True, related_name="observations"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["record", "event", "field"], name="one_observation_an_event_and_field")
        ]
        indexes = [models.Index(fields=["record", "field", "-occurred_at"])]

    def __str__(self) -> str:
        return f"{self.field} = {self.value}"


class FieldState(models.Model):
    """The observation that wins a field at present, and the rule by which it won."""

    contact = models.ForeignKey("clients.Contact", on_delete=models.CASCADE, related_name="field_states")
    field = models.CharField(max_length=60)
    observation = models.ForeignKey("clients.Observation", on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=60)
    decided_at = models.DateTimeField()
    locked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "field"], name="one_state_a_field")]

    def __str__(self) -> str:
        return f"{self.field} by {self.rule}"


class Suppression(Record):
    """An address we never write to again for this client. Only the keyed hash is kept, so it outlives erasure."""

    recorded = ("client_id", "address_hmac", "reason", "created_at")

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        COMPLAINED = "complained", "Complained"
        BOUNCED = "bounced", "Address does not exist"
        MANUAL = "manual", "Entered by a person"
        OPTED_OUT = "opted_out", "Opted out in the CRM"
        ERASED = "erased", "Asked to be forgotten"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="suppressions")
    address_hmac = models.CharField(max_length=64)
    reason = models.CharField(max_length=20, choices=Reason)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "address_hmac"], name="suppressed_once")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.address_hmac[:8]}…)"
