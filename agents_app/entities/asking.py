"""What is held of an entity: over time, and as it was known on a date. What is known of those that are one with it is
known of it."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from agents_app.entities import sameness
from agents_app.entities.holding import statement_place
from agents_app.models import Entity, EntityId, Scheme, Statement


def of_company(client_id: int, domain: str) -> Entity | None:
    """The client's entity of the company at this domain."""
    held = EntityId.objects.filter(client=client_id, scheme=Scheme.DOMAIN, value=domain).select_related("entity")
    found = held.first()
    return found.entity if found else None


def timeline(entity: Entity, attribute: str) -> list[Statement]:
    """Every word about the attribute, in the order in which they came to be known."""
    rows = _about(entity, None).filter(attribute=attribute)
    return list(rows.order_by("created_at", "fact", "pk"))


def as_known_on(entity: Entity, known_at: datetime, *, valid_at: datetime | None = None) -> list[Statement]:
    """What was held of it by what was known at `known_at`, one statement for each attribute, or value of those that may
    have several; with `valid_at`, what was held to be so at that moment in the world.

    A word of which nobody says since when it holds counts from when it was known. Of several words about a moment the
    newest counts.
    """
    rows = _about(entity, known_at).filter(created_at__lte=known_at)
    if valid_at is None:
        rows = rows.filter(Q(expired_at=None) | Q(expired_at__gt=known_at))
    else:
        rows = rows.annotate(since=Coalesce("valid_at", "created_at")).filter(since__lte=valid_at)
    newest = {_place(row): row for row in rows.order_by("created_at", "fact", "pk")}
    return sorted(newest.values(), key=lambda row: (row.attribute, row.pk))


def _about(entity: Entity, known_at: datetime | None) -> "QuerySet[Statement]":
    members = sameness.together([entity.pk], known_at=known_at)[entity.pk]
    return Statement.objects.filter(entity__in=members).select_related("fact")


def _place(row: Statement) -> tuple[Any, ...]:
    return statement_place(row)[1:]  # whichever of those that are one it is of
