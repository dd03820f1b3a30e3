"""Salesforce's contacts and leads: fields it knows, duplicates it finds, records in its recycle bin, and merges."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.memory import Account
from gtm.sandbox.salesforce.organisations import DATA, a_person_id, app_user_id, id_of, with_check

KINDS = ("Contact", "Lead")
NO_COLUMN = "No such column '{}' on entity '{}'."
OWN = frozenset(
    {
        "Id",
        "Name",
        "CreatedDate",
        "LastModifiedDate",
        "SystemModstamp",
        "LastModifiedById",
        "IsDeleted",
        "MasterRecordId",
    }
)
SHARED = {
    "FirstName", "LastName", "Email", "Title", "Phone", "MobilePhone", "OwnerId", "LeadSource", "Description",
    "HasOptedOutOfEmail", "DoNotCall",
}  # fmt: skip
FIELDS = {
    "Contact": {*SHARED, "AccountId", "Account.Name", "Account.Website", "Department", "MailingCountry", "MailingCity"},
    "Lead": {
        *SHARED,
        "Company",
        "Website",
        "Status",
        "Country",
        "City",
        "Industry",
        "IsConverted",
        "ConvertedContactId",
    },
}


@dataclass(frozen=True)
class By:
    """Who made a change: the user, and what the caller named itself (Sforce-Call-Options: client=NAME)."""

    user_id: str
    client: str = ""


class Refused(Exception):
    """What Salesforce says no to: HTTP status for a single call, its code, its words, the fields it is about."""

    def __init__(self, status: int, code: str, message: str, fields: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = list(fields)


def a_person(of: Account) -> By:
    return By(a_person_id(of))


def the_app(of: Account, client: str) -> By:
    return By(app_user_id(of), client)


def create(of: Account, kind: str, values: Mapping[str, Any], *, at: datetime, by: By) -> SandboxRecord:
    """Raises Refused. Like the other changes, inside `memory.writing`."""
    fields = _checked(kind, values)
    if not fields.get("LastName"):
        raise Refused(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])
    _no_duplicate(of, kind, fields.get("Email"), for_id="")
    record = memory.add(of, kind, fields, at=at, named=lambda number: id_of(kind, number), links={"by": [by.user_id]})
    _tell(of, record, "CREATE", fields, at=at, by=by)
    return record


def update(of: Account, record: SandboxRecord, values: Mapping[str, Any], *, at: datetime, by: By) -> None:
    """Raises Refused."""
    fields = _checked(record.object_type, values)
    if "LastName" in fields and not fields["LastName"]:
        raise Refused(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])
    _no_duplicate(of, record.object_type, fields.get("Email"), for_id=record.ext_id)
    changed = {name: value for name, value in fields.items() if record.values.get(name) != value}
    links = {**record.links, "by": [by.user_id]}
    memory.change(record, at=at, values={**record.values, **fields}, links=links)
    if changed:
        _tell(of, record, "UPDATE", changed, at=at, by=by)


def delete(of: Account, record: SandboxRecord, *, at: datetime, by: By) -> None:
    memory.change(record, at=at, is_deleted=True)
    _tell(of, record, "DELETE", {}, at=at, by=by)


def undelete(of: Account, record: SandboxRecord, *, at: datetime, by: By) -> None:
    memory.change(record, at=at, is_deleted=False)
    _tell(of, record, "UNDELETE", record.values, at=at, by=by)


def merge(of: Account, master: SandboxRecord, other: SandboxRecord, *, at: datetime, by: By) -> None:
    """The master stays; the other one is deleted and names it (MasterRecordId)."""
    gaps = {name: value for name, value in other.values.items() if not master.values.get(name)}
    memory.change(other, at=at, is_deleted=True, merged_into=master.ext_id)
    _tell(of, other, "DELETE", {}, at=at, by=by)
    memory.change(master, at=at, values={**master.values, **gaps})
    _tell(of, master, "UPDATE", gaps, at=at, by=by)


def convert(of: Account, lead: SandboxRecord, *, at: datetime, by: By) -> SandboxRecord:
    """The lead stays, and names the contact that it became (ConvertedContactId)."""
    same = {name: value for name, value in lead.values.items() if name in SHARED}
    company = {"Account.Name": lead.values["Company"]} if lead.values.get("Company") else {}
    contact = create(of, "Contact", {**same, **company}, at=at, by=by)
    update(of, lead, {"IsConverted": True, "ConvertedContactId": contact.ext_id}, at=at, by=by)
    return contact


def living(of: Account, kind: str, ext_id: str) -> SandboxRecord:
    """Raises Refused."""
    record = memory.find(of, kind, with_check(ext_id) if len(ext_id) == 15 else ext_id)
    if record is None:
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
    if record.is_deleted:
        raise Refused(404, "ENTITY_IS_DELETED", "entity is deleted")
    return record


def check_fields(kind: str, fields: Iterable[str]) -> None:
    """Raises Refused for a field that the object has not."""
    for field in fields:
        if field not in OWN and field not in FIELDS[kind] and not re.fullmatch(r"\w+__c", field):
            relation, _, name = field.partition(".")
            message = (
                f"Didn't understand relationship '{relation}' in field path." if name else NO_COLUMN.format(field, kind)
            )
            raise Refused(400, "INVALID_FIELD", message, [field])


def reader(of: Account, record: SandboxRecord) -> Callable[[str], Any]:
    """A field's value by its name; moments as datetimes."""
    own = {
        "Id": record.ext_id,
        "Name": " ".join(each for each in (record.values.get("FirstName"), record.values.get("LastName")) if each),
        "CreatedDate": record.created_at,
        "LastModifiedDate": record.changed_at,
        "SystemModstamp": record.changed_at,
        "LastModifiedById": record.links.get("by", [a_person_id(of)])[0],
        "IsDeleted": record.is_deleted,
        "MasterRecordId": record.merged_into or None,
    }
    return lambda name: own[name] if name in own else record.values.get(name)


def shown(of: Account, record: SandboxRecord, fields: Iterable[str]) -> dict[str, Any]:
    """As a query answers; a field of another object stands in an object of its own, null where there is none."""
    kind, read = record.object_type, reader(of, record)
    made: dict[str, Any] = {"attributes": {"type": kind, "url": f"{DATA}/sobjects/{kind}/{record.ext_id}"}}
    for field in fields:
        value = read(field)
        value = moment(value) if isinstance(value, datetime) else value
        owner, _, name = field.partition(".")
        if not name:
            made[field] = value
        elif value is None:
            made.setdefault(owner, None)
        else:
            made[owner] = {"attributes": {"type": owner}, **(made.get(owner) or {}), name: value}
    return made


def moment(at: datetime) -> str:
    """2026-11-16T09:30:00.000+0000"""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def events(of: Account, offset: int) -> list[SandboxRecord]:
    """What happened after this offset, oldest first, whoever did it."""
    return list(memory.records(of, "event").filter(pk__gt=offset).order_by("pk"))


def _checked(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {
        name: None if value == "" else value for name, value in values.items() if name not in ("attributes", "Id")
    }
    company = fields.get("Account")
    if isinstance(company, Mapping):  # a person chooses the account by its name
        del fields["Account"]
        fields |= {f"Account.{name}": value for name, value in company.items()}
    check_fields(kind, fields)
    if own := sorted(OWN & set(fields)):
        message = f"Unable to create/update fields: {', '.join(own)}. Please check the security settings of this field."
        raise Refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, own)
    address = fields.get("Email")
    if address and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(address)):
        raise Refused(400, "INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {address}", ["Email"])
    return fields


def _no_duplicate(of: Account, kind: str, address: str | None, *, for_id: str) -> None:
    if not address:
        return
    others = memory.records(of, kind).filter(is_deleted=False, values__Email__iexact=address).exclude(ext_id=for_id)
    if others.exists():
        raise Refused(400, "DUPLICATES_DETECTED", "Use one of these records?")


def _tell(of: Account, record: SandboxRecord, change: str, fields: Mapping[str, Any], *, at: datetime, by: By) -> None:
    said = {
        "kind": record.object_type, "id": record.ext_id, "change": change, "fields": dict(fields),
        "client": by.client, "user_id": by.user_id, "at_ms": int(at.timestamp() * 1000),
    }  # fmt: skip
    memory.add(of, "event", said, at=at, named=str)
