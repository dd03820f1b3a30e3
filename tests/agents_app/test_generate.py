"""`manage.py generate`: the main job at once, and its refusals."""

import json
import socket
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from agents_app import llm
from agents_app.models import Draft, FlowRun, Request
from agents_app.research import SOURCES
from clients import credentials
from gtm.sandbox import faults
from tests.agents_app import flows_that
from tests.agents_app.models_that import failing
from tests.factories import make_client, make_connection, make_contact, make_ready_client

pytestmark = pytest.mark.django_db


def generate(*arguments):
    out = StringIO()
    call_command("generate", *arguments, stdout=out)
    return out.getvalue()


def test_a_company_becomes_one_json_object_with_a_draft():
    make_ready_client("acme-fintech")

    found = json.loads(generate("--client", "acme-fintech", "--company", "northwind-bank.example", "--json"))

    draft = Draft.objects.get()
    assert found["status"] == "succeeded"
    assert (found["route"]["rule"], bool(found["route"]["reason"])) == ("default", True)
    assert [[choice["agent"] for choice in stage] for stage in found["route"]["stages"]] == [
        ["research_agent"],
        ["persona_agent"],
        ["email_agent"],
    ]
    assert [choice["agent"] for choice in found["route"]["skipped"]] == ["competitive_agent"]
    assert [(step["agent"], step["status"]) for step in found["steps"]] == [
        ("research_agent", "done"),
        ("persona_agent", "done"),
        ("email_agent", "done"),
    ]
    assert found["sources"] == {"used": ["people_data_labs", "newsapi"], "failed": [], "not_asked": []}
    assert (found["cost_usd"], found["generator"]) == (0.0, "offline-composer/1")
    assert [(each["id"], each["subject"], each["body"]) for each in found["drafts"]] == [
        (draft.pk, draft.subject, draft.body)
    ]


def test_a_failed_source_is_named_with_its_reason():
    make_ready_client("acme-fintech")

    with faults.inject("newsapi", faults.Fault(status=500)):
        found = json.loads(generate("--client", "acme-fintech", "--company", "northwind-bank.example", "--json"))

    assert found["sources"]["used"] == ["people_data_labs"]
    [failed] = found["sources"]["failed"]
    assert failed["source"] == "newsapi"
    assert failed["reason"]


def test_without_a_network_it_says_of_each_source_why_it_got_nothing(monkeypatch, settings):
    settings.CONTACT_EMAIL = "questions@agency.example"
    client = make_client("acme-fintech")
    make_connection(client, "newsapi", mode="live", credential=credentials.encrypt("a-key-of-theirs"))
    make_connection(client, "crunchbase", mode="live")

    def unreachable(host, *arguments, **options):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with monkeypatch.context() as machine:
        machine.setattr(socket, "getaddrinfo", unreachable)
        told = generate("--client", "acme-fintech", "--company", "northwind-bank.co.uk")

    keyless = {source.key for source in SOURCES.values() if not source.needs_key}
    said = {
        how: dict(line.split(": ", 2)[1:] for line in told.splitlines() if line.startswith(f"  {how}: "))
        for how in ("not used", "not asked")
    }
    assert set(said["not used"]) | set(said["not asked"]) == {*keyless, "newsapi", "crunchbase"}
    assert said["not asked"] == {
        "github": "It tells nothing that is wanted.",
        "mail_host": "It tells nothing that is wanted.",
    }
    assert said["not used"].pop("crunchbase") == "This live connection has no credential. Add it there."
    for key, reason in said["not used"].items():
        assert "could not be resolved" in reason, (key, reason)
    assert "Sources used: none" in told
    assert not Draft.objects.exists()
    assert "a-key-of-theirs" not in told


def test_a_contact_is_found_by_any_spelling_of_the_address():
    contact = make_contact(make_ready_client("acme-fintech"), "ada@northwind-bank.example")

    text = generate("--client", "acme-fintech", "--contact", " Ada@Northwind-Bank.example")

    draft = Draft.objects.get(contact=contact)
    assert draft.body in text
    assert "email_agent: done" in text


def test_deep_research_prints_its_brief():
    make_ready_client("acme-fintech")

    found = json.loads(
        generate(
            "--client", "acme-fintech", "--company", "northwind-bank.example", "--purpose", "deep_research", "--json"
        )
    )

    assert (found["route"]["rule"], found["drafts"]) == ("deep_research", [])
    assert len(found["personas"]) == 3
    assert len(found["brief"]) >= 5


def test_an_account_prints_a_line_for_each_contact_and_what_was_left_out():
    client = make_ready_client("acme-fintech")
    for name in ("Ada Lee", "Bob Ray"):
        make_contact(client, full_name=name)

    text = generate("--client", "acme-fintech", "--company", "northwind-bank.example", "--purpose", "account")

    assert "left out competitive_agent: Comparisons belong to deep research" in text
    assert "email_agent for Ada Lee (Northwind Bank): done, confidence 0." in text
    assert "email_agent for Bob Ray (Northwind Bank): done, confidence 0." in text
    assert {draft.subject in text for draft in Draft.objects.all()} == {True}
    assert Draft.objects.count() == 2


def test_a_run_that_asks_a_person_prints_its_question():
    make_ready_client("acme-fintech")
    flows_that.draw(flows_that.agent("research"), flows_that.gate("check", "research"))

    text = generate("--client", "acme-fintech", "--company", "northwind-bank.example")

    assert "waiting. A person is asked: Is research right?" in text
    assert "check: waiting, asks: Is research right?" in text
    assert FlowRun.objects.get().status == "waiting"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--client", "nobody", "--company", "x.example"], "There is no client “nobody”. Clients: acme-fintech, paused."),
        (["--client", "acme-fintech"], "Name either --company DOMAIN or --contact EMAIL."),
        (["--client", "acme-fintech", "--company", "x.example", "--contact", "a@b.example"], "Name either --company DOMAIN or --contact EMAIL."),
        (["--client", "acme-fintech", "--contact", "bob@x.example"], "Acme Fintech has no contact “bob@x.example”. Its newest contacts: ada@northwind-bank.example."),
        (["--client", "paused", "--contact", "bob@x.example"], "Paused has no contact “bob@x.example”. Its newest contacts: none yet."),
        (["--client", "acme-fintech", "--company", "not a domain"], "“not a domain” is not a company's domain."),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_nothing_is_written(arguments, words):
    make_contact(make_ready_client("acme-fintech"), "ada@northwind-bank.example")
    make_client("paused", status="paused")

    with pytest.raises(CommandError) as refused:
        generate(*arguments)

    assert words in str(refused.value)
    assert Request.objects.count() == 0


def test_a_run_that_fails_prints_what_it_did_and_fails_too(monkeypatch):
    make_ready_client("acme-fintech")
    monkeypatch.setattr(llm, "ask", failing("research_agent", llm.ModelRefused, "The key is not valid."))
    out = StringIO()

    with pytest.raises(CommandError, match=r"The research step got no answer: The key is not valid\."):
        call_command(
            "generate", "--client", "acme-fintech", "--company", "northwind-bank.example", "--json", stdout=out
        )

    assert json.loads(out.getvalue())["status"] == "failed"
    assert FlowRun.objects.get().status == "failed"
