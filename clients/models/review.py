"""Questions about contacts that only a person can answer."""

from django.conf import settings
from django.db import models


class ReviewItem(models.Model):
    """One question. `question` names what it is about ("conflict:12:title"), `case` what was said when it was put: what
    was decided about a case is remembered, another case may be asked about.

    `observations` are the ids of what each party says; `other` and `other_record` are the second of two.
    """

    class Kind(models.TextChoices):
        CONFLICT = "conflict", "Sources disagree"
        TWO_RECORDS = "two_records", "Two records, one address"
        SIMILAR = "similar", "Perhaps the same person"
        FLAPPING = "flapping", "A field that keeps changing"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DECIDED = "decided", "Decided"
        CLOSED = "closed", "Closed by itself"

    class Decision(models.TextChoices):
        TAKEN = "taken", "One value taken"
        EDITED = "edited", "Another value entered"
        LOCKED = "locked", "Field locked"
        MERGED = "merged", "One person"
        APART = "apart", "Not a duplicate"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="review_items")
    kind = models.CharField(max_length=20, choices=Kind)
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, related_name="review_items")
    record = models.ForeignKey(
        "clients.SourceRecord", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    other_record = models.ForeignKey(
        "clients.SourceRecord", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    field = models.CharField(max_length=60, blank=True)
    observations = models.JSONField(default=list, blank=True)
    question = models.CharField(max_length=120)
    case = models.CharField(max_length=64, blank=True)
    opened_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client", "question"], condition=models.Q(state="open"), name="one_open_item_a_question"
            )
        ]
        indexes = [
            models.Index(fields=["client", "opened_at"], condition=models.Q(state="open"), name="reviews_to_decide"),
            models.Index(fields=["client", "question"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.contact_id}"
