"""How a connection fares, for its page: the first event, today's calls, and what keeps it from working."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, OuterRef, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.utils import timezone

from clients import connections, credentials, inbox
from clients.models import Connection, Contact, Delivery

MOST_PEOPLE = 3


@dataclass(frozen=True)
class Arrived:
    """The last call, and what became of it. `people` are the first few contacts that it told of."""

    delivery: Delivery
    events: int
    people: Sequence[Contact]


@dataclass(frozen=True)
class State:
    """`calls_today` since midnight where the agency is. `problems` are words about secrets that cannot be read."""

    connection: Connection
    arrived: Arrived | None
    calls_today: int
    quarantined: int
    problems: Sequence[str]
    old_key_until: datetime | None

    @property
    def is_waiting(self) -> bool:
        """Whether looking again soon will show something else."""
        return self.arrived is None or self.arrived.delivery.status == Delivery.Status.RECEIVED


@dataclass(frozen=True)
class Tried:
    """What a sample would have become; nothing of it stays. `words` say why it would have stood in quarantine."""

    words: str
    made: Sequence[tuple[str, str]]


class _NothingStays(Exception):
    """Takes a trial back."""


def of(connection: Connection, *, at: datetime) -> State:
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    theirs = Delivery.objects.filter(connection=OuterRef("pk")).order_by().values("connection")
    today = theirs.filter(way=Delivery.Way.CALL, received_at__gte=midnight).values(number=Count("pk"))
    held = theirs.filter(status=Delivery.Status.QUARANTINED).values(number=Count("pk"))
    counted = Connection.objects.filter(pk=connection.pk).values_list(
        Coalesce(Subquery(today), 0), Coalesce(Subquery(held), 0)
    )
    calls_today, quarantined = counted.get()
    is_old_good = connection.old_key_until is not None and connection.old_key_until > at
    return State(
        connection=connection,
        arrived=_arrived(connection),
        calls_today=calls_today,
        quarantined=quarantined,
        problems=secret_problems(connection),
        old_key_until=connection.old_key_until if is_old_good else None,
    )


def secret_problems(connection: Connection) -> list[str]:
    """Of each place that the connection names and that has no secret now, why."""
    prefetch_related_objects([connection], "signing_secrets")  # the page shows them as well
    named = [connection.credential_ref, *(secret.reference for secret in connection.signing_secrets.all())]
    return [problem for reference in dict.fromkeys(named) if (problem := credentials.problem(reference))]


def try_sample(connection: Connection, *, at: datetime) -> Tried:
    """Store and apply the party's example as if it had just called, look at what that made, and take it all back."""
    made: list[tuple[str, str]] = []
    words = ""
    try:
        with transaction.atomic():
            call = inbox.store(connection, headers={}, body=connections.sample(connection), at=at)
            applied = inbox.apply(call.delivery.pk, at=at)
            call.delivery.refresh_from_db()
            words = call.delivery.error
            made = [(name, after) for change in applied.changes for name, (_, after) in change.fields.items() if after]
            made += [(event.kind, event.payload.get("email", "")) for event in applied.outcomes]
            raise _NothingStays
    except _NothingStays:
        return Tried(words, made)


def _arrived(connection: Connection) -> Arrived | None:
    calls = connection.deliveries.defer("body").order_by("-received_at", "-pk")
    last = calls.annotate(event_count=Count("events")).first()
    if last is None:
        return None
    people = Contact.objects.filter(events__delivery=last).order_by("pk").distinct()[: MOST_PEOPLE + 1]
    return Arrived(last, last.event_count, list(people))
