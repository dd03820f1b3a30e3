"""Fixtures of the browser tests. Without a Chromium they are skipped, and the summary says so; GTM_REQUIRE_BROWSER forbids it."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import site as site_module
from tests.browser.site import Site


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        if site_module.find_chromium(playwright) is None:
            _give_up("No Chromium was found on this machine.")
        browser = site_module.launch(playwright)
        yield browser
        browser.close()


def _give_up(reason: str) -> None:
    if os.environ.get("GTM_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason} GTM_REQUIRE_BROWSER asks for one.")
    pytest.skip(reason)


@pytest.fixture(scope="package")
def site(chromium: Browser, django_db_setup, django_db_blocker) -> Iterator[Site]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "true"  # Playwright keeps an event loop in this thread; no query waits on it
    )
    try:
        with django_db_blocker.unblock(), site_module.running() as running:
            yield running
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()
