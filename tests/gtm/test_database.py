import os
import socket
import subprocess
import sys
from pathlib import Path

import environ
import psycopg
import pytest

from gtm import database
from gtm.database import Account, DatabaseUnavailable, Server

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server's account came to every folder, so that the test says the same for root and for a user."""
    monkeypatch.setattr(Account, "reaches", lambda self, path: True)


def use(server: Server) -> None:
    with server.used():
        raise AssertionError("the block must not run")


def test_settings_learn_where_the_server_is_without_anything_being_made(reachable):
    data_dir = Path("/tmp/no-such-gtm/data")  # short enough for a socket

    entry = database.embedded(data_dir)

    assert entry == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "gtm",
        "HOST": str(data_dir / "postgres" / "run"),
        "PORT": "5432",
    }
    assert not data_dir.parent.exists()


@pytest.mark.parametrize("folder", ["a" * 90, "with, a comma", "münchen"])
def test_a_folder_that_a_socket_cannot_live_in_gets_a_short_one_of_its_own(tmp_path, reachable, folder):
    place, other = tmp_path / folder, tmp_path / (folder + "2")

    host = database.embedded(place)["HOST"]

    assert len(f"{host}/.s.PGSQL.5432".encode()) <= 107
    assert not host.startswith(str(place))
    assert host == database.embedded(place)["HOST"]
    assert host != database.embedded(other)["HOST"]


def test_an_account_reaches_only_what_every_folder_above_lets_it(tmp_path):
    tmp_path.chmod(0o700)
    mine, stranger = Account(os.geteuid(), os.getegid()), Account(4_000_000, 4_000_000)

    assert mine.reaches(tmp_path / "inside")
    assert Account().reaches(tmp_path / "inside")
    assert not stranger.reaches(tmp_path / "inside")


def test_root_keeps_the_database_elsewhere_when_the_project_lies_in_a_private_home(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(database, "ROOTS_STORE", tmp_path / "store")
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o700)

    monkeypatch.setattr(Account, "reaches", lambda self, path: home not in path.parents)
    private = database.server_of(home / "project")
    monkeypatch.setattr(Account, "reaches", lambda self, path: True)
    opened = database.server_of(home / "project")

    assert private.home.parent == tmp_path / "store"
    assert opened.home == home / "project" / "postgres"


def test_an_existing_database_stays_where_it_is_when_permissions_change(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(database, "ROOTS_STORE", tmp_path / "store")
    monkeypatch.setattr(Account, "reaches", lambda self, path: False)
    far = database.server_of(tmp_path / "project").home
    (far / "data").mkdir(parents=True)

    monkeypatch.setattr(Account, "reaches", lambda self, path: True)

    assert database.server_of(tmp_path / "project").home == far


def test_roots_copy_of_the_programs_is_complete_and_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "ROOTS_STORE", tmp_path / "store")
    monkeypatch.setattr(Account, "reaches", lambda self, path: False)

    first = database.binaries(Account())
    made = (first / "postgres").stat().st_ino
    second = database.binaries(Account())

    assert subprocess.run([first / "psql", "--version"], capture_output=True, check=True).stdout.startswith(b"psql")
    assert (second / "postgres").stat().st_ino == made
    assert len(list((tmp_path / "store").iterdir())) == 1


def test_a_throwaway_server_answers_in_utf8_with_byte_order_and_leaves_nothing():
    with database.throwaway() as (url, home):
        where = environ.Env.db_url_config(url)
        with psycopg.connect(
            host=where["HOST"], port=where["PORT"], user=where["USER"], dbname=where["NAME"]
        ) as server:
            found = server.execute(
                "select current_setting('server_encoding'), datlocale, datlocprovider::text, current_setting('listen_addresses')"
                " from pg_database where datname = current_database()"
            ).fetchone()

    assert found == ("UTF8", "C.UTF-8", "b", "")
    assert not home.exists()


def test_only_the_servers_account_may_open_its_sockets_and_files():
    with database.throwaway() as (_, home):
        modes = {part: (home / part).stat().st_mode & 0o777 for part in ("run", "data")}

    assert modes == {"run": 0o700, "data": 0o700}


def test_a_folder_of_another_account_is_refused_with_the_way_out(tmp_path, monkeypatch):
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(database, "_make_folder", denied)

    with pytest.raises(DatabaseUnavailable, match=r"cannot be written \(Permission denied\).*GTM_DATA_DIR"):
        use(Server(tmp_path / "home", tmp_path / "run"))


def test_a_machine_without_the_binaries_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(DatabaseUnavailable, match="set DATABASE_URL"):
        database.binaries(Account())


def test_a_server_that_cannot_start_is_explained_by_the_end_of_its_log(tmp_path):
    home = Path(tmp_path)
    (home / "data").mkdir()
    (home / "data" / "PG_VERSION").write_text("12\n")

    with pytest.raises(DatabaseUnavailable, match=r"(?s)did not start.*was made by PostgreSQL 12.*pg_dump"):
        use(Server(home, home / "run"))


def test_the_database_module_needs_no_django():
    script = "import sys, gtm.database, gtm.keeper; print([m for m in sys.modules if m.startswith('django')])"

    loaded = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"


def test_a_test_that_calls_the_outside_is_stopped():
    with socket.socket() as plug, pytest.raises(AssertionError, match=r"tried to reach 192\.0\.2\.1:80"):
        plug.connect(("192.0.2.1", 80))


def test_tests_run_on_a_throwaway_server_whatever_the_environment_says():
    assert "gtm-throwaway-" in os.environ["DATABASE_URL"]
    assert os.environ["ANTHROPIC_API_KEY"] == ""
