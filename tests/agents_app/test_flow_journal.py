"""Statements that travel together: written whole or not at all, each value once, and committed with the last of them."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents_app.flow import journal
from agents_app.flow.journal import Journal, Message, one, remember
from agents_app.models import FlowRun, StepContext, StepRun
from tests.factories import AT, make_run

pytestmark = pytest.mark.django_db


def a_step(run, key="research", **columns):
    return StepRun(**{"run": run, "key": key, "stage": 0, "fence": 1, "started_at": AT, **columns})


def sent(fill):
    """The messages, none or one, that go out for what `fill` puts into a journal."""
    written, messages = Journal(), []
    fill(written)
    with pytest.MonkeyPatch.context() as patch:
        real = Message.send

        def send(message, **options):
            messages.append(b";".join(message._texts).decode())
            real(message, **options)

        patch.setattr(Message, "send", send)
        written.send()
    return messages


def test_rows_come_back_as_they_were_written_whatever_they_hold():
    run = make_run()
    odd = "100 % of “it's”;\nDROP TABLE x; %s $1"
    rows = [
        a_step(
            run, key="a", tool=odd[:40], error=odd, output={"said": [odd, None, 1.5]}, cost_usd=Decimal("0.1234567")
        ),
        a_step(run, key="b", status="done", confidence=0.25, finished_at=AT),
    ]

    written = Journal()
    written.insert(rows)
    written.send()

    for row in rows:
        names = [field.attname for field in StepRun._meta.concrete_fields if not field.generated]
        kept = StepRun.objects.get(pk=row.pk)
        assert {name: getattr(kept, name) for name in names} == {name: getattr(row, name) for name in names}


def test_only_what_changed_is_written_and_json_that_holds_something_always():
    run = make_run()
    row = a_step(run)
    sent(lambda written: written.insert([row]))
    StepRun.objects.filter(pk=row.pk).update(error="written by somebody else", output={"by": "somebody else"})
    row.attempt, row.output = 2, {"n": 1}

    sent(lambda written: written.update(row, ("attempt", "error", "output")))
    row.output["n"] = 2
    sent(lambda written: written.update(row, ("attempt", "error", "output")))

    row.refresh_from_db()
    assert (row.attempt, row.error, row.output) == (2, "written by somebody else", {"n": 2})


def test_json_that_stays_empty_is_not_written_again_and_what_comes_into_it_is():
    row = a_step(make_run())
    sent(lambda written: written.insert([row]))

    assert sent(lambda written: written.update(row, ("attempts", "votes"))) == []
    row.attempts.append({"status": 529})
    sent(lambda written: written.update(row, ("attempts", "votes")))
    assert StepRun.objects.get().attempts == [{"status": 529}]
    row.attempts.clear()
    sent(lambda written: written.update(row, ("attempts", "votes")))

    assert StepRun.objects.get().attempts == []


def test_a_row_that_no_journal_knows_is_written_as_it_stands():
    row = StepRun.objects.create(run=make_run(), key="a", stage=0, fence=1, started_at=AT)
    StepRun.objects.filter(pk=row.pk).update(error="written by somebody else")

    sent(lambda written: written.update(row, ("error",)))

    row.refresh_from_db()
    assert row.error == ""


def test_where_nothing_changed_nothing_is_sent():
    run = make_run()
    remember(run, ("status", "error"))

    assert sent(lambda written: written.update(run, ("status", "error"))) == []
    assert sent(lambda written: None) == []


def test_values_are_read_when_they_are_sent():
    row, written = a_step(make_run()), Journal()
    written.insert([row])
    written.update(row, ("error",))

    row.error = "later"
    written.send()

    assert StepRun.objects.get().error == "later"


def test_a_context_that_stands_already_is_left_as_it_is():
    StepContext.objects.create(sha256="a" * 64, document={"first": True})

    sent(lambda written: written.keep([StepContext(sha256="a" * 64, document={"first": False})]))

    assert StepContext.objects.get().document == {"first": True}


def test_a_context_that_retention_has_emptied_is_filled_again_and_the_guard_is_back_behind_it():
    StepContext.objects.create(sha256="a" * 64, document={"emptied": True, "facts": []})
    StepContext.objects.create(sha256="b" * 64, document={})  # as erasure leaves one
    whole = [StepContext(sha256=letter * 64, document={"said": "it's %s"}) for letter in "abc"]

    sent(lambda written: written.keep(whole))

    kept = dict(StepContext.objects.values_list("sha256", "document"))
    assert kept == {"a" * 64: {"said": "it's %s"}, "b" * 64: {}, "c" * 64: {"said": "it's %s"}}
    with pytest.raises(IntegrityError, match="record what happened"):
        StepContext.objects.filter(sha256="a" * 64).update(document={})


def test_a_statement_is_prepared_once_a_connection_and_its_text_is_not_sent_again(monkeypatch):
    monkeypatch.setattr(journal._of_thread, "session", None)
    run = make_run()
    a, b = a_step(run, key="aa"), a_step(run, key="bb")

    [before] = sent(lambda written: written.insert([a]))
    [after] = sent(lambda written: written.insert([b]))

    assert (before.count("PREPARE"), before.count("INSERT INTO"), before.count("EXECUTE")) == (1, 1, 1)
    assert (after.count("PREPARE"), after.count("INSERT INTO"), after.count("EXECUTE")) == (0, 0, 1)


def test_beyond_what_a_connection_keeps_a_statement_is_sent_as_it_is(monkeypatch):
    monkeypatch.setattr(journal, "MOST_PREPARED", 0)
    monkeypatch.setattr(journal._of_thread, "session", None)
    row = a_step(make_run())

    [text] = sent(lambda written: written.insert([row]))

    assert (text.startswith("INSERT INTO"), StepRun.objects.get().pk) == (True, row.pk)
    assert one("SELECT 1 + %s", [1]) == (2,)


def test_what_goes_wrong_is_djangos_error_and_nothing_of_the_message_stays():
    run = make_run()
    StepRun.objects.create(run=run, key="twice", stage=0, fence=1, started_at=AT)
    written = Journal()
    written.insert([a_step(run, key="new"), a_step(run, key="twice")])

    with pytest.raises(IntegrityError), transaction.atomic():
        written.send()
    with pytest.raises(ProgrammingError), transaction.atomic():
        one("SELECT no_such_column FROM agents_app_flowrun WHERE id = %s", [1])

    assert list(StepRun.objects.values_list("key", flat=True)) == ["twice"]
    sent(lambda written: written.insert([a_step(run, key="new", votes={"again": True})]))  # prepared under a new name
    assert StepRun.objects.filter(key="new").exists()


def test_no_row_is_none():
    found, asked = [], Journal()
    asked.find(FlowRun, found, "id = %s", 0)
    asked.send()

    assert found == []
    assert one("SELECT id FROM agents_app_flowrun WHERE id = %s", [0]) is None


@pytest.mark.django_db(transaction=True)
def test_the_last_message_commits_and_the_first_begins():
    run = make_run()

    with CaptureQueriesContext(connection) as djangos, transaction.atomic():
        assert one("SELECT id FROM agents_app_flowrun WHERE id = %s FOR NO KEY UPDATE", [run.pk]) == (run.pk,)
        assert connection.connection.info.transaction_status.name == "INTRANS"
        written = Journal()
        written.insert([a_step(run)])
        written.send(commit=True)
        assert connection.connection.info.transaction_status.name == "IDLE"

    assert StepRun.objects.count() == 1
    assert [query["sql"] for query in djangos.captured_queries if query["sql"] not in ("BEGIN", "COMMIT")] == []


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_prepares_anew():
    run = make_run()
    sent(lambda written: written.insert([a_step(run, key="a")]))
    connection.close()

    [again] = sent(lambda written: written.insert([a_step(run, key="b")]))

    assert again.count("PREPARE") == 1


@pytest.mark.django_db(transaction=True)
def test_a_message_within_another_transaction_commits_nothing():
    run = make_run()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with transaction.atomic():
            written = Journal()
            written.insert([a_step(run)])
            written.send(commit=True)
        raise ZeroDivisionError

    assert StepRun.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_is_done_on_commit_is_done_after_a_commit_that_travelled():
    run, done = make_run(), []

    with transaction.atomic():
        transaction.on_commit(lambda: done.append(StepRun.objects.count()))
        written = Journal()
        written.insert([a_step(run)])
        written.send(commit=True)
        assert done == []

    assert done == [1]
