"""How sound contacts are: what a client wants of the rules, what they found, and how it was each week."""

from django.db import models
from simple_history.models import HistoricalRecords

from clients import quality


class QualityRule(models.Model):
    """What a client wants otherwise than `clients/quality.py` has it; without a row, as it stands there."""

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="quality_rules")
    rule = models.CharField(max_length=30, choices=quality.CHOICES)
    severity = models.CharField("what it does", max_length=10, choices=quality.SEVERITIES)
    is_on = models.BooleanField("in use", default=True)
    days = models.PositiveSmallIntegerField(
        default=365, help_text="For “Nothing heard for long”: after how many days of silence."
    )
    fine = models.CharField(
        "let pass", max_length=1000, blank=True, help_text="Words that the rule lets pass, parted by commas."
    )
    history = HistoricalRecords()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "rule"], name="one_wish_a_rule_of_a_client")]

    def __str__(self) -> str:
        return self.get_rule_display()


class ContactQuality(models.Model):
    """What the rules found of a contact when they last looked: {rule: severity}, no word of the contact's own."""

    contact = models.OneToOneField("clients.Contact", on_delete=models.CASCADE, related_name="quality")
    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="+")
    score = models.PositiveSmallIntegerField(help_text="0 to 100.")
    is_held = models.BooleanField(default=False, help_text="A rule keeps everybody from writing to the contact.")
    found = models.JSONField(default=dict)
    checked_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "contact qualities"
        indexes = [models.Index(fields=["client", "score"])]

    def __str__(self) -> str:
        return f"{self.score} of 100"


class QualityWeek(models.Model):
    """A client's contacts from one source as they stood when `week` (its Monday, ISO) ended, or now where it runs."""

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="quality_weeks")
    source = models.CharField(max_length=30, blank=True)
    week = models.DateField()
    contacts = models.PositiveIntegerField()
    score = models.FloatField(help_text="The mean of the contacts' scores, 0 to 100.")
    held = models.PositiveIntegerField(help_text="Contacts that nobody may write to.")
    found = models.JSONField(default=dict, help_text="How many contacts each rule found something of.")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "source", "week"], name="one_quality_week_a_source")]
        indexes = [models.Index(fields=["week"])]

    def __str__(self) -> str:
        return f"{self.source}, week of {self.week}: {self.score:.0f}"
