"""Who we work for, and whose settings a client inherits: the agency's and the templates'."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from clients.models.config import Settings


class AgencySettings(Settings):
    """The lowest layer: what holds for every client. There is one row."""

    singleton = models.BooleanField(default=True, unique=True, editable=False)
    history = HistoricalRecords(excluded_fields=["secrets"])

    class Meta:
        verbose_name = verbose_name_plural = "agency settings"
        constraints = [models.CheckConstraint(condition=models.Q(singleton=True), name="one_agency_settings_row")]

    def __str__(self) -> str:
        return "Agency settings"


class SettingsTemplate(Settings):
    """What clients of one industry, size or sales motion inherit. It inherits from its parent, of the same kind."""

    class Kind(models.TextChoices):
        INDUSTRY = "industry", "Industry"
        SIZE = "size", "Company size"
        MOTION = "motion", "Sales motion"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.INDUSTRY)
    key = models.SlugField(
        max_length=40,
        help_text="What a client's document says: an industry such as fintech, or the size or motion it is for.",
    )
    name = models.CharField(max_length=80)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children", verbose_name="inherits from"
    )
    history = HistoricalRecords(excluded_fields=["secrets"])

    class Meta:
        verbose_name = "template"
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="one_template_a_key")]

    def __str__(self) -> str:
        return self.name


class SalesMotion(models.TextChoices):
    OUTBOUND = "outbound", "Outbound: we write first"
    INBOUND = "inbound", "Inbound: they asked first"
    PRODUCT_LED = "product_led", "Product-led: they use it already"
    PARTNER = "partner", "Through partners"


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
    industry = models.ForeignKey(
        "clients.SettingsTemplate",
        on_delete=models.PROTECT,
        related_name="clients",
        limit_choices_to={"kind": SettingsTemplate.Kind.INDUSTRY},
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    company_size = models.CharField(max_length=10, choices=Size, default=Size.MEDIUM)
    sales_motion = models.CharField(max_length=12, choices=SalesMotion, default=SalesMotion.OUTBOUND)
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
    history = HistoricalRecords(m2m_fields=[managers], excluded_fields=["secrets"])

    @property
    def industry_key(self) -> str:
        return self.industry.key if self.industry_id else ""

    class Meta:
        permissions = [("see_all_clients", "Sees the clients of every account manager")]

    def __str__(self) -> str:
        return self.name
