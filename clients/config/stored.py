"""Rows as layers: where each layer's settings are kept, and the settings in force for a client."""

from collections.abc import Iterable

from clients.config.layers import CUSTOM_LISTS, VALUES, Effective, Layer, Override, merge
from clients.models import AgencySettings, Client, IndustryTemplate
from clients.models.config import PromptOverride, Settings


def effective(client: Client) -> Effective:
    """The settings in force for the client, with the source of every value."""
    layers = (_agency(), industry_layer(client.industry), client_layer(client))
    return merge(layers, industry=client.industry.key, client_name=client.name)


def inherited(industry: IndustryTemplate, *, client_name: str = "") -> Effective:
    """What a client of this industry gets where it sets nothing of its own."""
    return merge((_agency(), industry_layer(industry)), industry=industry.key, client_name=client_name)


def agency() -> Effective:
    """What the agency gives where a template sets nothing."""
    return merge((_agency(),), industry="", client_name="")


def industry_layer(industry: IndustryTemplate) -> Layer:
    return _layer("industry", industry, industry.prompt_overrides.all())


def client_layer(client: Client) -> Layer:
    return _layer("client", client, client.prompt_overrides.all() if client.pk else ())


def _agency() -> Layer:
    settings = AgencySettings.objects.prefetch_related("prompt_overrides").first()
    return _layer("agency", settings, settings.prompt_overrides.all()) if settings else Layer("agency", {})


def _layer(name: str, settings: Settings, overrides: Iterable[PromptOverride]) -> Layer:
    values = {key: getattr(settings, key) for key in (*VALUES, *CUSTOM_LISTS, "enabled_agents")}
    return Layer(name, values, {row.agent: Override(row.mode, row.text) for row in overrides})
