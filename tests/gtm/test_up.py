import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django_q.models import OrmQ

from agents_app.models import FlowRun, Request
from clients.models import Client
from gtm import trial
from gtm.management.commands import up
from tests.factories import AT, make_client, make_draft, make_industry, make_request, make_run, make_step, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_named_port_that_is_taken_is_refused_with_another_to_try(taken):
    with pytest.raises(
        CommandError, match=f"Port {taken} is taken by another program. Name another: --port {taken + 1}"
    ):
        up._port(taken, is_check=False)


def test_without_a_named_port_the_next_free_one_is_used(taken, monkeypatch):
    monkeypatch.setattr(up, "FIRST_PORT", taken)
    monkeypatch.setattr(up, "LAST_PORT", taken + 20)

    assert taken < up._port(None, is_check=False) <= taken + 20


def test_when_every_usual_port_is_taken_a_person_is_told_to_name_one(taken, monkeypatch):
    monkeypatch.setattr(up, "FIRST_PORT", taken)
    monkeypatch.setattr(up, "LAST_PORT", taken)

    with pytest.raises(CommandError, match=r"No port from .* is free\. Name one: --port 9000"):
        up._port(None, is_check=False)


@pytest.mark.parametrize(
    ("situation", "fills"),
    [
        ({"embedded"}, True),
        ({"embedded", "clients"}, False),
        ({"embedded", "--no-demo"}, False),
        (set(), False),
        ({"--demo"}, True),
        ({"embedded", "DEBUG off"}, False),
        ({"DEBUG off", "--demo"}, False),
    ],
    ids=[
        "first time",
        "second time",
        "--no-demo",
        "own database",
        "own database, --demo",
        "DEBUG off",
        "DEBUG off, --demo",
    ],
)
def test_the_demo_comes_by_itself_only_once_and_only_on_the_private_database(situation, fills, settings, monkeypatch):
    settings.DEBUG = "DEBUG off" not in situation
    monkeypatch.setattr(up, "_is_embedded", lambda: "embedded" in situation)
    if "clients" in situation:
        make_client()

    reason = up._why_no_demo(demo="--demo" in situation, never="--no-demo" in situation)

    assert (reason == "") is fills
    assert fills or reason.startswith("The demo is not filled: ")


def test_the_login_is_printed_only_where_the_demo_made_one(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "demo_password").write_text("correct horse\n")
    without_users = up._login()

    make_user("admin")

    assert without_users == "Make a first user with: uv run manage.py createsuperuser"
    assert up._login() == "Log in as admin, operator, manager or viewer; the password is correct horse"


def test_a_trial_asks_for_the_demos_client_where_there_is_a_demo():
    demo = make_client(trial.DEMO_CLIENT)

    request = trial.ask(at=AT)

    assert (request.client, request.company_domain, request.purpose) == (demo, "northwind-bank.example", "outreach")
    assert [row.key for row in OrmQ.objects.all()] == ["ingest"]


def test_a_trial_without_a_demo_makes_one_client_that_cannot_send_and_uses_it_again():
    make_industry("fintech")

    requests = [trial.ask(at=AT), trial.ask(at=AT + timedelta(days=1))]

    own = Client.objects.get()
    assert (own.slug, own.status) == ("start-up-check", "draft")
    assert {request.client for request in requests} == {own}


def test_a_trial_ends_with_the_draft_it_became():
    request = make_request()
    run = make_run(request, status="succeeded")
    draft = make_draft(step=make_step(run))

    outcome = trial.wait(request, meanwhile=lambda: None)

    assert outcome == trial.Outcome(run=run.pk, steps=1, draft_subject=draft.subject)


def test_a_trial_whose_run_failed_says_what_the_run_said():
    request = make_request()
    run = make_run(request, status="failed", error="The model did not answer.")

    with pytest.raises(
        trial.TrialFailed, match=f"Run {run.pk} ended without a draft .Failed.. The model did not answer."
    ):
        trial.wait(request, meanwhile=lambda: None)


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        (False, "the worker “ingest” does not take work"),
        (True, "stands at “Planned”: the worker “runs” did not finish it"),
    ],
)
def test_a_trial_that_hangs_says_at_which_worker(planned, words, monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE_SECONDS", -1.0)
    request = make_request()
    if planned:
        make_run(request)

    with pytest.raises(trial.TrialFailed, match=words):
        trial.wait(request, meanwhile=lambda: None)

    assert (Request.objects.count(), FlowRun.objects.count()) == (1, int(planned))


def test_a_trial_tends_the_processes_while_it_waits(monkeypatch):
    monkeypatch.setattr(trial, "POLL_SECONDS", 0)
    request = make_request()
    run = make_run(request)
    make_draft(step=make_step(run))

    def finish() -> None:
        FlowRun.objects.filter(pk=run.pk).update(status="succeeded")

    assert trial.wait(request, meanwhile=finish).run == run.pk


def test_up_refuses_a_taken_port_before_it_touches_anything(taken, monkeypatch, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(up, "_listen_to_signals", lambda: None)
    monkeypatch.setattr(up, "_stop_when_uv_is_gone", lambda: None)
    Group.objects.all().delete()

    with pytest.raises(CommandError, match="is taken"):
        call_command("up", port=taken)

    assert list(tmp_path.iterdir()) == []
    assert not Group.objects.exists()
