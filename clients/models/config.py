"""Where settings stand: what a layer sets, an agency's own keys, and the versions of a client's whole configuration.

A layer's `settings` is {dotted path: value, or a word about what is inherited} (`clients/config/layers.py`); the keys
of `clients/keys.py` and `ConfigKey` say what may stand there. Only `clients/config/writing.py` writes it.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from clients import keys
from gtm.records import Record


class AgentKey(models.TextChoices):
    RESEARCH = "research_agent", keys.AGENTS["research_agent"]
    COMPETITIVE = "competitive_agent", keys.AGENTS["competitive_agent"]
    PERSONA = "persona_agent", keys.AGENTS["persona_agent"]
    EMAIL = "email_agent", keys.AGENTS["email_agent"]


class Settings(models.Model):
    """One layer's settings.

    `locks` are paths that the layers above may only tighten. `touched` is {path: [who, when]} of each setting's last
    change: the name of a person, and ISO 8601. `secrets` is {path: encrypted}: they stand in no version, history or
    export. `revision` counts the saves, so that two people who edit at once find each other.
    """

    settings = models.JSONField(default=dict, blank=True, editable=False)
    locks = ArrayField(models.CharField(max_length=80), default=list, blank=True, editable=False)
    touched = models.JSONField(default=dict, blank=True, editable=False)
    secrets = models.JSONField(default=dict, blank=True, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True


class ConfigKey(models.Model):
    """A setting of the agency's own, beside the built-in ones; it stands under custom_fields."""

    name = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*$", "Use small letters, digits and _, a letter first.")],
        help_text="Stands in documents as custom_fields.NAME.",
    )
    label = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=list(keys.KINDS.items()))
    help = models.CharField(max_length=200, blank=True)
    choices = ArrayField(models.CharField(max_length=60), default=list, blank=True, help_text="What may be chosen.")
    least = models.FloatField(null=True, blank=True, help_text="The smallest number.")
    most = models.FloatField(null=True, blank=True, help_text="The largest number; of a list, the most entries.")
    longest = models.PositiveSmallIntegerField(default=200, help_text="Characters of a text or an entry.")
    merge = models.CharField(
        "layers come together", max_length=15, choices=list(keys.STRATEGIES.items()), default="replace"
    )
    lockable = models.BooleanField(default=True)
    tightens = models.CharField(max_length=5, choices=list(keys.WAYS.items()), blank=True)
    sensitive = models.BooleanField(default=False, help_text="Kept encrypted, shown to nobody, told to no agent.")
    agents = ArrayField(
        models.CharField(max_length=40, choices=AgentKey), default=list, blank=True, help_text="Who is told it."
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name = "setting of our own"
        verbose_name_plural = "settings of our own"

    def __str__(self) -> str:
        return self.label


class ConfigVersion(Record):
    """What a client's own layer was from one save to the next, as the document that an export gives."""

    recorded = ("client_id", "number", "document", "sha256", "author_id", "reason", "created_at")

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    sha256 = models.CharField(max_length=64)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "number"], name="one_config_version_a_number")]

    def __str__(self) -> str:
        return f"{self.client} v{self.number}"


class ProposedChange(models.Model):
    """A change of a lower layer that reaches many clients: it waits for a second person.

    `settings` and `locks` are what the layer would say; `columns` a template's own, such as what it inherits from;
    `revision` is that of the layer when it was proposed. `reach` counts the clients whose settings it changed then.
    `secrets` is {path: encrypted, or null to forget it}, empty once it is decided.
    """

    class Decision(models.TextChoices):
        APPLIED = "applied", "Applied"
        DECLINED = "declined", "Declined"

    agency = models.ForeignKey(
        "clients.AgencySettings", on_delete=models.PROTECT, null=True, blank=True, related_name="proposed"
    )
    template = models.ForeignKey(
        "clients.SettingsTemplate", on_delete=models.PROTECT, null=True, blank=True, related_name="proposed"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField()
    reach = models.PositiveIntegerField()
    columns = models.JSONField(default=dict, blank=True)
    locks = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    settings = models.JSONField()
    secrets = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = "change that waits"
        verbose_name_plural = "changes that wait"
        constraints = [
            models.CheckConstraint(
                condition=Q(agency__isnull=False, template__isnull=True)
                | Q(agency__isnull=True, template__isnull=False),
                name="a_change_is_of_one_layer",
            )
        ]

    def __str__(self) -> str:
        return f"Change of {self.agency or self.template}"
