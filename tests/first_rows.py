"""The flows and prompts that come with the product, worked out by the product once a database, and put in again by the row.

It takes a hundred and fifty queries to install them, and most tests begin without any. What is about installing them asks
for the real thing: `pytest.mark.usefixtures("installed_for_real")`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from itertools import groupby
from typing import Any
from unittest.mock import patch

from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from agents_app import flows, versions
from agents_app.models import FlowTemplate, FlowVersion, PromptVersion, Release, RoutingRule, TemplateStep

FLOWS = (
    FlowTemplate, FlowTemplate.history.model, TemplateStep, FlowVersion, RoutingRule, RoutingRule.history.model,
)  # fmt: skip
PROMPTS = (PromptVersion, PromptVersion.history.model, Release)
Tables = tuple[type[models.Model], ...]

_kept: dict[tuple[str, Tables], tuple[datetime, str]] = {}
_install, _first = flows.install, versions._first


@contextmanager
def kept() -> Iterator[None]:
    """Within this block, who would install what comes with the product gets the rows of the first time."""
    with patch.object(flows, "install", _install_kept), patch.object(versions, "_first", _first_kept):
        yield


@contextmanager
def for_real() -> Iterator[None]:
    with patch.object(flows, "install", _install), patch.object(versions, "_first", _first):
        yield


@wraps(_install)
def _install_kept(*, at: datetime) -> None:
    if not _put(FLOWS, at, lambda: _install(at=at)):
        _install(at=at)


@wraps(_first)
def _first_kept(agent: str, at: datetime) -> PromptVersion:
    is_put = _put(PROMPTS, at, lambda: [_first(each, at) for each in versions.AgentKey.values])
    found = versions.live_of(agent) if is_put else None
    return found or _first(agent, at)


def _put(tables: Tables, at: datetime, work: Callable[[], Any]) -> bool:
    """The rows of these empty tables; False where it has to be done for real: rows are there, or others may see them.

    They have the numbers of the first time, which no other row can have: a sequence never goes back."""
    if not connection.in_atomic_block or any(table._base_manager.exists() for table in tables):
        return False
    key = (connection.settings_dict["NAME"], tables)
    if key not in _kept:
        _kept[key] = at, _inserts(_made(tables, work))
        return True
    then, inserts = _kept[key]
    with connection.cursor() as cursor:
        cursor.execute(inserts.replace(str(then), str(at)))
    return True


def _made(tables: Tables, work: Callable[[], Any]) -> list[models.Model]:
    """The rows that the work makes, which is taken back."""
    with transaction.atomic():
        work()
        rows = [row for table in tables for row in table._base_manager.order_by("pk")]
        transaction.set_rollback(True)
    return rows


def _inserts(rows: list[models.Model]) -> str:
    """Writes them, and answers by which statements."""
    with CaptureQueriesContext(connection) as captured:
        for table, same in groupby(rows, key=type):
            table._base_manager.bulk_create(same)
    return ";".join(query["sql"] for query in captured)
