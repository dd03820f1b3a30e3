"""A real PostgreSQL of this test run's own, and a closed network. Loaded by `-p tests.cluster`, before the settings.

The server is empty and forgetful, and gone with its files when the run ends, also when the run is killed. Whatever
DATABASE_URL says is ignored, so that tests never touch a database that somebody needs.
"""

import os
import socket
from collections.abc import Generator
from contextlib import ExitStack
from typing import Any

import pytest

from gtm import database

LOOPBACK = ("127.", "::1", "localhost", "::ffff:127.", "0.0.0.0")

_held = ExitStack()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None]:
    if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker inherits its controller's
        _take_own_surroundings()
    return (yield)


def pytest_configure() -> None:
    for name in ("connect", "connect_ex"):
        _shut(name)


def pytest_unconfigure() -> None:
    _held.close()


def _take_own_surroundings() -> None:
    server = _held.enter_context(database.throwaway())
    (server.home / "files" / "static").mkdir(parents=True)  # whitenoise warns where it is missing
    os.environ["GTM_DATA_DIR"] = str(server.home / "files")
    os.environ["DATABASE_URL"] = server.url
    os.environ["ANTHROPIC_API_KEY"] = os.environ["ANTHROPIC_BASE_URL"] = ""  # set, so that a .env does not fill them


def _shut(name: str) -> None:
    """Make this method of sockets refuse every address that is not this machine's own."""
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(
                f"A test tried to reach {address[0]}:{address[1]}. Use the sandbox or a stand-in on loopback."
            )
        return original(self, address)

    setattr(socket.socket, name, guarded)
