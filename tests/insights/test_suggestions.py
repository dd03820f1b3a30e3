from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from insights import suggestions, weeks
from insights.error_groups import Occurrence, grouped
from insights.metrics import Count
from insights.rollups import AgentFigures, ClientInfo, DraftFigures, Mails, Reading, Score, SourceFigures, Winner

MONDAY = date(2026, 11, 9)
AT = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)


def reading(**values):
    nothing = {
        "mails": [],
        "agents": [],
        "sources": [],
        "drafts": [],
        "scores": [],
        "errors": [],
        "errors_before": Counter(),
        "winners": [],
    }
    basis = {
        "span": weeks.week(MONDAY, UTC),
        "at": AT,
        "clients": {1: ClientInfo("Acme", "fintech"), 2: ClientInfo("Beta", "saas")},
        "handled": frozenset(),
    }
    return Reading(**{**basis, **nothing, **values})


def mails(client_id, *, later, earlier):
    """Four mature weeks of (replies, sent) each, and the eight before them."""
    first = MONDAY - timedelta(weeks=5)
    return [Mails(first + timedelta(weeks=n), client_id, later[1], later[0], 0) for n in range(4)] + [
        Mails(first - timedelta(weeks=n), client_id, earlier[1], earlier[0], 0) for n in range(1, 9)
    ]


def test_nothing_is_suggested_from_nothing():
    assert suggestions.find(reading()) == []


def test_a_client_whose_answers_fell_is_named_with_both_figures_and_their_rows():
    [found] = suggestions.find(reading(mails=mails(1, later=(1, 60), earlier=(6, 60))))

    assert (found["rule"], found["client_id"], found["metric"]) == ("replies_fell", 1, "reply_rate")
    assert (found["numerator"], found["denominator"], found["first"]) == (4, 240, "2026-10-05")
    assert "1.7% (4 of 240)" in found["text"]
    assert "10.0% (48 of 480)" in found["text"]
    assert [item["value"] for item in found["evidence"]] == ["4 of 240 (1.7%)", "48 of 480 (10.0%)"]
    assert found["evidence"][0]["url"] == "/review/rows/?metric=reply_rate&from=2026-10-05&to=2026-11-01&client=1"


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ((1, 12), (2, 60)),  # 48 e-mails: too few to compare
        ((5, 60), (6, 60)),  # may be chance
        ((12, 60), (6, 60)),  # rose
    ],
)
def test_a_client_whose_fall_may_be_chance_is_left_in_peace(later, earlier):
    assert suggestions.find(reading(mails=mails(1, later=later, earlier=earlier))) == []


def test_weeks_whose_answers_still_come_in_do_not_count_as_a_fall():
    rows = [Mails(MONDAY - timedelta(weeks=n), 1, 200, 0 if n < 2 else 20, 0) for n in range(14)]

    assert suggestions.find(reading(mails=rows)) == []


def test_one_unlucky_client_among_many_is_taken_for_chance():
    clients = {n: ClientInfo(f"Client {n}", f"industry {n}") for n in range(1, 31)}
    rows = [row for n in range(2, 31) for row in mails(n, later=(6, 60), earlier=(6, 60))] + mails(
        1, later=(4, 60), earlier=(7, 60)
    )

    assert len(suggestions.find(reading(mails=mails(1, later=(4, 60), earlier=(7, 60))))) == 1
    assert suggestions.find(reading(mails=rows, clients=clients)) == []


def test_an_industry_is_named_when_none_of_its_clients_explains_it():
    clients = {n: ClientInfo(f"Client {n}", "fintech") for n in (1, 2, 3)}
    rows = [row for n in clients for row in mails(n, later=(2, 30), earlier=(4, 30))]

    [found] = suggestions.find(reading(mails=rows, clients=clients))

    assert (found["client_id"], found["metric"], found["title"]) == (
        None,
        "reply_rate:fintech",
        "Fewer answers: the fintech clients",
    )


def agent_weeks(now, then):
    week = {"steps": 200, "failed": 0, "confidence": 0.7, "cost_usd": Decimal(1)}
    rows = [AgentFigures(week=MONDAY, agent="email_agent", answers=now[1], sure=now[0], **week)]
    return rows + [
        AgentFigures(week=MONDAY - timedelta(weeks=n), agent="email_agent", answers=then[1], sure=then[0], **week)
        for n in (1, 2, 3, 4)
    ]


def test_an_agent_that_is_less_sure_is_noticed():
    [found] = suggestions.find(reading(agents=agent_weeks((20, 50), (45, 50))))

    assert (found["rule"], found["metric"]) == ("confidence_fell", "sure_steps:email_agent")
    assert "40.0% (20 of 50)" in found["text"]
    assert "90.0% (180 of 200)" in found["text"]


def test_an_agent_with_few_answers_is_not_judged():
    assert suggestions.find(reading(agents=agent_weeks((2, 20), (45, 50)))) == []


@pytest.mark.parametrize(("asked", "failed", "named"), [(40, 8, True), (40, 2, False), (10, 8, False)])
def test_a_source_is_named_when_it_surely_fails_more_than_one_time_in_twenty(asked, failed, named):
    found = suggestions.find(reading(sources=[SourceFigures("newsapi", asked, failed)]))

    assert [row["metric"] for row in found] == (["source_failures:newsapi"] if named else [])


def test_most_rejections_for_one_reason_are_noticed():
    [found] = suggestions.find(
        reading(drafts=[DraftFigures("", 30), DraftFigures("person", 7), DraftFigures("text", 3)])
    )

    assert (found["metric"], found["numerator"], found["denominator"]) == ("rejected:person", 7, 40)
    assert found["first"] == "2026-10-19"


@pytest.mark.parametrize(
    "drafts", [[("", 30), ("person", 4), ("text", 4), ("fit", 4)], [("", 30), ("person", 7)], [("", 2), ("person", 9)]]
)
def test_rejections_that_disagree_or_are_few_are_not(drafts):
    assert suggestions.find(reading(drafts=[DraftFigures(*row) for row in drafts])) == []


@pytest.mark.django_db
def test_an_unhappy_client_of_the_week_is_to_be_called():
    scores = [
        Score(1, 1, 4, AT - timedelta(days=3)),
        Score(2, 1, 9, AT - timedelta(days=2)),
        Score(3, 2, 2, AT - timedelta(days=10)),
    ]

    [found] = suggestions.find(reading(scores=scores))

    assert (found["rule"], found["client_id"], found["title"]) == (
        "client_is_unhappy",
        1,
        "Talk to Acme: it gave us 4 out of 10",
    )


@pytest.mark.django_db
def test_an_error_that_repeats_is_named_once_it_came_up_three_times():
    rows = [Occurrence("failed_steps:email_agent", n, f"Timed out after {n} s", AT, 1) for n in range(3)]

    [found] = suggestions.find(reading(errors=grouped(rows)))

    assert found["title"] == "One error came up 3 times"
    assert found["evidence"][0]["value"] == "3"
    assert suggestions.find(reading(errors=grouped(rows[:2]))) == []


def test_a_winner_that_nobody_made_live_is_brought_up():
    winner = Winner(7, "News first", 1, "reply_rate", Count(20, 400), Count(40, 400), "The challenger won.")

    [found] = suggestions.find(reading(winners=[winner], mails=[Mails(MONDAY, 1, 100, 0, 0)]))

    assert (found["rule"], found["client_id"], found["worth"]) == ("winner_waits", 1, 100.0)
    assert found["evidence"][0]["url"] == "/admin/experiments/experiment/7/change/"


def test_at_most_three_are_made_and_the_most_e_mails_lost_come_first():
    values = {
        "mails": mails(1, later=(1, 60), earlier=(6, 60)),
        "agents": agent_weeks((20, 50), (45, 50)),
        "sources": [SourceFigures("newsapi", 40, 8), SourceFigures("people_data_labs", 400, 200)],
        "drafts": [DraftFigures("", 30), DraftFigures("person", 10)],
    }

    found = suggestions.find(reading(**values))

    assert [row["metric"] for row in found] == [
        "source_failures:people_data_labs",
        "reply_rate",
        "sure_steps:email_agent",
    ]
    assert found == sorted(found, key=lambda row: -row["worth"])


def test_what_people_decided_on_is_not_brought_up_again():
    handled = frozenset({("replies_fell", 1, "reply_rate")})

    assert suggestions.find(reading(mails=mails(1, later=(1, 60), earlier=(6, 60)), handled=handled)) == []
