from django.conf import settings
from django.db import models
from django.db.models import Q

from agents_app.names import COMPOSER
from gtm.records import Record


class Draft(Record):
    """An e-mail as it was written, and what a person decided about it.

    `sentences` is [{"text", "rests_on": [fact keys or config paths]}]. `final_subject` and `final_body` are what goes
    out: the draft's own, or the person's edit of it.
    """

    recorded = (
        "run_id",
        "step_id",
        "contact_id",
        "sequence_step",
        "subject",
        "body",
        "sentences",
        "generator",
        "written_at",
    )

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting for approval"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        REFUSED = "refused", "Not sent"

    class Rejection(models.TextChoices):
        FIT = "fit", "Company does not fit"
        PERSON = "person", "Wrong person"
        TIMING = "timing", "Wrong time"
        TEXT = "text", "The text is not good enough"
        OTHER = "other", "Other"

    run = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="drafts")
    step = models.OneToOneField("agents_app.StepRun", on_delete=models.PROTECT, related_name="draft")
    contact = models.ForeignKey(
        "clients.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="drafts"
    )
    sequence_step = models.PositiveSmallIntegerField(default=1)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    sentences = models.JSONField(default=list)
    generator = models.CharField(max_length=80)
    written_at = models.DateTimeField()

    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    final_subject = models.CharField(max_length=200)
    final_body = models.TextField()
    was_edited = models.BooleanField(default=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    rejection = models.CharField(max_length=10, choices=Rejection, blank=True)
    comment = models.CharField(max_length=300, blank=True)
    send_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is to be sent; once it is being sent, since when."
    )
    refusal = models.CharField(max_length=300, blank=True, help_text="Why it was not sent, in words.")

    class Meta:
        permissions = [("decide_draft", "Approves, edits and rejects drafts")]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "contact", "sequence_step"],
                nulls_distinct=False,
                name="one_draft_a_run_contact_and_mail",
            )
        ]
        indexes = [
            models.Index(fields=["-written_at", "-id"]),
            models.Index(fields=["send_at"], condition=Q(status="approved"), name="drafts_due"),
        ]

    def __str__(self) -> str:
        return self.subject


class Send(Record):
    """One message handed to the mail backend, once per draft."""

    recorded = ("draft_id", "contact_id", "message_id", "sent_at", "generator", "address_is_reserved")

    draft = models.OneToOneField("agents_app.Draft", on_delete=models.PROTECT, related_name="send")
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, related_name="sends")
    message_id = models.CharField(max_length=200, unique=True)
    sent_at = models.DateTimeField()
    generator = models.CharField(max_length=80)
    address_is_reserved = models.BooleanField(help_text="The address stands in a domain nobody can own (RFC 2606).")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(generator__startswith=COMPOSER) | Q(address_is_reserved=True),
                name="composer_never_writes_to_real_people",
            )
        ]
        indexes = [models.Index(fields=["sent_at"])]

    def __str__(self) -> str:
        return f"{self.message_id} at {self.sent_at:%Y-%m-%d}"
