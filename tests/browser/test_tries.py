"""Settings tried before they are saved, in a real Chromium: inside the form, and without scripts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from agents_app.models import Trial
from clients.models import Client
from tests import queue
from tests.browser.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def plain_page(chromium: Browser) -> Iterator[Page]:
    """Of a browser without scripts."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def open_form(site: Site, page: Page) -> Client:
    site.enter(page, "manager")
    client = Client.objects.filter(managers__username="manager", status="active").order_by("pk")[0]
    page.goto(f"{site.url}/admin/clients/client/{client.pk}/change/#id_tone")
    return client


def photograph(page: Page, name: str) -> None:
    if folder := os.environ.get("GTM_SCREENSHOTS"):
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 900})


def test_typed_settings_are_tried_inside_the_form_and_what_is_typed_stays(site: Site, page: Page):
    client, before = open_form(site, page), Trial.objects.count()
    page.locator("#id_tone").select_option("direct")
    part = page.locator("#try-part")

    page.get_by_role("button", name="Choose a contact, see the cost").click()
    expect(part).to_contain_text("Nothing has been asked yet.")
    wanted = client.contacts.order_by("created_at", "pk")[0]
    part.get_by_label("Find by name or address").fill(wanted.email)
    page.keyboard.press("Enter")
    expect(part.get_by_label("Contact", exact=True).locator("option")).to_have_count(1)
    expect(part).to_contain_text(f"on {wanted}.")
    assert Trial.objects.count() == before
    part.get_by_role("button", name="Try it", exact=True).click()
    expect(part).to_contain_text("Being written")
    queue.drain()

    expect(part).to_contain_text("Both are written.")
    photograph(page, "form-with-a-trial")
    expect(part.get_by_role("button", name="Save these settings")).to_be_visible()
    assert page.locator("#id_tone").input_value() == "direct"
    assert part.locator("[hx-trigger^=load]").count() == 0  # it has stopped asking
    assert Client.objects.get(pk=client.pk).settings.get("tone") != "direct"


def test_without_scripts_what_is_typed_goes_along_and_comes_back(site: Site, plain_page: Page):
    client = open_form(site, plain_page)
    plain_page.locator("#id_tone").select_option("friendly")

    plain_page.get_by_role("button", name="Choose a contact, see the cost").click()
    photograph(plain_page, "try-cost")
    plain_page.get_by_role("button", name="Try it", exact=True).click()
    queue.drain()
    plain_page.get_by_role("button", name="Look again").click()
    expect(plain_page.locator("main")).to_contain_text("Both are written.")
    photograph(plain_page, "try-result")
    plain_page.get_by_role("button", name="Back to the form").click()

    expect(plain_page.locator("main")).to_contain_text("Nothing is saved yet.")
    assert plain_page.locator("#id_tone").input_value() == "friendly"
    assert Client.objects.get(pk=client.pk).settings.get("tone") != "friendly"
