"""How long the page of a run takes that left 200 spans, and the page that sets it beside another such run.

The run is a real one of the offline composer: research, a persona, an e-mail. Its e-mail step stands there once for each
of as many people as it takes, with a context, a prompt, an answer and recorded calls of its own, as a map leaves them.
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
from functools import partial
from typing import TYPE_CHECKING, Any

import _measure
from _measure import Place, say

if TYPE_CHECKING:
    from agents_app.models import FlowRun

SPANS = 200
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


def long_run() -> "FlowRun":
    """A run whose steps and calls to the model are SPANS spans at least: a map over as many people as that takes."""
    from agents_app import flow
    from agents_app.models import FlowRun, StepContext, StepRun
    from tests.factories import AT, make_contact, make_ready_request, plan_run

    short = flow.execute(plan_run(make_ready_request()).pk, clock=lambda: AT)
    rows = list(StepRun.objects.select_related("context").filter(run=short).order_by("pk"))
    email = rows[-1]
    left = SPANS - sum(len(step.spans) for step in rows[:-1])
    names = [f"Lee {number}" for number in range(-(-left // len(email.spans)))]
    people = [make_contact(short.client, last_name=name, full_name=f"Ada {name}") for name in names]
    run = FlowRun.objects.get(pk=short.pk)
    run.pk, run.idempotency_key, run._as_recorded = None, f"{run.idempotency_key}:long", {}  # a new row, like that one
    run.nodes = [*run.nodes[:-1], {**run.nodes[-1], "kind": "map", "items": [person.pk for person in people]}]
    run._state.adding = True
    run.save()
    for step in rows[:-1]:
        step.pk, step.run, step._state.adding = None, run, True
        step.save()
    for number, person in enumerate(people, start=1):
        document = {**email.input, "contact_id": person.pk}
        email.context = StepContext(sha256=f"{run.pk:032d}{number:032d}", document=document)
        email.context.save()
        email.pk, email.run, email.kind, email.map_index, email.contact = None, run, "map", number, person
        email.planned_sha256, email._state.adding = "", True
        email.save()
    return FlowRun.objects.get(pk=run.pk)


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

    from tests.crowd import make_user_of

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
        "spans": sum(len(step.spans) for step in run.steps.all()),
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
