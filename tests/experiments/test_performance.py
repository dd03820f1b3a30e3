"""How each prompt version fared."""

from datetime import timedelta

import pytest

from agents_app.models import PlannedPrompt
from clients.models import AgentKey
from experiments.performance import Rate, by_version
from tests.factories import (
    AT,
    make_contact,
    make_draft,
    make_outcome,
    make_prompt,
    make_request,
    make_run,
    make_send,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
UNTIL = AT + 30 * DAY


def drafted(version, contact=None, *, sent_at=None, outcomes=(), **draft):
    run = make_run(make_request(contact))
    PlannedPrompt.objects.create(run=run, agent=version.agent, version=version)
    written = make_draft(run, **draft)
    if sent_at:
        send = make_send(written, sent_at=sent_at)
        for kind, after in outcomes:
            make_outcome(send.contact, kind, send=send, occurred_at=sent_at + after)
    return run


def figures(row):
    return (
        row.drafts,
        row.approved_unchanged,
        row.edited,
        row.rejected,
        row.sent,
        row.mature,
        row.replies,
        row.meetings,
    )


def test_drafts_are_counted_by_what_people_did_with_them():
    version = make_prompt()
    drafted(version, status="waiting"), drafted(version, status="approved"), drafted(version, status="rejected")
    (
        drafted(version, status="approved", was_edited=True),
        drafted(version, status="sent"),
        drafted(version, status="refused"),
    )

    (row,) = by_version(until=UNTIL)

    assert (row.version, figures(row)) == (version, (6, 3, 1, 1, 0, 0, 0, 0))
    assert row.unchanged == Rate(3, 5)


def test_answers_count_once_an_email_and_only_for_emails_old_enough():
    version = make_prompt()
    both = [("replied", DAY), ("replied", 2 * DAY), ("meeting_booked", 3 * DAY)]
    drafted(version, status="sent", sent_at=AT, outcomes=both)
    drafted(version, status="sent", sent_at=AT, outcomes=[("replied", 20 * DAY), ("opened", DAY)])
    drafted(version, status="sent", sent_at=AT, outcomes=[("unsubscribed", DAY)])
    drafted(version, status="sent", sent_at=UNTIL - DAY, outcomes=[("replied", timedelta(hours=1))])

    (row,) = by_version(until=UNTIL)

    assert figures(row) == (4, 4, 0, 0, 4, 3, 1, 1)
    assert (row.replied, row.met, row.unsubscribed) == (Rate(1, 3), Rate(1, 3), Rate(1, 3))


def test_a_version_counts_for_every_agent_that_used_it():
    email, persona = make_prompt(), make_prompt(AgentKey.PERSONA)
    run = drafted(email, status="sent", sent_at=AT, outcomes=[("replied", DAY)])
    PlannedPrompt.objects.create(run=run, agent=persona.agent, version=persona)

    rows = by_version(until=UNTIL)

    assert [(row.version, row.replied) for row in rows] == [(email, Rate(1, 1)), (persona, Rate(1, 1))]


def test_newest_versions_stand_first_and_unused_ones_do_not_stand_at_all():
    old, new, _unused = make_prompt(number=901), make_prompt(number=902), make_prompt(number=903)
    drafted(old), drafted(new)

    assert [row.version for row in by_version(until=UNTIL)] == [new, old]


def test_the_period_takes_its_first_moment_and_leaves_its_last():
    version = make_prompt()
    drafted(version, written_at=AT, status="sent", sent_at=AT)
    drafted(version, written_at=AT + 7 * DAY, status="sent", sent_at=AT + 7 * DAY)

    (row,) = by_version(since=AT, until=AT + 7 * DAY)

    assert (row.drafts, row.sent) == (1, 1)
    assert by_version(since=AT + 8 * DAY, until=UNTIL) == []


def test_only_the_given_clients_count():
    version, contact = make_prompt(), make_contact()
    drafted(version, contact), drafted(version)

    (row,) = by_version(until=UNTIL, clients=[contact.client])

    assert row.drafts == 1
    assert by_version(until=UNTIL, clients=[]) == []


@pytest.mark.parametrize("versions", [0, 1, 6])
def test_three_queries_whatever_the_row_count(versions, django_assert_max_num_queries):
    for _ in range(versions):
        drafted(make_prompt(), status="sent", sent_at=AT)

    with django_assert_max_num_queries(3):
        by_version(until=UNTIL)


def test_a_rate_of_nothing_is_no_rate():
    assert (Rate(0, 0).rate, Rate(0, 0).interval) == (None, (0.0, 1.0))
    assert Rate(1, 4).rate == 0.25
