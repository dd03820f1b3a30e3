"""What holds for every test, and what the run says at its end when the browser tests could not run."""

import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.base.creation import TEST_DATABASE_PREFIX

from gtm import roles

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
    """Roles are there from the beginning, as after the first start. A copy as it is now stays, for whoever needs a
    database of its own. Transactional tests empty this one after them, which records refuse otherwise (gtm/records.py).
    """
    name = connection.settings_dict["NAME"]
    if not name.startswith(TEST_DATABASE_PREFIX):
        return  # no test of this session asks for a database
    with django_db_blocker.unblock():
        roles.sync()
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}_fresh TEMPLATE {name}")
            cursor.execute(f"ALTER DATABASE {name} SET gtm.emptying = 'on'")


@pytest.fixture(scope="session", autouse=True)
def first_rows_kept():
    from tests import first_rows  # with the models, once there are settings

    with first_rows.kept():
        yield first_rows


@pytest.fixture
def installed_for_real(first_rows_kept):
    with first_rows_kept.for_real():
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if report.nodeid.startswith(BROWSER)]
    if skipped:
        terminalreporter.write_sep("!", "THE BROWSER TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.write_line(
            f"{len(skipped)} tests were skipped: no Chromium was found. Install one (Debian: apt-get install chromium), or name it in"
            " GTM_CHROMIUM. With GTM_REQUIRE_BROWSER=1 this is a failure.",
            red=True,
        )
