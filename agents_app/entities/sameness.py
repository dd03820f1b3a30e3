"""Which entities are one: a merge ties two of them, and all that are tied together stand under the oldest.

An entity with ids of its own stands before one that was only named. Nothing is moved when two are tied, so that to
untie them is to be back where it was.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

LOCKS = 7_106  # the class of advisory locks, so that no other use of them meets ours

IN_FORCE = """
    at <= coalesce(%(known_at)s::timestamptz, 'infinity')
    AND (undone_at IS NULL OR undone_at > coalesce(%(known_at)s::timestamptz, 'infinity'))
"""
TIED_TO = f"""
    SELECT winner_id AS id FROM agents_app_entitymerge WHERE loser_id = {{member}} AND {IN_FORCE}
    UNION ALL
    SELECT loser_id FROM agents_app_entitymerge WHERE winner_id = {{member}} AND {IN_FORCE}
"""  # noqa: S608 - our own words alone
OLDEST_FIRST = "entity.within_id IS NOT NULL, entity.id"

TOGETHER = f"""
    WITH RECURSIVE same(start, member) AS (
        SELECT id, id FROM unnest(%(ids)s::bigint[]) AS id
        UNION
        SELECT same.start, tied.id FROM same CROSS JOIN LATERAL ({TIED_TO.format(member="same.member")}) AS tied
    )
    SELECT same.start, array_agg(entity.id ORDER BY {OLDEST_FIRST})
    FROM same JOIN agents_app_entity AS entity ON entity.id = same.member GROUP BY same.start
"""  # noqa: S608
MERGED = f"""
    SELECT DISTINCT unnest(ARRAY[loser_id, winner_id]) FROM agents_app_entitymerge
    WHERE client_id = %(client)s AND {IN_FORCE}
"""  # noqa: S608


def lock(client_id: int) -> None:
    """Until the transaction ends, nobody else writes to this client's entities."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCKS, client_id])


def together(ids: Iterable[int], *, known_at: datetime | None = None) -> dict[int, list[int]]:
    """For each entity all that are one with it, by what was known then: itself among them, the one they stand under
    first."""
    with connection.cursor() as cursor:
        cursor.execute(TOGETHER, {"ids": sorted(set(ids)), "known_at": known_at})
        return dict(cursor.fetchall())


def canonical(ids: Iterable[int], *, known_at: datetime | None = None) -> dict[int, int]:
    """For each entity the one it stands under, itself where it is one with none."""
    return {entity: members[0] for entity, members in together(ids, known_at=known_at).items()}


def merged(client_id: int) -> dict[int, int]:
    """The same for all entities of the client that are one with another."""
    with connection.cursor() as cursor:
        cursor.execute(MERGED, {"client": client_id, "known_at": None})
        ids = [row[0] for row in cursor.fetchall()]
    return canonical(ids)
