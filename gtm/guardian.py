"""Ends what `manage.py up` started when `up` itself can no longer: killed -9, or out of memory.

Runs as `python -m gtm.guardian` in a session of its own; its input names one process group a line, and ends with `up`.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

GRACE_SECONDS = 3.0


def main() -> None:
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)  # it leaves last, whoever else is being told to go
    end_groups([int(line) for line in sys.stdin])


def end_groups(groups: Iterable[int], *, grace_s: float = GRACE_SECONDS) -> None:
    """Ask each leader to stop in order, then kill whatever of its group is left."""
    groups = [group for group in groups if is_alive(group)]
    for group in groups:
        with suppress(ProcessLookupError):
            os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while any(is_alive(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        kill_group(group)


def kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(group, signal.SIGKILL)


def is_alive(group: int) -> bool:
    """Whether anybody of the group is left."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
