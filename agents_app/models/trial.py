from django.conf import settings as deployment
from django.db import models

from gtm.records import Record


class Trial(Record):
    """A client's settings as somebody typed them, tried on one contact beside those in force, before anything is saved.

    `settings` is the client's own layer as typed, {path: said}, without secrets. `columns` are those of the client
    that choose its templates, as typed: {"industry": key, "company_size", "sales_motion"}. `base` is what stood in the
    form when it was opened (`clients.meeting`), so that saving takes back nothing of what others saved since.
    `differences` is what would change for the client, in words: [{"label", "before", "after", "gained", "lost"}]
    (`clients.config.radius.Change`). `present` shows how the settings in force write: a request of this trial, or an
    earlier one after which nothing changed.
    """

    recorded = (
        "client_id", "contact_id", "settings", "columns", "base", "differences", "present_id", "proposed_id",
        "author_id", "created_at",
    )  # fmt: skip

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="trials")
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, related_name="+")
    settings = models.JSONField(default=dict)
    columns = models.JSONField(default=dict)
    base = models.JSONField(default=dict)
    differences = models.JSONField(default=list)
    present = models.ForeignKey("agents_app.Request", on_delete=models.PROTECT, related_name="beside_trials")
    proposed = models.OneToOneField("agents_app.Request", on_delete=models.PROTECT, related_name="trial")
    author = models.ForeignKey(deployment.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["client", "-created_at"], name="trials_of_a_client")]

    def __str__(self) -> str:
        return f"Trial {self.pk}"

    @property
    def is_reused(self) -> bool:
        """Whether the side of the settings in force was written before, and cost nothing now."""
        return self.present.asked_at != self.created_at
