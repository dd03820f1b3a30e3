"""Two entities become one, and are split again."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents_app.entities import sameness
from agents_app.models import Claim, Entity, EntityMerge, MergeProposal, Scheme
from clients import access

Status = MergeProposal.Status


class MergeRefused(Exception):
    """Nothing was merged or split; the text says why and what to do."""


class Shared(NamedTuple):
    """The strong id that two entities are said to have, with the claims that say so."""

    scheme: str
    value: str
    claims: tuple[Claim, ...] = ()

    def __str__(self) -> str:
        return f"{Scheme(self.scheme).label} {self.value}"


@transaction.atomic
def merge(
    one: Entity, other: Entity, *, at: datetime, by: User | None = None, shared: Shared | None = None
) -> EntityMerge:
    """From now on they are one, because of the id that they share, or because a person says so. What was proposed about
    them is settled. Raises MergeRefused."""
    sameness.lock(one.client_id)
    groups = _apart(one, other)
    winner, loser = sorted((one, other), key=lambda entity: (entity.within_id is not None, entity.pk))
    row = EntityMerge.objects.create(
        client_id=one.client_id,
        loser=loser,
        winner=winner,
        scheme=shared.scheme if shared else "",
        value=shared.value if shared else "",
        by=by,
        at=at,
    )
    row.claims.set(shared.claims if shared else ())
    members = [*groups[0], *groups[1]]
    settled = MergeProposal.objects.filter(status=Status.OPEN, one__in=members, other__in=members)
    settled.update(status=Status.MERGED, by=by, decided_at=at)
    return row


@transaction.atomic
def split(merge: EntityMerge, *, by: User | None, at: datetime) -> EntityMerge:
    """They are two again, as they were, and never merged by themselves any more. Raises MergeRefused."""
    sameness.lock(merge.client_id)
    if not EntityMerge.objects.filter(pk=merge.pk, undone_at=None).update(undone_at=at, undone_by=by):
        raise MergeRefused(_split_already(EntityMerge.objects.select_related("undone_by").get(pk=merge.pk)))
    merge.refresh_from_db()
    return merge


def split_before(ones: Iterable[int], others: Iterable[int]) -> EntityMerge | None:
    """The last merge between them that somebody undid."""
    ones, others = list(ones), list(others)
    rows = EntityMerge.objects.exclude(undone_at=None)
    found = rows.filter(loser__in=ones, winner__in=others) | rows.filter(loser__in=others, winner__in=ones)
    return found.order_by("-undone_at", "-pk").first()


def _apart(one: Entity, other: Entity) -> tuple[list[int], list[int]]:
    """Those that are one with each. Raises MergeRefused where the two cannot be merged."""
    if one.client_id != other.client_id:
        raise MergeRefused(f"{one} and {other} belong to two clients. What one of them researches is not another's.")
    if one.kind != other.kind:
        kinds = f"{one} is a {one.get_kind_display().lower()}, {other} is a {other.get_kind_display().lower()}"
        raise MergeRefused(f"{kinds}. Only entities of one kind can be merged.")
    groups = sameness.together([one.pk, other.pk])
    if groups[one.pk] == groups[other.pk]:
        raise MergeRefused(f"{one} and {other} are one already. There is nothing to merge.")
    return groups[one.pk], groups[other.pk]


def _split_already(merge: EntityMerge) -> str:
    at = timezone.localtime(merge.undone_at)
    who = access.called(merge.undone_by, otherwise="Somebody")
    return f"{who} split {merge} on {at.day} {at:%B at %H:%M} already."
