"""One command from nothing to a running product, and back to nothing when it ends."""

import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from clients.models import Client
from gtm import caretaking, database, doctor, roles, schedules, trial
from gtm.models import Heartbeat
from gtm.processes import Processes, Program

HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8000, 8099
READY_SECONDS = 120.0  # a busy laptop
TEND_SECONDS = 0.5
PARENT_SECONDS = 1.0


class Command(BaseCommand):
    help = "Starts the product: database, tables, demo (first time), web and workers. Ctrl+C ends it all."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="Where to listen; without it 8000 or the next free one.")
        parser.add_argument("--demo", action="store_true", help="Fill the demo also in a database of your own.")
        parser.add_argument("--no-demo", action="store_true", help="Never fill the demo.")
        parser.add_argument("--check", action="store_true", help="Push one request through, say how it went, and end.")

    def handle(self, *args: object, **options: object) -> None:
        _listen_to_signals()
        _stop_when_uv_is_gone()
        started = time.monotonic()
        try:
            port = _port(options["port"], is_check=bool(options["check"]))
            self._prepare()
            reason = _why_no_demo(demo=bool(options["demo"]), never=bool(options["no_demo"]))
            if reason and options["demo"]:
                self._say(reason)
            self._run(port, started, fills=not reason, is_check=bool(options["check"]))
        except KeyboardInterrupt:
            self._say("Stopped.")

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        roles.sync()
        schedules.sync()
        self._say(f"Database: {_database_name()}, tables up to date.")
        if not settings.DEBUG:
            call_command("collectstatic", verbosity=0, interactive=False)

    def _run(self, port: int, started: float, *, fills: bool, is_check: bool) -> None:
        with Processes(logs=Path(settings.DATA_DIR) / "logs", say=self._say) as processes:

            def meanwhile() -> None:
                _revive_database()
                processes.tend()

            try:
                since = timezone.now()
                _start(processes, port)
                self._say("Starting the web server and the workers.")
                if fills:  # meanwhile: they take a while to start
                    self._say("Filling the demo: companies, contacts and twelve weeks of history (first time only).")
                    call_command("demo", stdout=self.stdout)
                _wait_until_ready(processes, port, since, meanwhile)
                if is_check:
                    self._check(started, meanwhile)
                    return
                self._welcome(port, time.monotonic() - started)
                connection.close()
                while True:
                    meanwhile()
                    time.sleep(TEND_SECONDS)
            finally:
                _close_ears()

    def _check(self, started: float, meanwhile: Callable[[], None]) -> None:
        try:
            outcome = trial.wait(trial.ask(at=timezone.now()), meanwhile=meanwhile)
        except trial.TrialFailed as failure:
            raise CommandError(str(failure)) from failure
        self._say("A request went through both workers and became a draft.")
        result = {
            "seconds": round(time.monotonic() - started, 1),
            "run": outcome.run,
            "steps": outcome.steps,
            "draft_subject": outcome.draft_subject,
        }
        self._say(json.dumps(result))

    def _welcome(self, port: int, seconds: float) -> None:
        self._say(self.style.SUCCESS(f"Ready after {seconds:.1f} s: http://localhost:{port}/"))
        self._say(_login())
        self._say("Ctrl+C stops everything.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _listen_to_signals() -> None:
    """Every polite way to end us is a KeyboardInterrupt; but nohup's wish, to outlive the terminal, stands."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if sign != signal.SIGHUP or signal.getsignal(sign) != signal.SIG_IGN:
            signal.signal(sign, signal.default_int_handler)


def _stop_when_uv_is_gone() -> None:
    """`uv run` waits for us and hands signals on; killed -9 it cannot, so we look every second whether it is there."""
    parent = os.getppid()
    name = Path(f"/proc/{parent}/comm")
    if name.exists() and name.read_text().strip() == "uv":

        def look(_sign: int, _frame: object) -> None:
            if os.getppid() != parent:
                raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, PARENT_SECONDS, PARENT_SECONDS)


def _close_ears() -> None:
    """A second Ctrl+C must not leave half of them running."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)


def _why_no_demo(*, demo: bool, never: bool) -> str:
    """Empty when the demo is to be filled."""
    if not settings.DEBUG:
        return "The demo is not filled: DEBUG is off, and its logins are printed."
    if never:
        return "The demo is not filled: --no-demo."
    if demo:
        return ""
    if Client.objects.exists():
        return "The demo is not filled: there are clients already."
    return "" if _is_embedded() else "The demo is not filled: this is a database of your own. Fill it with --demo."


def _is_embedded() -> bool:
    return database.is_embedded(settings.DATABASES["default"], settings.DATA_DIR)


def _database_name() -> str:
    if _is_embedded():
        return f"private PostgreSQL in {database.server_of(settings.DATA_DIR).home}"
    return "{NAME} at {HOST}".format(**settings.DATABASES["default"])


def _revive_database() -> None:
    if _is_embedded():
        database.server_of(settings.DATA_DIR).ensure()


def _port(wanted: object, *, is_check: bool) -> int:
    """Raises CommandError when the wanted port, or every usual one, is taken."""
    if isinstance(wanted, int):
        if not _is_free(wanted):
            raise CommandError(f"Port {wanted} is taken by another program. Name another: --port {wanted + 1}")
        return wanted
    if is_check:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            return int(probe.getsockname()[1])
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if _is_free(port):
            return port
    raise CommandError(f"No port from {FIRST_PORT} to {LAST_PORT} is free. Name one: --port 9000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _start(processes: Processes, port: int) -> None:
    python, manage = sys.executable, str(Path(settings.BASE_DIR) / "manage.py")
    web = [python, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port)]
    sizes = ["--workers", "2", "--blocking-threads", "4", "--blocking-threads-idle-timeout", "600", "--no-ws"]
    address = {"PUBLIC_URL": os.environ.get("PUBLIC_URL", f"http://localhost:{port}")}
    processes.start(Program("web", [*web, *sizes, "gtm.wsgi:application"], address))
    for cluster in doctor.CLUSTERS:
        async_task(caretaking.beat, cluster, cluster=cluster)
        processes.start(Program(cluster, [python, manage, "qcluster"], {"Q_CLUSTER_NAME": cluster, **address}))


def _wait_until_ready(processes: Processes, port: int, since: datetime, meanwhile: Callable[[], None]) -> None:
    """Both workers have beaten since then, and the web server says that all is well. Raises CommandError."""
    deadline = time.monotonic() + READY_SECONDS
    while not (_beating(since) and _says_ready(port)):
        if time.monotonic() > deadline:
            raise CommandError(_why_not_ready(processes))
        meanwhile()
        time.sleep(0.1)


def _beating(since: datetime) -> bool:
    return Heartbeat.objects.filter(name__in=doctor.CLUSTERS, at__gte=since).count() == len(doctor.CLUSTERS)


def _says_ready(port: int) -> bool:
    host = next((name for name in settings.ALLOWED_HOSTS if "*" not in name), "localhost").lstrip(".")
    try:
        web = http.client.HTTPConnection(HOST, port, timeout=5)
        web.request("GET", "/healthz/ready", headers={"Host": host})
        return web.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _why_not_ready(processes: Processes) -> str:
    findings = [found for found in doctor.examine(timezone.now()) if found.state == doctor.State.FAIL]
    lines = [f"Not ready after {READY_SECONDS:.0f} s."]
    lines += [f"{found.name}: {found.meaning} {found.remedy}" for found in findings]
    lines += [f"--- the end of {process.log}\n{process.last_words()}" for process in processes.all]
    return "\n".join(lines)


def _login() -> str:
    password = Path(settings.DATA_DIR) / "demo_password"
    if password.exists() and get_user_model().objects.filter(username="admin").exists():
        return f"Log in as admin, operator, manager or viewer; the password is {password.read_text().strip()}"
    return "Make a first user with: uv run manage.py createsuperuser"
