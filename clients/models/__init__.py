from clients.models.client import (
    AgencyPromptOverride,
    AgencySettings,
    Client,
    ClientPromptOverride,
    IndustryPromptOverride,
    IndustryTemplate,
)
from clients.models.config import AgentKey, OverrideMode, PromptOverride, Settings, Tone
from clients.models.connection import Connection
from clients.models.contact import Contact, ContactField, FieldState, Observation, Suppression
from clients.models.inbox import Delivery, Event

__all__ = [
    "AgencyPromptOverride",
    "AgencySettings",
    "AgentKey",
    "Client",
    "ClientPromptOverride",
    "Connection",
    "Contact",
    "ContactField",
    "Delivery",
    "Event",
    "FieldState",
    "IndustryPromptOverride",
    "IndustryTemplate",
    "Observation",
    "OverrideMode",
    "PromptOverride",
    "Settings",
    "Suppression",
    "Tone",
]
