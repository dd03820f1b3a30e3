"""A running product with a small demo in a database of its own, and a real Chromium to look at it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.backends.base.creation import TEST_DATABASE_PREFIX
from django.http import QueryDict
from django.test import Client, override_settings
from django.utils import timezone
from playwright.sync_api import Browser, Page, Playwright
from pytest_django.live_server_helper import LiveServer

from agents_app import flow, flows, requests, trials, versions
from agents_app.models import Anomaly, Depth, FlowRun, Gate, PromptVersion, RoutingRule, StepRun
from clients import inbox, typed
from clients.models import AgentKey, Connection, FieldRule
from clients.models import Client as ClientRow
from experiments import analysis
from experiments.models import Experiment
from gtm import loop
from gtm.demo import fill
from insights import tickets
from insights.models import Suggestion, WeeklyReport
from tests.agents_app.tries import form_of
from tests.crowd import PASSWORD
from tests.factories import AT, fill_variant, make_experiment

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--no-first-run",
    "--no-pings",
)


def find_chromium(playwright: Playwright | None = None) -> str | None:
    """Where a Chromium is: GTM_CHROMIUM, the system's, or the one that Playwright keeps."""
    named = os.environ.get("GTM_CHROMIUM") or next(filter(None, map(shutil.which, CANDIDATES)), None)
    if named or playwright is None:
        return named
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def launch(playwright: Playwright) -> Browser:
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return playwright.chromium.launch(executable_path=find_chromium(playwright), args=[*QUIET, *root])


@contextmanager
def own_database(name: str) -> Iterator[None]:
    """Everything in this block, threads included, works on a database of its own, as a first start leaves it."""
    before = connection.settings_dict["NAME"]
    own = f"{before}_{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    migrated = f"{before}_fresh" if before.startswith(TEST_DATABASE_PREFIX) else "template1"
    _run(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)', f'CREATE DATABASE "{own}" TEMPLATE "{migrated}"')
    _switch(own)
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        _switch(before)
        _run(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)')


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _switch(name: str) -> None:
    connection.close()
    connections.settings["default"]["NAME"] = connection.settings_dict["NAME"] = name
    cache.clear()


@dataclass(frozen=True)
class Site:
    url: str

    def enter(self, page: Page, username: str) -> None:
        """Be signed in as `username`, without the login page."""
        visitor = Client()
        visitor.force_login(User.objects.get(username=username))
        cookie = visitor.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": self.url}])
        page.goto(f"{self.url}/")

    def log_in(self, page: Page, username: str) -> None:
        page.goto(f"{self.url}/admin/login/?next=/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{self.url}/")


@contextmanager
def running() -> Iterator[Site]:
    """The product with a small demo, on a free port of this machine."""
    mail = Path(tempfile.mkdtemp(prefix="gtm-mail-"))
    with own_database("browser"), override_settings(EMAIL_FILE_PATH=mail, DEBUG=False):
        today = timezone.localdate()
        fill.fill(today - timedelta(days=today.weekday()), contacts=16, first_mails=1)
        _know_the_password()
        _end_an_experiment()
        _leave_something_to_decide()
        _ask_people_something()
        _try_settings()
        _leave_questions_about_contacts()
        _find_something_unusual()
        server = LiveServer("localhost")
        try:
            yield Site(server.url)
        finally:
            server.stop()
            shutil.rmtree(mail, ignore_errors=True)


def _find_something_unusual() -> None:
    """Invented runs have nothing wrong with them."""
    step = StepRun.objects.filter(agent="email_agent", run__status="succeeded").select_related("run").last()
    assert step
    Anomaly.objects.create(
        key="shown", run=step.run, step=step, client_id=step.run.client_id, agent=step.agent, tier="baseline", kind="unusual",
        words="“E-mail” took 41.2 s, where 4.1 s is usual for this client and version, by 42 answers before.",
        metric="latency_s", baseline=4.1, value=41.2, first_run=step.run, found_at=timezone.now(),
        change={"before_run": step.run_id, "words": ["The prompt of E-mail went from version 3 to 4."]},
    )  # fmt: skip


def long_run() -> FlowRun:
    """A run whose e-mail was written for as many people as an account may have, the last time in vain."""
    run = FlowRun.objects.filter(route="default", status="succeeded").order_by("pk")[0]
    email = run.steps.get(agent="email_agent", map_index=0)
    if not run.steps.filter(map_index__gt=0).exists():
        for number in range(1, 21):
            email.pk, email._state.adding, email.map_index = None, True, number
            if number == 20:
                email.status, email.error, email.output = "failed", "The model is out of reach.", None
            email.save()
    return run


def _know_the_password() -> None:
    for user in User.objects.filter(username__in=["admin", "operator", "manager", "viewer"]):
        user.set_password(PASSWORD)
        user.save()


def _end_an_experiment() -> None:
    """The small demo has too few people for one to reach its size."""
    client = ClientRow.objects.exclude(pk__in=Experiment.objects.values("client")).order_by("pk")[0]
    control, challenger = PromptVersion.objects.filter(agent=AgentKey.EMAIL).order_by("number")[:2]
    experiment = make_experiment(client, name="Proof first", size=40, control=control, challenger=challenger)
    fill_variant(experiment, "a", 40, replies=2)
    fill_variant(experiment, "b", 40, replies=14)
    with transaction.atomic():
        analysis.decide(experiment, at=AT + timedelta(days=30))


def _leave_something_to_decide() -> None:
    report = WeeklyReport.objects.order_by("-week", "-version")[0]
    rank = report.suggestions.count() + 1
    Suggestion.objects.create(
        report=report, rule="low_reply_rate", rank=rank, title="Shorten the first e-mail", text="Replies fell by a third.", evidence=[],
        metric="reply_rate", baseline={"numerator": 9, "denominator": 120},
    )  # fmt: skip
    operator = User.objects.get(username="operator")
    tickets.create(
        "Ask for more technical detail", description="The buyers are engineers.", owner=operator,
        due_date=timezone.localdate(), by=operator, at=timezone.now(),
    )  # fmt: skip


def waiting_run() -> FlowRun:
    """A comprehensive first e-mail that waits for a person to check its research."""
    RoutingRule.objects.filter(key="checked").update(is_active=True)
    flows.publish_rules(by=None, at=timezone.now())
    client = ClientRow.objects.filter(status="active").order_by("pk")[0]
    contact = client.contacts.order_by("pk")[0]
    asked = requests.ask(client, contact=contact, depth=Depth.COMPREHENSIVE, at=timezone.now())
    return flow.execute(loop.plan_run(asked.pk).pk)


def _try_settings() -> None:
    """Another tone and words to avoid, typed by the account manager and tried on the client's newest contact."""
    manager, at = User.objects.get(username="manager"), timezone.now()
    client = ClientRow.objects.filter(managers=manager, status="active").select_related("industry").order_by("pk")[0]
    form = form_of(client, tone="casual", sender_name="Kim Novak", avoid_terms="bulletproof\nin today's world")
    wanted = typed.read(client, QueryDict(urlencode(form, doseq=True)), versions.components())
    tried = trials.ask(wanted, trials.people(client)[0], by=manager, hints=[], at=at)
    for request_id in trials.unplanned(tried):
        assert trials.may_start(request_id)
        flow.execute(loop.plan_run(request_id).pk)


def _leave_questions_about_contacts() -> None:
    """A field that two CRMs tell otherwise, two people who may be one, and deliveries that nobody can read."""
    manager, at = User.objects.get(username="manager"), timezone.now()
    client = ClientRow.objects.filter(managers=manager, status="active").order_by("pk")[0]
    contact = client.contacts.exclude(company_domain="").order_by("pk")[0]
    domain, email = contact.company_domain, contact.email
    FieldRule.objects.create(client=client, field="title", rule="manual")
    hubspot, salesforce = (
        Connection.objects.create(client=client, party=party, name=name, created_at=at)
        for party, name in (("hubspot", "Sales HubSpot"), ("salesforce", "Group Salesforce"))
    )
    said = [
        (hubspot, {"email": email, "jobtitle": "Chief Financial Officer", "website": domain}),
        (salesforce, {"Email": email, "Title": "Treasurer"}),
        (
            hubspot,
            {"hs_object_id": "77", "firstname": contact.first_name, "lastname": contact.last_name, "website": domain},
        ),
        (hubspot, {"email": "test@mailinator.com", "firstname": "TEST", "lastname": "PERSON", "phone": "call me"}),
        (hubspot, {"firstname": "Ada", "token": "s3cret"}),
        (hubspot, {"firstname": "Eve"}),
    ]
    for crm, body in said:
        stored = inbox.store(crm, headers={}, body=json.dumps(body).encode(), at=timezone.now())
        loop.process_delivery(stored.delivery.pk)
    broken = inbox.store(salesforce, headers={}, body=b'{"Email": "ada@', at=at)
    loop.process_delivery(broken.delivery.pk)
    loop.score_contacts(at=at)


def _ask_people_something() -> None:
    """One question about research, and one about which of two values is right."""
    waiting_run()
    run, at = waiting_run(), timezone.now()
    row = run.steps.get(key="check_research")
    fact = run.facts.filter(attribute="headcount").first() or run.facts.all()[0]
    vote = {"voter": "people_data_labs", "choice": fact.value, "why": "", "reliability": 0.8, "weight": 1.39}
    other = {"voter": "newsapi", "choice": "4,700", "why": "", "reliability": 0.78, "weight": 1.3}
    election = {
        "winner": fact.value, "margin": 0.04, "is_close": True, "votes": [vote, other], "dissent": [other], "not_asked": [],
        "totals": [{"option": fact.value, "total": 1.39}, {"option": "4,700", "total": 1.3}],
    }  # fmt: skip
    StepRun.objects.create(
        run=run, key="research", kind="tool", tool="adjudicate", map_index=9, stage=1, fence=1, status="done", started_at=at,
        finished_at=at, votes={"attributes": {fact.attribute: election}},
    )  # fmt: skip
    Gate.objects.filter(step=row).update(
        question=f"Sources disagree about {fact.attribute}, and none is clearly better. Which value is right?",
        shown={
            "facts": [{"key": fact.key, "attribute": fact.attribute, "value": fact.value}],
            "options": {fact.attribute: [fact.value, "4,700"]},
            "close": fact.attribute,
        },
    )
