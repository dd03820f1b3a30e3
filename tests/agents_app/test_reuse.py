"""Answers that are still fresh are used again: nobody is asked, nothing is paid, and the facts are the same."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from agents_app import flow, llm
from agents_app.flow import kept
from agents_app.models import Claim, Fact, SourceAccount, SourceRecord
from agents_app.research import SOURCES, Company, SourceAccess, check_pointer, reuse
from clients import erasure
from clients.erasure.rows import allowed
from gtm import loop
from gtm.sandbox import faults
from tests.agents_app.models_that import failing
from tests.factories import AT, make_client, make_contact, make_ready_client, make_request, plan_run

PARTIES = ("people_data_labs", "newsapi")
DAY = timedelta(days=1)
KEPT_S = {"people_data_labs": 30 * DAY, "newsapi": timedelta(hours=6)}


@contextmanager
def counted():
    """Whose stand-ins are asked."""
    calls: set[str] = set()
    with ExitStack() as stack:
        for party in PARTIES:
            stack.enter_context(faults.inject(party, lambda _, party=party: calls.add(party)))
        yield calls


def researched(client, at=AT):
    """A run for a new contact of the client at the same company; which parties were asked for it."""
    run = plan_run(make_request(make_contact(client)))
    with counted() as calls:
        run = flow.execute(run.pk, clock=lambda: at)
    assert run.status == "succeeded", run.error
    return run, calls


def known(run):
    return [
        (fact.key, fact.attribute, fact.value, fact.confidence)
        for fact in Fact.objects.filter(run=run).order_by("pk")
    ]  # fmt: skip


def records(run):
    """By source, and by the further questions that a source was asked."""
    found = SourceRecord.objects.filter(run=run).select_related("same_as").order_by("pk")
    first = {record.source: record for record in reversed(found)}
    return {record.source if record == first[record.source] else record.question: record for record in found}


# --- whether an answer is still fresh


@dataclass
class Answer:
    pk: int = 7
    source: str = "people_data_labs"
    status: str = "ok"
    reason: str = ""
    question: str = "people_data_labs?domain=harbour-pay.example"
    request_key: str = "GET …"
    asked_with: str = "connection:12"
    is_sandbox: bool = True
    http_status: int | None = 200
    payload: object = None
    fetched_at: datetime = AT


MONTH = SOURCES["people_data_labs"].keeps


@pytest.mark.parametrize(
    ("answer", "age", "is_fresh"),
    [
        (Answer(), timedelta(0), True),
        (Answer(), MONTH - timedelta(seconds=1), True),
        (Answer(), MONTH, False),
        (Answer(), -timedelta(seconds=1), False),
        (Answer(status="no_match"), MONTH / 4 - timedelta(seconds=1), True),
        (Answer(status="no_match"), MONTH / 4, False),
        (Answer(reason="Its town is missing."), MONTH / 4 - timedelta(seconds=1), True),
        (Answer(reason="Its town is missing."), MONTH / 4, False),
        (Answer(status="failed"), timedelta(0), False),
        (Answer(source="crystal_ball"), timedelta(0), False),
    ],
)
def test_how_long_an_answer_may_be_used_again(answer, age, is_fresh):
    assert reuse.is_fresh(answer, at=AT + age) is is_fresh


def test_a_kept_answer_is_read_by_the_reader_of_today(monkeypatch):
    source = SOURCES["people_data_labs"]
    payload = {"company": {"id": "x1", "display_name": "Harbour Pay", "founded": 2016}, "people": None}
    monkeypatch.setitem(SOURCES, source.key, replace(source, version=9, read=lambda found: source.read(found)[:1]))

    again = reuse.again(Answer(payload=payload))

    assert [(each.attribute, each.value) for each in again.claims] == [("name", "Harbour Pay")]
    assert (again.extractor, again.same_as, again.calls, again.credits) == ("people_data_labs/9", 7, 0, 0.0)
    assert (again.status, again.asked_with, again.elapsed_ms) == ("ok", "connection:12", 0)


def test_what_nobody_knew_stays_unknown_in_the_same_words():
    again = reuse.again(Answer(status="no_match", reason="People Data Labs knows no company there."))

    assert (again.status, again.reason, again.claims) == ("no_match", "People Data Labs knows no company there.", [])


def test_what_the_reader_of_today_finds_is_no_gap_any_more():
    payload = {"company": {"id": "x1", "display_name": "Harbour Pay"}, "people": None}

    again = reuse.again(Answer(status="no_match", reason="It says nothing.", payload=payload))

    assert (again.status, again.reason) == ("ok", "")


def test_what_cannot_be_read_any_more_is_asked_anew():
    assert reuse.again(Answer(payload={"odd": True})) is None


# --- runs


@pytest.mark.django_db
def test_a_second_run_within_the_lifetime_asks_nobody_pays_nothing_and_knows_the_same():
    client = make_ready_client()
    first, asked = researched(client)

    second, asked_again = researched(client)

    assert (asked, asked_again) == ({"people_data_labs", "newsapi"}, set())
    assert known(second) == known(first) != []
    mine, theirs = records(second), records(first)
    for party in PARTIES:
        record = mine[party]
        assert (record.same_as, record.payload, record.calls, record.credits, record.elapsed_ms) == (theirs[party], None, 0, 0.0, 0)  # fmt: skip
        assert (record.status, record.asked_with) == (theirs[party].status, theirs[party].asked_with) != ("ok", "")
        assert record.payload_sha256 == theirs[party].payload_sha256 != ""
    assert (theirs["people_data_labs"].credits, theirs["people_data_labs"].calls) == (
        4.0,
        2,
    )  # the company and three people


@pytest.mark.django_db
def test_a_third_run_goes_back_to_the_answer_itself_and_its_pointers_hold():
    client = make_ready_client()
    first, _ = researched(client)
    researched(client)

    third, _ = researched(client)

    assert {record.same_as for record in records(third).values()} == set(records(first).values())
    claims = Claim.objects.filter(source_record__run=third).select_related("source_record__same_as")
    assert len(claims) > 5
    assert all(check_pointer(claim, claim.source_record.original.payload) for claim in claims)


@pytest.mark.django_db
def test_each_source_is_asked_anew_once_its_own_answer_is_too_old():
    client = make_ready_client()
    researched(client)

    _, later = researched(client, AT + timedelta(hours=7))
    _, much_later = researched(client, AT + 31 * DAY)

    assert later == {"newsapi"}
    assert much_later == {"people_data_labs", "newsapi"}


@pytest.mark.django_db
def test_another_client_with_a_connection_of_its_own_asks_anew():
    researched(make_ready_client("acme"))

    _, asked = researched(make_ready_client("other"))

    assert asked == {"people_data_labs", "newsapi"}


@pytest.mark.django_db
def test_clients_who_share_the_agency_s_accounts_share_their_answers():
    accounts = [SourceAccount.objects.create(source=party, created_at=AT) for party in PARTIES]
    first, asked = researched(make_client("acme", offer="Audit evidence on demand."))

    second, asked_again = researched(make_client("other", offer="Audit evidence on demand."))

    assert (asked, asked_again) == ({"people_data_labs", "newsapi"}, set())
    assert {record.asked_with for record in records(second).values()} == {each.asked_with for each in accounts}
    assert [each[1:] for each in known(second)] == [each[1:] for each in known(first)] != []


@pytest.mark.django_db
def test_where_the_agency_s_credits_are_spent_what_is_known_is_used_and_nothing_more_is_asked():
    for party in PARTIES:
        SourceAccount.objects.create(source=party, credits_a_month=1, created_at=AT)
    researched(make_client("acme", offer="Audit evidence on demand."))

    same, asked_same = researched(make_client("other", offer="Audit evidence on demand."))
    contact = make_contact(make_client("third"), company_domain="harbour-pay.example", company_name="Harbour Pay")
    with counted() as asked_else:
        run = flow.execute(plan_run(make_request(contact)).pk, clock=lambda: AT)

    assert (asked_same, records(same)["people_data_labs"].status) == (set(), "ok")
    closed = records(run)["people_data_labs"]
    assert (asked_else, closed.status, closed.calls, closed.reason) == (
        {"newsapi"},
        "failed",
        0,
        "The agency's account at People Data Labs has spent this month's 1 credits.",
    )


@pytest.mark.django_db
def test_what_failed_is_asked_again_by_the_next_run():
    client = make_ready_client()
    run = plan_run(make_request(make_contact(client)))
    with faults.inject("newsapi", faults.Fault(500)):
        flow.execute(run.pk, clock=lambda: AT)

    _, asked = researched(client)

    assert asked == {"newsapi"}


@pytest.mark.django_db
def test_research_that_is_tried_again_does_not_ask_its_sources_twice(monkeypatch):
    run = plan_run()
    with monkeypatch.context() as busy, counted() as calls:
        busy.setattr(llm, "ask", failing("research_agent", llm.ModelUnavailable, "The model is busy."))
        flow.execute(run.pk, clock=lambda: AT)

    with counted() as calls_later:
        run = flow.execute(run.pk, clock=lambda: AT + timedelta(minutes=2))

    assert (calls, calls_later) == ({"people_data_labs", "newsapi"}, set())
    used_again = SourceRecord.objects.filter(run=run, same_as__isnull=False).count()
    assert (run.status, SourceRecord.objects.filter(run=run).count()) == ("succeeded", 2 * used_again)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "access",
    [
        SourceAccess("people_data_labs", sandbox=False, asked_with="connection:12"),
        SourceAccess("people_data_labs", sandbox=True, asked_with="connection:13"),
        SourceAccess("people_data_labs", sandbox=True),
    ],
)
def test_an_answer_to_another_key_or_from_another_world_is_not_used(access):
    run = plan_run()
    basis = {"run": run, "source": "people_data_labs", "company_domain": "x.example", "question": "q", "status": "ok"}
    record = SourceRecord.objects.create(**basis, asked_with="connection:12", is_sandbox=True, fetched_at=AT)
    same = replace(access, sandbox=True, asked_with="connection:12")

    assert [each.same_as for each in kept.answers([same], Company("x.example"), at=AT)] == [record.pk]
    assert kept.answers([same], Company("y.example"), at=AT) == []
    assert kept.answers([access], Company("x.example"), at=AT) == []


@pytest.mark.django_db
def test_of_two_answers_the_newest_counts_even_where_it_says_less():
    run = plan_run()
    basis = {
        "run": run,
        "source": "people_data_labs",
        "company_domain": "x.example",
        "question": "q",
        "is_sandbox": True,
    }
    SourceRecord.objects.create(**basis, status="ok", fetched_at=AT)
    SourceRecord.objects.create(**basis, status="no_match", reason="Gone.", fetched_at=AT + DAY)
    access = SourceAccess("people_data_labs", sandbox=True)

    found = kept.answers([access], Company("x.example"), at=AT + 2 * DAY)

    assert [(each.status, each.reason) for each in found] == [("no_match", "Gone.")]
    assert kept.answers([access], Company("x.example"), at=AT + 9 * DAY) == []


# --- erasure


@pytest.mark.django_db
def test_an_answer_of_which_words_were_taken_out_is_no_answer_any_more():
    client = make_ready_client()
    first, _ = researched(client)
    record = records(first)["people_data_labs"]
    with allowed():
        SourceRecord.objects.filter(pk=record.pk).update(payload={**record.payload, "summary": "[erased]"})

    _, asked = researched(client)

    assert asked == {"people_data_labs"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("works_at", "is_for_contact"), [("harbour-pay.example", True), ("northwind-bank.example", False)]
)
def test_who_is_forgotten_at_one_client_is_gone_from_an_answer_that_it_was_lent_by_another(works_at, is_for_contact):
    """By a run for them about another company, or by one about theirs that was for somebody else."""
    for party in PARTIES:
        SourceAccount.objects.create(source=party, created_at=AT)
    first, _ = researched(make_client("acme", offer="Audit evidence on demand."))
    lent = records(first)["people_data_labs"]
    told = {**lent.payload, "summary": "Ask for Ada Lovelace."}
    with allowed():
        SourceRecord.objects.filter(pk=lent.pk).update(payload=told, payload_sha256=flow.results.digest(told))
    other = make_client("other", offer="Audit evidence on demand.")
    ada = make_contact(other, full_name="Ada Lovelace", last_name="Lovelace", company_domain=works_at)
    about = {"company_domain": "northwind-bank.example", "company_name": "Northwind Bank"}
    request = make_request(ada if is_for_contact else make_contact(other), **about)
    second = flow.execute(plan_run(request).pk, clock=lambda: AT)
    assert records(second)["people_data_labs"].same_as == lent

    erasure.ask(ada, by=None, at=AT)
    loop.erase_people()

    lent.refresh_from_db()
    assert lent.payload["summary"] == "Ask for [erased]."
