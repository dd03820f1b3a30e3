"""How a connection's fields become ours, in versions."""

from django.conf import settings
from django.db import models

from clients.mapping.checking import ON_BLANK
from clients.mapping.row import DIRECTIONS, Row
from clients.models.source import FieldRule
from gtm.records import Record


class Mapping(Record):
    """A version of a connection's mapping. Until it is activated it may change, its rows too; from then on nothing of
    it does, but that it is retired. A draft is saved with `QuerySet.update`: whoever saves it last made it."""

    recorded = ("connection_id", "number", "note", "made_by_id", "made_at")

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "In force"
        RETIRED = "retired", "Earlier"

    connection = models.ForeignKey("clients.Connection", on_delete=models.PROTECT, related_name="mappings")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    note = models.CharField(max_length=200, blank=True, help_text="Why it changes, in a few words.")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    made_at = models.DateTimeField()
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "number"], name="one_mapping_a_number"),
            models.UniqueConstraint(
                fields=["connection"], condition=models.Q(status="draft"), name="one_draft_a_connection"
            ),
            models.UniqueConstraint(
                fields=["connection"], condition=models.Q(status="active"), name="one_mapping_in_force"
            ),
        ]

    def __str__(self) -> str:
        return f"Version {self.number}"

    @property
    def was_used(self) -> bool:
        return self.activated_at is not None


class MappingRow(models.Model):
    """A row of a version, as `mapping.Row` has it. It changes only while the version is a draft."""

    mapping = models.ForeignKey("clients.Mapping", on_delete=models.PROTECT, related_name="rows")
    position = models.PositiveSmallIntegerField()
    field = models.CharField(max_length=60, help_text="A field of a contact, or custom.NAME.")
    path = models.CharField(max_length=500)
    transforms = models.JSONField(default=list, blank=True)
    on_blank = models.CharField(max_length=10, choices=list(ON_BLANK.items()), default="ignore")
    required = models.BooleanField(default=False)
    rule = models.CharField(max_length=30, choices=FieldRule.Rule, blank=True)
    direction = models.CharField(max_length=10, choices=list(DIRECTIONS.items()), default="in")

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["mapping", "field"], name="one_row_a_field_of_a_mapping")]

    def __str__(self) -> str:
        return f"{self.field} from {self.path}"

    def as_row(self) -> Row:
        said = {name: getattr(self, name) for name in ("field", "path", "on_blank", "required", "rule", "direction")}
        return Row(**said, transforms=tuple(self.transforms))
