"""How long the page of a run takes that left 200 spans, and the page that sets it beside another such run.

The run is an account's, as the offline composer does it: research of the company, then for each of as many people as one
map takes a persona and an e-mail that is chosen from three. The model is out of reach for e-mails at first, so there are
second attempts. Every e-mail was sent and answered. Spans are counted as a collector is told of them: the
run, its steps, their calls to the model, the sources they asked.

`*_p95_ms` is what a signed-in operator waits for the whole page, `*_cpu_ms` what Python works for it, however busy the
machine is; `queries` is how often the page asks the database.
"""

import importlib
import os
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import _measure
from _measure import Place, say

if TYPE_CHECKING:
    from agents_app.models import FlowRun

SPANS = 200
LATER = timedelta(minutes=2)  # the model is back
TARGETS: dict[str, _measure.Target] = {
    "spans": (">=", SPANS),
    "queries": ("<=", 12),
    "page_p95_ms": ("<=", 300.0),
    "page_cpu_ms": ("<=", 300.0),
}


@contextmanager
def product(place: Place) -> Iterator[None]:
    """The product in a database of this server, as on a server."""
    os.environ |= {
        "DATABASE_URL": place.url("postgres"),
        "DJANGO_SETTINGS_MODULE": "gtm.settings",
        "DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "testserver",
        "ANTHROPIC_API_KEY": "",
    }
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    try:
        yield
    finally:
        connections.close_all()


def draw_account() -> None:
    """Every account's flow from now on: both maps over the contacts, each e-mail chosen from three."""
    from tests.agents_app.flows_that import agent, draw

    persona, email = agent("persona", "research", kind="map"), agent("email", "persona", kind="map", proposals=3)
    draw(agent("research"), persona, email, goal="draft")


def long_run() -> "FlowRun":
    """A run of an account as large as they get, whose mails were sent and answered."""
    from agents_app import flow, llm
    from agents_app.flow.planning import MOST_CONTACTS
    from tests.agents_app.models_that import failing
    from tests.factories import AT, answer_mails, make_account_request, plan_run

    run = plan_run(make_account_request(MOST_CONTACTS, depth="comprehensive"))
    out_of_reach = failing("email_agent", llm.ModelUnavailable, "The model is out of reach.")
    for ask, late in ((out_of_reach, timedelta()), (llm.ask, LATER)):
        with patch.object(llm, "ask", ask):
            run = flow.execute(run.pk, clock=lambda late=late: AT + late)
    answer_mails(run)
    return run


def asked(work: Callable[[], object]) -> int:
    """How many queries it makes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def served(browser: Any, address: str, times: int) -> tuple[list[float], float]:
    """(milliseconds of each, milliseconds of work of this process a page)"""
    before = time.process_time()
    ms = [_measure.timed(partial(_get, browser, address)) for _ in range(times)]
    return ms, (time.process_time() - before) * 1000 / times


def _get(browser: Any, address: str) -> bytes:
    answer = browser.get(address, secure=True)
    assert answer.status_code == 200, (address, answer.status_code)
    return bytes(answer.content)


def measure(times: int) -> dict[str, float]:
    from django.test import Client as Browser
    from django.urls import reverse

    from agents_app import exporting
    from tests.crowd import make_user_of

    draw_account()
    run, other = long_run(), long_run()
    importlib.import_module("gtm.wsgi")  # only now: a web server executes no runs, and begins without their remains
    browser = Browser()
    browser.force_login(make_user_of("operator"))
    page, both = reverse("run_page", args=[run.pk]), reverse("runs_compared", args=[run.pk, other.pk])
    size = len(_get(browser, page))  # both once, as a server has served them before
    _get(browser, both)
    ms, cpu = served(browser, page, times)
    compared, compared_cpu = served(browser, both, max(3, times // 5))
    return {
        "spans": len(exporting.of_request(run.request_id)),
        "steps": run.steps.count(),
        "kilobytes": size / 1024,
        "queries": asked(partial(_get, browser, page)),
        "page_p50_ms": statistics.median(ms),
        "page_p95_ms": statistics.quantiles(ms, n=20)[-1],
        "page_cpu_ms": cpu,
        "compared_queries": asked(partial(_get, browser, both)),
        "compared_p50_ms": statistics.median(compared),
        "compared_cpu_ms": compared_cpu,
    }


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    with _measure.postgres() as place, product(place):
        figures = measure(10 if quick else 60)
        say(
            f"A run of {figures['spans']:.0f} spans: p95 {figures['page_p95_ms']:.0f} ms, {figures['queries']:.0f} queries"
        )
        _measure.report("run_page", figures, TARGETS, peer={}, machine=_measure.machine(place))


if __name__ == "__main__":
    main()
