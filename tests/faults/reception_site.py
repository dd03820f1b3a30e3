"""A site of its own for the faults of reception: PostgreSQL that syncs, granian and a worker as in production."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from gtm import database
from tests.calls import Target

PROJECT = Path(__file__).resolve().parents[2]
SECRET = "the-secret-of-hubspot"
CONNECT = """
import json
from django.utils import timezone
from clients import connections, signing
from clients.models import Client, Connection
from gtm import schedules
from tests.factories import make_client
at = timezone.now()
client = make_client(f"client-of-test-{{Client.objects.count()}}")
connection, key = connections.create(client, party="hubspot", name="HubSpot", mode="live", at=at)
Connection.objects.filter(pk=connection.pk).update(signing_scheme="hubspot_v3")
signing.replace(connection, {secret!r}, at=at)
schedules.sync()
print(json.dumps([client.pk, connection.pk, key]))
"""


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> float:
    """Seconds waited."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() < started + seconds, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)
    return time.monotonic() - started


class Site:
    """Programs that die are started again by `tend`, as systemd or `up` would."""

    def __init__(self, folder: Path, server: database.Server) -> None:
        self.folder, self.server = folder, server
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.public = f"http://localhost:{self.port}"
        url = f"postgres://{database.USER}@:{database.PORT}/{server.sockets}/{database.NAME}"
        kept = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
        self.environment = kept | {
            "DATABASE_URL": url, "GTM_DATA_DIR": str(folder), "PUBLIC_URL": self.public, "SPT_NOENV": "1",
            "Q_CLUSTER_NAME": "ingest",
        }  # fmt: skip
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=PROJECT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def connect(self) -> Target:
        said = self.manage("shell", "-v0", "-c", CONNECT.format(secret=SECRET))
        self.client_id, self.connection_id, key = json.loads(said.splitlines()[-1])
        return Target(self.port, key, SECRET, self.public)

    def start(self, *names: str) -> None:
        commands = {
            "web": [
                sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port),
                "--workers", "2", "--blocking-threads", "4", "--no-ws", "--respawn-failed-workers",
                "--respawn-interval", "0.5", "gtm.wsgi:application",
            ],
            "ingest": [sys.executable, "manage.py", "qcluster"],
        }  # fmt: skip
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                streams: Any = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
                self._running[name] = subprocess.Popen(
                    commands[name], cwd=PROJECT, env=self.environment, start_new_session=True, **streams
                )
        if "web" in names:
            until(self._answers, "the web server")

    def tend(self) -> None:
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                _kill_group(process.pid)
                self.start(name)

    def children(self, name: str) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return psutil.Process(self._running[name].pid).children(recursive=True)
        return []

    def crash_database(self, down_s: float) -> list[Path]:
        """As `pg_ctl stop -m immediate`, with nobody to start it again for so long. What stood in the spool then."""
        keeper = next(
            process for process in psutil.process_iter()
            if "gtm.keeper" in _command(process) and str(self.server.home) in _command(process)
        )  # fmt: skip
        postmaster = int((self.server.home / "keeper.lock").read_text())
        keeper.suspend()
        try:
            os.kill(postmaster, signal.SIGQUIT)
            time.sleep(down_s)
            spooled = self.spooled()
        finally:
            keeper.resume()
        until(self._takes_queries, "the database to be back")
        return spooled

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        where: dict[str, Any] = {"host": str(self.server.sockets), "port": database.PORT, "user": database.USER}
        with psycopg.connect(**where, dbname=database.NAME) as connection:
            return connection.execute(sql).fetchall()

    def stored(self) -> list[str]:
        """The body of every delivery."""
        rows = self.ask(f"SELECT body FROM clients_delivery WHERE connection_id = {self.connection_id}")
        return [bytes(body).decode() for (body,) in rows]

    def spooled(self) -> list[Path]:
        spool = self.folder / "spool"
        return [path for path in spool.glob("*.*") if path.suffix in {".calls", ".taken", ".stuck"}]

    def stop(self) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.terminate()
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            _kill_group(process.pid)
            process.wait(10)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def _takes_queries(self) -> bool:
        with suppress(psycopg.Error):
            return self.ask("SELECT 1") == [(1,)]
        return False


@contextmanager
def site() -> Iterator[Site]:
    """Migrated, with a web server and a worker."""
    folder = Path(tempfile.mkdtemp(prefix="gtm-reception-", dir="/tmp"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (folder / "static").mkdir()
    server = database.server_of(folder)
    with database.running(folder):
        made = Site(folder, server)
        try:
            made.manage("migrate", "-v0")
            yield made
        finally:
            made.stop()
    until(lambda: not server.has_keeper(), "the database to stop")
    for each in (server.home, server.sockets, folder):
        shutil.rmtree(each, ignore_errors=True)


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
