from clients.models.changes import ChangeSet, ClientChange
from clients.models.client import AgencySettings, Client, SalesMotion, SettingsTemplate
from clients.models.config import AgentKey, ConfigKey, ConfigVersion, ProposedChange, Settings
from clients.models.connection import Connection
from clients.models.contact import Contact, ContactField, FieldState, Observation, Suppression
from clients.models.inbox import Delivery, Event, RejectedCall, Replay
from clients.models.mapping import Mapping, MappingRow
from clients.models.outbox import Push, Pushed, Reconciliation, SyncSettings
from clients.models.quality import ContactQuality, QualityRule, QualityWeek
from clients.models.review import ReviewItem
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
    "ContactQuality",
    "Delivery",
    "Erasure",
    "Event",
    "FieldRule",
    "FieldState",
    "Mapping",
    "MappingRow",
    "Observation",
    "ProposedChange",
    "Push",
    "Pushed",
    "QualityRule",
    "QualityWeek",
    "Reconciliation",
    "RecordAddress",
    "RejectedCall",
    "Replay",
    "ReviewItem",
    "SalesMotion",
    "SamePerson",
    "Settings",
    "SettingsTemplate",
    "SigningSecret",
    "SourceRecord",
    "Suppression",
    "SyncSettings",
]
