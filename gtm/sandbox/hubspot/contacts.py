"""HubSpot's rules of a contact: one address, one contact; the lifecycle moves forward; a merged id leads onward."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.hubspot import journal
from gtm.sandbox.hubspot.journal import By
from gtm.sandbox.memory import Account

LIFECYCLE = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
    "other",
)  # fmt: skip
BY_DEFAULT = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
ALWAYS = ("createdate", "hs_object_id", "lastmodifieddate")
READ_ONLY = frozenset({*ALWAYS, "hs_merged_object_ids"})


class Refused(Exception):
    """What HubSpot says no to: its status, its category and its words."""

    def __init__(self, status: int, category: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message


def find(account: Account, ext_id: str) -> SandboxRecord | None:
    """One that lives."""
    return memory.records(account, "contact").filter(ext_id=ext_id, is_deleted=False).first()


def of_address(account: Account, address: str) -> SandboxRecord | None:
    wanted = address.strip().lower()
    found = memory.records(account, "contact").filter(is_deleted=False)
    return found.filter(values__email=wanted).first() or found.filter(values__hs_additional_emails=wanted).first()


def survivor(account: Account, ext_id: str) -> SandboxRecord | None:
    """The contact of this id, or the one that it was merged into."""
    for _ in range(20):
        found = memory.find(account, "contact", ext_id)
        if found is None or not found.merged_into:
            return found
        ext_id = found.merged_into
    return None


def create(account: Account, properties: Mapping[str, Any], *, at: datetime, by: By) -> SandboxRecord:
    """Raises Refused. Like `update`, inside `memory.writing`."""
    values = _checked(properties)
    _free(account, values.get("email", ""), for_id="")
    record = memory.add(account, "contact", values, at=at, named=lambda number: str(100 + number))
    journal.write(account, "contact.creation", record, by=by, at=at, changeFlag="CREATED")
    _tell_changes(account, record, values, by=by, at=at)
    return record


def update(account: Account, record: SandboxRecord, properties: Mapping[str, Any], *, at: datetime, by: By) -> None:
    """Raises Refused. What is the same already is no change."""
    values = _checked(properties)
    _free(account, values.get("email", ""), for_id=record.ext_id)
    if _backward(record.values.get("lifecyclestage", ""), values.get("lifecyclestage", "")):
        del values["lifecyclestage"]
    changed = {name: value for name, value in values.items() if record.values.get(name, "") != value}
    if changed:
        memory.change(record, at=at, values={**record.values, **changed})
        _tell_changes(account, record, changed, by=by, at=at)


def delete(account: Account, record: SandboxRecord, *, at: datetime, by: By, event: str = "contact.deletion") -> None:
    memory.change(record, at=at, is_deleted=True)
    journal.write(account, event, record, by=by, at=at, changeFlag="DELETED")


def restore(account: Account, record: SandboxRecord, *, at: datetime, by: By) -> None:
    memory.change(record, at=at, is_deleted=False)
    journal.write(account, "contact.restore", record, by=by, at=at)


def merge(account: Account, primary: SandboxRecord, other: SandboxRecord, *, at: datetime, by: By) -> SandboxRecord:
    """The survivor is a new contact: the primary's values, gaps filled from the other, both addresses."""
    values = {**{name: value for name, value in other.values.items() if value}, **primary.values}
    more = [each.values.get("email", "") for each in (other,) if each.values.get("email")]
    known = [each for each in primary.values.get("hs_additional_emails", "").split(";") if each]
    values["hs_additional_emails"] = ";".join(sorted({*known, *more} - {values.get("email", "")}))
    values["hs_merged_object_ids"] = f"{primary.ext_id};{other.ext_id}"
    made = memory.add(account, "contact", values, at=at, named=lambda number: str(100 + number))
    for each in (primary, other):
        memory.change(each, at=at, is_deleted=True, merged_into=made.ext_id)
    journal.write(
        account, "contact.merge", made, by=by, at=at, primaryObjectId=int(primary.ext_id),
        mergedObjectIds=[int(other.ext_id)], newObjectId=int(made.ext_id), numberOfPropertiesMoved=len(other.values),
    )  # fmt: skip
    return made


def shown(record: SandboxRecord, names: Iterable[str]) -> dict[str, Any]:
    """As HubSpot answers: what was asked for and is not set is null."""
    own = {
        "createdate": moment(record.created_at),
        "lastmodifieddate": moment(record.changed_at),
        "hs_object_id": record.ext_id,
    }
    wanted = sorted({*ALWAYS, *names}) if names else BY_DEFAULT
    properties = {name: own.get(name) or record.values.get(name) or None for name in wanted}
    base = {"id": record.ext_id, "properties": properties, "createdAt": own["createdate"]}
    stamped = {**base, "updatedAt": own["lastmodifieddate"], "archived": record.is_deleted}
    return {**stamped, "archivedAt": own["lastmodifieddate"]} if record.is_deleted else stamped


def moment(at: datetime) -> str:
    """2026-11-16T09:30:00.000Z"""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _checked(properties: Mapping[str, Any]) -> dict[str, str]:
    values = {name: "" if value is None else str(value) for name, value in properties.items()}
    wrong = [_invalid(name, value) for name, value in values.items()]
    if any(wrong):
        said = json.dumps([each for each in wrong if each])
        raise Refused(400, "VALIDATION_ERROR", f"Property values were not valid: {said}")
    if values.get("email"):
        values["email"] = values["email"].strip().lower()
    return values


def _invalid(name: str, value: str) -> dict[str, Any] | None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return _wrong(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if name in READ_ONLY:
        return _wrong(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    if name == "email" and value and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value.strip()):
        return _wrong(name, "INVALID_EMAIL", f"Email address {value} is invalid")
    if name == "lifecyclestage" and value and value not in LIFECYCLE:
        return _wrong(name, "INVALID_OPTION", f"{value} was not one of the allowed options: {list(LIFECYCLE)}")
    return None


def _wrong(name: str, error: str, message: str) -> dict[str, Any]:
    return {"isValid": False, "message": message, "error": error, "name": name}


def _free(account: Account, address: str, *, for_id: str) -> None:
    holder = of_address(account, address) if address else None
    if holder and holder.ext_id != for_id:
        raise Refused(409, "CONFLICT", f"Contact already exists. Existing ID: {holder.ext_id}")


def _backward(stands: str, wanted: str) -> bool:
    """HubSpot takes the call and keeps the later stage; it has to be emptied first."""
    if not (stands in LIFECYCLE and wanted in LIFECYCLE):
        return False
    return LIFECYCLE.index(wanted) < LIFECYCLE.index(stands)


def _tell_changes(account: Account, record: SandboxRecord, changed: Mapping[str, str], *, by: By, at: datetime) -> None:
    for name, value in changed.items():
        journal.write(
            account, "contact.propertyChange", record, by=by, at=at, propertyName=name, propertyValue=value
        )  # fmt: skip
