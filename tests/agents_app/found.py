"""Runs that found something out about a company, as rows, and everything that is then known, as plain values."""

from datetime import UTC, date, datetime
from itertools import count

from agents_app.entities import as_known_on, canonical, neighbourhood
from agents_app.models import (
    Claim,
    Edge,
    Entity,
    EntityId,
    EntityMerge,
    Fact,
    FlowRun,
    MergeProposal,
    Request,
    SourceRecord,
    Statement,
)
from tests.factories import AT, make_run, make_step

EVER = datetime(2100, 1, 1, tzinfo=UTC)
_numbers = count(1)


def run_that_found(client, domain, *said, on=AT, name="", as_of: date | None = None) -> FlowRun:
    """Each of `said` is (attribute, value) or (attribute, value, confidence); all were found `on`, `as_of` that day."""
    request = Request.objects.create(
        client=client, company_domain=domain, company_name=name, purpose="deep_research", asked_at=on
    )
    run = make_run(request, status="succeeded", planned_at=on, started_at=on, finished_at=on)
    step = make_step(run, agent="research_agent", started_at=on, finished_at=on)
    record = SourceRecord.objects.create(
        run=run, source="wikidata", company_domain=domain, request_key="GET", status="ok", payload={}, fetched_at=on
    )
    for number, (attribute, value, *confidence) in enumerate(said, start=1):
        claim = Claim.objects.create(
            source_record=record, attribute=attribute, value=value, pointer=f"/{number}", as_of_date=as_of
        )
        fact = Fact.objects.create(
            run=run, step=step, key=f"f{number}", attribute=attribute, value=value, confidence=(*confidence, 0.9)[0]
        )
        fact.claims.add(claim)
    return run


def company_at(domain, client) -> Entity:
    return EntityId.objects.get(client=client, scheme="domain", value=domain).entity


def make_company(client, name="", **values) -> Entity:
    name = name or f"Company {next(_numbers)}"
    basis = {"kind": "company", "normalised": name.casefold(), "created_at": AT}
    return Entity.objects.create(client=client, name=name, **{**basis, **values})


def held(entity, **asked) -> dict[str, str]:
    """What is held of it: {attribute: value}, of those with several the last."""
    return {row.attribute: row.value for row in as_known_on(entity, asked.pop("known_at", EVER), **asked)}


def rows() -> dict[str, list[tuple]]:
    """Every row of the graph, merges apart."""
    evidence = Edge.claims.through.objects.order_by("edge_id", "claim_id").values_list("edge_id", "claim_id")
    models = (Entity, EntityId, Edge, Statement)
    return {model.__name__: list(model.objects.order_by("pk").values_list()) for model in models} | {
        "evidence": list(evidence)
    }


def as_seen(client) -> dict[int, tuple]:
    """For each entity of the client: whom it stands under, what is held of it, and what is around it."""
    entities = list(Entity.objects.filter(client=client).order_by("pk"))
    under = canonical(entity.pk for entity in entities)
    return {
        entity.pk: (
            under[entity.pk],
            [(row.pk, row.value) for row in as_known_on(entity, EVER)],
            neighbourhood(entity, hops=3),
        )
        for entity in entities
    }


def everything() -> dict[str, list[tuple]]:
    """Every row of the graph."""
    merges = EntityMerge.objects.order_by("pk").values_list()
    return rows() | {"merges": list(merges), "proposals": list(MergeProposal.objects.order_by("pk").values_list())}
