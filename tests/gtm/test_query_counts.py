"""No page asks the database more when there is more to show. The counts stand in tests/golden/query_counts.json.

After a change that is meant, write them anew with WRITE_GOLDEN=1.
"""

import json
import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from experiments.models import OutcomeEvent
from gtm import navigation
from tests.agents_app.flows_that import execute
from tests.crowd import Rows, make_crowd, make_user_of
from tests.factories import answer_mails, make_account_request, plan_run
from tests.gtm import places

GOLDEN = Path(__file__).parent.parent / "golden" / "query_counts.json"
MOST, MOST_REVIEW = 12, 20
MOST_HEALTH = 14  # each of its checks asks once
MOST_FILE = 15  # everything of a run, as a file
NO_PAGES = {"flat_hubspot", "flat_salesforce", "alive", "ready", "unsubscribe"}

pytestmark = pytest.mark.django_db


def measure(rows: Rows) -> dict[str, list[str]]:
    """The queries of each page for an operator, navigation counts apart (they are cached)."""
    browser = Browser()
    browser.force_login(make_user_of("operator", f"operator-{User.objects.count()}"))
    urls = {name: places.own_url(name, rows) for name in places.own_names() if name not in NO_PAGES}
    urls |= {
        page.name: page.url for page in [*places.list_pages(), *places.row_pages(rows, kinds=("change", "history"))]
    }
    browser.get("/")
    return {name: _queries(browser, url) for name, url in sorted(urls.items())}


def _queries(browser: Browser, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        answer = browser.get(url)
    assert answer.status_code in (200, 403), url
    return [query["sql"] for query in captured.captured_queries]


def _most(name: str) -> int:
    if name == "run_document":
        return MOST_FILE
    return MOST_HEALTH if name == "system_health" else MOST_REVIEW if name.startswith("weekly_review") else MOST


def test_no_page_asks_more_when_there_is_more_to_show(monkeypatch):
    monkeypatch.setattr(navigation, "REMEMBERED_S", 3600)  # however slow the machine is, it is not forgotten in between
    few = make_crowd(10)
    places.build_review()
    measure(few)  # what is remembered for the life of a process is asked for here
    with_few = measure(few)
    make_crowd(190)
    cache.clear()

    with_many = measure(few)

    grown = {
        name: (queries, with_many[name]) for name, queries in with_few.items() if len(queries) != len(with_many[name])
    }
    assert grown == {}
    counts = {name: len(queries) for name, queries in with_many.items()}
    assert {name: n for name, n in counts.items() if n > _most(name)} == {}
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(counts, indent=1) + "\n")
    assert counts == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("people", [2, 25])  # a few steps with all they were given, and more than a page shows so
def test_an_account_whose_mails_were_sent_and_answered_is_shown_within_the_limit(people):
    browser = Browser()
    browser.force_login(make_user_of("operator"))
    browser.get("/")
    run = execute(plan_run(make_account_request(people)))
    answer_mails(run)

    queries = _queries(browser, reverse("run_page", args=[run.pk]))

    assert (run.status, run.request.contact, run.followed_by.count()) == ("succeeded", None, 1)
    assert OutcomeEvent.objects.filter(send__draft__run=run, kind="replied").count() == people
    assert min(run.facts.count(), run.source_records.count()) > 1
    assert len(queries) == MOST
