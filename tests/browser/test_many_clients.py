"""A setting of several clients, changed and taken back in a real Chromium."""

import pytest
from playwright.sync_api import Page, expect

from clients.models import Client
from tests.browser.site import Site
from tests.browser.test_every_page import faults_by_axe

pytestmark = pytest.mark.browser


def tones() -> list[str | None]:
    return [each.settings.get("tone") for each in Client.objects.order_by("name")]


def test_a_setting_of_several_clients_is_changed_and_taken_back(site: Site, page: Page):
    before = tones()
    site.enter(page, "operator")
    page.goto(f"{site.url}/admin/clients/client/")

    page.locator("#action-toggle").check()
    page.select_option("select[name=action]", "change_setting")
    page.locator("button[name=index]").click()
    page.select_option("select[name=setting]", label="Tone")
    page.get_by_role("button", name="Continue").click()
    page.select_option("select[name=value]", label="Direct")
    page.get_by_role("button", name="Show what changes").click()

    expect(page.get_by_role("heading", name="What changes")).to_be_visible()
    assert list(faults_by_axe(page)) == []
    assert tones() == before
    page.fill("[name=reason]", "A new voice")
    page.locator("button[name=apply]").click()
    expect(page.get_by_role("heading", name="Tone: set it to “Direct”")).to_be_visible()
    assert list(faults_by_axe(page)) == []
    assert set(tones()) == {"direct"}

    page.get_by_role("button", name="Take it back").click()

    expect(page.get_by_text("again what was said before.")).to_be_visible()
    assert tones() == before


def test_files_are_looked_at_before_they_are_imported(site: Site, page: Page):
    site.enter(page, "operator")
    page.goto(f"{site.url}/clients/import/folder/")
    files = [
        ("client_brand-new.json", b'{"industry": "fintech", "tone": "formal"}'),
        ("client_wrong.json", b'{"industry": "fintech", "tonne": "formal"}'),
    ]

    uploads = [{"name": name, "mimeType": "application/json", "buffer": text} for name, text in files]
    page.set_input_files("[name=uploads]", uploads)
    page.get_by_role("button", name="Compare").click()

    expect(page.get_by_text("This setting is not known. Did you mean tone?")).to_be_visible()
    page.get_by_text("with 2 settings").click()
    assert list(faults_by_axe(page)) == []
    page.get_by_label("client_wrong.json").uncheck()
    page.get_by_role("button", name="Apply all that is ticked").click()
    expect(page.get_by_role("link", name="Brand New", exact=True)).to_be_visible()
    assert Client.objects.get(slug="brand-new").settings == {"tone": "formal"}
