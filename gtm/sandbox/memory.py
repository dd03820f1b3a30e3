"""What the stand-ins for CRMs remember: their records, in one table, by account.

A change holds the account's lock until the transaction around it ends, so two that make the same address at once meet
one another as they would at the real party. Moments have the precision of the parties', a millisecond.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import QuerySet

from gtm.models import SandboxRecord


@dataclass(frozen=True)
class Account:
    """One customer of a party; `key` tells it from others and holds no secret."""

    party: str
    key: str

    @property
    def number(self) -> int:
        """The party's own number of it: eight digits, always the same."""
        return 10_000_000 + int(hashlib.sha256(f"{self.party} {self.key}".encode()).hexdigest()[:12], 16) % 89_999_999


def records(account: Account, object_type: str) -> QuerySet[SandboxRecord]:
    """Deleted ones too."""
    return SandboxRecord.objects.filter(party=account.party, account=account.key, object_type=object_type)


def find(account: Account, object_type: str, ext_id: str) -> SandboxRecord | None:
    return records(account, object_type).filter(ext_id=ext_id).first()


@contextmanager
def writing(account: Account) -> Iterator[None]:
    """One change at a time in this account."""
    digest = hashlib.sha256(f"sandbox {account.party} {account.key}".encode()).digest()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])
        yield


def add(
    account: Account,
    object_type: str,
    values: Mapping[str, Any],
    *,
    at: datetime,
    named: Callable[[int], str],
    links: Mapping[str, list[str]] | None = None,
) -> SandboxRecord:
    """`named` makes the party's id from our number of the row."""
    at = in_ms(at)
    record = SandboxRecord.objects.create(
        party=account.party,
        account=account.key,
        object_type=object_type,
        ext_id=f"new-{uuid4().hex}",
        values=dict(values),
        links=dict(links or {}),
        created_at=at,
        changed_at=at,
    )
    record.ext_id = named(record.pk)
    record.save(update_fields=["ext_id"])
    return record


def change(record: SandboxRecord, *, at: datetime, **columns: Any) -> SandboxRecord:
    for name, value in columns.items():
        setattr(record, name, value)
    record.changed_at = in_ms(at)
    record.save(update_fields=[*columns, "changed_at"])
    return record


def in_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


COUNT = """
    INSERT INTO gtm_sandboxrecord
        (party, account, object_type, ext_id, "values", links, created_at, changed_at, is_deleted, merged_into)
    VALUES (%s, %s, 'calls', %s, '{"used": 1}', '{}', %s, %s, false, '')
    ON CONFLICT (party, account, object_type, ext_id) DO UPDATE
        SET "values" = jsonb_build_object('used', (gtm_sandboxrecord."values"->>'used')::int + 1)
    RETURNING ("values"->>'used')::int
"""


def count_call(account: Account, *, at: datetime) -> int:
    """How many calls this account has had on this day, this one included."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [account.party, account.key, at.date().isoformat(), at, at])
        found: int = cursor.fetchone()[0]
        return found


def set_calls(account: Account, used: int, *, at: datetime) -> None:
    """As if this account had had so many calls on this day."""
    key = {"party": account.party, "account": account.key, "object_type": "calls", "ext_id": at.date().isoformat()}
    values = {"used": used}
    fresh = {"values": values, "created_at": at, "changed_at": at}
    SandboxRecord.objects.update_or_create(**key, defaults={"values": values}, create_defaults=fresh)
