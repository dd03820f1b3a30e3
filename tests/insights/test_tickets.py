from datetime import timedelta

import pytest
from django.contrib.auth.models import Group

from gtm import caretaking, roles
from insights import tickets
from insights.models import Suggestion, Ticket, WeeklyReport
from insights.tickets import TicketRefused
from tests.factories import AT, make_client, make_run, make_user

pytestmark = pytest.mark.django_db

DUE = AT.date() + timedelta(days=7)


def make_suggestion(version=1, **values):
    report = WeeklyReport.objects.create(
        week=AT.date() - timedelta(days=7), version=version, payload={}, sha256="0" * 64, built_at=AT
    )
    basis = {
        "rule": "replies_fell",
        "rank": 1,
        "title": "Fewer answers: Acme",
        "text": "They fell.",
        "evidence": [],
        "metric": "reply_rate",
    }
    return Suggestion.objects.create(report=report, **{**basis, **values})


def test_a_suggestion_becomes_a_ticket_that_remembers_where_it_comes_from():
    client, owner = make_client(), make_user("priya")
    suggestion = make_suggestion(client=client)

    ticket = tickets.accept(suggestion, owner=owner, due_date=DUE, by=owner, at=AT)

    suggestion.refresh_from_db()
    assert (suggestion.status, suggestion.decided_by) == ("accepted", owner)
    assert (ticket.title, ticket.description, ticket.metric, ticket.client) == (
        "Fewer answers: Acme",
        "They fell.",
        "reply_rate",
        client,
    )
    assert (ticket.suggestion, ticket.report, ticket.status, ticket.created_at) == (
        suggestion,
        suggestion.report,
        "open",
        AT,
    )
    assert [(row.history_user, row.history_change_reason) for row in ticket.history.all()] == [(owner, "Opened")]


def test_a_suggestion_is_decided_once_and_the_second_person_is_told_by_whom():
    suggestion, priya = make_suggestion(), make_user("priya")
    tickets.accept(suggestion, owner=priya, due_date=DUE, by=priya, at=AT)

    with pytest.raises(TicketRefused, match="priya made a ticket of this suggestion already"):
        tickets.accept(suggestion, owner=priya, due_date=DUE, by=make_user("omar"), at=AT)
    with pytest.raises(TicketRefused, match="priya made a ticket"):
        tickets.dismiss(suggestion, reason="No.", by=priya)

    assert Ticket.objects.count() == 1


def test_deciding_in_one_version_of_a_week_decides_in_all():
    first, second, user = make_suggestion(), make_suggestion(version=2), make_user()

    tickets.accept(first, owner=user, due_date=DUE, by=user, at=AT)

    second.refresh_from_db()
    assert second.status == "accepted"


@pytest.mark.parametrize(
    ("change", "field"),
    [({"due_date": AT.date() - timedelta(days=1)}, "due_date"), ({"owner": "gone"}, "owner")],
)
def test_a_ticket_that_cannot_be_done_is_refused_and_the_suggestion_stays_open(change, field):
    suggestion, user = make_suggestion(), make_user()
    given = {"owner": user, "due_date": DUE, "by": user, "at": AT} | change
    given["owner"] = make_user("gone", is_active=False) if given["owner"] == "gone" else user

    with pytest.raises(TicketRefused) as refusal:
        tickets.accept(suggestion, **given)

    suggestion.refresh_from_db()
    assert (refusal.value.field, suggestion.status, Ticket.objects.count()) == (field, "open", 0)


def test_dismissing_needs_a_reason_and_keeps_it():
    suggestion, user = make_suggestion(), make_user()

    with pytest.raises(TicketRefused, match="Say why"):
        tickets.dismiss(suggestion, reason="  ", by=user)
    tickets.dismiss(suggestion, reason=" We know:\n a holiday. ", by=user)

    suggestion.refresh_from_db()
    assert (suggestion.status, suggestion.dismissal, suggestion.decided_by) == (
        "dismissed",
        "We know: a holiday.",
        user,
    )


def test_a_person_may_open_a_ticket_of_their_own():
    user = make_user()

    ticket = tickets.create(
        "Try shorter subjects", description="", owner=user, due_date=DUE, by=user, at=AT, metric="reply_rate"
    )

    assert (ticket.suggestion, ticket.metric, ticket.status) == (None, "reply_rate", "open")
    with pytest.raises(TicketRefused, match="what is to be improved"):
        tickets.create(" ", description="", owner=user, due_date=DUE, by=user, at=AT)


def test_a_ticket_is_dropped_in_writing_and_once():
    user = make_user()
    ticket = tickets.create("Try it", description="", owner=user, due_date=DUE, by=user, at=AT)

    with pytest.raises(TicketRefused, match="Say why"):
        tickets.drop(ticket, reason="", by=user, at=AT)
    dropped = tickets.drop(ticket, reason="The client left.", by=user, at=AT)

    assert (dropped.status, dropped.closed_reason) == ("dropped", "The client left.")
    with pytest.raises(TicketRefused, match="nothing to drop"):
        tickets.drop(ticket, reason="Again.", by=user, at=AT)


# --- runs that had to be given up


def make_operator(name):
    user = make_user(name)
    user.groups.add(Group.objects.get_or_create(name=roles.OPERATOR)[0])
    return user


def dead_run(**values):
    return make_run(status="dead", error="It was taken up again 5 times.", finished_at=AT, **values)


def test_a_run_that_was_given_up_becomes_one_ticket_for_the_operator_who_was_here_first():
    owner, later = make_operator("omar"), make_operator("olga")
    run = dead_run()

    first = tickets.for_dead_run(run, at=AT)
    again = tickets.for_dead_run(run, at=AT)

    assert (first.pk, Ticket.objects.count()) == (again.pk, 1)
    assert (first.run, first.client, first.owner, first.due_date) == (
        run,
        run.client,
        owner,
        AT.date() + timedelta(days=2),
    )
    assert first.title == f"Find out why run {run.pk} had to be given up"
    assert first.description.startswith("It was taken up again 5 times.")
    assert later != owner


def test_where_nobody_could_own_the_ticket_the_run_waits_for_one():
    run = dead_run()

    assert tickets.for_dead_run(run, at=AT) is None
    assert (Ticket.objects.count(), list(tickets.dead_runs_without())) == (0, [run])


def test_the_sweep_finds_dead_runs_whose_worker_died_before_their_ticket(monkeypatch):
    make_operator("omar")
    with_ticket, without = dead_run(), dead_run()
    tickets.for_dead_run(with_ticket, at=AT)

    caretaking.sweep()

    assert set(Ticket.objects.values_list("run", flat=True)) == {with_ticket.pk, without.pk}
    assert list(tickets.dead_runs_without()) == []
