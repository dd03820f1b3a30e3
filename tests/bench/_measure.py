"""What the benches share: a PostgreSQL as durable as production's, its counters, and the line of JSON at the end.

Scripts here are started by their path, so Python finds their neighbours by itself; the project's packages it finds
because this module is imported first.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

KILOBYTE = 1024
OWN_COMMITS = 1  # of a batch: the side that worked tells PostgreSQL once to hand in its counters
FLUSH: LiteralString = "SELECT pg_stat_force_next_flush()"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

Target = tuple[str, float]  # "<=" or ">=", and the number
Figures = Mapping[str, float]


class BenchRefused(Exception):
    """The figures would not mean what they are called; the message says why and what to do."""


@dataclass(frozen=True)
class Place:
    """A running PostgreSQL of this bench alone, reached through a socket in `sockets`."""

    sockets: Path
    port: str
    user: str

    def url(self, database: str) -> str:
        """As DATABASE_URL has it."""
        return f"postgres://{self.user}@:{self.port}/{self.sockets}/{database}"

    def conninfo(self, database: str) -> str:
        """As psycopg has it."""
        return f"host={self.sockets} port={self.port} user={self.user} dbname={database}"


@dataclass(frozen=True)
class Counts:
    """What happened in one database; `wal_kb` in all of the server, where nobody else works meanwhile."""

    commits: float
    inserted: float
    updated: float
    wal_kb: float


@dataclass(frozen=True)
class Batch:
    """Some runs one after the other: milliseconds of each, and what one of them cost on average."""

    ms: list[float]
    cost: Counts

    @property
    def p50(self) -> float:
        return statistics.median(self.ms)


class Meter:
    """Reads PostgreSQL's own counters, over a connection in a third database, where its reading counts for nobody."""

    def __init__(self, place: Place) -> None:
        self._connection = psycopg.connect(place.conninfo("postgres"), autocommit=True)

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *problem: object) -> None:
        self._connection.close()

    def make(self, database: LiteralString) -> None:
        self._connection.execute(f"CREATE DATABASE {database}")

    def checkpoint(self) -> None:
        """From here on the first change of each page is logged with the whole page: warm up after it."""
        self._connection.execute("CHECKPOINT")

    def counts(self, database: str) -> Counts:
        """Since the server's start; complete when whoever worked there has sent FLUSH."""
        row = self._connection.execute(COUNTS, [database]).fetchone()
        assert row is not None
        commits, inserted, updated, wal_bytes = map(float, row)
        return Counts(commits, inserted, updated, wal_bytes / KILOBYTE)

    def connections(self, database: str) -> int:
        """How many connections are open there."""
        row = self._connection.execute(CONNECTIONS, [database]).fetchone()
        assert row is not None
        return int(row[0])

    def setting(self, name: str) -> str:
        row = self._connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        assert row is not None
        return str(row[0])


COUNTS: LiteralString = """
    SELECT xact_commit, tup_inserted, tup_updated, pg_current_wal_insert_lsn() - '0/0'::pg_lsn
    FROM pg_stat_database WHERE datname = %s
"""
CONNECTIONS: LiteralString = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'
"""


@contextmanager
def postgres() -> Iterator[Place]:
    """A fresh server that syncs to the disk the project's data stand on; gone, files and all, after the block.

    Raises BenchRefused where it would lose commits, and DatabaseUnavailable where it cannot run.
    """
    from gtm import database  # found since this module put the project on the path

    (ROOT / ".data").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / ".data"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)  # root's server runs under another account
    server = database.server_of(folder)
    try:
        with database.running(folder):
            place = Place(server.sockets, database.PORT, database.USER)
            _refuse_forgetful(place)
            yield place
    finally:
        deadline = time.monotonic() + database.STOP_SECONDS
        while server.has_keeper() and time.monotonic() < deadline:
            time.sleep(0.02)
        for each in (server.home, server.sockets, folder):
            shutil.rmtree(each, ignore_errors=True)


def _refuse_forgetful(place: Place) -> None:
    with Meter(place) as meter:
        off = [name for name in DURABLE if meter.setting(name) != "on"]
    if off:
        raise BenchRefused(
            f"This PostgreSQL runs with {', '.join(off)} off, so its commits cost less than in production. "
            "Take the setting out of gtm/keeper.py's SETTINGS and measure again."
        )


def measured(meter: Meter, database: str, work: Callable[[], list[float]]) -> Batch:
    """`work` gives the milliseconds of each run, and sends FLUSH once, after the last one.

    The side must have sent it before as well, so that nothing older is counted.
    """
    before = meter.counts(database)
    ms = work()
    after = meter.counts(database)
    runs = len(ms)
    return Batch(
        ms,
        Counts(
            commits=(after.commits - before.commits - OWN_COMMITS) / runs,
            inserted=(after.inserted - before.inserted) / runs,
            updated=(after.updated - before.updated) / runs,
            wal_kb=(after.wal_kb - before.wal_kb) / runs,
        ),
    )


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def is_quick(what: str) -> bool:
    """Whether `--quick` was asked for; `what` is the script's docstring."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--quick", action="store_true", help="a reduced size, for a first look and for CI")
    return bool(parser.parse_args().quick)


def machine(place: Place) -> str:
    """Where this was measured: figures of two machines, or of a busy one, are not to be compared."""
    with Meter(place) as meter:
        version = meter.setting("server_version")
    return f"{machine_alone()}, PostgreSQL {version}"


def machine_alone() -> str:
    """The same for a bench that needs no database."""
    return f"{_cpu()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def say(text: str) -> None:
    """A line for whoever watches, before the last one."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def report(
    bench: str, figures: Figures, targets: Mapping[str, Target], *, peer: Mapping[str, Figures], machine: str
) -> None:
    """The last line: JSON with every figure, what it was to be, and which did not come out so."""
    document = {
        "bench": bench,
        "figures": _rounded(figures),
        "targets": {key: list(target) for key, target in targets.items()},
        "missed": [key for key, target in targets.items() if not _holds(figures[key], target)],
        "peer": {name: _rounded(each) for name, each in peer.items()},
        "machine": machine,
    }
    say(json.dumps(document))


def _rounded(figures: Figures) -> dict[str, float]:
    return {key: round(number, 3) for key, number in figures.items()}


def _holds(number: float, target: Target) -> bool:
    """The number as it is printed: what reads as 1.0 is not missed for its fourth digit."""
    sign, wanted = target
    return round(number, 3) <= wanted if sign == "<=" else round(number, 3) >= wanted
