from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest

from agents_app.models import Draft, SourceRecord
from clients.models import Delivery
from insights import errors, evidence, metrics, weeks
from insights.evidence import Question, QuestionRefused
from insights.models import SatisfactionScore
from tests.factories import (
    AT,
    make_client,
    make_connection,
    make_contact,
    make_draft,
    make_request,
    make_run,
    make_step,
)
from tests.mailings import make_mailing

pytestmark = pytest.mark.django_db

SPAN = weeks.week(date(2026, 11, 9), ZoneInfo("UTC"))
IN_WEEK = datetime(2026, 11, 11, 10, 0, tzinfo=UTC)


def counted(question, clients=None):
    rows = list(evidence.joined(question.rows(at=AT, clients=clients)))
    return sum(row.hit for row in rows), len(rows)


def make_row_of_each():
    client = make_client("acme")
    make_mailing(client, 3, replies=1, meetings=1, sent_at=IN_WEEK)
    run = make_run(status="failed", error="No route", planned_at=IN_WEEK)
    make_step(run, status="failed", error="Timed out", started_at=IN_WEEK, agent="research_agent")
    SourceRecord.objects.create(
        run=run,
        source="newsapi",
        company_domain="a.example",
        request_key="GET",
        status="failed",
        reason="503",
        fetched_at=IN_WEEK,
    )
    connection = make_connection(client)
    Delivery.objects.create(
        connection=connection,
        received_at=IN_WEEK,
        body=b"{",
        body_sha256="0" * 64,
        status="quarantined",
        error="Not JSON",
    )
    make_draft(status=Draft.Status.REJECTED, rejection="text", decided_at=IN_WEEK)
    make_draft(status=Draft.Status.REFUSED, refusal="Suppressed", decided_at=IN_WEEK)
    SatisfactionScore.objects.create(client=client, score=3, answered_at=IN_WEEK)


@pytest.mark.parametrize(
    ("metric", "figure"),
    [
        ("reply_rate", (1, 3)),
        ("reply_rate:fintech", (1, 3)),
        ("reply_rate:retail", (0, 0)),
        ("meeting_rate", (1, 3)),
        ("sure_steps:email_agent", (3, 3)),
        ("failed_steps:research_agent", (1, 1)),
        ("unfinished_runs", (1, 4)),
        ("source_failures:newsapi", (1, 1)),
        ("quarantined:hubspot", (1, 1)),
        ("rejected:text", (1, 5)),
        ("refused_drafts", (1, 5)),
        ("detractors", (1, 1)),
    ],
)
def test_the_rows_listed_are_the_rows_counted(metric, figure):
    make_row_of_each()

    assert counted(Question(metric, SPAN)) == figure
    assert tuple(metrics.count(metric, SPAN, at=AT)) == figure


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_every_metrics_rows_can_be_shown_with_a_page_to_read_on(metric):
    make_row_of_each()

    lines = [evidence.line(row) for row in evidence.joined(Question(metric, SPAN).rows(at=AT, clients=None))]

    assert lines != []
    assert all(line.text and line.client and line.url.startswith("/") and SPAN.holds(line.at) for line in lines)


def test_an_address_leads_back_to_its_question():
    question = Question("source_failures:newsapi", SPAN, client_id=7, error="0123456789ab")

    assert evidence.parse(dict(parse_qsl(urlsplit(question.url).query))) == question


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"metric": "happiness", "from": "2026-11-09", "to": "2026-11-15"}, "no metric “happiness”"),
        ({"metric": "reply_rate", "from": "last week", "to": "2026-11-15"}, "names no figure"),
        ({"metric": "reply_rate", "from": "2026-11-09", "to": "2026-11-15", "client": "acme"}, "names no figure"),
        ({"metric": "reply_rate", "from": "2026-11-15", "to": "2026-11-09"}, "do not follow each other"),
        ({"metric": "reply_rate", "from": "2020-11-15", "to": "2026-11-09"}, "within a year"),
        ({}, "names no figure"),
    ],
)
def test_an_address_without_a_figure_is_refused_in_words(query, words):
    with pytest.raises(QuestionRefused, match=words):
        evidence.parse(query)


def test_an_error_group_lists_its_own_rows_only():
    for text in ("Timed out after 3 s", "Timed out after 5 s", "Refused"):
        make_step(status="failed", error=text, started_at=IN_WEEK)
    group = errors.groups(SPAN, at=AT)[0]

    assert counted(Question(group.where, SPAN, error=group.fingerprint)) == (2, 2)
    assert counted(Question(group.where, SPAN, error="no such group")) == (0, 0)


def test_errors_about_different_companies_and_people_are_one_group():
    for company, person in (("Odyne Therapeutics", "Ada Lee"), ("Harbour Pay", "Ben Ode")):
        contact = make_contact(company_name=company, full_name=person)
        make_step(
            make_run(make_request(contact)),
            status="failed",
            error=f"No headline names {company}; {person} is new.",
            started_at=IN_WEEK,
        )

    assert [(group.message, group.count) for group in errors.groups(SPAN, at=AT)] == [
        ("No headline names <name>; <name> is new.", 2)
    ]


def test_a_run_whose_step_says_why_is_one_error_and_not_two():
    run = make_run(status="failed", error="The e-mail agent failed: timed out", planned_at=IN_WEEK)
    make_step(run, status="failed", error="Timed out", started_at=IN_WEEK)

    assert [group.where for group in errors.groups(SPAN, at=AT)] == ["failed_steps:email_agent"]


def test_only_rows_of_visible_clients_are_listed():
    mine, other = make_client(), make_client()
    for client, size in ((mine, 2), (other, 3)):
        make_mailing(client, size, sent_at=IN_WEEK)

    assert counted(Question("reply_rate", SPAN), clients=[mine.pk]) == (0, 2)
    assert counted(Question("reply_rate", SPAN, client_id=other.pk), clients=[mine.pk]) == (0, 0)


def test_a_reply_that_came_later_is_not_in_a_figure_of_before():
    make_mailing(make_client(), 1, replies=1, sent_at=IN_WEEK)

    rows = Question("reply_rate", SPAN).rows(at=IN_WEEK + timedelta(hours=2), clients=None)

    assert [row.hit for row in rows] == [False]
