"""A running product with a small demo in a database of its own, and a real Chromium to look at it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings
from django.utils import timezone
from playwright.sync_api import Browser, Page, Playwright
from pytest_django.live_server_helper import LiveServer

from gtm.demo import fill
from tests.crowd import PASSWORD

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
    """Everything in this block, threads included, works on an empty database of its own."""
    before = connection.settings_dict["NAME"]
    own = f"{before}_{name}"
    _run(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)', f'CREATE DATABASE "{own}"')
    _switch(own)
    try:
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
        call_command("migrate", verbosity=0)
        today = timezone.localdate()
        fill.fill(today - timedelta(days=today.weekday()), contacts=16, first_mails=2)
        _know_the_password()
        server = LiveServer("localhost")
        try:
            yield Site(server.url)
        finally:
            server.stop()
            shutil.rmtree(mail, ignore_errors=True)


def _know_the_password() -> None:
    for user in User.objects.filter(username__in=["admin", "operator", "manager", "viewer"]):
        user.set_password(PASSWORD)
        user.save()
