"""Rows as layers: where each layer's settings are kept, and the settings in force for a client."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from clients.config.layers import CUSTOM_LISTS, VALUES, Effective, Layer, Override, merge
from clients.models import AgencySettings, Client
from clients.models.config import PromptOverride, Settings


def effective(client: Client) -> Effective:
    """The settings in force for the client, with the source of every value."""
    own = client.prompt_overrides.all() if client.pk else ()
    industry = _layer("industry", client.industry, client.industry.prompt_overrides.all())
    layers = (_agency(), industry, _layer("client", client, own))
    return merge(layers, industry=client.industry.key, client_name=client.name)


@dataclass(frozen=True)
class Outline:
    """`inherited` is what holds where the client sets nothing; `in_force` is with its own settings."""

    inherited: Effective
    in_force: Effective


def outline(client: Client) -> Outline:
    """The settings without the prompt overrides: one query, for the client's own page."""
    lower = (_values("agency", AgencySettings.objects.first()), _values("industry", client.industry))
    named = {"industry": client.industry.key, "client_name": client.name}
    return Outline(merge(lower, **named), merge((*lower, _values("client", client)), **named))


def agency() -> Effective:
    """What the agency gives where a template sets nothing; without the prompt overrides."""
    return merge((_values("agency", AgencySettings.objects.first()),), industry="", client_name="")


def _agency() -> Layer:
    settings = AgencySettings.objects.prefetch_related("prompt_overrides").first()
    return _layer("agency", settings, settings.prompt_overrides.all()) if settings else Layer("agency", {})


def _layer(name: str, settings: Settings, overrides: Iterable[PromptOverride]) -> Layer:
    texts = {row.agent: Override(row.mode, row.text) for row in overrides}
    return replace(_values(name, settings), overrides=texts)


def _values(name: str, settings: Settings | None) -> Layer:
    keys = (*VALUES, *CUSTOM_LISTS, "enabled_agents") if settings else ()
    return Layer(name, {key: getattr(settings, key) for key in keys})
