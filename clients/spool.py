"""Calls that came while the database was away: on the disk before they are acknowledged, then in the database.

A file a process, readable by our account alone. A record is MAGIC, the payload's length (4 bytes, big-endian), its
SHA-256 and the payload: a line of JSON with what is known of the call, then the body as it came. A record counts once
it and, for a new file, its folder's entry were synced. What a crash left of a record that was never acknowledged is no
record: it is kept beside the others, and told.

Files end with `.calls` while a process writes them, `.taken` once they are being emptied, `.torn` (bytes that are no
record) and `.stuck` (records that the database refused; they are tried again each time). Whoever appends to a file or
takes it away holds its lock; whoever empties or scrubs holds that of the folder. A process that dies lets go of both.
"""

import errno
import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from django.conf import settings

MAGIC = b"GTM1"
HEAD = len(MAGIC) + 4 + 32
FILE_BYTES = 16 * 1024 * 1024  # then another is begun, so that none has to be read into much memory
AT_ONCE = 50  # records that go into the database together


class SpoolFull(Exception):
    """The disk, or the spool's own limit (GTM_SPOOL_MAX_BYTES), leaves no room: the call must not be acknowledged."""


class Unstorable(Exception):
    """The database is there and refuses these calls."""


@dataclass(frozen=True)
class Spooled:
    """A verified call. `receipt` is its number for ever: however often it is handed on, it is stored once."""

    receipt: UUID
    connection_id: int
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes


Scrubbed = Callable[[int | None, bytes], bytes]  # the connection's number and the body -> what may stay of it


@dataclass(frozen=True)
class Condition:
    """What lies on the disk: calls that wait to be stored, since when; calls refused; damaged pieces."""

    waiting: int
    since: datetime | None
    stuck: int
    torn: int


Keep = Callable[[Sequence[Spooled]], None]


class _Writer:
    """This process's file. It may be taken away between two calls; then a new one is begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._path = Path()

    def write(self, record: bytes) -> None:
        with self._lock:
            try:
                if sum(map(_size, _files())) + len(record) > settings.SPOOL_MAX_BYTES:
                    raise SpoolFull("GTM_SPOOL_MAX_BYTES is reached.")
                self._append(record)
            except OSError as error:
                raise SpoolFull(f"{settings.SPOOL_DIR} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def _append(self, record: bytes) -> None:
        file = self._locked()
        before = os.fstat(file.fileno()).st_size
        try:
            if file.write(record) != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(before)  # what was not acknowledged is not handed on either
            self._file = None
            file.close()
            raise
        fcntl.flock(file, fcntl.LOCK_UN)

    def _locked(self) -> BinaryIO:
        """A file with room that nobody can take away until it is unlocked."""
        while self._file is not None and _is_at(self._file, self._path):
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if not _is_at(self._file, self._path):
                continue  # taken just before
            if os.fstat(self._file.fileno()).st_size < FILE_BYTES:
                return self._file
            break
        if self._file is not None:
            self._file.close()
        self._path = _folder() / f"{time.time_ns()}-{os.getpid()}.calls"
        self._file = _made(self._path, os.O_EXCL)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        _sync(self._path.parent)
        return self._file if _is_at(self._file, self._path) else self._locked()


_writers: dict[int, _Writer] = {}  # by process: a forked one begins a file of its own


def append(call: Spooled) -> None:
    """Returns once the call is on the disk. Raises SpoolFull."""
    _writers.setdefault(os.getpid(), _Writer()).write(_framed(call))


def close() -> None:
    """Let go of this process's file; the next call begins another."""
    _writers.setdefault(os.getpid(), _Writer()).close()


def drain(keep: Keep) -> int:
    """Give every waiting call to `keep`, some at a time; how many were kept.

    A file goes once `keep` returned for all in it; whoever is killed before that leaves them to the next one, with the
    same receipts. Calls for which `keep` raises Unstorable one by one are set aside. 0 where another process drains.
    """
    with _alone(waits=False) as alone:
        return sum(_empty(path, keep) for path in _take_all()) if alone else 0


def waits() -> bool:
    """Whether calls lie on the disk that nobody has tried to store yet."""
    return bool(_files("*.calls", "*.taken"))


def condition() -> Condition:
    """Reads the heads of records only."""
    waiting = _files("*.calls", "*.taken")
    since = min((int(path.name.partition("-")[0]) for path in waiting if _count(path)), default=None)
    return Condition(
        waiting=sum(map(_count, waiting)),
        since=None if since is None else datetime.fromtimestamp(since / 1e9, UTC),
        stuck=sum(map(_count, _files("*.stuck"))),
        torn=len(_files("*.torn")),
    )


def scrub(scrubbed: Scrubbed) -> int:
    """Erasure: `scrubbed` gives a body without what has to go (the same body: nothing has to). How many were changed.

    A damaged piece is scrubbed as if it were a body of no connection's.
    """
    with _alone(waits=True):
        return sum(_scrub(path, scrubbed) for path in _take_all()) + sum(
            _scrub_piece(path, scrubbed) for path in _files("*.torn")
        )


def write(path: Path, data: bytes) -> None:
    """For our account alone. Whatever happens, the file holds all of it or what it held before."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.fresh")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _made(fresh, os.O_TRUNC) as file:
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    fresh.rename(path)
    _sync(path.parent)


def _framed(call: Spooled) -> bytes:
    told = {
        "receipt": str(call.receipt),
        "connection_id": call.connection_id,
        "received_at": call.received_at.isoformat(),
        "headers": dict(call.headers),
    }
    payload = json.dumps(told).encode() + b"\n" + call.body
    return MAGIC + len(payload).to_bytes(4, "big") + hashlib.sha256(payload).digest() + payload


def _read(raw: bytes) -> tuple[list[Spooled], bytes]:
    """The calls in the order they came, and the bytes that belong to none."""
    calls, torn, at = [], b"", 0
    while at < len(raw):
        head, payload = raw[at : at + HEAD], raw[at + HEAD : at + HEAD + int.from_bytes(raw[at + 4 : at + 8], "big")]
        if head == MAGIC + len(payload).to_bytes(4, "big") + hashlib.sha256(payload).digest():
            calls.append(_call(payload))
            at += HEAD + len(payload)
        else:
            following = raw.find(MAGIC, at + 1)
            following = following if following > 0 else len(raw)
            torn, at = torn + raw[at:following], following
    return calls, torn


def _call(payload: bytes) -> Spooled:
    line, _, body = payload.partition(b"\n")
    told = json.loads(line)
    told |= {"receipt": UUID(told["receipt"]), "received_at": datetime.fromisoformat(told["received_at"])}
    return Spooled(**told, body=body)


def _empty(path: Path, keep: Keep) -> int:
    calls, torn = _read(path.read_bytes())
    stuck: list[Spooled] = []
    for start in range(0, len(calls), AT_ONCE):
        stuck += _not_kept(calls[start : start + AT_ONCE], keep)
    if torn:
        write(path.with_suffix(".torn"), torn)
    left = path.with_suffix(".stuck")
    if stuck and not (path == left and len(stuck) == len(calls)):
        write(left, b"".join(map(_framed, stuck)))
    if path != left or not stuck:
        path.unlink()
    return len(calls) - len(stuck)


def _not_kept(calls: Sequence[Spooled], keep: Keep) -> list[Spooled]:
    """Where some together cannot be stored, each is tried alone."""
    try:
        keep(calls)
    except Unstorable:
        return list(calls) if len(calls) == 1 else [one for call in calls for one in _not_kept([call], keep)]
    return []


def _scrub(path: Path, scrubbed: Scrubbed) -> int:
    calls, torn = _read(path.read_bytes())
    clean = [_with_body(call, scrubbed(call.connection_id, call.body)) for call in calls]
    changed = sum(old.body != new.body for old, new in zip(calls, clean, strict=True))
    if changed:
        write(path, b"".join(map(_framed, clean)) + torn)
    return changed


def _scrub_piece(path: Path, scrubbed: Scrubbed) -> int:
    piece = path.read_bytes()
    clean = scrubbed(None, piece)
    if clean != piece:
        write(path, clean)
    return int(clean != piece)


def _with_body(call: Spooled, body: bytes) -> Spooled:
    return Spooled(call.receipt, call.connection_id, call.received_at, call.headers, body)


def _take_all() -> list[Path]:
    """Every file with records, taken from who writes it. Only for whoever is alone here."""
    for rest in _files("*.fresh"):
        rest.unlink()
    for path in _files("*.calls"):
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until an append is through; who appends next looks for the file in vain
            path.rename(path.with_suffix(".taken"))
    return _files("*.taken", "*.stuck")


@contextmanager
def _alone(*, waits: bool) -> Iterator[bool]:
    """Whether we are the only one that empties or scrubs, for the length of the block."""
    with _made(_folder() / "lock", 0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _count(path: Path) -> int:
    count = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        while (head := file.read(HEAD)).startswith(MAGIC) and len(head) == HEAD:
            file.seek(int.from_bytes(head[4:8], "big"), os.SEEK_CUR)
            count += 1
    return count


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # emptied meanwhile
        return path.stat().st_size
    return 0


def _files(*patterns: str) -> list[Path]:
    """Eldest first."""
    folder = Path(settings.SPOOL_DIR)
    return sorted(path for pattern in patterns or ("*.*",) for path in folder.glob(pattern))


def _folder() -> Path:
    folder = Path(settings.SPOOL_DIR)
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)
    return folder


def _made(path: Path, how: int) -> BinaryIO:
    """Unbuffered, and for our account alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | how, 0o600), "ab", buffering=0)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the open file still stands under this name."""
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
