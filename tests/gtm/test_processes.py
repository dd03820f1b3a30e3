import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from gtm import processes as module
from gtm.processes import Processes, Program

FOREVER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
WITH_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys; c = subprocess.Popen(['sleep', '600']); print(c.pid, flush=True); c.wait()",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def running(tmp_path, said):
    with Processes(logs=tmp_path, say=said.append) as processes:
        yield processes


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def written(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def test_who_dies_is_started_again_and_a_person_is_told_where_to_look(running, said, tmp_path):
    running.start(Program("web", FOREVER))
    first = running.all[0].popen.pid

    os.kill(first, signal.SIGKILL)
    until(lambda: running.tend() or running.all[0].popen.pid != first)

    assert said == [f"web ended (killed by SIGKILL); starting it again. Its log: {tmp_path / 'web.log'}"]
    assert running.all[0].popen.poll() is None


def test_what_a_dead_process_had_started_is_killed_before_it_starts_again(running, tmp_path):
    running.start(Program("runs", WITH_CHILD))
    until(lambda: written(tmp_path / "runs.log").endswith("\n"))
    grandchild = int(written(tmp_path / "runs.log"))

    running.all[0].popen.kill()
    until(lambda: running.all[0].popen.poll() is not None)
    running.tend()

    until(lambda: is_gone(grandchild))


def test_what_dies_at_once_again_and_again_waits_longer_and_longer(running, said, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    running.start(Program("web", [sys.executable, "-c", "raise SystemExit(3)"]))

    for _ in range(4):
        running.all[0].popen.wait()
        running.tend()
        clock[0] += 10
        running.tend()

    assert [line.partition(". Its log")[0] for line in said] == [
        "web ended (code 3); starting it again",
        "web ended (code 3); starting it again in 3 s",
        "web ended (code 3); starting it again in 7 s",
        "web ended (code 3); starting it again in 15 s",
    ]
    running.all[0].popen.wait()


def test_leaving_ends_everything_also_what_will_not_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    with Processes(logs=tmp_path, say=print) as processes:
        processes.start(Program("stubborn", STUBBORN))
        processes.start(Program("runs", WITH_CHILD))
        until(lambda: written(tmp_path / "stubborn.log") and written(tmp_path / "runs.log"))
        pids = [process.popen.pid for process in processes.all] + [int(written(tmp_path / "runs.log"))]

    until(lambda: all(is_gone(pid) for pid in pids))


def test_a_killed_parent_leaves_nothing_behind(tmp_path):
    script = f"""
import sys, time
from pathlib import Path
from gtm.processes import Processes, Program
with Processes(logs=Path({str(tmp_path)!r}), say=print) as processes:
    processes.start(Program("stubborn", {STUBBORN!r}))
    processes.start(Program("runs", {WITH_CHILD!r}))
    time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=module.PROJECT)
    until(lambda: written(tmp_path / "stubborn.log") and written(tmp_path / "runs.log"))
    family = psutil.Process(parent.pid).children(recursive=True)

    parent.kill()
    parent.wait()

    assert len(family) == 4  # guardian, stubborn, runs, and what runs started
    until(lambda: all(is_gone(member.pid) for member in family))
