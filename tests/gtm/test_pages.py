import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client as Browser

from agents_app.models import Draft, FlowRun
from clients.models import Client, Contact
from insights import tickets
from tests.crowd import make_crowd, make_user_of
from tests.factories import AT, make_client, make_connection, make_contact
from tests.gtm import places

pytestmark = pytest.mark.django_db

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))


def browser_of(role: str) -> Browser:
    browser = Browser()
    browser.force_login(make_user_of(role))
    return browser


@pytest.mark.parametrize("role", ["admin", "operator", "manager", "viewer"])
def test_every_empty_block_of_the_start_page_has_a_next_step(role):
    page = browser_of(role).get("/").content.decode()

    blocks = re.findall(r'<div class="empty">.*?</div>', page, re.DOTALL)

    assert len(blocks) >= 4
    assert [block for block in blocks if "<a " not in block] == []


def test_the_start_page_shows_an_account_manager_the_own_work_only():
    rows = make_crowd(2)
    browser = browser_of("manager")
    rows[Client][0].managers.add(browser.get("/").wsgi_request.user)

    desk = browser.get("/").context["desk"]

    assert desk.clients == [rows[Client][0]]
    assert desk.drafts == [rows[Draft][0]]
    assert [delivery.connection.client for delivery in desk.quarantine] == [rows[Client][0]]
    assert [ticket.client for ticket in desk.tickets] == [rows[Client][0]]


def steps_of(browser):
    return [(step.label, step.is_done) for step in browser.get("/").context["desk"].steps]


def test_a_new_account_manager_is_led_from_nothing_to_the_first_decided_draft():
    browser = browser_of("manager")
    nothing = browser.get("/")

    acme = make_client("acme")
    acme.managers.add(nothing.wsgi_request.user)
    with_client = browser.get("/")
    make_client("of-somebody-else", offer="Audits.")
    Client.objects.filter(pk=acme.pk).update(settings={"custom_fields.offer": "Audits."})
    make_contact(acme)
    without_source = browser.get("/")
    make_connection(acme, party="newsapi")

    labels = [
        "Add a client", "Say what it offers and how it speaks", "Bring in facts and people", "Ask for the first e-mail",
        "Decide about the draft",
    ]  # fmt: skip
    assert [step.label for step in nothing.context["desk"].steps] == labels
    assert '<a href="/admin/clients/client/add/">Add a client</a>' in nothing.content.decode()
    assert [step.is_done for step in with_client.context["desk"].steps] == [True, False, False, False, False]
    assert f'<a href="/admin/clients/client/{acme.pk}/change/#id_custom_fields__offer">' in with_client.content.decode()
    assert [step.is_done for step in without_source.context["desk"].steps] == [True, True, False, False, False]
    assert f'<a href="/admin/clients/connection/add/?client={acme.pk}">' in without_source.content.decode()
    assert [is_done for _, is_done in steps_of(browser)] == [True, True, True, False, False]


def test_the_first_steps_go_when_they_are_done_and_a_viewer_has_none():
    rows = make_crowd(1)
    operator = browser_of("operator")
    Client.objects.update(settings={"custom_fields.offer": "Audits."})
    Draft.objects.update(decided_by=None)
    make_connection(rows[Client][0], party="newsapi")
    to_do = steps_of(operator)

    Draft.objects.filter(pk=rows[Draft][0].pk).update(decided_by=make_user_of("operator", "olga"))

    assert to_do[-1] == ("Decide about the draft", False)
    assert steps_of(operator) == []
    assert steps_of(browser_of("viewer")) == []


def test_a_failed_run_stands_on_the_start_page_with_its_reason(monkeypatch):
    run = make_crowd(1)[FlowRun][0]
    FlowRun.objects.update(status="failed", error="The news source did not answer.")
    monkeypatch.setattr("gtm.desk.WEEK", places.timedelta(days=36500))

    page = browser_of("operator").get("/").content.decode()

    assert f"Run {run.pk}" in page
    assert "The news source did not answer." in page


def test_a_ticket_about_a_run_that_was_given_up_leads_to_the_run():
    run = make_crowd(1)[FlowRun][0]
    browser = browser_of("operator")
    ticket = tickets.for_dead_run(run, at=AT)

    page = browser.get(f"/admin/insights/ticket/{ticket.pk}/change/").content.decode()

    assert f'<a href="/runs/{run.pk}/">Run {run.pk}</a>' in page
    assert "The system: a run was given up." in page


def test_search_finds_a_contact_by_address_and_a_run_by_number():
    rows = make_crowd(2)
    browser = browser_of("operator")
    contact, run = rows[Contact][1], rows[FlowRun][0]

    by_address = browser.get("/search/", {"q": contact.email[:12]}, headers={"accept": "application/json"}).json()[
        "places"
    ]
    by_number = browser.get("/search/", {"q": f"#{run.pk}"}, headers={"accept": "application/json"}).json()["places"]

    assert f"/admin/clients/contact/{contact.pk}/change/" in [place["url"] for place in by_address]
    assert [place["url"] for place in by_number] == [f"/runs/{run.pk}/"]


def test_search_shows_an_account_manager_nothing_of_other_clients():
    rows = make_crowd(2)
    browser = browser_of("manager")
    rows[Client][0].managers.add(browser.get("/").wsgi_request.user)

    found = [
        browser.get("/search/", {"q": text}).context["places"] for text in ("crowd", "ada", f"#{rows[FlowRun][1].pk}")
    ]

    assert [place.label for places in found for place in places] == [
        rows[Client][0].name,
        f"Ada Lee, Northwind Bank (for {rows[Client][0].name})",
    ]


@pytest.mark.parametrize("text", ["", "   ", "\x00", "9" * 40, "%", "'; drop table", "ß" * 200])
def test_search_answers_whatever_is_typed(text):
    assert browser_of("operator").get("/search/", {"q": text}).status_code == 200


def test_the_health_page_says_what_is_broken_and_what_to_do():
    page = browser_of("operator").get("/health/").content.decode()

    assert "Background workers" in page
    assert "manage.py up" in page


def test_the_login_page_has_a_heading():
    assert "<h1>Log in</h1>" in Browser().get("/admin/login/").content.decode()


def test_a_missing_page_is_answered_in_words():
    answer = browser_of("viewer").get("/nothing/here/")

    assert answer.status_code == 404
    assert "Back to home" in answer.content.decode()


def test_nobody_can_schedule_a_function_from_the_admin():
    browser = browser_of("admin")

    assert browser.get("/admin/django_q/schedule/add/").status_code == 403
    assert browser.post("/admin/django_q/schedule/add/", {"func": "os.system"}).status_code == 403


def test_the_content_security_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    policy = Browser().get("/admin/login/")["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_no_template_holds_inline_style_or_script_or_another_host(path):
    text = path.read_text()

    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", text) == []
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", text) == []
    assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text) == []
