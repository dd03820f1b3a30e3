"""What HubSpot tells of each change: the entries that its webhooks carry (version 3) and that its journal lists."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.hubspot.accounts import app_id
from gtm.sandbox.memory import Account

KEPT = timedelta(days=3)
MOST_IN_A_CALL = 100
OBJECT_TYPES = {"contact": "0-1", "meeting": "0-47"}


@dataclass(frozen=True)
class By:
    """Who made a change, as HubSpot names it: a person in its pages, an import, or an app through the API."""

    change_source: str
    source_id: str


A_PERSON = By("CRM_UI", "userId:51430432")


def the_app(account: Account) -> By:
    return By("INTEGRATION", str(app_id(account)))


def write(account: Account, event: str, record: SandboxRecord, *, by: By, at: datetime, **more: Any) -> None:
    entry = {
        "subscriptionType": event,
        "objectId": int(record.ext_id),
        "objectTypeId": OBJECT_TYPES[record.object_type],
        "portalId": account.number,
        "appId": app_id(account),
        "occurredAt": int(at.timestamp() * 1000),
        "changeSource": by.change_source,
        "sourceId": by.source_id,
        **more,
    }
    memory.add(account, "journal", entry, at=at, named=str)


def since(account: Account, offset: int) -> list[tuple[int, dict[str, Any]]]:
    """The entries after this offset, oldest first, with their own offsets."""
    found = memory.records(account, "journal").filter(pk__gt=offset).order_by("pk")
    return [(int(row.ext_id), row.values) for row in found]


ACTIONS = {
    "creation": "CREATE", "propertyChange": "UPDATE", "deletion": "DELETE", "privacyDeletion": "DELETE",
    "restore": "RESTORE", "merge": "MERGE",
}  # fmt: skip


def as_listed(entry: dict[str, Any]) -> dict[str, Any]:
    """The same in the words of the journal, which has no notifications but changed objects."""
    told = {name: entry[name] for name in ("portalId", "occurredAt", "objectTypeId", "objectId")}
    changes = {entry["propertyName"]: entry["propertyValue"]} if "propertyName" in entry else {}
    action = ACTIONS[entry["subscriptionType"].partition(".")[2]]
    return {"type": "crmObject", "action": action, **told, "propertyChanges": changes}


def calls(entries: list[tuple[int, dict[str, Any]]], *, attempt: int = 0) -> list[bytes]:
    """The bodies that HubSpot's webhooks would send for these entries, up to a hundred in each."""
    events = [
        {
            "eventId": offset,
            "subscriptionId": 1_000 + len(entry["subscriptionType"]),
            "attemptNumber": attempt,
            **entry,
        }
        for offset, entry in entries
    ]
    starts = range(0, len(events), MOST_IN_A_CALL)
    return [json.dumps(events[start : start + MOST_IN_A_CALL]).encode() for start in starts]
