"""Our own values that a party gives back: known by what we gave its record, under our name there."""

import hmac
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import QuerySet

from clients import contact_fields, credentials, outward
from clients.models import Connection, Event, Observation, Pushed, SyncSettings

Word = tuple[int, str]  # an event's id, and a field


def digest(value: str) -> str:
    """Keyed, because a name or a title is soon guessed; under the newest key."""
    return hmac.new(credentials.derived("gtm pushes")[0], value.encode(errors="replace"), "sha256").hexdigest()


def settings_of(connection: Connection) -> SyncSettings:
    """As a person set them, or, where nobody did, the defaults: a dry run."""
    try:
        return connection.sync
    except SyncSettings.DoesNotExist:
        return SyncSettings(connection=connection)


def is_ours(connection: Connection | None, event: Event | None) -> bool:
    """Whether the party says that we made the change."""
    if connection is None or event is None or not event.origin:
        return False
    return outward.is_ours(connection.party, event.origin, settings_of(connection).own_id)


def among(words: Collection[Observation]) -> set[int]:
    """The ids of those that only repeat what we wrote into their records."""
    ours = [row for row in words if is_ours(row.record.connection, row.event)]
    given = set(_given({row.record_id for row in ours}).values_list("record", "field", "value_hmac")) if ours else set()
    return {row.pk for row in ours if (row.record_id, row.field, digest(row.value)) in given}


def moments(told: Iterable[tuple[Event, Mapping[str, str]]]) -> dict[Word, datetime]:
    """For each value in these events that is our own: how old the word is that we carried there.

    An echo is no newer than what it repeats. Otherwise one that comes late, after somebody said something newer
    elsewhere, would win over it. Where the record itself said something in between, the echo is as new as it seems.
    """
    ours = [(event, payload) for event, payload in told if is_ours(event.delivery.connection, event)]
    if not ours:
        return {}
    records = {event.record_id or 0 for event, _ in ours}
    given = {(row.record_id, row.field, row.value_hmac): row.said_at for row in _given(records)}
    newest = _newest(records)
    found = {}
    for event, payload in ours:
        for name, value in payload.items():
            said_at = given.get((event.record_id or 0, name, digest(contact_fields.cut(name, value))))
            if said_at and said_at < event.occurred_at and newest.get((event.record_id or 0, name), said_at) <= said_at:
                found[event.pk, name] = said_at
    return found


def _given(records: Collection[int]) -> QuerySet[Pushed]:
    return Pushed.objects.filter(record__in=records)


def _newest(records: Collection[int]) -> dict[tuple[int, str], datetime]:
    rows = Observation.objects.filter(record__in=records).order_by("record", "field", "-occurred_at")
    latest = rows.distinct("record", "field").values_list("record", "field", "occurred_at")
    return {(record, name): at for record, name, at in latest}
