from clients.models.changes import ChangeSet, ClientChange
from clients.models.client import AgencySettings, Client, SalesMotion, SettingsTemplate
from clients.models.config import AgentKey, ConfigKey, ConfigVersion, ProposedChange, Settings
from clients.models.connection import Connection
from clients.models.contact import Contact, ContactField, FieldState, Observation, Suppression
from clients.models.inbox import Delivery, Event, RejectedCall
from clients.models.signing import SigningSecret
from clients.models.source import Erasure, FieldRule, RecordAddress, SamePerson, SourceRecord

__all__ = [
    "AgencySettings",
    "AgentKey",
    "ChangeSet",
    "Client",
    "ClientChange",
    "ConfigKey",
    "ConfigVersion",
    "Connection",
    "Contact",
    "ContactField",
    "Delivery",
    "Erasure",
    "Event",
    "FieldRule",
    "FieldState",
    "Observation",
    "ProposedChange",
    "RecordAddress",
    "RejectedCall",
    "SalesMotion",
    "SamePerson",
    "Settings",
    "SettingsTemplate",
    "SigningSecret",
    "SourceRecord",
    "Suppression",
]
