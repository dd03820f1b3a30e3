"""What holds for every test, and what the run says at its end when the browser tests could not run."""

import pytest
from django.conf import settings
from django.db import connection

BROWSER = "tests/browser/"


def pytest_configure() -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # a real one takes a third of a second


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The whole server is thrown away at the end (tests/cluster.py), so no database of it is dropped before."""
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Transactional tests empty this database after them, which records refuse otherwise (gtm/records.py)."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {connection.settings_dict['NAME']} SET gtm.emptying = 'on'")
    connection.close()  # sessions have it from their beginning


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if report.nodeid.startswith(BROWSER)]
    if skipped:
        terminalreporter.write_sep("!", "THE BROWSER TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.write_line(
            f"{len(skipped)} tests were skipped: no Chromium was found. Install one (Debian: apt-get install chromium), or name it in"
            " GTM_CHROMIUM. With GTM_REQUIRE_BROWSER=1 this is a failure.",
            red=True,
        )
