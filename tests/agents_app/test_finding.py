"""Runs found by what is known of them and by what was said in them; within the client, and never after an erasure."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents_app import drafts, finding, llm
from agents_app.models import Draft, FlowRun, SearchText, Send
from clients.models import Client, Erasure
from experiments.models import OutcomeEvent
from gtm import caretaking, loop
from tests.agents_app.desks import said
from tests.agents_app.flows_that import agent, drawn_run, execute, gate
from tests.agents_app.models_that import failing
from tests.crowd import make_user_of
from tests.factories import AT, make_ready_request, make_user, plan_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user_of("operator")


def ended(**values):
    run = execute(plan_run(make_ready_request(**values)))
    loop.absorb_run(run.pk)
    return FlowRun.objects.get(pk=run.pk)


def kinds(run):
    return {(text.kind, text.step and text.step.key) for text in run.texts.select_related("step")}


# --- what is kept


def test_the_words_of_a_run_are_kept_once_it_has_ended_once_each():
    run = ended()
    before = list(run.texts.order_by("pk").values_list("kind", "step", "text"))

    loop.absorb_run(run.pk)

    assert kinds(run) == {
        ("about", None), ("facts", None), ("answer", "research"), ("answer", "persona"), ("mail", "email"),
    }  # fmt: skip
    assert list(run.texts.order_by("pk").values_list("kind", "step", "text")) == before


def test_a_run_that_goes_on_writes_nothing_for_search():
    run = drawn_run(agent("research"), gate("check", "research"), agent("persona", "check"))
    with CaptureQueriesContext(connection) as asked:
        run = execute(run)
    loop.absorb_run(run.pk)

    assert (run.status, run.texts.count()) == ("waiting", 0)
    assert not [query for query in asked.captured_queries if "searchtext" in query["sql"]]


def test_the_sweep_rings_for_runs_whose_words_nobody_kept(monkeypatch):
    rung = []
    monkeypatch.setattr(loop, "later", lambda job, *args: rung.append((job, *args)))
    run = execute(plan_run(make_ready_request()))
    recent = FlowRun.objects.filter(pk=run.pk)
    finding.keep(recent.get())
    assert list(finding.waiting(since=AT - timedelta(days=1))) == []

    other = execute(plan_run(make_ready_request()))

    assert list(finding.waiting(since=AT - timedelta(days=1))) == [other]
    assert other.pk in caretaking._not_absorbed(since=AT - timedelta(days=1), until=AT + timedelta(days=1))


def test_runs_from_before_there_was_a_search_are_found_after_a_night(user):
    run = execute(plan_run(make_ready_request()))
    assert finding.find(user, "northwind").runs == []

    caretaking.keep_words()

    assert finding.find(user, "northwind").runs == [run]


# --- what is found


def test_a_run_is_found_by_any_word_that_was_said_in_it(user):
    run, other = ended(), ended()
    fact = run.facts.order_by("pk").first()

    by_fact = finding.find(user, fact.value)
    by_mail = finding.find(user, Draft.objects.get(run=run).subject)

    assert {each.run.pk for each in by_fact.said if each.text.kind == "facts"} == {run.pk, other.pk}
    assert {draft.run_id for draft in by_mail.mails} >= {run.pk}
    assert fact.value in by_fact.said[0].excerpt


def test_all_words_must_be_there_and_quotation_marks_keep_them_together(user):
    run = ended()
    SearchText.objects.filter(run=run, kind="facts").update(text="The treasury moved to Zurich last spring.")

    found = {words: len(finding.find(user, words).said) for words in (
        "zurich treasury", '"moved to zurich"', '"zurich moved"', "zurich berlin", "zurich -spring",
    )}  # fmt: skip

    assert found == {
        "zurich treasury": 1, '"moved to zurich"': 1, '"zurich moved"': 0, "zurich berlin": 0, "zurich -spring": 0,
    }  # fmt: skip


def test_a_run_is_found_by_what_went_wrong(user, monkeypatch):
    monkeypatch.setattr(llm, "ask", failing("persona_agent", llm.ModelRefused, "The key is not accepted."))
    run = ended()

    found = finding.find(user, "key accepted")

    assert {(each.run.pk, each.text.kind) for each in found.said} == {(run.pk, "error")}


def test_a_run_under_way_is_found_by_its_company_and_by_what_holds_it_up(user):
    run = plan_run()
    FlowRun.objects.filter(pk=run.pk).update(status="retry", error="The model takes no requests from us until 10:40.")

    for text in ("takes no requests", "Northwi", "northwind-bank"):
        assert finding.find(user, text).runs == [run], text
    assert finding.find(user, "takes no requests from them").runs == []
    FlowRun.objects.filter(pk=run.pk).update(status="succeeded")
    assert finding.find(user, "takes no requests").runs == []


def test_requests_are_found_by_number_person_and_company(user):
    run = ended()
    contact = run.request.contact

    for text in (str(run.request_id), f"#{run.request_id}", contact.email, contact.full_name, contact.company_domain):
        assert run.request in finding.find(user, text).requests, text
    assert run in finding.find(user, str(run.pk)).runs
    assert run in finding.find(user, "northwind").runs
    assert run in finding.find(user, "Northwind Bank").runs


def sent(run, **edit):
    Client.objects.update(postal_address="1 Mint Street, Leeds")
    draft = Draft.objects.select_related("run__client", "contact__client").get(run=run)
    edit = {name: f"{getattr(draft, name)}{more}" for name, more in edit.items()}
    drafts.approve(draft, by=make_user(), at=AT, **edit)
    loop.send_due_drafts(at=AT + timedelta(days=3))
    return Send.objects.select_related("draft").get()


def test_an_e_mail_is_found_by_its_message_id_with_what_came_back(user, client):
    run = ended()
    send = sent(run)
    bare = send.message_id.strip("<>")
    OutcomeEvent.objects.create(
        client=run.client,
        send=send,
        contact=send.contact,
        kind="replied",
        occurred_at=AT,
        received_at=AT,
        source="test",
        event_key="1",
    )

    for text in (bare, f"<{bare}>"):
        assert [draft.pk for draft in finding.find(user, text).mails] == [send.draft_id]
    client.force_login(user)
    page = client.get(reverse("search"), {"q": bare})
    assert "What came back Replied" in said(page)


def test_words_that_a_person_wrote_into_the_e_mail_are_found_once_it_is_sent(user):
    run = ended()
    assert finding.find(user, "pelargonium").mails == []

    send = sent(run, body="\n\nPelargonium.")

    assert [each.pk for each in finding.find(user, "pelargonium").mails] == [send.draft_id]


@pytest.mark.parametrize("text", ["", "  ", "\0", '"', "-", "' OR 1=1", "9" * 40, "<>", "%", "((", "q:*&!"])
def test_nothing_that_is_typed_breaks_the_search(user, text):
    ended()

    assert finding.find(user, text).mails == []


def test_of_a_word_that_is_everywhere_the_newest_texts_are_found_too(user, monkeypatch):
    run, other = ended(), ended()
    few = [each.text.pk for each in finding.find(user, "northwind").said]

    monkeypatch.setattr(finding, "MANY", 1)

    found = [each.text.pk for each in finding.find(user, "northwind").said]
    assert found == few == sorted(few, reverse=True)
    assert {each.run.pk for each in finding.find(user, "northwind").said} == {run.pk, other.pk}


# --- who sees what


def test_nobody_finds_what_belongs_to_a_client_they_may_not_see(client):
    run = ended()
    manager = make_user_of("manager")
    client.force_login(manager)
    fact, request = run.facts.order_by("pk").first(), run.request
    texts = [fact.value, Draft.objects.get().subject, str(run.pk), str(request.pk), request.contact.email, "northwind"]

    for text in texts:
        assert finding.find(manager, text).is_empty, text
        assert str(run.client) not in said(client.get(reverse("search"), {"q": text}))
    run.client.managers.add(manager)
    assert not any(finding.find(manager, text).is_empty for text in texts)


def test_what_an_erasure_took_out_is_found_no_more(user):
    run = ended()
    contact = run.request.contact
    contact.full_name = contact.last_name = "Quillfeather"
    contact.save()
    mail = run.texts.get(kind="mail")
    SearchText.objects.filter(pk=mail.pk).update(text="Dear Ms Quillfeather, hello.")
    assert finding.find(user, "Quillfeather").mails != []

    Erasure.objects.create(client=run.client, contact=contact, reason="asked_here", asked_at=AT, asked_by=make_user())
    loop.erase_people(at=AT)

    assert finding.find(user, "Quillfeather").is_empty
    assert not SearchText.objects.filter(text__icontains="Quillfeather").exists()
    loop.absorb_run(run.pk)
    assert not SearchText.objects.filter(text__icontains="Quillfeather").exists()


# --- what it costs


def test_the_index_of_words_is_used_and_the_page_asks_as_often_for_much_as_for_little(user, client):
    run = ended()
    client.force_login(user)
    word = run.facts.order_by("pk").first().value
    client.get(reverse("search"), {"q": word})
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("search"), {"q": word})
    for _ in range(3):
        ended()
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("search"), {"q": word})
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {finding.MATCHING}", ["x", 1])
        plan = " ".join(line for [line] in cursor.fetchall())

    assert "words_of_runs" in plan
    assert len(few) == len(many) <= 14
