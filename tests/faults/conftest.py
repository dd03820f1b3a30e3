"""What the tests of faults share: worker processes, the diary that they write, and flows to run."""

import os
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from agents_app import flows
from agents_app.models import FlowTemplate, ModelPrice, RoutingRule, TemplateStep
from tests.factories import make_contact, make_ready_client, make_request, plan_run
from tests.faults.worker import FORKS, Worker


class Diary:
    """What all workers wrote down."""

    def __init__(self, path):
        self.path = path

    def lines(self, word):
        text = self.path.read_text() if self.path.exists() else ""
        return [line.split()[1:] for line in text.splitlines() if line.split()[0] == word]

    def ran(self):
        """{step id: how often an agent began to work for it}"""
        return Counter(int(number) for (number,) in self.lines("ran"))

    def billed(self, run):
        """{request id: US dollars} of every answer that the service gave to this run."""
        return {request_id: Decimal(usd) for number, request_id, usd in self.lines("billed") if int(number) == run.pk}


@pytest.fixture
def diary(tmp_path):
    return Diary(tmp_path / "diary")


@pytest.fixture(scope="session")
def elsewhere(django_db_setup):
    """What another process needs in its environment to meet the test's database."""
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    return {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "gtm.settings"}


@pytest.fixture(scope="session")
def forks(elsewhere):
    """The clean process that workers are forked from; it has loaded everything that they need."""
    os.environ.update(elsewhere)
    FORKS.set_forkserver_preload(["tests.faults.worker", "pytest"])


@pytest.fixture
def hire(forks, diary, transactional_db):
    """Starts a worker; whatever becomes of it, it is gone when the test ends."""
    hired = []

    def start():
        hired.append(Worker(diary.path))
        return hired[-1]

    yield start
    for worker in hired:
        worker.end()


@pytest.fixture
def paid(transactional_db):
    """The price list, which every flush of the database takes away."""
    each = {"valid_from": "2026-01-01", "cache_read": 0, "cache_write": 0, "cache_write_1h": 0}
    ModelPrice.objects.all().delete()
    ModelPrice.objects.create(model="claude-sonnet-5-5", input=2, output=10, **each)
    ModelPrice.objects.create(model="claude-haiku-5-5", input="0.5", output="2.5", **each)


@pytest.fixture
def planner(paid):
    """`planner(steps)` draws a flow and gives what plans runs of it, each for another contact of one client."""

    def draw(steps, **request):
        at = timezone.now()
        flows.install(at=at)
        template = FlowTemplate.objects.create(key="drawn", name="Drawn", goal="any")
        TemplateStep.objects.bulk_create(
            TemplateStep(template=template, position=number, reason="It is wanted.", **step)
            for number, step in enumerate(steps, start=1)
        )
        condition = 'purpose == "outreach"'
        RoutingRule.objects.create(key="drawn", priority=1, condition=condition, template=template, reason="Drawn.")
        flows.publish(template, by=None, at=at)
        flows.publish_rules(by=None, at=at)
        client = make_ready_client(daily_budget_usd=1000)
        return lambda: plan_run(make_request(make_contact(client), **request), at=timezone.now())

    return draw
