"""The processes of `manage.py up`: each in a group of its own, started again when it dies, ended together.

What a process forked dies with it: before it is started again, its group is killed, so that no old worker runs beside
a new one. If `up` itself is killed, the kernel tells each process (on Linux), and gtm/guardian.py ends the groups.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gtm import guardian

PR_SET_PDEATHSIG = 1
LOG_BYTES = 5_000_000
STOP_SECONDS = 8.0
STEADY_SECONDS = 30.0  # who lives this long did not die of its start
LONGEST_PAUSE_SECONDS = 30.0

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Program:
    """What to run; `environment` is added to our own."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Process:
    """A program while it runs, or until it is started again."""

    program: Program
    log: Path
    popen: subprocess.Popen[bytes]
    started: float
    early_deaths: int = 0  # in a row
    start_again: float | None = None

    def last_words(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Processes:
    """`say` gets a line for a person whenever something happens to a process. Use as a context: leaving ends all."""

    def __init__(self, *, logs: Path, say: Callable[[str], None]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs, self._say = logs, say
        self.all: list[Process] = []
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "gtm.guardian"], cwd=PROJECT, stdin=subprocess.PIPE, start_new_session=True
        )

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, program: Program) -> None:
        log = self._logs / f"{program.name}.log"
        self.all.append(Process(program, log, self._popen(program, log), time.monotonic()))

    def tend(self) -> None:
        """Start again who died; one that dies at once, again and again, after longer and longer pauses."""
        for process in self.all:
            if process.start_again is not None:
                self._start_again(process)
            elif process.popen.poll() is not None:
                self._bury(process)

    def stop(self) -> None:
        """Ask, wait STOP_SECONDS, kill. Nothing is left when it returns."""
        for process in self.all:
            process.popen.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(process.popen.poll() is None for process in self.all) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in self.all:
            guardian.kill_group(process.popen.pid)
            process.popen.wait()
        if self._guardian.stdin:
            self._guardian.stdin.close()
        self._guardian.wait()

    def _bury(self, process: Process) -> None:
        guardian.kill_group(process.popen.pid)
        lived = time.monotonic() - process.started
        process.early_deaths = process.early_deaths + 1 if lived < STEADY_SECONDS else 0
        pause = min(2.0**process.early_deaths - 1, LONGEST_PAUSE_SECONDS) if process.early_deaths > 1 else 0.0
        process.start_again = time.monotonic() + pause
        ended = f"{process.program.name} ended ({_how(process.popen.returncode)})"
        self._say(f"{ended}; starting it again{f' in {pause:.0f} s' if pause else ''}. Its log: {process.log}")

    def _start_again(self, process: Process) -> None:
        if process.start_again is not None and time.monotonic() >= process.start_again:
            process.popen = self._popen(process.program, process.log)
            process.started, process.start_again = time.monotonic(), None

    def _popen(self, program: Program, log: Path) -> subprocess.Popen[bytes]:
        too_long = log.exists() and log.stat().st_size > LOG_BYTES
        with log.open("wb" if too_long else "ab") as output:
            popen = subprocess.Popen(  # noqa: S603
                program.command,
                cwd=PROJECT,
                env=os.environ | program.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        if self._guardian.stdin:
            self._guardian.stdin.write(f"{popen.pid}\n".encode())
            self._guardian.stdin.flush()
        return popen


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _how(code: int) -> str:
    return f"code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
