"""Changes of several clients' settings that were made together, and can be taken back together."""

from django.conf import settings
from django.db import models

from gtm.records import Record


class ChangeSet(Record):
    """What one person changed of several clients at once; `what` says it in words. It is taken back once, whole."""

    recorded = ("kind", "what", "reason", "author_id", "created_at")

    class Kind(models.TextChoices):
        EDIT = "edit", "Change of one setting"
        IMPORT = "import", "Import from JSON"

    kind = models.CharField(max_length=10, choices=Kind)
    what = models.CharField(max_length=300)
    reason = models.CharField(max_length=200, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "change of several clients"
        verbose_name_plural = "changes of several clients"

    def __str__(self) -> str:
        return self.what


class ClientChange(Record):
    """One client's part of a set. `paths` is {path: [before, after]}, what the client's own layer said, None: nothing;
    `before` and `after` are its versions. `left` says why taking back the set left this client as it was."""

    recorded = ("change_set_id", "client_id", "before_id", "after_id", "paths", "is_new")

    change_set = models.ForeignKey(ChangeSet, on_delete=models.PROTECT, related_name="changes")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    before = models.ForeignKey(
        "clients.ConfigVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    after = models.ForeignKey(
        "clients.ConfigVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    paths = models.JSONField(default=dict)
    is_new = models.BooleanField(default=False)
    left = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change_set", "client"], name="one_change_a_client_a_set")]

    def __str__(self) -> str:
        return f"{self.client} in {self.change_set}"
