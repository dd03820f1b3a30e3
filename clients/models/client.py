"""Who we work for, and the three layers of settings: agency, industry template, client."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from clients.models.config import PromptOverride, Settings


class AgencySettings(Settings):
    """The lowest layer: what holds for every client. There is one row."""

    singleton = models.BooleanField(default=True, unique=True, editable=False)
    history = HistoricalRecords()

    class Meta:
        verbose_name = verbose_name_plural = "agency settings"
        constraints = [models.CheckConstraint(condition=models.Q(singleton=True), name="one_agency_settings_row")]

    def __str__(self) -> str:
        return "Agency settings"


class IndustryTemplate(Settings):
    key = models.SlugField(
        max_length=40, unique=True, help_text="Stands in a client's JSON as industry, for example fintech."
    )
    name = models.CharField(max_length=80)
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.name


class Client(Settings):
    """A company the agency works for."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft: cannot send"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused: cannot send"

    class Size(models.TextChoices):
        SMALL = "1-50", "1 to 50 people"
        MEDIUM = "51-500", "51 to 500 people"
        LARGE = "501+", "More than 500 people"

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    industry = models.ForeignKey("clients.IndustryTemplate", on_delete=models.PROTECT, related_name="clients")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    company_size = models.CharField(max_length=10, choices=Size, default=Size.MEDIUM)
    website = models.CharField(max_length=120, blank=True, help_text="The client's own domain.")
    postal_address = models.CharField(
        max_length=300, blank=True, help_text="Stands at the foot of every e-mail, as the law asks."
    )
    managers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="+", verbose_name="account managers"
    )
    shares_patterns = models.BooleanField(
        default=True,
        help_text="This client's results count towards patterns that other clients may see, never by name.",
    )
    daily_budget_usd = models.DecimalField(
        "daily budget",
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="US dollars that this client's runs may spend on the model in a day. Empty: as the agency sets.",
    )
    created_at = models.DateTimeField()
    history = HistoricalRecords(m2m_fields=[managers])

    class Meta:
        permissions = [("see_all_clients", "Sees the clients of every account manager")]

    def __str__(self) -> str:
        return self.name


class AgencyPromptOverride(PromptOverride):
    layer = models.ForeignKey("clients.AgencySettings", on_delete=models.CASCADE, related_name="prompt_overrides")
    history = HistoricalRecords()

    class Meta(PromptOverride.Meta):
        constraints = [models.UniqueConstraint(fields=["layer", "agent"], name="one_agency_override_an_agent")]


class IndustryPromptOverride(PromptOverride):
    layer = models.ForeignKey("clients.IndustryTemplate", on_delete=models.CASCADE, related_name="prompt_overrides")
    history = HistoricalRecords()

    class Meta(PromptOverride.Meta):
        constraints = [models.UniqueConstraint(fields=["layer", "agent"], name="one_industry_override_an_agent")]


class ClientPromptOverride(PromptOverride):
    layer = models.ForeignKey("clients.Client", on_delete=models.CASCADE, related_name="prompt_overrides")
    history = HistoricalRecords()

    class Meta(PromptOverride.Meta):
        constraints = [models.UniqueConstraint(fields=["layer", "agent"], name="one_client_override_an_agent")]
