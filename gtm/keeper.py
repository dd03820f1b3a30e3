"""The parent of the private PostgreSQL (gtm/database.py): starts it, starts it again, stops it after its last user.

Runs detached as `python -m gtm.keeper HOME SOCKETS KIND`; what it says goes to the server's log.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from gtm.database import PORT, USER, Account, DatabaseUnavailable, Kind, Server, account_for, binaries

POLL_SECONDS = 0.1
GIVE_UP_SECONDS = 10.0  # a killed server's process and shared memory can outlive it by seconds, and bar the next one
LOG_BYTES = 5_000_000
PR_SET_PDEATHSIG = 1
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "shared_buffers": "64MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # a refused row's values, and the statement that carries them, are people's data: no log may keep them
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def main(home: str, sockets: str, kind: str) -> None:
    server = Server(Path(home), Path(sockets), cast("Kind", kind))
    lock = os.open(server.home / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # somebody else keeps it already
    os.truncate(lock, 0)  # the last keeper's server is none of ours
    if os.fork():
        os._exit(0)  # whoever started us waits for this, and must not stay our parent
    os.umask(0o022)
    _keep(server, lock)


def _keep(server: Server, lock: int) -> None:
    if server.log.stat().st_size > LOG_BYTES:
        os.truncate(server.log, 0)
    try:
        account = account_for(server.home)
        programs = binaries(account)
        _make_sockets(server.sockets, account)
        _make_cluster(server, programs, account)
        _watch(server, programs, account, lock)
    except (DatabaseUnavailable, subprocess.CalledProcessError, OSError) as error:
        _say(f"{error}")
    if server.kind == "throwaway":
        shutil.rmtree(server.home)


def _watch(server: Server, programs: Path, account: Account, lock: int) -> None:
    """Until nobody uses the server, or it does not stay up for GIVE_UP_SECONDS of trying. What passed before the first
    try does not count: this process may have stood still while the server was gone."""
    postgres, trying_since = _start(server, programs, account, lock), time.monotonic()
    while not _has_no_users(server):
        if server.is_ready():
            trying_since = 0.0
        if postgres.poll() is not None:
            trying_since = trying_since or time.monotonic()
            if time.monotonic() - trying_since > GIVE_UP_SECONDS:
                raise DatabaseUnavailable("PostgreSQL ends again and again; no further try.")
            postgres = _start(server, programs, account, lock)
        time.sleep(POLL_SECONDS)
    _stop(postgres)


def _has_no_users(server: Server) -> bool:
    """If so, the lock stays ours until this process ends, so that nobody comes in while the server stops."""
    users = os.open(server.home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(users)
        return False
    return True


def _start(server: Server, programs: Path, account: Account, lock: int) -> subprocess.Popen[bytes]:
    settings = SETTINGS | {"unix_socket_directories": str(server.sockets)}
    if server.kind == "throwaway":
        settings |= FORGETFUL
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    postgres = subprocess.Popen(  # noqa: S603
        [programs / "postgres", "-D", server.data, *options],
        cwd="/",
        env=ENVIRONMENT,
        start_new_session=True,
        preexec_fn=_die_with_parent,
        **account.as_popen(),
    )
    os.truncate(lock, 0)
    os.pwrite(lock, str(postgres.pid).encode(), 0)
    return postgres


def _die_with_parent() -> None:
    """In the child, after it changed its account (which would undo this): a killed keeper means a fast, clean stop."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _stop(postgres: subprocess.Popen[bytes]) -> None:
    for sign, seconds in ((signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
        postgres.send_signal(sign)
        try:
            postgres.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def _make_sockets(folder: Path, account: Account) -> None:
    """Only the server's account, and root, may come to the sockets: that is the whole of the access control."""
    folder.mkdir(parents=True, exist_ok=True)
    info = folder.lstat()
    if folder.is_symlink() or info.st_uid not in {os.geteuid(), account.uid}:
        raise DatabaseUnavailable(
            f"{folder} belongs to somebody else. Remove it, or set GTM_DATA_DIR to a shorter path."
        )
    folder.chmod(0o700)
    account.owns(folder)


def _make_cluster(server: Server, programs: Path, account: Account) -> None:
    """Made aside and renamed, so that a kill in the middle leaves no half cluster."""
    if server.data.exists():
        _refuse_other_version(server, programs)
        return
    for half_made in server.home.glob("data.new-*"):
        shutil.rmtree(half_made, ignore_errors=True)  # a killed try's initdb may still be writing there
    fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=server.home))
    account.owns(fresh)
    choices = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8", "--auth=trust", "-U", USER]
    if server.kind == "throwaway":
        choices.append("--no-sync")
    _run([programs / "initdb", "-D", fresh, *choices], account)
    fresh.rename(server.data)


def _refuse_other_version(server: Server, programs: Path) -> None:
    made_by = (server.data / "PG_VERSION").read_text().strip()
    if f"PostgreSQL) {made_by}." not in _run([programs / "postgres", "--version"], account_for(server.home)):
        raise DatabaseUnavailable(
            f"{server.data} was made by PostgreSQL {made_by}, and this is another. Go back to the packages that made "
            "it, pg_dump, move the folder away, and restore."
        )


def _run(command: Sequence[str | Path], account: Account) -> str:
    """What it printed. Raises DatabaseUnavailable."""
    as_child: dict[str, Any] = {"cwd": "/", "env": ENVIRONMENT, "preexec_fn": _die_with_parent, **account.as_popen()}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **as_child)  # noqa: S603
    if done.returncode:
        raise DatabaseUnavailable(f"{Path(command[0]).name} failed: {done.stdout}{done.stderr}")
    return str(done.stdout)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
