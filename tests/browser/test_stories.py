"""What people come for, done in a real Chromium as they would do it."""

import pytest
from playwright.sync_api import Page, expect

from agents_app import flow
from agents_app.models import Draft, FlowRun, Gate, Request
from clients.models import Client
from gtm import loop
from insights.models import Suggestion, Ticket, WeeklyReport
from tests.browser.site import Site, long_run, waiting_run

pytestmark = pytest.mark.browser


def test_a_wrong_password_is_refused_in_words_and_keeps_the_name(site: Site, page: Page):
    page.goto(f"{site.url}/admin/login/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()

    expect(page.locator(".errornote")).to_contain_text("correct username and password")
    expect(page.get_by_label("Username")).to_have_value("operator")


def test_a_draft_is_approved_with_the_keyboard_alone(site: Site, page: Page):
    site.enter(page, "operator")
    draft = Draft.objects.filter(status="waiting", contact__isnull=False).order_by("pk").last()
    page.goto(f"{site.url}/approvals/{draft.pk}/")

    page.keyboard.press("a")

    expect(page.locator(".note.ok").first).to_contain_text("approved")
    draft.refresh_from_db()
    assert draft.status == "approved"
    assert draft.decided_by.username == "operator"


def test_a_step_of_a_long_run_opens_in_place_by_hand_and_by_its_address(site: Site, page: Page):
    site.enter(page, "viewer")
    run = long_run()
    first, third = run.steps.get(map_index=1), run.steps.get(map_index=3)
    page.goto(f"{site.url}/runs/{run.pk}/#step-{third.pk}")

    expect(page.locator(f"#step-{third.pk}")).to_contain_text("Prompt as it was sent")
    card = page.locator(f"#step-{first.pk}")
    expect(card).not_to_contain_text("Prompt as it was sent")
    card.locator("summary").first.click()

    expect(card).to_contain_text("Prompt as it was sent")
    expect(card.get_by_text("Why it came out like this")).to_be_visible()


def test_a_step_that_could_not_be_fetched_is_asked_for_again(site: Site, page: Page):
    site.enter(page, "viewer")
    run = long_run()
    step = run.steps.get(map_index=1)
    page.goto(f"{site.url}/runs/{run.pk}/")
    page.route("**/steps/**", lambda route: route.fulfill(status=503, body="The service is away."))
    card = page.locator(f"#step-{step.pk}")
    with page.expect_response("**/steps/**"):
        card.locator("summary").first.click()
    expect(card).not_to_contain_text("The service is away.")
    expect(card.get_by_role("link", name="What it was given, said and decided")).to_be_visible()

    page.unroute("**/steps/**")
    card.locator("summary").first.click()
    card.locator("summary").first.click()

    expect(card).to_contain_text("Prompt as it was sent")


def test_who_is_signed_out_meanwhile_signs_in_and_comes_back_to_the_run(site: Site, page: Page):
    site.enter(page, "viewer")
    run = long_run()
    page.goto(f"{site.url}/runs/{run.pk}/")
    page.context.clear_cookies()

    page.locator(f"#step-{run.steps.get(map_index=1).pk} summary").first.click()

    page.wait_for_url(f"**/login/?next=/runs/{run.pk}/")


def test_a_suggestion_becomes_a_ticket_with_owner_and_due_date(site: Site, page: Page):
    site.enter(page, "operator")
    report = WeeklyReport.objects.filter(suggestions__status="open").order_by("-week", "-version").first()
    suggestion = Suggestion.objects.filter(report=report, status="open").order_by("rank").first()
    page.goto(f"{site.url}/review/{report.week}/v{report.version}/")

    block = page.locator("article", has_text=suggestion.title)
    block.get_by_label(f"Make a ticket: {suggestion.title}").click()
    block.get_by_role("button", name="Open the ticket").click()

    expect(page.locator("article", has_text=suggestion.title)).to_contain_text("took it on")
    ticket = Ticket.objects.get(suggestion=suggestion)
    assert ticket.owner is not None
    assert ticket.due_date is not None
    assert ticket.status == "open"


def test_a_client_is_made_from_an_industry_template_with_a_name_alone(site: Site, page: Page):
    site.enter(page, "operator")
    page.goto(f"{site.url}/admin/clients/client/add/")
    page.locator("#id_name").press_sequentially("Harbour Pay")
    page.locator("#id_industry").select_option("Fintech")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator(".messagelist li").first).to_be_visible()
    client = Client.objects.get(slug="harbour-pay")
    page.goto(f"{site.url}/clients/harbour-pay/settings/")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Harbour Pay")
    expect(page.locator("main")).to_contain_text("Fintech template")
    assert (client.name, client.industry.key, client.settings) == ("Harbour Pay", "fintech", {})


def test_ctrl_k_leads_to_a_page_and_to_a_client(site: Site, page: Page):
    site.enter(page, "operator")
    client = Client.objects.order_by("pk").first()

    page.keyboard.press("Control+k")
    page.keyboard.type("webhook")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/clients/delivery/")
    page.keyboard.press("Control+k")
    page.keyboard.type(client.name)
    expect(page.locator("#palette-results")).to_contain_text("Client")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/admin/clients/client/{client.pk}/change/")


def test_escape_closes_the_palette(site: Site, page: Page):
    site.enter(page, "viewer")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.locator("#palette")).not_to_be_visible()


def test_on_a_phone_the_navigation_opens_behind_its_button(site: Site, page: Page):
    page.set_viewport_size({"width": 390, "height": 800})
    site.enter(page, "viewer")
    button = page.get_by_role("button", name="Navigation")
    expect(page.locator("#navigation")).not_to_be_visible()

    button.click()

    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#navigation").get_by_role("link", name="Weekly review")).to_be_visible()


def test_the_theme_can_be_switched_and_stays(site: Site, page: Page):
    site.enter(page, "viewer")
    page.locator("button.theme-toggle").click()
    chosen = page.evaluate("document.documentElement.dataset.theme")

    page.goto(f"{site.url}/search/")

    assert chosen in ("light", "dark")
    assert page.evaluate("document.documentElement.dataset.theme") == chosen


def test_without_script_the_navigation_is_there_and_a_form_can_be_sent(site: Site, chromium):
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    site.log_in(page, "viewer")

    page.get_by_role("link", name="Weekly review").first.click()

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    context.close()


def test_what_one_typed_is_not_lost_by_a_stray_click(site: Site, page: Page):
    site.enter(page, "operator")
    client = Client.objects.order_by("pk").first()
    page.goto(f"{site.url}/admin/clients/client/{client.pk}/change/#id_name")
    page.locator("#id_name").press("End")
    page.locator("#id_name").press_sequentially("!")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))

    page.get_by_role("link", name="Contacts", exact=True).first.click(no_wait_after=True)
    page.wait_for_timeout(300)

    assert asked == ["beforeunload"]
    expect(page.locator("#id_name")).to_have_value(f"{client.name}!")


def test_a_plan_appears_while_one_types_and_its_run_is_followed_to_the_end(site: Site, page: Page, monkeypatch):
    monkeypatch.setattr(loop, "later", lambda job, *args: None)  # this test is the worker
    site.enter(page, "manager")
    client = Client.objects.filter(managers__username="manager").order_by("pk")[0]
    domain = client.contacts.exclude(company_domain="").order_by("pk")[0].company_domain
    polls = []
    page.on("request", lambda sent: polls.append(sent.url) if "/progress/" in sent.url else None)

    page.goto(f"{site.url}/plan/")
    page.get_by_label("Client", exact=True).select_option(client.name)
    page.get_by_label("Company's domain").press_sequentially(domain)
    run_button = page.get_by_role("button", name="Run", exact=True)
    expect(run_button).to_be_visible()
    expect(page.get_by_label("Company's domain")).to_be_focused()
    run_button.click()
    page.wait_for_url("**/trace/")
    run = loop.plan_run(Request.objects.order_by("pk").last().pk)
    page.goto(f"{site.url}/runs/{run.pk}/")
    expect(page.locator("#progress-now")).to_contain_text("Planned")
    flow.execute(run.pk)

    expect(page.locator("#progress-now")).to_contain_text("Succeeded")
    expect(page.locator("#draft")).to_be_visible()
    expect(page.locator("#run-actions")).to_contain_text("Open the draft")
    told = page.locator("#progress-events li").all_inner_texts()
    assert len(told) == len(set(told)) == 7
    assert told[-1].endswith("The run has ended: succeeded.")
    seen = len(polls)
    page.wait_for_timeout(1500)
    assert len(polls) == seen


def test_a_question_is_answered_with_the_keyboard_alone(site: Site, page: Page, monkeypatch):
    monkeypatch.setattr(loop, "later", lambda job, *args: None)
    run = waiting_run()
    asked = Gate.objects.get(step__run=run)
    site.enter(page, "operator")
    page.goto(f"{site.url}/questions/{asked.pk}/")

    page.get_by_text("Edit, then approve").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.keyboard.type(" I looked it up.")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Approve with these changes").press("Enter")

    page.wait_for_url(f"**/runs/{run.pk}/")
    expect(page.locator(".messagelist")).to_contain_text("is taken up again within seconds")
    asked.refresh_from_db()
    assert asked.decision == "edited"
    assert asked.answer["summary"][0]["text"].endswith("I looked it up.")


def test_without_script_a_plan_is_shown_and_a_run_can_be_refreshed(site: Site, chromium):
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    site.log_in(page, "operator")
    client = Client.objects.filter(status="active").order_by("pk")[0]
    page.goto(f"{site.url}/plan/")
    page.get_by_label("Client", exact=True).select_option(client.name)
    page.get_by_label("Company's domain").fill("northwind-bank.example")

    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    page.goto(f"{site.url}/runs/{FlowRun.objects.filter(status='waiting').order_by('pk')[0].pk}/")

    expect(page.get_by_role("link", name="Refresh").first).to_be_visible()
    context.close()
