from django.conf import settings
from django.db import models
from django.db.models import Q

from clients.models import Settings


class Purpose(models.TextChoices):
    OUTREACH = "outreach", "First e-mail"
    FOLLOW_UP = "follow_up", "Follow-up e-mail"
    DEEP_RESEARCH = "deep_research", "Deep research: a brief and personas"
    ACCOUNT = "account", "Account: a first e-mail to each contact at a company"


class Depth(models.TextChoices):
    QUICK = "quick", "Quick"
    STANDARD = "standard", "Standard"
    COMPREHENSIVE = "comprehensive", "Comprehensive"


class Campaign(Settings):
    """A client's named effort: a goal, contacts, a first mail and follow-ups, and settings above the client's own."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    goal = models.CharField(max_length=300, help_text="What the campaign is to bring, in a sentence.")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    contacts = models.ManyToManyField("clients.Contact", through="agents_app.CampaignContact", related_name="campaigns")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="one_campaign_a_name")]

    def __str__(self) -> str:
        return self.name


class CampaignStep(models.Model):
    """One mail of a campaign's sequence. Step 1 is the first mail; the others wait for silence."""

    campaign = models.ForeignKey("agents_app.Campaign", on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField()
    wait_days = models.PositiveSmallIntegerField(
        default=0, help_text="Days of silence since the mail before; 0 for the first."
    )

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="one_campaign_step_a_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="campaign_steps_count_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign}, mail {self.number}"


class CampaignContact(models.Model):
    campaign = models.ForeignKey("agents_app.Campaign", on_delete=models.CASCADE, related_name="members")
    contact = models.ForeignKey("clients.Contact", on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "contact"], name="in_a_campaign_once")]

    def __str__(self) -> str:
        return f"{self.contact} in {self.campaign}"


class Requests(models.QuerySet["Request"]):
    def in_earnest(self) -> "Requests":
        """Without those of trials, which count nowhere."""
        return self.filter(trial_side="")


class Request(models.Model):
    """What somebody asked for: one client, one contact or one company, a purpose and a depth.

    That of a trial (`agents_app/trials.py`), and of a run that is done again (`agents_app/reruns.py`), names its side:
    nothing of its run can be approved or sent, and it counts nowhere.
    """

    class Side(models.TextChoices):
        PRESENT = "present", "Trial: settings in force"
        PROPOSED = "proposed", "Trial: typed settings"
        AGAIN = "again", "Run again from a step"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="requests")
    contact = models.ForeignKey(
        "clients.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="requests"
    )
    company_domain = models.CharField(max_length=253, blank=True)
    company_name = models.CharField(max_length=160, blank=True)
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.OUTREACH)
    depth = models.CharField(max_length=20, choices=Depth, default=Depth.STANDARD)
    campaign = models.ForeignKey(
        "agents_app.Campaign", on_delete=models.PROTECT, null=True, blank=True, related_name="requests"
    )
    sequence_step = models.PositiveSmallIntegerField(default=1, help_text="Which mail of the sequence this is.")
    follows = models.ForeignKey(
        "agents_app.FlowRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="followed_by",
        help_text="The run whose brief and personas this request starts from.",
    )
    reason = models.CharField(max_length=300, blank=True, help_text="Who or what asked, and why.")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    settings = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="The highest layer of settings: of its own runs only.",
    )
    trial_side = models.CharField(
        "trial", max_length=8, choices=Side, blank=True, default="", db_default="", editable=False
    )

    objects = Requests.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(contact__isnull=False) | ~Q(company_domain=""), name="request_names_contact_or_company"
            ),
            models.CheckConstraint(
                condition=Q(contact__isnull=False) | ~Q(purpose="follow_up"),
                name="follow_up_needs_a_contact",
            ),
            models.UniqueConstraint(
                fields=["campaign", "contact", "sequence_step"],
                condition=Q(campaign__isnull=False),
                name="one_request_a_campaign_step",
            ),
        ]
        indexes = [
            models.Index(fields=["-asked_at", "-id"]),
            models.Index(
                fields=["client", "company_domain"], condition=~Q(company_domain=""), name="asked_of_a_company"
            ),
        ]

    def __str__(self) -> str:
        mark = ", run again" if self.is_again else ", trial" if self.is_trial else ""
        return f"Request {self.pk}: {self.get_purpose_display()}{mark}"

    @property
    def is_trial(self) -> bool:
        """Whether it is no work in earnest: a trial, or a run done again."""
        return bool(self.trial_side)

    @property
    def is_again(self) -> bool:
        return self.trial_side == self.Side.AGAIN


class RequestRule(models.Model):
    """Which change from a CRM makes a request by itself. Every rule starts switched off."""

    class Change(models.TextChoices):
        CREATED = "created", "A new contact"
        FIELD_CHANGED = "field_changed", "A field changed"

    client = models.ForeignKey("clients.Client", on_delete=models.CASCADE, related_name="request_rules")
    change = models.CharField(max_length=20, choices=Change, default=Change.CREATED)
    field = models.CharField(max_length=30, blank=True, help_text="For a changed field: which one, for example title.")
    contains = models.CharField(
        max_length=100, blank=True, help_text="Only when the new value contains this. Empty: any value."
    )
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.OUTREACH)
    depth = models.CharField(max_length=20, choices=Depth, default=Depth.STANDARD)
    is_active = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.get_change_display()} → {self.get_purpose_display()}"
