"""By which strong ids a company is known, and which other company is the same because of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from django.utils import timezone

from agents_app.entities import merging, proposing, sameness
from agents_app.entities.merging import Shared
from agents_app.models import Claim, Entity, EntityId, EntityMerge, Fact, MergeProposal, Scheme, Statement
from agents_app.research.attributes import IDS
from clients import domains

if TYPE_CHECKING:
    from tldextract import TLDExtract

ONE_EACH = (Scheme.CIK, Scheme.LEI, Scheme.WIKIDATA_ID)  # a company has one of it, and it stays the same
OF_MANY = frozenset(  # pages of whom it may concern
    ("facebook.com", "instagram.com", "linkedin.com", "tiktok.com", "twitter.com", "x.com", "youtube.com")
)
Claimed = Mapping[str, Fact]


def own_domain(host: str) -> str:
    """The part of the host that the company has for itself: `shop.acme.co.uk` → `acme.co.uk`, but of a site on
    somebody's platform the whole (`acme.github.io`). Empty where it says nothing about the company."""
    if not host.strip():
        return ""
    found = _extract()(host.strip().casefold().rstrip("."))
    own = f"{found.domain}.{found.suffix}" if found.suffix and found.domain else domains.registered(host)
    return "" if own in domains.PRIVATE_MAIL | domains.THROW_AWAY | OF_MANY else own


@cache
def _extract() -> "TLDExtract":
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def claimed(facts: Iterable[Fact]) -> Claimed:
    """{scheme: the fact that says the company has such an id}; of several the newest."""
    return {fact.attribute: fact for fact in facts if fact.attribute in IDS}


def keep(company: Entity, said: Claimed, *, at: datetime) -> tuple[list[EntityId], list[tuple[Fact, Entity]]]:
    """The ids that are new, and those that another entity has. A second one of which a company has one is not kept: it
    stands among what is held of the company."""
    values = {scheme: fact.value for scheme, fact in said.items()}
    rows = EntityId.objects.filter(client=company.client_id, scheme__in=values, value__in=values.values())
    owners = {row.scheme: row.entity for row in rows.select_related("entity") if values[row.scheme] == row.value}
    has = _ids(sameness.together([company.pk])[company.pk])
    fresh = [
        EntityId(
            client_id=company.client_id,
            entity=company,
            scheme=scheme,
            value=fact.value,
            claim=_evidence(fact)[0] if _evidence(fact) else None,
            created_at=at,
        )
        for scheme, fact in said.items()
        if scheme not in owners and not (scheme in ONE_EACH and has[scheme])
    ]
    taken = [(said[scheme], owner) for scheme, owner in owners.items() if owner.pk != company.pk]
    return EntityId.objects.bulk_create(fresh), taken


def tie(company: Entity, fact: Fact, owner: Entity, *, at: datetime) -> EntityMerge | MergeProposal | None:
    """The company and the owner of the id that the fact says it has are one, or a person is asked; None where they are
    one already, or somebody was asked."""
    groups = sameness.together([company.pk, owner.pk])
    ours, theirs = groups[company.pk], groups[owner.pk]
    if company.kind != owner.kind or ours == theirs:
        return None
    shared = Shared(fact.attribute, fact.value, _evidence(fact))
    if why := _hindrance(ours, theirs):
        return proposing.propose(company, owner, f"Both are said to have {shared}, but {why}.", at=at)
    return merging.merge(company, owner, at=at, shared=shared)


def _hindrance(ours: Sequence[int], theirs: Sequence[int]) -> str:
    """Why nothing but a person may merge them, in words; "" where nothing speaks against it."""
    if before := merging.split_before(ours, theirs):
        return f"they were split on {timezone.localtime(before.undone_at):%-d %B %Y}"
    mine, yours = _all_said(ours), _all_said(theirs)
    for scheme in ONE_EACH:
        if mine[scheme] and yours[scheme] and len(mine[scheme] | yours[scheme]) > 1:
            return f"not the same {scheme.label}"
    return ""


def _all_said(members: Sequence[int]) -> Mapping[str, set[str]]:
    """{scheme: ids that they have, and that are held of them}."""
    found = _ids(members)
    held = Statement.objects.filter(entity__in=members, attribute__in=ONE_EACH, expired_at=None)
    for scheme, value in held.values_list("attribute", "value"):
        found[scheme].add(value)
    return found


def _ids(members: Sequence[int]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for scheme, value in EntityId.objects.filter(entity__in=members).values_list("scheme", "value"):
        found[scheme].add(value)
    return found


def _evidence(fact: Fact) -> tuple[Claim, ...]:
    """The claims that say the very value."""
    return tuple(claim for claim in fact.claims.all() if claim.value == fact.value)
