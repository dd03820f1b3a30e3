from django.db import models
from simple_history.models import HistoricalRecords

from clients.models import Connection


def source_names() -> list[tuple[str, str]]:
    """Asked when it is needed: sources bring what they need to be read."""
    from agents_app.research import SOURCES

    return [(source.key, source.name) for source in SOURCES.values()]


class SourceAccount(models.Model):
    """The agency's own account at a research source, for every client that has no connection of its own to it.

    What we present there is `credential`, encrypted, or stands where `credential_ref` says (`clients/credentials.py`).
    Nobody holds a permission to view one: it belongs to no client, so only who may change it sees it.
    """

    source = models.CharField(max_length=30, choices=source_names)
    mode = models.CharField(max_length=10, choices=Connection.Mode, default=Connection.Mode.SANDBOX)
    is_active = models.BooleanField(default=True)
    credential = models.BinaryField(default=b"", blank=True, editable=False)
    credential_ref = models.CharField(max_length=200, blank=True)
    credits_a_month = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="As the source counts them, of all clients together, from the first of the month in UTC. Once they "
        "are spent the source is not asked with this account. Empty: no limit.",
    )
    note = models.CharField(
        max_length=300, blank=True, help_text="For whoever keeps it: its plan, who pays, since when."
    )
    created_at = models.DateTimeField()
    history = HistoricalRecords(excluded_fields=["credential"])

    class Meta:
        default_permissions = ("add", "change", "delete")
        constraints = [
            models.UniqueConstraint(
                fields=["source"],
                condition=models.Q(is_active=True),
                name="one_active_account_a_source",
                violation_error_message="The agency has an active account at this source already. Switch it off first.",
            )
        ]

    def __str__(self) -> str:
        return f"The agency's account at {self.get_source_display()}"

    @property
    def asked_with(self) -> str:
        """What the record of an answer says of whose key was used."""
        return f"account:{self.pk}"
