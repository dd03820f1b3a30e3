"""The private server through kills of everything that takes part, at the worst moments."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from gtm import database
from gtm.database import Server

pytestmark = pytest.mark.faults

PROJECT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path
from gtm.database import Server
with Server(Path(sys.argv[1]), Path(sys.argv[1]) / "run").used():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def server() -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="gtm-faults-", dir="/tmp"))
    home.chmod(0o711)
    made = Server(home, home / "run")
    yield made
    until(lambda: not processes(made), "everything to end after the last user")
    subprocess.run(["rm", "-rf", home], check=True)


@pytest.fixture
def hold(server: Server) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts another process that uses the server until its input is closed or it is killed."""
    held: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(server.home)]
        process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        held.append(process)
        return process

    yield start
    for process in held:
        process.kill()
        process.communicate()


def has_it(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited 30 s for {what}"
        time.sleep(0.05)


def processes(server: Server) -> list[psutil.Process]:
    """The keeper and the postmaster of this server; a process that only waits to be reaped does not count, nor does a
    child of the postmaster in the moment before it names itself."""
    found: dict[psutil.Process, tuple[str, int]] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if HOLD not in command and {str(server.home), str(server.data)} & set(command):
                found[process] = (process.name(), process.ppid())
    servers = {process.pid for process, (name, _) in found.items() if name == "postgres"}
    return [process for process, (_, parent) in found.items() if parent not in servers]


def keeper(server: Server) -> psutil.Process:
    return next(process for process in processes(server) if "gtm.keeper" in process.cmdline())


def postmaster(server: Server) -> int:
    return int((server.home / "keeper.lock").read_text())


def listens(server: Server) -> bool:
    with socket.socket(socket.AF_UNIX) as knock:
        return knock.connect_ex(str(server.sockets / f".s.PGSQL.{database.PORT}")) == 0


def ask(server: Server, sql: str) -> list[tuple[object, ...]]:
    where = {"host": str(server.sockets), "port": database.PORT, "user": database.USER, "dbname": database.NAME}
    with psycopg.connect(**where) as connection:  # type: ignore[arg-type]
        found = connection.execute(sql)
        return found.fetchall() if found.description else []


def test_commands_at_the_same_time_share_one_server_and_the_last_one_out_stops_it(server, hold):
    first = hold()
    has_it(first)
    pid = postmaster(server)
    second = hold()
    has_it(second)

    first.communicate("")
    still_there = ask(server, "select 1")
    second.communicate("")

    assert still_there == [(1,)]
    assert postmaster(server) == pid
    until(lambda: not processes(server), "the server to stop")


def test_many_commands_starting_at_once_start_one_server(server, hold):
    started = [hold() for _ in range(6)]

    for process in started:
        has_it(process)

    assert len(processes(server)) == 2
    assert ask(server, "select 1") == [(1,)]


def test_a_command_that_starts_while_the_server_stops_gets_a_server(server, hold):
    for _ in range(5):
        process = hold()
        has_it(process)

        process.communicate("")
        time.sleep(0.1)  # about when the keeper stops the server

    with server.used():
        assert ask(server, "select 1") == [(1,)]


def test_a_killed_command_leaves_no_server_running(server, hold):
    process = hold()
    has_it(process)

    process.kill()

    until(lambda: not processes(server), "the server to stop")


def test_a_killed_server_is_back_with_all_it_had_promised(server):
    with server.used():
        ask(server, "create table kept (n int)")
        ask(server, "insert into kept select generate_series(1, 1000)")
        killed = postmaster(server)

        os.kill(killed, signal.SIGKILL)
        until(lambda: postmaster(server) != killed and server.is_ready(), "a new server")

        assert ask(server, "select count(*) from kept") == [(1000,)]


def test_a_killed_keeper_takes_the_server_along_and_the_next_command_starts_both(server):
    with server.used():
        ask(server, "create table kept (n int)")
        old = keeper(server)
        old_server = postmaster(server)

        old.kill()
        until(lambda: not server.has_keeper(), "the keeper to be gone")
        server.ensure()

        assert keeper(server).pid != old.pid
        assert postmaster(server) != old_server
        assert ask(server, "select count(*) from kept") == [(0,)]


def test_a_killed_server_is_not_taken_for_one_that_is_ready_while_its_keeper_cannot_look(server):
    with server.used():
        old, killed = keeper(server), postmaster(server)
        old.suspend()
        os.kill(killed, signal.SIGKILL)
        until(lambda: not listens(server), "the server to end")

        ready = server.is_ready()
        old.resume()
        server.ensure()

        assert not ready
        assert (keeper(server).pid, postmaster(server) != killed) == (old.pid, True)
        assert ask(server, "select 1") == [(1,)]


def test_keeper_and_server_killed_together_do_not_bar_the_next_command(server, hold):
    process = hold()
    has_it(process)
    victims = [keeper(server).pid, postmaster(server), process.pid]

    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not processes(server), "both to end")  # a kill is a request: for a moment both are still there

    with server.used():
        assert ask(server, "select 1") == [(1,)]


def test_a_kill_while_the_cluster_is_being_made_leaves_nothing_that_bars_the_next_start(server, hold):
    process = hold()
    until(lambda: list(server.home.glob("data.new-*")) or server.data.exists(), "initdb to begin")
    for victim in processes(server):
        victim.kill()
    process.kill()

    with server.used():
        assert ask(server, "select 1") == [(1,)]


def test_a_killed_test_run_leaves_neither_server_nor_files(tmp_path):
    script = "import sys; from gtm import database\nwith database.throwaway() as it:\n    print(it.home, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    home = Path(process.stdout.readline().strip())

    process.kill()
    process.communicate()

    until(lambda: not home.exists(), "the files to go")
    until(lambda: not processes(Server(home, home / "run")), "the keeper to end")
