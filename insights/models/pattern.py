from django.db import models

from gtm.records import Record


class ClientPattern(models.Model):
    """What one client's own campaigns say of one pattern (`insights/patterns.py` names them).

    Protected: never shown to another client. Counts are contacts: `on` where the e-mail had the pattern, `off` where it
    had not. The vote is +1, -1 or 0.
    """

    client = models.ForeignKey("clients.Client", on_delete=models.CASCADE, related_name="+")
    pattern = models.CharField(max_length=40)
    campaigns = models.PositiveIntegerField()
    on_contacts = models.PositiveIntegerField()
    on_replies = models.PositiveIntegerField()
    off_contacts = models.PositiveIntegerField()
    off_replies = models.PositiveIntegerField()
    effect = models.FloatField(
        null=True, help_text="Mantel-Haenszel risk difference over the client's campaigns, fraction of 1."
    )
    vote = models.SmallIntegerField(default=0)
    released_vote = models.SmallIntegerField(
        null=True, editable=False, help_text="The vote as it counted in the last release; empty: it did not count."
    )
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "pattern"], name="one_row_a_client_and_pattern")]

    def __str__(self) -> str:
        return f"{self.pattern}: {self.vote:+d}"


class SharedInsight(Record):
    """A pattern that enough clients support, without any of them.

    Internal to the agency, exact, not differentially private. Clients are rounded to 5, the effect to half a percentage
    point.
    """

    recorded = ("pattern", "week", "clients_rounded", "effect_rounded", "supporting_share", "sentence", "released_at")

    pattern = models.CharField(max_length=40)
    week = models.DateField(help_text="The Monday of the week it was released for.")
    clients_rounded = models.PositiveIntegerField()
    effect_rounded = models.FloatField()
    supporting_share = models.FloatField()
    sentence = models.CharField(max_length=300)
    released_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pattern", "week"], name="one_insight_a_pattern_and_week")]

    def __str__(self) -> str:
        return self.sentence
