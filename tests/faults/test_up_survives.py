"""`manage.py up` and everything below it, through kills."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.faults

PROJECT = Path(__file__).resolve().parents[2]


def surroundings(data: Path) -> dict[str, str]:
    """Ours, without the test run's database; renamed processes keep their environment readable (SPT_NOENV)."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "PYTEST_XDIST_WORKER"}}
    return kept | {"GTM_DATA_DIR": str(data), "SPT_NOENV": "1"}


class Up:
    """One `manage.py up` with a data folder of its own."""

    def __init__(self, data: Path, command: list[str]) -> None:
        self.data = data
        with (data / "said").open("wb") as said:
            self.popen = subprocess.Popen(
                [*command, "manage.py", "up", "--no-demo"],
                cwd=PROJECT,
                env=surroundings(data),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    @property
    def said(self) -> str:
        return (self.data / "said").read_text()

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                mine = process.environ().get("GTM_DATA_DIR") == str(self.data)
                if (mine or str(self.data) in " ".join(process.cmdline())) and process.pid != os.getpid():
                    found.append(process)
        return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

    def heads(self, words: str) -> list[psutil.Process]:
        """The processes whose own command line carries these words, eldest first."""
        return sorted(
            (process for process in self.processes() if words in " ".join(process.cmdline())),
            key=lambda process: process.create_time(),
        )

    def is_ready(self) -> bool:
        address = re.search(r"http://localhost:\d+/", self.said)
        if not address:
            return False
        with suppress(OSError), urllib.request.urlopen(f"{address[0]}healthz/ready", timeout=5) as answer:
            return bool(json.load(answer)["ready"])
        return False


def until(condition: Callable[[], object], what: str, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def migrated() -> Iterator[Path]:
    """A data folder with all tables, so that not every test makes them."""
    data = Path(tempfile.mkdtemp(prefix="gtm-up-", dir="/tmp"))
    data.chmod(0o755)
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=PROJECT, env=surroundings(data), check=True)
    until(lambda: not (data / "postgres" / "data" / "postmaster.pid").exists(), "the database to stop")
    yield data
    subprocess.run(["rm", "-rf", data], check=True)


@pytest.fixture
def launch(migrated) -> Iterator[Callable[..., Up]]:
    launched: list[Up] = []

    def start(command: tuple[str, ...] = (sys.executable,)) -> Up:
        data = Path(tempfile.mkdtemp(prefix="gtm-up-", dir="/tmp"))
        subprocess.run(["cp", "-a", f"{migrated}/.", data], check=True)
        up = Up(data, list(command))
        launched.append(up)
        until(lambda: up.is_ready() or up.popen.poll() is not None, "a start")
        assert up.is_ready(), up.said
        return up

    yield start
    for up in launched:
        with suppress(ProcessLookupError):
            up.popen.terminate()
        up.popen.wait(30)
        until(lambda up=up: not up.processes(), "everything to end")
        subprocess.run(["rm", "-rf", up.data], check=True)


def test_ctrl_c_ends_everything_and_counts_as_success(launch):
    up = launch()

    up.popen.send_signal(signal.SIGINT)

    assert up.popen.wait(20) == 0
    assert up.said.endswith("Stopped.\n")
    until(lambda: not up.processes(), "everything to end", 10)


def test_killing_up_leaves_no_process(launch):
    up = launch()

    up.popen.kill()

    until(lambda: not up.processes(), "everything to end", 20)


def test_killing_the_uv_that_runs_up_leaves_no_process(launch):
    up = launch(("uv", "run", "--no-sync"))

    up.popen.kill()

    until(lambda: not up.processes(), "everything to end", 20)


def test_a_killed_worker_takes_its_children_along_and_is_replaced(launch):
    up = launch()
    before = up.processes()
    clusters = [
        process for process in before if "qcluster" in process.name() or "qcluster" in " ".join(process.cmdline())
    ]
    main = min(clusters, key=lambda process: process.create_time())
    family = main.children(recursive=True)

    main.kill()
    until(lambda: "ended (killed by SIGKILL); starting it again" in up.said, "up to notice")

    assert len(family) >= 4
    until(
        lambda: not any(member.is_running() and member.status() != "zombie" for member in family),
        "the old family to end",
    )
    until(up.is_ready, "health")


@pytest.mark.parametrize("victim", ["gtm.keeper", "postgres -D"])
def test_a_killed_database_is_back_without_a_restart_of_the_rest(launch, victim):
    up = launch()
    web = up.heads("granian")[0]

    up.heads(victim)[0].kill()
    time.sleep(1)

    until(up.is_ready, "health")
    assert web.is_running()
