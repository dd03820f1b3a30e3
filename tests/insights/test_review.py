from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents_app.models import SourceRecord
from insights import payload, review, tickets
from insights.models import SatisfactionScore, SharedInsight, Suggestion, SupportTicket, WeeklyReport
from insights.review import ReviewRefused
from tests.factories import AT, make_client, make_contact, make_outcome, make_step, make_user
from tests.mailings import make_mailing

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 11, 9)
IN_WEEK = datetime(2026, 11, 11, 10, 0, tzinfo=UTC)
NEXT_MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


def build(at=NEXT_MONDAY, monday=MONDAY):
    return review.build(monday, at=at)


def test_the_week_counts_what_was_sent_in_it_and_what_came_back():
    client = make_client("acme")
    make_mailing(client, 60, replies=6, meetings=2, sent_at=IN_WEEK)
    make_mailing(client, 40, replies=1, sent_at=IN_WEEK - timedelta(days=7))

    shown = build().payload

    assert (shown["sent"], shown["sent_before"]) == (60, 40)
    newest = shown["weeks"][-1]
    assert newest["week"] == "2026-11-09"
    assert (newest["replies"]["numerator"], newest["replies"]["denominator"], newest["replies"]["mature"]) == (
        6,
        60,
        False,
    )
    assert newest["meetings"]["numerator"] == 2
    [row] = shown["clients"]
    assert (row["name"], row["sent"], row["replies"]["numerator"]) == ("Acme", 60, 6)


@pytest.mark.parametrize(
    ("sent_at", "counted"),
    [
        (datetime(2026, 11, 8, 23, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 11, 9, 0, 0, tzinfo=UTC), 1),
        (datetime(2026, 11, 15, 23, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 11, 16, 0, 0, tzinfo=UTC), 0),
    ],
)
def test_a_week_is_monday_to_sunday(sent_at, counted):
    make_mailing(make_client(), 1, sent_at=sent_at)

    assert build(at=AT + timedelta(days=1)).payload["sent"] == counted


def test_a_week_begins_on_the_agencys_own_monday(settings):
    settings.TIME_ZONE = "America/New_York"
    make_mailing(make_client(), 1, sent_at=datetime(2026, 11, 16, 4, 59, tzinfo=UTC))  # Sunday evening there

    assert build(at=AT).payload["sent"] == 1


def test_a_reply_after_fourteen_days_is_not_an_answer_to_the_e_mail():
    client = make_client()
    [send] = make_mailing(client, 1, sent_at=IN_WEEK)
    make_outcome(send.contact, send=send, occurred_at=IN_WEEK + timedelta(days=14))

    assert build(at=IN_WEEK + timedelta(days=60)).payload["weeks"][-1]["replies"]["numerator"] == 0


def test_two_replies_to_one_e_mail_count_once():
    client = make_client()
    [send] = make_mailing(client, 1, replies=1, sent_at=IN_WEEK)
    make_outcome(send.contact, send=send, occurred_at=IN_WEEK + timedelta(days=2))

    assert build().payload["weeks"][-1]["replies"]["numerator"] == 1


def test_the_same_rows_give_the_same_report():
    make_mailing(make_client(), 3, replies=1, sent_at=IN_WEEK)
    first = build()

    again = build(at=NEXT_MONDAY + timedelta(hours=3))

    assert again.pk == first.pk
    assert WeeklyReport.objects.count() == 1


def test_a_late_event_makes_the_next_version_and_leaves_the_first_alone():
    client = make_client()
    [send] = make_mailing(client, 1, sent_at=IN_WEEK)
    first = build()
    make_outcome(
        send.contact, send=send, occurred_at=IN_WEEK + timedelta(days=4), received_at=NEXT_MONDAY + timedelta(hours=1)
    )

    second = build(at=NEXT_MONDAY + timedelta(hours=2))

    assert (first.version, second.version) == (1, 2)
    first.refresh_from_db()
    assert first.payload["weeks"][-1]["replies"]["numerator"] == 0
    assert second.payload["weeks"][-1]["replies"]["numerator"] == 1
    assert first.sha256 == payload.digest(first.payload)


def test_an_event_that_was_not_known_yet_is_not_in_the_report():
    client = make_client()
    [send] = make_mailing(client, 1, sent_at=IN_WEEK)
    make_outcome(
        send.contact, send=send, occurred_at=IN_WEEK + timedelta(days=1), received_at=NEXT_MONDAY + timedelta(days=2)
    )

    assert build().payload["weeks"][-1]["replies"]["numerator"] == 0


@pytest.mark.parametrize(
    ("monday", "at", "words"),
    [
        (date(2026, 11, 10), NEXT_MONDAY, "10 November 2026 is not a Monday"),
        (
            MONDAY,
            datetime(2026, 11, 15, 23, 0, tzinfo=UTC),
            "is not over. Its review can be built from 16 November 2026",
        ),
    ],
)
def test_a_week_that_is_none_or_not_over_is_refused(monday, at, words):
    with pytest.raises(ReviewRefused, match=words):
        build(at=at, monday=monday)

    assert not WeeklyReport.objects.exists()


def test_few_e_mails_are_shown_but_not_compared():
    make_mailing(make_client(), 38, sent_at=IN_WEEK)

    assert build().payload["little_data"] == "Only 38 e-mails this week. Rates are shown but not compared."


def test_weeks_whose_answers_still_come_in_are_left_out_of_the_comparison():
    client = make_client()
    for weeks_ago, replies in [(0, 0), (1, 0), (2, 9), (3, 9), (6, 9), (7, 9)]:
        make_mailing(client, 60, replies=replies, sent_at=IN_WEEK - timedelta(weeks=weeks_ago))

    shown = build().payload["replies"]

    assert shown["later_weeks"] == ["2026-10-05", "2026-11-01"]
    assert (shown["later"]["numerator"], shown["later"]["denominator"]) == (18, 120)
    assert (shown["earlier"]["numerator"], shown["earlier"]["denominator"]) == (18, 120)
    assert shown["sentence"] == "No clear change: the difference may be chance."


def test_an_agents_week_shows_mean_confidence_with_its_number_and_all_costs():
    for confidence, cost in [(0.6, "0.0100000"), (0.9, "0.0200000")]:
        make_step(agent="research_agent", confidence=confidence, cost_usd=cost, started_at=IN_WEEK)
    make_step(
        agent="research_agent",
        confidence=None,
        status="failed",
        cost_usd="0.0050000",
        started_at=IN_WEEK,
        error="No answer",
    )

    research = build().payload["agents"][0]

    assert (research["name"], research["steps"], research["confidence"], research["cost_usd"]) == (
        "Research",
        2,
        0.75,
        "0.0350",
    )


def test_satisfaction_counts_thirteen_weeks_with_an_interval():
    client = make_client()
    for score, days in [(10, 3), (9, 20), (8, 40), (3, 60), (0, 100)]:
        SatisfactionScore.objects.create(client=client, score=score, answered_at=NEXT_MONDAY - timedelta(days=days))

    shown = build().payload["satisfaction"]

    assert (shown["promoters"], shown["passives"], shown["detractors"], shown["answers"]) == (2, 1, 1, 4)
    assert shown["score"] == 25.0
    assert shown["low"] < 25.0 < shown["high"]


def test_support_tickets_opened_solved_and_open_at_the_end():
    client = make_client("acme")
    SupportTicket.objects.create(
        client=client,
        subject="Old and solved",
        opened_at=IN_WEEK - timedelta(days=20),
        solved_at=IN_WEEK,
        status="solved",
    )
    SupportTicket.objects.create(client=client, subject="New", opened_at=IN_WEEK)
    SupportTicket.objects.create(client=client, subject="Later", opened_at=NEXT_MONDAY + timedelta(hours=1))

    shown = build().payload["support"]

    assert ([row["subject"] for row in shown["opened"]], shown["solved"], shown["open_at_end"]) == (["New"], 1, 1)


def test_errors_are_grouped_and_compared_with_the_weeks_before():
    run = make_step(status="failed", error="Timed out after 3 s", started_at=IN_WEEK).run
    make_step(status="failed", error="Timed out after 9 s", started_at=IN_WEEK)
    make_step(status="failed", error="Timed out after 1 s", started_at=IN_WEEK - timedelta(days=10))
    SourceRecord.objects.create(
        run=run,
        source="newsapi",
        company_domain="a.example",
        request_key="GET",
        status="failed",
        reason="503",
        fetched_at=IN_WEEK,
    )

    steps, source = build().payload["errors"]

    assert (steps["message"], steps["count"], steps["before"], steps["state"]) == (
        "Timed out after <n> s",
        2,
        1,
        "ongoing",
    )
    assert (source["where"], source["count"], source["state"]) == ("source_failures:newsapi", 1, "new")


def test_insights_of_the_week_stand_in_its_report():
    SharedInsight.objects.create(
        pattern="asks_a_question",
        week=MONDAY,
        clients_rounded=5,
        effect_rounded=0.02,
        supporting_share=1,
        sentence="Ask.",
        released_at=IN_WEEK,
    )

    assert [row["sentence"] for row in build().payload["insights"]] == ["Ask."]


def test_tickets_taken_in_the_week_stand_in_its_report():
    user = make_user()
    ticket = tickets.create("Shorten it", description="", owner=user, due_date=IN_WEEK.date(), by=user, at=IN_WEEK)

    assert build().payload["decided"] == [
        {"ticket_id": ticket.pk, "client_id": None, "title": "Shorten it", "effect": ""}
    ]


def test_a_suggestion_decided_in_one_version_stays_decided_in_the_next():
    client = make_client()
    SatisfactionScore.objects.create(client=client, score=2, answered_at=IN_WEEK)
    make_mailing(client, 5, sent_at=IN_WEEK)
    first = build()
    tickets.dismiss(first.suggestions.get(), reason="We called on Friday.", by=None)
    make_mailing(client, 1, sent_at=IN_WEEK)

    second = build()

    assert second.version == 2
    carried = second.suggestions.get()
    assert (carried.status, carried.dismissal) == ("dismissed", "We called on Friday.")


def test_what_is_worked_on_is_not_suggested_again_next_week():
    client, user = make_client(), make_user()
    for days in (0, 7):
        SatisfactionScore.objects.create(client=client, score=2, answered_at=IN_WEEK + timedelta(days=days))
        make_mailing(client, 5, sent_at=IN_WEEK + timedelta(days=days))
    suggestion = build().suggestions.get()
    tickets.accept(suggestion, owner=user, due_date=NEXT_MONDAY.date(), by=user, at=NEXT_MONDAY)

    following = build(at=NEXT_MONDAY + timedelta(days=7), monday=MONDAY + timedelta(days=7))

    assert following.payload["suggestions"] == []
    assert Suggestion.objects.count() == 1


def test_building_takes_the_same_queries_whatever_the_number_of_rows():
    def queries(monday):
        with CaptureQueriesContext(
            connection,
        ) as found:
            build(monday=monday, at=NEXT_MONDAY)
        return len(found)

    make_mailing(make_client(), 2, replies=1, sent_at=IN_WEEK)
    few = queries(MONDAY)
    for _ in range(5):
        make_mailing(make_client(), 20, replies=3, sent_at=IN_WEEK)

    assert queries(MONDAY) == few


def test_an_account_managers_part_holds_nothing_of_other_clients():
    mine, other = make_client("mine", name="Mine"), make_client("other", name="Zanzibar")
    for client in (mine, other):
        make_mailing(client, 7, sent_at=IN_WEEK)
        SatisfactionScore.objects.create(client=client, score=2, answered_at=IN_WEEK)
        SupportTicket.objects.create(client=client, subject=f"{client.name} asks", opened_at=IN_WEEK)
    make_contact(other)
    report = build()

    part = payload.narrow(report.payload, {mine.pk})

    assert "Zanzibar" not in str(part)
    assert (part["agency"], part["sent"], [row["name"] for row in part["clients"]]) == (False, 7, ["Mine"])
    assert [row["client_id"] for row in part["suggestions"]] == [mine.pk]
    assert (part["replies"], part["weeks"], part["support"]) == (None, [], None)
