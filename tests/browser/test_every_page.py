"""Each page in a real Chromium: light and dark, wide and narrow, looked at by axe and by the browser itself.

Axe takes most of the time, so it looks at each page in one light and width, in turn from page to page; in all four with
GTM_BROWSER=full.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from agents_app import cases, rehearsals, rollouts, versions
from agents_app.models import (
    Anomaly,
    Campaign,
    Contract,
    Draft,
    FlowRun,
    Gate,
    PromptVersion,
    Rehearsal,
    Release,
    Request,
    Rollout,
    Send,
    StepRun,
    Trial,
)
from clients import mappings, suppression
from clients.crm import CRMS
from clients.models import (
    AgencySettings,
    ChangeSet,
    Client,
    ConfigKey,
    Connection,
    Contact,
    Delivery,
    Erasure,
    FieldRule,
    Push,
    QualityRule,
    Reconciliation,
    RejectedCall,
    ReviewItem,
    SettingsTemplate,
)
from experiments.models import Experiment, SettingProposal
from insights.models import Suggestion, Ticket, WeeklyReport
from tests.browser.site import Site, long_run

pytestmark = [pytest.mark.browser, pytest.mark.pages]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
MODES = [(scheme, width) for width in (1280, 390) for scheme in ("light", "dark")]
NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sample}`));
"""


def changelist(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def add(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def of_email(page: str) -> str:
    """Of the e-mail step of a run."""
    run = run_of("default")
    return reverse(page, args=[run.pk, run.steps.filter(agent="email_agent").first().pk])


def run_of(route: str) -> FlowRun:
    return FlowRun.objects.filter(route=route, status="succeeded").order_by("-pk")[0]


def researched() -> FlowRun:
    """The last run that found something out about a company."""
    known = FlowRun.objects.filter(facts__isnull=False, request__trial_side="").exclude(request__company_domain="")
    return known.order_by("pk").last()


def in_quarantine() -> Delivery:
    return Delivery.objects.filter(status="quarantined").order_by("pk")[0]


def plan_of(purpose: str) -> str:
    """For a company that the first client of the account manager knows."""
    client = Client.objects.filter(managers__username="manager").order_by("pk")[0]
    domain = client.contacts.exclude(company_domain="").order_by("pk")[0].company_domain
    return reverse("plan") + f"?client={client.pk}&purpose={purpose}&depth=comprehensive&company_domain={domain}"


def mapping_page(name: str) -> str:
    """Of a CRM of the account manager, with a draft to look at."""
    connection = Connection.objects.filter(client__managers__username="manager", party__in=CRMS).order_by("pk")[0]
    if not mappings.draft(connection):
        at, author = connection.created_at, connection.client.managers.get(username="manager")
        mappings.save_draft(connection, mappings.preset(connection), by=author, at=at)
    return reverse(name, args=[connection.pk])


def older_report() -> str:
    report = WeeklyReport.objects.order_by("-week", "-version")[1]
    return reverse("weekly_review_version", args=[report.week.isoformat(), report.version])


def rehearsed() -> Rehearsal:
    """A version tried beside the live one on a question of a real run, offline."""
    if there := Rehearsal.objects.first():
        return there
    by, at = User.objects.get(username="operator"), timezone.now()
    step = StepRun.objects.filter(agent="email_agent", status="done", draft__isnull=False).order_by("pk")[0]
    cases.copy(step, by=by, at=at)
    live = versions.live()["email_agent"]
    version = versions.create("email_agent", text=f"{live.text}Be brief.", note="Shorter", by=by, at=at)
    made = rehearsals.ask(version, by=by, at=at)
    rehearsals.answer_some(made.pk)
    return made


def rolled_out() -> Rollout:
    if there := Rollout.objects.first():
        return there
    by, at = User.objects.get(username="operator"), timezone.now()
    made = rollouts.start(rehearsed().candidate, by=by, at=at, reason="It is shorter.")
    return rollouts.look(made, lambda sends: set(), at=at)


PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "login": ("", lambda: reverse("admin:login")),
    "unsubscribe": ("", lambda: reverse("unsubscribe", args=[suppression.token(Contact.objects.first())])),
    "home of an operator": ("operator", lambda: reverse("home")),
    "home of an account manager": ("manager", lambda: reverse("home")),
    "home of a viewer": ("viewer", lambda: reverse("home")),
    "health": ("operator", lambda: reverse("system_health")),
    "search": ("operator", lambda: reverse("search") + "?q=a"),
    "search for what was said": ("operator", lambda: reverse("search") + "?q=northwind"),
    "run to be done again from a step": ("operator", lambda: of_email("run_again")),
    "step to be a test case": ("operator", lambda: of_email("step_case")),
    "marks of a run": ("manager", lambda: reverse("run_marks", args=[researched().pk])),
    "not allowed": ("viewer", lambda: reverse("system_health")),
    "not found": ("viewer", lambda: "/nothing/here/"),
    "weekly review": ("operator", lambda: reverse("weekly_review")),
    "weekly review of an account manager": ("manager", lambda: reverse("weekly_review")),
    "older weekly review": ("operator", older_report),
    "rows behind a figure": (
        "operator",
        lambda: Suggestion.objects.filter(evidence__0__url__startswith="/").last().evidence[0]["url"],
    ),
    "approvals": ("operator", lambda: reverse("approvals")),
    "one approval": (
        "operator",
        lambda: reverse("approval", args=[Draft.objects.filter(status="rejected").first().pk]),
    ),
    "what wrote an e-mail": (
        "manager",
        lambda: reverse(
            "written_by", args=[Draft.objects.filter(run__client__managers__username="manager")[0].step_id]
        ),
    ),
    "a prompt version beside another": (
        "operator",
        lambda: reverse("admin:agents_app_promptversion_compare", args=[PromptVersion.objects.latest("pk").pk]),
    ),
    "run of the default route": ("operator", lambda: reverse("run_page", args=[run_of("default").pk])),
    "run of a follow-up": ("operator", lambda: reverse("run_page", args=[run_of("follow_up").pk])),
    "run of deep research": ("operator", lambda: reverse("run_page", args=[run_of("deep_research").pk])),
    "run of many steps, one of them open": (
        "operator",
        lambda: f"{reverse('run_page', args=[long_run().pk])}#step-{long_run().steps.filter(map_index=3).get().pk}",
    ),
    "one step of a run": ("viewer", lambda: of_email("run_step")),
    "choice of a run to compare with": (
        "operator",
        lambda: reverse("run_compare", args=[run_of("deep_research").pk]),
    ),
    "two runs side by side": (
        "operator",
        lambda: reverse("runs_compared", args=[run_of("default").pk, run_of("follow_up").pk]),
    ),
    "a run beside itself": (
        "viewer",
        lambda: reverse("runs_compared", args=[run_of("default").pk, run_of("default").pk]),
    ),
    "run with something unusual": ("operator", lambda: reverse("run_page", args=[Anomaly.objects.last().run_id])),
    "what was unusual": ("operator", lambda: changelist(Anomaly)),
    "one that was unusual": ("operator", lambda: change(Anomaly.objects.last())),
    "trace of a request": ("operator", lambda: reverse("request_trace", args=[Request.objects.first().pk])),
    "plan": ("manager", lambda: reverse("plan")),
    "plan of a first e-mail": ("operator", lambda: plan_of("outreach")),
    "plan of deep research": ("manager", lambda: plan_of("deep_research")),
    "plan that cannot be": ("operator", lambda: reverse("plan") + "?client=1&company_domain=nowhere"),
    "questions": ("operator", lambda: reverse("questions")),
    "question about research": ("operator", lambda: reverse("gate", args=[Gate.objects.open().order_by("pk")[0].pk])),
    "question of two values": ("manager", lambda: reverse("gate", args=[Gate.objects.open().order_by("pk")[1].pk])),
    "question as a viewer reads it": (
        "viewer",
        lambda: reverse("gate", args=[Gate.objects.open().order_by("pk")[0].pk]),
    ),
    "run that waits for a person": (
        "operator",
        lambda: reverse("run_page", args=[FlowRun.objects.filter(status="waiting").order_by("pk")[0].pk]),
    ),
    "prompt performance": ("operator", lambda: reverse("prompt_performance")),
    "proposals": ("manager", lambda: reverse("proposals")),
    "proposal": ("operator", lambda: reverse("proposal", args=[SettingProposal.objects.earliest("pk").pk])),
    "proposal as a viewer reads it": (
        "viewer",
        lambda: reverse("proposal", args=[SettingProposal.objects.earliest("pk").pk]),
    ),
    "settings in force": ("operator", lambda: reverse("client_settings", args=[Client.objects.first().slug])),
    "trial": ("manager", lambda: reverse("trial", args=[Trial.objects.first().pk])),
    "trials of a client": ("manager", lambda: reverse("client_try", args=[Trial.objects.first().client.slug])),
    "form with the settings of a trial": (
        "manager",
        lambda: f"{change(Trial.objects.first().client)}?trial={Trial.objects.first().pk}",
    ),
    "versions of settings": ("operator", lambda: reverse("client_versions", args=[Client.objects.first().slug])),
    "companies researched": ("operator", lambda: reverse("client_companies", args=[researched().client.slug])),
    "company with its evidence": (
        "operator",
        lambda: reverse("company", args=[researched().client.slug, researched().request.company_domain]),
    ),
    "sources of research": ("operator", lambda: reverse("research_sources")),
    "deployments": ("operator", lambda: reverse("client_deployments", args=[Client.objects.first().slug])),
    "deployments as a viewer sees them": (
        "viewer",
        lambda: reverse("client_deployments", args=[Client.objects.first().slug]),
    ),
    "prompts of a client": ("operator", lambda: reverse("client_prompts", args=[Client.objects.first().slug])),
    "settings of our own": ("operator", lambda: changelist(ConfigKey)),
    "new setting of our own": ("operator", lambda: add(ConfigKey)),
    "agency settings": ("operator", lambda: change(AgencySettings.objects.first())),
    "changes that wait": ("operator", lambda: reverse("admin:clients_proposedchange_changelist")),
    "what can be set": ("manager", lambda: reverse("setting_keys")),
    "change of several clients": (
        "operator",
        lambda: f"{reverse('client_bulk_edit')}?clients=1,2,3&setting=custom_fields.avoid_terms",
    ),
    "changes of several clients": ("operator", lambda: changelist(ChangeSet)),
    "import of JSON files": ("operator", lambda: reverse("clients_import_folder")),
    "copy of a client": ("operator", lambda: reverse("client_clone", args=[Client.objects.first().slug])),
    "import of settings": ("operator", lambda: reverse("client_import", args=[Client.objects.first().slug])),
    "new client from JSON": ("operator", lambda: reverse("new_client_import")),
    "contact quality": ("operator", lambda: reverse("contact_quality")),
    "contact quality of a client": (
        "manager",
        lambda: reverse("contact_quality") + f"?client={ReviewItem.objects.first().client.slug}",
    ),
    "contact reviews": ("viewer", lambda: reverse("contact_reviews")),
    "contact review of a field": (
        "operator",
        lambda: reverse("contact_review", args=[ReviewItem.objects.filter(kind="conflict").first().pk]),
    ),
    "contact review of two people": (
        "manager",
        lambda: reverse("contact_review", args=[ReviewItem.objects.filter(kind="similar").first().pk]),
    ),
    "new quality rule": ("manager", lambda: add(QualityRule)),
    "quarantine": ("operator", lambda: reverse("quarantine")),
    "quarantine of one kind": (
        "operator",
        lambda: reverse("quarantine") + "?connection={0.connection_id}&kind={0.error_class}".format(in_quarantine()),
    ),
    "delivery in quarantine": ("operator", lambda: reverse("quarantined", args=[in_quarantine().pk])),
    "everything": ("admin", lambda: reverse("admin:index")),
    "mapping of a connection": ("manager", lambda: mapping_page("connection_mapping")),
    "versions of a mapping": ("manager", lambda: mapping_page("connection_mapping_versions")),
    "trial of a mapping": ("manager", lambda: mapping_page("connection_mapping_trial")),
    "what no mapping reads": ("manager", lambda: mapping_page("connection_mapping_unread")),
    "import of a mapping": ("manager", lambda: mapping_page("connection_mapping_import")),
    "new rule of a field": ("manager", lambda: add(FieldRule)),
    "sync of a connection": ("manager", lambda: mapping_page("connection_sync")),
    "pushes": ("operator", lambda: changelist(Push)),
    "comparisons": ("operator", lambda: changelist(Reconciliation)),
    "refused calls": ("operator", lambda: changelist(RejectedCall)),
    "asked to be forgotten": ("operator", lambda: changelist(Erasure)),
    "new erasure": ("operator", lambda: add(Erasure)),
    "connection of a CRM": (
        "manager",
        lambda: change(Connection.objects.filter(client__managers__username="manager", party__in=CRMS).first()),
    ),
    "clients": ("operator", lambda: changelist(Client)),
    "client": ("operator", lambda: change(Client.objects.first())),
    "new client": ("operator", lambda: add(Client)),
    "client as a viewer sees it": ("viewer", lambda: change(Client.objects.first())),
    "history of a client": (
        "operator",
        lambda: reverse("admin:clients_client_history", args=[Client.objects.first().pk]),
    ),
    "industry template": ("operator", lambda: change(SettingsTemplate.objects.first())),
    "contacts": ("operator", lambda: changelist(Contact)),
    "contact": (
        "operator",
        lambda: change(Contact.objects.filter(source_records__isnull=False).first() or Contact.objects.first()),
    ),
    "connections": ("operator", lambda: changelist(Connection)),
    "connection": ("operator", lambda: change(Connection.objects.first())),
    "webhook inbox": ("operator", lambda: changelist(Delivery)),
    "delivery": ("operator", lambda: change(Delivery.objects.first())),
    "requests": ("operator", lambda: changelist(Request)),
    "new request": ("manager", lambda: add(Request)),
    "campaigns": ("operator", lambda: changelist(Campaign)),
    "campaign": ("operator", lambda: change(Campaign.objects.first())),
    "runs": ("operator", lambda: changelist(FlowRun)),
    "run in the admin": ("operator", lambda: change(run_of("default"))),
    "prompt versions": ("operator", lambda: changelist(PromptVersion)),
    "prompt version": ("operator", lambda: change(PromptVersion.objects.filter(label="live").first())),
    "prompt releases": ("viewer", lambda: changelist(Release)),
    "prompt release": ("manager", lambda: change(Release.objects.latest("pk"))),
    "new prompt version": ("operator", lambda: add(PromptVersion)),
    "contracts": ("manager", lambda: changelist(Contract)),
    "kinds of contracts": ("manager", lambda: add(Contract)),
    "new contract": ("manager", lambda: add(Contract) + "?kind=must_include"),
    "contract": ("operator", lambda: change(Contract.objects.get(name="subject_fits", client=None))),
    "rehearsal": ("operator", lambda: reverse("rehearsal", args=[rehearsed().pk])),
    "rehearsal before it begins": ("operator", lambda: reverse("rehearse", args=[rehearsed().candidate_id])),
    "rollout": ("operator", lambda: reverse("rollout", args=[rolled_out().pk])),
    "rollout before it begins": ("operator", lambda: reverse("roll_out", args=[rehearsed().candidate_id])),
    "version before it goes live": (
        "operator",
        lambda: reverse("admin:agents_app_promptversion_make_live", args=[rehearsed().candidate_id]),
    ),
    "drafts": ("operator", lambda: changelist(Draft)),
    "draft": ("operator", lambda: change(Draft.objects.first())),
    "messages sent": ("operator", lambda: changelist(Send)),
    "experiments": ("operator", lambda: changelist(Experiment)),
    "finished experiment": ("operator", lambda: change(Experiment.objects.filter(status="finished").first())),
    "running experiment": ("operator", lambda: change(Experiment.objects.filter(status="running").first())),
    "new experiment": ("operator", lambda: add(Experiment)),
    "tickets": ("operator", lambda: changelist(Ticket)),
    "ticket": ("operator", lambda: change(Ticket.objects.first())),
    "users": ("admin", lambda: reverse("admin:auth_user_changelist")),
    "user": ("admin", lambda: reverse("admin:auth_user_change", args=[1])),
    "schedules": ("operator", lambda: reverse("admin:django_q_schedule_changelist")),
    "API": ("operator", lambda: "/api/docs"),
}
ANSWERS = {"not allowed": 403, "not found": 404}
NOT_OURS = {"API"}  # the page of the API is Ninja's own, with Swagger UI inside


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_in_every_light_and_width(site: Site, page: Page, name: str):
    user, address = PAGES[name]
    noise, outside = listen(page, site)
    if user:
        site.enter(page, user)
        noise.clear()

    answer = page.goto(site.url + address())

    assert answer is not None
    assert answer.status == ANSWERS.get(name, 200)
    problems = [problem for mode in MODES for problem in look(page, noise, name, mode)]
    assert [*problems, *outside] == []


def listen(page: Page, site: Site) -> tuple[list[str], list[str]]:
    """What the page says on the console, and whom it asks but us."""
    noise: list[str] = []
    outside: list[str] = []
    page.add_init_script(NOTE_VIOLATIONS)
    page.on(
        "console",
        lambda message: (
            noise.append(f"{message.type}: {message.text}") if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: noise.append(f"script: {error}"))
    page.on("request", lambda sent: outside.append(sent.url) if not sent.url.startswith((site.url, "data:")) else None)
    return noise, outside


def is_for_axe(name: str, mode: tuple[str, int]) -> bool:
    turn = MODES[list(PAGES).index(name) % len(MODES)]
    return name not in NOT_OURS and (mode == turn or os.environ.get("GTM_BROWSER") == "full")


def look(page: Page, noise: list[str], name: str, mode: tuple[str, int]) -> Iterator[str]:
    scheme, width = mode
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    photograph(page, f"{name}-{scheme}-{width}")
    where = f"{scheme} {width}:"
    yield from (f"{where} {line}" for line in [*noise, *page.evaluate("violations")] if "status of 40" not in line)
    yield from (f"{where} {fault}" for fault in faults_of_structure(page, name))
    if is_for_axe(name, mode):
        yield from (f"{where} {fault}" for fault in faults_by_axe(page))
    page.evaluate("violations.length = 0")  # what axe does to measure is not the page's fault
    noise.clear()


def faults_of_structure(page: Page, name: str) -> Iterator[str]:
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if wider > 0:
        yield f"{wider} px wider than the window"
    for tag in ("h1", "main"):
        if (count := page.locator(tag).count()) != 1 and name not in NOT_OURS:
            yield f"{count} {tag}"
    if page.evaluate("document.documentElement.lang") != "en-gb":
        yield "no language"
    if not page.title().strip(" |"):
        yield "no title"


def faults_by_axe(page: Page) -> Iterator[str]:
    found = (
        Axe()
        .run(page, options={"runOnly": RULES, "resultTypes": ["violations"], "preload": False})
        .response["violations"]
    )
    for violation in found:
        for node in violation["nodes"][:3]:
            yield f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"


def photograph(page: Page, name: str) -> None:
    if folder := os.environ.get("GTM_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name.replace(' ', '_')}.png", full_page=True)


def test_no_two_pages_have_the_same_title(site: Site, page: Page):
    titles: dict[str, str] = {}
    signed_in = ""
    for name, (user, address) in sorted(PAGES.items(), key=lambda entry: entry[1][0]):
        if user != signed_in:
            page.context.clear_cookies()
            site.enter(page, user)
            signed_in = user
        page.goto(site.url + address(), wait_until="domcontentloaded")
        titles[name] = page.title()

    same = {title: [name for name in titles if titles[name] == title] for title in titles.values()}
    allowed = [
        {"home of an operator", "home of an account manager", "home of a viewer"},
        {"client", "client as a viewer sees it", "form with the settings of a trial"},
        {"question about research", "question as a viewer reads it"},
        {"proposal", "proposal as a viewer reads it"},
        {"deployments", "deployments as a viewer sees them"},
        {"run of the default route", "run with something unusual"},
    ]
    assert [
        names
        for names in same.values()
        if len(names) > 1
        and not any(each.issuperset(names) for each in allowed)
        and not all("review" in name for name in names)
    ] == []
