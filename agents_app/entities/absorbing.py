"""What a run found out → the client's entities. Late, twice or in any order: the outcome is the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from agents_app.entities import holding, identifying, likeness, proposing, sameness, telling
from agents_app.entities.holding import Linked
from agents_app.flow import knowledge
from agents_app.models import Edge, Entity, EntityId, EntityMerge, Fact, FlowRun, MergeProposal, Scheme, Statement
from clients.erasure.words import GONE
from clients.likeness import fold

Kind = Entity.Kind
CLASSES = (Kind.TECHNOLOGY, Kind.INDUSTRY)  # these are what they are called
LONGEST = 300  # letters of a name
NOT_NAMED = "Not named"
Named = tuple[str, str, int | None]  # kind, normalised name, within


@dataclass(frozen=True)
class Absorbed:
    """What was new; nothing where the run was absorbed before, is a trial's, or found nothing out."""

    company: Entity | None = None
    entities: Sequence[Entity] = ()
    ids: Sequence[EntityId] = ()
    statements: Sequence[Statement] = ()
    edges: Sequence[Edge] = ()
    merges: Sequence[EntityMerge] = ()
    proposals: Sequence[MergeProposal] = ()


def waiting(*, since: datetime) -> "QuerySet[FlowRun]":
    """Runs planned since then that ended with facts which no entity knows yet."""
    unknown = Fact.objects.filter(run=OuterRef("pk")).exclude(Exists(Statement.objects.filter(fact=OuterRef("pk"))))
    ended = FlowRun.objects.filter(planned_at__gte=since, is_open=False, request__trial_side="")
    return ended.filter(Exists(unknown)).order_by("pk")


@transaction.atomic
def absorb(run: FlowRun, *, at: datetime) -> Absorbed:
    """The run's facts as entities, ids, edges and statements; those that share a strong id become one, those whose
    names are alike are proposed."""
    if run.request.is_trial:
        return Absorbed()
    sameness.lock(run.client_id)
    facts = _new_facts(run)
    if not facts:
        return Absorbed()
    company, is_new = _company(run, facts)
    own_ids, taken = identifying.keep(company, identifying.claimed(facts), at=holding.known_at(facts[0]))
    linked, others = _linked(company, facts)
    statements, edges = holding.state(company, facts, linked), holding.connect(company, linked)
    is_renamed = _rename(company)
    tied = [identifying.tie(company, fact, owner, at=at) for fact, owner in taken]
    named = [company, *others] if is_new or is_renamed else others
    twins = proposing.look_for_twins(run.client_id, of=[each.pk for each in named if each.kind == Kind.COMPANY], at=at)
    return Absorbed(
        company=company,
        entities=[company, *others] if is_new else others,
        ids=own_ids,
        statements=statements,
        edges=edges,
        merges=[each for each in tied if isinstance(each, EntityMerge)],
        proposals=[
            *(each for each in tied if isinstance(each, MergeProposal)),
            *twins,
            *proposing.look_for_namesakes(company, at=at),
        ],
    )


def _new_facts(run: FlowRun) -> list[Fact]:
    """In the order in which they were found. Held, so that erasure either took its words out before, or finds them in
    what is made of them."""
    unknown = Fact.objects.filter(run=run).exclude(Exists(Statement.objects.filter(fact=OuterRef("pk"))))
    held = unknown.select_for_update(of=("self",), no_key=True).select_related("step", "run")
    return sorted(held.prefetch_related("claims"), key=lambda fact: (holding.known_at(fact), fact.pk))


def _company(run: FlowRun, facts: Sequence[Fact]) -> tuple[Entity, bool]:
    """The company that was asked about, and whether it is new. It is known by its domain, else by what this run found
    before."""
    asked = knowledge.company(run.request)
    domain = identifying.own_domain(asked["domain"])
    known = EntityId.objects.filter(client=run.client_id, scheme=Scheme.DOMAIN, value=domain).select_related("entity")
    before = Statement.objects.filter(fact__run=run, entity__kind=Kind.COMPANY).select_related("entity")
    row = known.first() if domain else before.order_by("pk").first()
    if row is not None:
        return row.entity, False
    at = holding.known_at(facts[0])
    company = _entity(run.client_id, Kind.COMPANY, asked["name"] or NOT_NAMED, None, at)
    company.save()
    if domain:
        EntityId.objects.create(
            client_id=run.client_id, entity=company, scheme=Scheme.DOMAIN, value=domain, created_at=at
        )
    return company, True


def _linked(company: Entity, facts: Sequence[Fact]) -> tuple[list[Linked], list[Entity]]:
    """What the facts say of other entities; and which of those are new."""
    said = [(fact, link) for fact in facts if (link := telling.link(fact.attribute, fact.value))]
    names: dict[Named, tuple[telling.Link, datetime]] = {}
    for fact, link in said:
        names.setdefault(_named(company, link), (link, holding.known_at(fact)))
    there = _known(company, names)
    fresh = [
        _entity(company.client_id, key[0], link.name, company if link.is_within else None, at)
        for key, (link, at) in names.items()
        if key not in there
    ]
    made = Entity.objects.bulk_create(fresh)
    there |= {(each.kind, each.normalised, each.within_id): each for each in made}
    return [Linked(fact, link, there[_named(company, link)]) for fact, link in said], made


def _known(company: Entity, names: Iterable[Named]) -> dict[Named, Entity]:
    kinds, wanted = {kind for kind, *_ in names}, {name for _, name, _ in names}
    rows = Entity.objects.filter(client=company.client_id, kind__in=kinds, normalised__in=wanted)
    return {(row.kind, row.normalised, row.within_id): row for row in rows}


def _named(company: Entity, link: telling.Link) -> Named:
    return link.kind, normalised(link.kind, link.name), company.pk if link.is_within else None


def _entity(client_id: int, kind: str, name: str, within: Entity | None, at: datetime) -> Entity:
    return Entity(
        client_id=client_id, kind=kind, name=name, normalised=normalised(kind, name), within=within, created_at=at
    )


def normalised(kind: str, name: str) -> str:
    """How names of that kind are compared; what is called so by itself keeps its signs (C++, C#)."""
    if kind in CLASSES:
        found = " ".join(name.casefold().split())
    else:
        found = likeness.normalised(name) if kind == Kind.COMPANY else fold(name) or name
    return found[:LONGEST]


def _rename(company: Entity) -> bool:
    """The company is called what is held of it now; whether that is new."""
    held = Statement.objects.filter(entity=company, attribute="name", expired_at=None).order_by("-created_at", "-fact")
    name = held.values_list("value", flat=True).first()
    if not name or name == company.name or GONE in name:
        return False
    company.name, company.normalised = name, normalised(company.kind, name)
    company.save(update_fields=["name", "normalised"])
    return True
