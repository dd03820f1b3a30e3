"""The settings that every layer of configuration can hold. An empty value means: as the layer below says."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class AgentKey(models.TextChoices):
    RESEARCH = "research_agent", "Research"
    COMPETITIVE = "competitive_agent", "Competitive"
    PERSONA = "persona_agent", "Persona"
    EMAIL = "email_agent", "E-mail"


class Tone(models.TextChoices):
    FORMAL = "formal", "Formal"
    FRIENDLY = "friendly", "Friendly"
    DIRECT = "direct", "Direct"
    CASUAL = "casual", "Casual"


def words(*, verbose_name: str | None = None, help_text: str) -> "ArrayField[list[str], list[str]]":
    return ArrayField(
        models.CharField(max_length=200), default=list, blank=True, verbose_name=verbose_name, help_text=help_text
    )


class Settings(models.Model):
    """One layer's values, as columns with a type each. `clients/config` merges the layers."""

    tone = models.CharField(max_length=20, choices=Tone, blank=True)
    emphasis = models.CharField(
        max_length=80, blank=True, help_text="What every text should bring out, for example regulatory_compliance."
    )
    avoid_terms = words(
        verbose_name="words to avoid", help_text="One a line. Words of the layers below are avoided as well."
    )
    offer = models.TextField(blank=True, max_length=400, help_text="What the client offers, in one plain sentence.")
    proof_points = words(help_text="One a line: facts about the client that an e-mail may state.")
    call_to_action = models.CharField(max_length=200, blank=True, help_text="The one thing an e-mail asks for.")
    sender_name = models.CharField(max_length=80, blank=True)
    sender_title = models.CharField(max_length=80, blank=True)
    max_words = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(40), MaxValueValidator(400)],
        help_text="Longest e-mail, 40 to 400 words.",
    )
    confidence_floor = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Facts below this confidence (0 to 1) stay out of e-mails.",
    )
    enabled_agents = ArrayField(
        models.CharField(max_length=40, choices=AgentKey),
        default=list,
        blank=True,
        help_text="Only these agents work for the client.",
    )

    class Meta:
        abstract = True


class OverrideMode(models.TextChoices):
    ADD = "add", "Add to the agent's prompt"
    REPLACE = "replace", "Replace the agent's prompt"


class PromptOverride(models.Model):
    agent = models.CharField(max_length=40, choices=AgentKey)
    mode = models.CharField(max_length=10, choices=OverrideMode, default=OverrideMode.ADD)
    text = models.TextField(max_length=4000)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.get_agent_display()}: {self.text[:60]}"
