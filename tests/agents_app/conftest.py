"""What the tests of pages share: a signed-in operator, and the jobs that pages queue."""

from typing import Any

import pytest
from django.test import Client as Browser

from gtm import loop
from tests.crowd import make_user_of


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The jobs that pages queue, instead of a queue."""
    rung: list[tuple[Any, ...]] = []
    monkeypatch.setattr(loop, "later", lambda job, *args: rung.append((job, *args)))
    return rung


@pytest.fixture
def operator(client: Browser) -> Browser:
    client.force_login(make_user_of("operator"))
    return client
