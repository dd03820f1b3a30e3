"""Our engine against LangGraph with its PostgreSQL checkpointer, on one server, interleaved in the same minutes.

Two graphs of steps that do nothing: four in a chain, and plan → 3 → join. A round is a batch of ours and a batch of
theirs on each graph; the ratio is the median over the rounds, so that a neighbour's load meets both sides. Ours counts
from the claim of a planned run to its end; planning stands beside it (`*_plan_*`). Theirs is one `invoke` with
durability "sync".
"""

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _measure
from _measure import ROOT, Batch, Meter, Place, say

if TYPE_CHECKING:
    from _our_runs import Ours

    from agents_app.models import FlowRun

GRAPHS = ("chain", "parallel")
WARM_UP = 10  # runs a side and graph, after the checkpoint
ANSWER_S = 300.0  # the longest that LangGraph may take to start, or for a batch
PEER = ("--quiet", "--isolated", "--only-group", "bench", "--python", sys.executable)
TARGETS: dict[str, _measure.Target] = {
    "chain_commits": ("<=", 9),
    "parallel_commits": ("<=", 8),
    "chain_wal_kb": ("<=", 10),
    "parallel_wal_kb": ("<=", 10),
    "chain_ratio": ("<=", 1.0),
    "parallel_ratio": ("<=", 1.0),
    "wide_s": ("<=", 1.15),
    "wide_connections": ("<=", 1),
}


class PeerEnded(Exception):
    """LangGraph's process ended or fell silent; the message says what to look at."""


@dataclass
class Rounds:
    """Batches by graph, one a round, in the order of the rounds."""

    plan: dict[str, list[Batch]] = field(default_factory=lambda: {graph: [] for graph in GRAPHS})
    ours: dict[str, list[Batch]] = field(default_factory=lambda: {graph: [] for graph in GRAPHS})
    theirs: dict[str, list[Batch]] = field(default_factory=lambda: {graph: [] for graph in GRAPHS})

    def ratios(self, graph: str) -> list[float]:
        return [ours.p50 / theirs.p50 for ours, theirs in zip(self.ours[graph], self.theirs[graph], strict=True)]


class Peer:
    """LangGraph in a process of its own, which answers a line with a line."""

    def __init__(self, conninfo: str) -> None:
        uv = os.environ.get("UV") or shutil.which("uv")
        if uv is None:
            raise PeerEnded(
                "uv was not found, and it brings LangGraph. Run this with: uv run python tests/bench/engine.py"
            )
        command = [uv, "run", *PEER, "python", str(Path(__file__).with_name("_langgraph_peer.py")), conninfo]
        quiet = os.environ | {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}  # it tells nobody
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, cwd=ROOT, env=quiet, **pipes)
        self.version = str(self._answer()["version"])

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *problem: object) -> None:
        """It ends by itself when its input does."""
        self._process.communicate(timeout=ANSWER_S)

    def run(self, graph: str, count: int) -> list[float]:
        """Milliseconds of each run. Raises PeerEnded."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended; the answer that does not come tells so
            self._process.stdin.write(f"{graph} {count}\n")
            self._process.stdin.flush()
        ms: list[float] = self._answer()
        return ms

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        patience = threading.Timer(ANSWER_S, self._process.kill)
        patience.start()
        line = self._process.stdout.readline()
        patience.cancel()
        if not line:
            raise PeerEnded(
                "LangGraph's process ended without an answer; what it said stands above. Its packages are the group "
                f"`bench` of pyproject.toml: uv run {' '.join(PEER[1:4])} python -c 'import langgraph.graph'"
            )
        return json.loads(line)


@contextmanager
def product(place: Place) -> Iterator["Ours"]:
    """Our side, set up as on a server, with a key that no call ever uses: with one the budgets are on."""
    os.environ |= {
        "DATABASE_URL": place.url("ours"),
        "DJANGO_SETTINGS_MODULE": "gtm.settings",
        "DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ANTHROPIC_API_KEY": "bench",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    }
    import django  # reads the settings, so not before the environment says which
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", verbosity=0)
    import _our_runs

    try:
        with _our_runs.ours() as side:
            yield side
    finally:
        connections.close_all()


def interleaved(meter: Meter, side: "Ours", peer: Peer, *, rounds: int, runs: int) -> Rounds:
    """After a checkpoint and a warm-up; who begins changes from round to round."""
    meter.checkpoint()
    _round(meter, side, peer, Rounds(), WARM_UP)
    found = Rounds()
    for number in range(1, rounds + 1):
        _round(meter, side, peer, found, runs, ours_first=number % 2 == 1)
        say(f"round {number}: {', '.join(_told(found, graph) for graph in GRAPHS)}")
    return found


def _round(meter: Meter, side: "Ours", peer: Peer, found: Rounds, runs: int, *, ours_first: bool = True) -> None:
    for graph in GRAPHS:
        ours = partial(_ours, meter, side, found, graph, runs)
        theirs = partial(_theirs, meter, peer, found, graph, runs)
        for turn in (ours, theirs) if ours_first else (theirs, ours):
            turn()


def _ours(meter: Meter, side: "Ours", found: Rounds, graph: str, runs: int) -> None:
    from _our_runs import check  # needs Django set up

    requests, planned = side.requests(graph, runs), list["FlowRun"]()
    side.flush()
    found.plan[graph].append(_measure.measured(meter, "ours", partial(side.plan, requests, planned)))
    found.ours[graph].append(_measure.measured(meter, "ours", partial(side.execute, planned)))
    check(planned)


def _theirs(meter: Meter, peer: Peer, found: Rounds, graph: str, runs: int) -> None:
    found.theirs[graph].append(_measure.measured(meter, "peer", partial(peer.run, graph, runs)))


def _told(found: Rounds, graph: str) -> str:
    ours, theirs = found.ours[graph][-1].p50, found.theirs[graph][-1].p50
    return f"{graph} ours {ours:.1f} ms, LangGraph {theirs:.1f} ms, ratio {ours / theirs:.2f}"


def wide(meter: Meter, side: "Ours", *, times: int) -> dict[str, float]:
    """Three steps of a second side by side: the slowest run in seconds, and the most connections seen meanwhile.

    Raises RunFailed, and BenchRefused for a run that cannot have waited for its steps.
    """
    from _our_runs import WAIT_S, check  # needs Django set up

    planned: list[FlowRun] = []
    side.plan(side.requests("wide", times), planned)
    seen, ended = [0], threading.Event()
    watch = threading.Thread(target=_watch, args=(meter, seen, ended))
    watch.start()
    try:
        ms = side.execute(planned)
    finally:
        ended.set()
        watch.join()
    check(planned)
    if min(ms) < WAIT_S * 1000:
        raise _measure.BenchRefused(
            f"A run whose steps take {WAIT_S:.1f} s each was over after {min(ms) / 1000:.2f} s, so it did not wait for "
            "them. See `wide` in GRAPHS of tests/bench/_our_runs.py, and measure again."
        )
    return {"wide_s": max(ms) / 1000, "wide_connections": max(seen)}


def _watch(meter: Meter, seen: list[int], ended: threading.Event) -> None:
    while not ended.wait(0.02):
        seen.append(meter.connections("ours"))


def figures(found: Rounds) -> dict[str, float]:
    """Ours: medians over the rounds, a run."""
    told: dict[str, float] = {}
    for graph in GRAPHS:
        told |= _costs(found.ours[graph], f"{graph}_")
        told[f"{graph}_ratio"] = statistics.median(found.ratios(graph))
        told |= _costs(found.plan[graph], f"{graph}_plan_")
    return told


def theirs(found: Rounds) -> dict[str, float]:
    told: dict[str, float] = {}
    for graph in GRAPHS:
        told |= _costs(found.theirs[graph], f"{graph}_")
    return told


def _costs(batches: list[Batch], prefix: str) -> dict[str, float]:
    costs = [batch.cost for batch in batches]
    return {
        f"{prefix}ms": statistics.median(batch.p50 for batch in batches),
        f"{prefix}commits": statistics.median(cost.commits for cost in costs),
        f"{prefix}rows_inserted": statistics.median(cost.inserted for cost in costs),
        f"{prefix}rows_updated": statistics.median(cost.updated for cost in costs),
        f"{prefix}wal_kb": statistics.median(cost.wal_kb for cost in costs),
    }


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    with _measure.postgres() as place, Meter(place) as meter:
        where = _measure.machine(place)  # with the load that was there before ours
        meter.make("ours")
        meter.make("peer")
        with Peer(place.conninfo("peer")) as peer, product(place) as side:
            say(f"LangGraph {peer.version} in the group `bench`")
            found = interleaved(meter, side, peer, rounds=3 if quick else 12, runs=15 if quick else 25)
            told = figures(found) | wide(meter, side, times=1 if quick else 3)
    _measure.report("engine", told, TARGETS, peer={"langgraph": theirs(found)}, machine=where)


if __name__ == "__main__":
    main()
