"""The demo: six clients and twelve weeks, the same rows for the same Monday, and never in the way of real ones."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction

from agents_app.flow import lease
from agents_app.models import Campaign, Draft, FlowRun, Send
from clients.models import Client, Contact, FieldState
from experiments.models import Assignment, Experiment, OutcomeEvent
from gtm.demo import fill
from insights.models import Suggestion, WeeklyReport
from tests.factories import make_client

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 16)


class Undone(Exception):
    """Ends a fill so that it can be done again."""


def rows() -> dict[str, list]:
    """What the demo wrote, without ids, which go on counting."""
    return {
        "contacts": list(Contact.objects.order_by("pk").values_list("client__slug", "email", "title", "created_at")),
        "fields": list(FieldState.objects.order_by("pk").values_list("field", "observation__value", "decided_at")),
        "runs": list(FlowRun.objects.order_by("pk").values_list("route", "status", "config_sha256", "finished_at")),
        "drafts": list(Draft.objects.order_by("pk").values_list("subject", "final_body", "status", "send_at")),
        "assignments": list(Assignment.objects.order_by("pk").values_list("bucket", "variant__key", "exposed_at")),
        "outcomes": list(OutcomeEvent.objects.order_by("pk").values_list("contact__email", "kind", "occurred_at")),
        "reviews": list(WeeklyReport.objects.order_by("pk").values_list("week", "version", "payload__findings")),
        "suggestions": list(Suggestion.objects.order_by("pk").values_list("title", "text", "status")),
    }


def filled_and_undone() -> dict[str, list]:
    found = {}
    try:
        with transaction.atomic():
            fill.fill(MONDAY, contacts=6, first_mails=1)
            found = rows()
            raise Undone
    except Undone:
        return found


def test_the_same_monday_gives_the_same_rows_and_shows_every_part_of_the_loop(monkeypatch):
    """On a slow machine as well, on which a step outlasts many heartbeats."""
    first = filled_and_undone()
    monkeypatch.setattr(lease, "HEARTBEAT_S", 0.001)
    fill.fill(MONDAY, contacts=6, first_mails=1)
    second = rows()

    assert [name for name in first if first[name] != second[name]] == []
    assert Client.objects.count() == 6
    assert Client.objects.values("industry").distinct().count() >= 3
    assert {Campaign.objects.filter(client=client).count() for client in Client.objects.all()} == {3}
    assert set(FlowRun.objects.values_list("route", flat=True)) == {"default", "follow_up", "deep_research"}
    assert Experiment.objects.count() == 2
    assert Send.objects.filter(address_is_reserved=False).count() == 0
    assert WeeklyReport.objects.latest("week").week == date(2026, 11, 9)
    assert sorted(User.objects.values_list("username", flat=True)) == ["admin", "manager", "operator", "viewer"]


def test_the_demo_stays_out_of_a_database_with_clients():
    make_client()

    with pytest.raises(fill.DemoRefused, match="There are clients already"):
        fill.fill(MONDAY)

    assert Client.objects.count() == 1


def test_the_demo_begins_on_a_monday_only():
    with pytest.raises(fill.DemoRefused, match="The last one before it was 2026-11-16"):
        fill.fill(date(2026, 11, 18))


def test_the_demo_is_never_filled_with_debug_off(settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG off"):
        call_command("demo")

    assert not User.objects.exists()
