"""How many webhook calls the doors take, how fast, and how fast what they brought is applied; none may be lost.

PostgreSQL that syncs, granian and a q2 worker as in production, HubSpot's notifications signed as version 3, and the
caller on the same host. A call's time counts from when it was due, so whoever queues at the caller waits too. Beside the
ceiling stands that of a bare durable INSERT by the same server, in turns in the same run (`_bare_insert.py`).
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import _measure
import psycopg
from _measure import ROOT, say

from gtm import database
from tests.calls import Caller, Said, Target
from tests.faults.reception_site import Site, site, until

RATE, PEOPLE = 150, 1000
BATCHES, EVENTS = 50, 100  # calls a second, events in each
BURST, SOCKETS = 1000, 64
CEILING, ROUNDS = 1500, 3  # calls of each side in each round
DRAINED_S = 600.0
TARGETS: dict[str, _measure.Target] = {
    "single_lost": ("<=", 0), "single_p50_ms": ("<=", 30.0), "single_p99_ms": ("<=", 250.0),
    "single_max_ms": ("<=", 5000.0), "batch_lost": ("<=", 0), "batch_p99_ms": ("<=", 500.0),
    "applied_per_s": (">=", 500.0), "burst_lost": ("<=", 0), "burst_max_ms": ("<=", 5000.0),
}  # fmt: skip


def notification(number: int, people: int = PEOPLE) -> dict[str, Any]:
    """The first of each person tells the address, the others a title; each is newer than the one before."""
    person, again = number % people, number >= people
    return {
        "eventId": number,
        "subscriptionId": 7,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": 1_764_000_000_000 + number,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 1000 + person,
        "propertyName": "jobtitle" if again else "email",
        "propertyValue": f"Title {number}" if again else f"p{person}@northwind-bank.example",
        "changeSource": "CRM",
        "sourceId": "userId:7",
    }


def single(start: int) -> Callable[[int], bytes]:
    return lambda number: json.dumps([notification(start + number)]).encode()


def batch(start: int) -> Callable[[int], bytes]:
    return lambda number: json.dumps(
        [notification(each) for each in range(start + number * EVENTS, start + (number + 1) * EVENTS)]
    ).encode()


def percentile(ms: list[float], share: float) -> float:
    return sorted(ms)[min(len(ms) - 1, int(len(ms) * share))]


def lost(ours: Site, before: int, said: Said) -> int:
    """Acknowledged and not there."""
    until(lambda: not ours.spooled(), "the spool to be empty", 90)
    return max(0, len(said.acknowledged) - (stored(ours) - before))


def stored(ours: Site) -> int:
    return int(ours.ask("SELECT count(*) FROM clients_delivery")[0][0])


def waiting(ours: Site) -> int:
    return int(ours.ask("SELECT count(*) FROM clients_delivery WHERE status = 'received'")[0][0])


def singles(ours: Site, target: Target, seconds: int) -> dict[str, float]:
    before = stored(ours)
    said = Caller(target, single(0), connections=16).call(RATE * seconds, RATE)
    say(f"{RATE}/s for {seconds} s: {len(said.acknowledged)} acknowledged, {len(said.refused)} refused")
    return {
        "single_lost": lost(ours, before, said),
        "single_p50_ms": statistics.median(said.ms),
        "single_p99_ms": percentile(said.ms, 0.99),
        "single_max_ms": max(said.ms),
    }


def batches(ours: Site, target: Target, seconds: int) -> dict[str, float]:
    """And how many events a second the workers apply once nobody calls any more."""
    until(lambda: ours.tend() or not waiting(ours), "the singles to be applied", DRAINED_S)
    before = stored(ours)
    said = Caller(target, batch(1_000_000), connections=16).call(BATCHES * seconds, BATCHES)
    say(
        f"{BATCHES}/s x {EVENTS} for {seconds} s: {len(said.acknowledged)} acknowledged, {waiting(ours)} not applied yet"
    )
    gone = lost(ours, before, said)
    left, began = waiting(ours), time.monotonic()
    until(lambda: ours.tend() or not waiting(ours), "everything to be applied", DRAINED_S)
    took = time.monotonic() - began
    say(f"{left * EVENTS:,} events applied in {took:.1f} s")
    return {
        "batch_lost": gone,
        "batch_p99_ms": percentile(said.ms, 0.99),
        "applied_per_s": left * EVENTS / took if left else 0.0,
    }


def burst(ours: Site, target: Target) -> dict[str, float]:
    before = stored(ours)
    said = Caller(target, single(9_000_000), connections=SOCKETS).call(BURST, 0)
    say(f"{BURST} at once over {SOCKETS} connections: the slowest {max(said.ms):,.0f} ms")
    return {"burst_lost": lost(ours, before, said), "burst_max_ms": max(said.ms)}


def ceilings(target: Target, bare: Target, calls: int) -> tuple[float, float]:
    """Calls a second of ours and of the bare INSERT, in turns."""
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(ROUNDS):
        for name, side in (("ours", target), ("bare", bare)):
            said = Caller(side, single(20_000_000 + number * calls), connections=16).call(calls, 0)
            rates[name].append(len(said.acknowledged) / said.seconds)
    return statistics.median(rates["ours"]), statistics.median(rates["bare"])


@contextmanager
def bare_server(ours: Site) -> Iterator[Target]:
    """Granian with the same options, and the same database."""
    where = f"host={ours.server.sockets} port={database.PORT} user={database.USER} dbname={database.NAME}"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare_insert (id bigserial PRIMARY KEY, body bytea NOT NULL)")
    port = ours.port + 1
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "2", "--blocking-threads", "4", "--no-ws", "--working-dir", str(ROOT / "tests" / "bench"),
        "_bare_insert:application",
    ]  # fmt: skip
    environment = os.environ | {"BARE_INSERT": where}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        target = Target(port, "bare", "secret", f"http://localhost:{port}")
        until(lambda: Caller(target, single(0), connections=1, again=False).call(1, 0).acknowledged, "the bare server")
        yield target
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    seconds, batch_s, calls = (10, 4, 400) if quick else (60, 30, CEILING)
    with site() as ours:
        ours.start("web", "ingest")
        target = ours.connect()
        figures = singles(ours, target, seconds) | batches(ours, target, batch_s) | burst(ours, target)
        with bare_server(ours) as bare:
            own, least = ceilings(target, bare, calls)
    figures |= {"ceiling_per_s": own, "ceiling_ratio": own / least}
    say(f"Ceiling: {own:.0f} calls a second, {own / least:.2f} of a bare INSERT's {least:.0f}")
    peer = {"bare INSERT": {"ceiling_per_s": least}}
    _measure.report("webhooks", figures, TARGETS, peer=peer, machine=_measure.machine_alone())


if __name__ == "__main__":
    main()
