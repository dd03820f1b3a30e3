"""What stands around an entity, a few steps along the edges, in one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from agents_app.entities.sameness import IN_FORCE, OLDEST_FIRST
from agents_app.models import Entity

MOST_HOPS = 4
MOST = 20_000  # nodes and edges in all
MOST_AT_ONE = 2_000  # edges at one entity that are followed, the newest

_HOLDS = """
    created_at <= coalesce(%(known_at)s::timestamptz, 'infinity')
    AND (%(at)s::timestamptz IS NULL OR coalesce(valid_at, created_at) <= %(at)s::timestamptz)
    AND (expired_at IS NULL OR expired_at > coalesce(%(known_at)s::timestamptz, 'infinity')
         OR coalesce(invalid_at, expired_at) > %(at)s::timestamptz)
"""
_NEIGHBOURHOOD = f"""
    WITH RECURSIVE tied(one, other) AS MATERIALIZED (
        SELECT loser_id, winner_id FROM agents_app_entitymerge WHERE client_id = %(client)s AND {IN_FORCE}
        UNION ALL
        SELECT winner_id, loser_id FROM agents_app_entitymerge WHERE client_id = %(client)s AND {IN_FORCE}
    ), same(start, member) AS (
        SELECT one, one FROM tied
        UNION
        SELECT same.start, tied.other FROM same JOIN tied ON tied.one = same.member
    ), under AS (
        SELECT same.start AS entity, array_agg(entity.id ORDER BY {OLDEST_FIRST}) AS members
        FROM same JOIN agents_app_entity AS entity ON entity.id = same.member GROUP BY same.start
    ), walk(entity, hops) AS (
        SELECT unnest(coalesce((SELECT members FROM under WHERE entity = %(entity)s), ARRAY[%(entity)s::bigint])), 0
        UNION
        SELECT unnest(coalesce(under.members, ARRAY[edge.id])), walk.hops + 1 FROM walk CROSS JOIN LATERAL (
            (SELECT object_id AS id FROM agents_app_edge WHERE subject_id = walk.entity AND {_HOLDS}
             ORDER BY agents_app_edge.id DESC LIMIT %(most_at_one)s)
            UNION ALL
            (SELECT subject_id FROM agents_app_edge WHERE object_id = walk.entity AND {_HOLDS}
             ORDER BY agents_app_edge.id DESC LIMIT %(most_at_one)s)
        ) AS edge LEFT JOIN under ON under.entity = edge.id WHERE walk.hops < %(hops)s
    ), reached AS (
        SELECT entity, coalesce(min(under.members[1]), entity) AS id, min(hops) AS hops
        FROM walk LEFT JOIN under USING (entity) GROUP BY entity
    ), crowded AS (
        SELECT FROM reached CROSS JOIN LATERAL (
            (SELECT 0 AS side FROM agents_app_edge WHERE subject_id = reached.entity AND {_HOLDS}
             LIMIT %(most_at_one)s + 1)
            UNION ALL
            (SELECT 1 FROM agents_app_edge WHERE object_id = reached.entity AND {_HOLDS} LIMIT %(most_at_one)s + 1)
        ) AS edge
        WHERE reached.hops < %(hops)s GROUP BY reached.entity, side HAVING count(*) > %(most_at_one)s
    ), node AS (
        SELECT id, min(hops) AS hops FROM reached GROUP BY id
    ), tie AS (
        SELECT DISTINCT ON (subject.id, relation, object.id)
            edge.id, subject.id AS subject, relation, object.id AS object
        FROM agents_app_edge AS edge
        JOIN reached AS subject ON subject.entity = edge.subject_id
        JOIN reached AS object ON object.entity = edge.object_id
        WHERE subject.id <> object.id AND least(subject.hops, object.hops) < %(hops)s AND {_HOLDS}
        ORDER BY subject.id, relation, object.id, created_at DESC, edge.id DESC
    )
    SELECT EXISTS (SELECT FROM crowded), entity.id, entity.kind, entity.name, node.hops,
           tie.id, tie.subject, tie.relation, tie.object
    FROM node JOIN agents_app_entity AS entity USING (id) LEFT JOIN tie ON tie.subject = node.id
    ORDER BY node.hops, node.id, tie.id LIMIT %(most)s
"""  # noqa: S608 - our own words alone


class Node(NamedTuple):
    """An entity with all that are one with it; `hops` from where the question began."""

    id: int
    kind: str
    name: str
    hops: int


class Tie(NamedTuple):
    """How two nodes stand to each other; `edge` is the newest row that says so, and since when."""

    edge: int
    subject: int
    relation: str
    object: int


@dataclass(frozen=True)
class Neighbourhood:
    """`nodes` from near to far, the first is the one asked about. `is_cut`: there is more than is shown."""

    nodes: Sequence[Node]
    ties: Sequence[Tie]
    is_cut: bool


def neighbourhood(
    entity: Entity, *, hops: int = 2, at: datetime | None = None, known_at: datetime | None = None
) -> Neighbourhood:
    """What is held now, or was by what was known at `known_at`; with `at`, what was held to be so at that moment in the
    world. An edge of which nobody says since when it holds counts from when it was known."""
    asked = {
        "entity": entity.pk,
        "client": entity.client_id,
        "hops": min(hops, MOST_HOPS),
        "at": at,
        "known_at": known_at,
        "most": MOST + 1,
        "most_at_one": MOST_AT_ONE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEIGHBOURHOOD, asked)
        return _read(cursor.fetchall())


def _read(found: Sequence[tuple[Any, ...]]) -> Neighbourhood:
    rows = found[:MOST]
    nodes = {row[1]: Node._make(row[1:5]) for row in rows}
    ties = [Tie._make(row[5:]) for row in rows if row[5] is not None and row[8] in nodes]
    return Neighbourhood(list(nodes.values()), ties, is_cut=len(found) > MOST or found[0][0])
