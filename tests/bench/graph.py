"""How long two hops around an entity take, and how long names take to compare, at the size of a large client.

A client's graph of 10,000 edges, of which every tenth company is one with another, beside another client's of as many.
`two_hops` is around the entity from which all of the edges can be reached, `usual` around companies by chance;
`*_cpu_ms` is what Python and PostgreSQL worked for it, however busy the machine is. Beside it the same two hops walked
by Django's ORM with three queries a hop, which know nothing of what was merged.
"""

import os
import random
import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _measure
from _measure import Place, say

if TYPE_CHECKING:
    from agents_app.models import Entity
    from clients.models import Client

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
FIRMS, EACH = 100, 111  # what the group owns, and what each of those has to do with
NAMES = 6000
TARGETS: dict[str, _measure.Target] = {
    "edges": (">=", 10_000),
    "two_hops_p95_ms": ("<=", 200.0),
    "two_hops_cpu_ms": ("<=", 200.0),
    "usual_p95_ms": ("<=", 50.0),
    "names_s": ("<=", 5.0),
}
STARTS = (
    "nord", "hav", "arden", "mer", "vel", "kor", "bri", "stan", "lund", "sel", "tor", "fal", "ver", "gran", "ost", "hel",
)  # fmt: skip
ENDS = ("haven", "wick", "ton", "berg", "mark", "field", "stad", "gate", "more", "ley", "dale", "by", "ford", "holm")
TRADES = ("bank", "payments", "systems", "therapeutics", "logistics", "energy", "foods", "software", "insurance")


@contextmanager
def product(place: Place) -> Iterator[None]:
    """The product's models in a database of this server, as on a server."""
    os.environ |= {
        "DATABASE_URL": place.url("postgres"),
        "DJANGO_SETTINGS_MODULE": "gtm.settings",
        "DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(50),
    }
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", verbosity=0)
    try:
        yield
    finally:
        connections.close_all()


def grow(client: "Client") -> "tuple[Entity, list[Entity]]":
    """A group, the firms that it owns, and what each of them has to do with."""
    from agents_app.models import Edge, Entity, EntityMerge

    basis = {"client": client, "kind": "company", "created_at": AT}
    make = Entity.objects.bulk_create
    [group] = make([Entity(name="Group", normalised="group", **basis)])
    firms = make([Entity(name=f"Firm {n}", normalised=f"firm {n}", **basis) for n in range(FIRMS)])
    others = make([Entity(name=f"Other {n}", normalised=f"other {n}", **basis) for n in range(FIRMS * EACH)])
    pairs = [(group, firm) for firm in firms]
    pairs += [(firm, others[n * EACH + m]) for n, firm in enumerate(firms) for m in range(EACH)]
    Edge.objects.bulk_create(
        [Edge(subject=one, relation="parent_of", object=other, created_at=AT) for one, other in pairs]
    )
    merged = [(others[n + 1], others[n]) for n in range(0, len(others) - 1, 10)]
    EntityMerge.objects.bulk_create([EntityMerge(client=client, loser=a, winner=b, at=AT) for a, b in merged])
    return group, [*firms, *others]


def by_orm(entity: "Entity", hops: int) -> int:
    """How many edges are seen."""
    from agents_app.models import Edge, Entity

    reached, edge_ids, front = {entity.pk}, set[int](), {entity.pk}
    for _ in range(hops):
        held = Edge.objects.filter(expired_at=None)
        found = [*held.filter(subject__in=front), *held.filter(object__in=front)]
        edge_ids |= {edge.pk for edge in found}
        front = {end for edge in found for end in (edge.subject_id, edge.object_id)} - reached
        reached |= front
        list(Entity.objects.filter(pk__in=front))
    return len(edge_ids)


def names(rng: random.Random) -> list[str]:
    parts = [(rng.choice(STARTS) + rng.choice(ENDS), rng.choice(TRADES)) for _ in range(NAMES)]
    return [" ".join(part) for part in parts]


def percentiles(name: str, ms: Sequence[float]) -> dict[str, float]:
    return {f"{name}_p50_ms": statistics.median(ms), f"{name}_p95_ms": statistics.quantiles(ms, n=20)[-1]}


def many(times: int, work: Callable[[], Any]) -> list[float]:
    work()  # the first one reads from the disk
    return [_measure.timed(work) for _ in range(times)]


def cpu_ms(times: int, work: Callable[[], Any]) -> float:
    """Of one `work`, here and in the database's process of this connection; nan where the system does not tell."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path("/proc", str(cursor.fetchone()[0]), "stat")
    if not stat.exists():
        return float("nan")
    before = time.process_time() + _seconds(stat)
    for _ in range(times):
        work()
    return (time.process_time() + _seconds(stat) - before) * 1000 / times


def _seconds(stat: Path) -> float:
    """utime and stime of proc(5)."""
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(times: int) -> tuple[dict[str, float], dict[str, float]]:
    """Ours and the ORM's."""
    from django.db import connection

    from agents_app.entities import likeness, neighbourhood
    from tests.factories import make_client

    rng = random.Random(20261129)
    group, others = grow(make_client())
    grow(make_client())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    found = neighbourhood(group)
    usual = [ms for one in rng.sample(others, times) for ms in many(1, partial(neighbourhood, one))]
    ours = {"edges": float(len(found.ties)), "nodes": float(len(found.nodes))}
    ours |= percentiles("two_hops", many(times, partial(neighbourhood, group))) | percentiles("usual", usual)
    ours["two_hops_cpu_ms"] = cpu_ms(times, partial(neighbourhood, group))
    compared = dict(enumerate(names(rng)))
    ours["names_s"] = min(_measure.timed(partial(likeness.pairs, compared)) for _ in range(3)) / 1000
    return ours, percentiles("two_hops", many(times, partial(by_orm, group, 2)))


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    with _measure.postgres() as place, product(place):
        ours, theirs = measure(10 if quick else 100)
        say(f"two hops over {ours['edges']:,.0f} edges: p95 {ours['two_hops_p95_ms']:.0f} ms")
        _measure.report("graph", ours, TARGETS, peer={"Django's ORM": theirs}, machine=_measure.machine(place))


if __name__ == "__main__":
    main()
