"""Entities that may be one: proposed where nothing says so for sure, decided by a person, and asked once.

A name is never enough to merge two. Nor is an id where the two differ in another id of which each company has one, or
where somebody split them before.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import combinations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents_app.entities import likeness, merging, sameness
from agents_app.models import Entity, EntityMerge, MergeProposal
from clients import access
from clients import likeness as people

NAMES = "Their names are alike."
LONGEST = 300  # letters of why
MOST = 5  # proposals for the name of one entity
Kind, Status = Entity.Kind, MergeProposal.Status


class ProposalRefused(Exception):
    """The decision was not taken; the text says why."""


@transaction.atomic
def look_for_twins(client_id: int, *, at: datetime, of: Collection[int] | None = None) -> list[MergeProposal]:
    """Propose companies of the client with like names; of `of`, those in which one of these stands."""
    if of is not None and not of:
        return []
    sameness.lock(client_id)
    rows = Entity.objects.filter(client=client_id, kind=Kind.COMPANY).values_list("pk", "normalised", "within")
    names = {pk: name for pk, name, _ in rows}
    told_apart = {frozenset((pk, within)) for pk, _, within in rows if within}
    alike = likeness.pairs(names, of=of)
    return _put(client_id, {pair: score for pair, score in alike.items() if frozenset(pair) not in told_apart}, at)


@transaction.atomic
def look_for_namesakes(company: Entity, *, at: datetime) -> list[MergeProposal]:
    """Propose people of a company with like names, where it is one with others that name people too."""
    sameness.lock(company.client_id)
    members = sameness.together([company.pk])[company.pk]
    rows = Entity.objects.filter(within__in=members, kind=Kind.PERSON).order_by("pk")
    known = [(row.pk, people.person(row.name)) for row in rows]
    scores = {(a, b): people.names_alike(one, other) for (a, one), (b, other) in combinations(known, 2)}
    return _put(company.client_id, {pair: score for pair, score in scores.items() if score >= people.LIKE}, at)


def propose(one: Entity, other: Entity, why: str, *, at: datetime) -> MergeProposal | None:
    """Ask a person; None where somebody was asked the same before."""
    first, second = sorted((one, other), key=lambda entity: entity.pk)
    score = likeness.alike(one.normalised, other.normalised)
    basis = {"client_id": one.client_id, "score": score, "at": at}
    row, is_new = MergeProposal.objects.get_or_create(one=first, other=second, why=why[:LONGEST], defaults=basis)
    return row if is_new else None


@transaction.atomic
def accept(proposal: MergeProposal, *, by: User, at: datetime) -> EntityMerge:
    """The two are one. Raises ProposalRefused, or MergeRefused."""
    _hold(proposal)
    merge = merging.merge(proposal.one, proposal.other, by=by, at=at)
    proposal.refresh_from_db()
    return merge


@transaction.atomic
def refuse(proposal: MergeProposal, *, by: User, at: datetime) -> MergeProposal:
    """They are two; nobody is asked again because of their names. Raises ProposalRefused."""
    _hold(proposal)
    proposal.status, proposal.by, proposal.decided_at = Status.REFUSED, by, at
    proposal.save(update_fields=["status", "by", "decided_at"])
    return proposal


def _hold(proposal: MergeProposal) -> None:
    """As it stands now, until the transaction ends."""
    sameness.lock(proposal.client_id)
    proposal.refresh_from_db(fields=["status", "by", "decided_at"])
    if proposal.status != Status.OPEN:
        when = timezone.localtime(proposal.decided_at)
        who = access.called(proposal.by)
        decided = proposal.get_status_display().lower()
        raise ProposalRefused(f"{who} decided this on {when.day} {when:%B at %H:%M}: {decided}.")


def _put(client_id: int, alike: Mapping[tuple[int, int], float], at: datetime) -> list[MergeProposal]:
    """The best of each entity, without pairs that are one, stand proposed, or were told apart by a person."""
    if not alike:
        return []
    stands_under = sameness.merged(client_id)
    settled = {_under(pair, stands_under) for pair in _decided(client_id)}
    left: dict[frozenset[int], tuple[float, tuple[int, int]]] = {}
    for pair, score in alike.items():
        both = _under(pair, stands_under)
        if len(both) == 2 and both not in settled:
            left[both] = max(left.get(both, (0.0, pair)), (score, pair))
    rows = [_row(client_id, pair, score, at) for score, pair in _best(left.values())]
    return MergeProposal.objects.bulk_create(rows)


def _best(found: Iterable[tuple[float, tuple[int, int]]]) -> list[tuple[float, tuple[int, int]]]:
    taken: dict[int, int] = {}
    kept = []
    for score, pair in sorted(found, key=lambda each: (-each[0], each[1])):
        if all(taken.get(entity, 0) < MOST for entity in pair):
            kept.append((score, pair))
            taken |= {entity: taken.get(entity, 0) + 1 for entity in pair}
    return kept


def _row(client_id: int, pair: tuple[int, int], score: float, at: datetime) -> MergeProposal:
    one, other = sorted(pair)
    return MergeProposal(client_id=client_id, one_id=one, other_id=other, score=score, why=NAMES, at=at)


def _decided(client_id: int) -> list[tuple[int, int]]:
    """Pairs that somebody was asked about, or split."""
    asked = MergeProposal.objects.filter(client=client_id).values_list("one", "other")
    undone = EntityMerge.objects.filter(client=client_id).exclude(undone_at=None).values_list("loser", "winner")
    return [*asked, *undone]


def _under(pair: tuple[int, int], stands_under: Mapping[int, int]) -> frozenset[int]:
    return frozenset(stands_under.get(entity, entity) for entity in pair)
