from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils.html import strip_tags

from agents_app.models import Brief, Claim, Draft, Fact, Request, SourceRecord, StepRun
from clients import suppression
from experiments.models import OutcomeEvent
from gtm import loop
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_campaign,
    make_client,
    make_contact,
    make_draft,
    make_prompt,
    make_request,
    make_run,
    make_send,
    make_step,
)

pytestmark = pytest.mark.django_db

CONFIG = {
    "tone": "formal",
    "custom_fields": {"offer": "Audit files in one place", "max_words": 120, "avoid_terms": ["guarantee"]},
}
FACT = {
    "key": "f1",
    "attribute": "headcount",
    "value": "1,240",
    "confidence": 0.83,
    "source": "people_data_labs",
    "as_of": "2026-10-01",
}
SENTENCES = [
    {"text": "Northwind Bank has 1,240 people.", "rests_on": ["f1"]},
    {"text": "We keep audit files in one place.", "rests_on": ["config.custom_fields.offer", "f9"]},
]


def make_full(**values: Any) -> Draft:
    """A draft whose run has a source that answered, one that failed, a fact and its claim."""
    request = make_request(**values.pop("request", {}))
    run = make_run(
        request,
        status="succeeded",
        config=CONFIG,
        started_at=AT,
        finished_at=AT + timedelta(seconds=3),
        **values.pop("run", {}),
    )
    answered = SourceRecord.objects.create(
        run=run,
        source="people_data_labs",
        company_domain="northwind-bank.example",
        request_key="GET /v5/company",
        status="ok",
        fetched_at=AT,
    )
    SourceRecord.objects.create(
        run=run, source="newsapi", company_domain="northwind-bank.example", request_key="GET /v2", status="failed",
        reason="Did not answer in 5 s.", fetched_at=AT,
    )  # fmt: skip
    claim = Claim.objects.create(source_record=answered, attribute="headcount", value="1240", pointer="/employee_count")
    fact = Fact.objects.create(run=run, key="f1", attribute="headcount", value="1,240", confidence=0.83)
    fact.claims.add(claim)
    given = {"facts": [{**FACT, "fact_id": fact.pk}], "context": {"contact": {"title": "CFO"}}}
    make_step(run, "research_agent", input=given, output={"summary": SENTENCES[:1], "missing": ["news"]})
    checks = [
        {"check": "short_enough", "passed": True, "detail": "62 words", "must": True},
        {"check": "asks_once", "passed": False, "detail": "2 questions", "must": False},
    ]
    terms = [{"term": "facts", "value": 0.83, "weight": 2.0, "why": "One fact."}]
    step = make_step(
        run,
        stage=1,
        input=given,
        output={"subject": "Hi", "sentences": SENTENCES},
        checks=checks,
        confidence_terms=terms,
        cost_usd="0.0123",
        votes=values.pop("votes", {}),
    )
    return make_draft(run, step=step, sentences=SENTENCES, **values)


def page(browser: Browser, name: str, *args: Any, **query: Any) -> str:
    response = browser.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def text_of(shown: str) -> str:
    return " ".join(strip_tags(shown).split())


def decide(browser: Browser, draft: Draft, action: str, **typed: str) -> Any:
    return browser.post(reverse("approval", args=[draft.pk]), {"action": action, **typed})


def test_a_run_shows_what_it_was_given_what_it_said_and_what_that_rests_on(operator):
    draft = make_full()

    shown = page(operator, "run_page", draft.run_id)

    for words in (
        "Written by the offline composer", "offline-composer/1", "3.0 s", "$0.0123", "Did not answer in 5 s.", "/employee_count",
        "Fact: headcount", "83% sure, from people data labs, as of 2026-10-01", "Setting: offer", "Audit files in one place",
        "nothing of this name was given", "2 questions", "One fact.", draft.final_subject, draft.run.config_sha256,
    ):  # fmt: skip
        assert words in shown


def test_calls_and_sources_stand_under_their_step_in_time(operator):
    run = make_run(status="succeeded", started_at=AT, finished_at=AT + timedelta(seconds=10))
    asked = {"actions": [{"question": "newsapi:northwind", "at_s": 1.5}]}
    calls = [{"model": "model-x", "ms": 2000, "outcome": "ok", "started_at": str(AT + timedelta(seconds=3))}]
    research = make_step(
        run, "research_agent", input={"search": asked}, attempts=calls, finished_at=AT + timedelta(seconds=5)
    )
    make_step(
        run, stage=1, attempts=[{**calls[0], "outcome": "refused"}], started_at=AT + timedelta(seconds=5),
        finished_at=AT + timedelta(seconds=10),
    )  # fmt: skip
    earlier = _asked(run, None, "newsapi", "newsapi:older")
    _asked(run, research, "people_data_labs", "people_data_labs:northwind", elapsed_ms=900, same_as=earlier)
    _asked(run, research, "newsapi", "newsapi:northwind", elapsed_ms=700)

    shown = page(operator, "run_page", run.pk)

    assert (
        "10.0 s in all: Research 5.0 s (People Data Labs, used again 0 ms, NewsAPI 700 ms, model-x 2.0 s), "
        "E-mail 5.0 s (model-x 2.0 s)."
    ) in shown
    assert shown.count('class="part">') == 2 * 4


def test_of_a_long_run_the_steps_alone_are_drawn(operator):
    run = make_run(status="succeeded", started_at=AT, finished_at=AT + timedelta(seconds=10))
    calls = [{"model": "model-x", "ms": 2000, "outcome": "ok"}]
    for attempt in range(1, 17):
        make_step(run, attempt=attempt, status="failed" if attempt < 16 else "done", attempts=calls)

    shown = page(operator, "run_page", run.pk)

    assert "E-mail 1.0 s, E-mail (2) 1.0 s" in shown
    assert 'class="part">' not in shown


def test_a_long_run_tells_of_each_step_how_it_ended_and_leaves_the_rest_to_its_fold(operator):
    run = make_run(status="succeeded")
    checks = [
        {"check": "length", "passed": False, "detail": "131 words."},
        {"check": "language", "passed": True, "detail": ""},
    ]
    for attempt in range(1, 16):
        make_step(run, attempt=attempt, status="failed", error=f"Out of reach {attempt}.", finished_at=None)
    last = make_step(run, attempt=16, checks=checks, cost_usd="0.0123", output={"subject": "Two questions"})

    shown = page(operator, "run_page", run.pk)
    opened = operator.get(reverse("run_step", args=[run.pk, last.pk]), headers={"HX-Request": "true"}).content.decode()

    for words in (
        "E-mail, attempt 16",
        "80% confidence",
        "1.0 s · $0.0123 · 1 of 2 promises broken",
        "Out of reach 7.",
    ):
        assert words in text_of(shown)
    assert "Two questions" not in shown
    assert "Why it came out like this" not in shown
    assert f'hx-get="/runs/{run.pk}/steps/{last.pk}/"' in shown
    for words in ("Two questions", "Why it came out like this", "length: 131 words.", "2 checks, 1 broken"):
        assert words in text_of(opened)


def test_without_scripts_a_fold_leads_to_a_page_of_the_step_with_all_that_can_be_done_with_it(operator):
    step = make_step(make_run(status="succeeded"), output={"subject": "Two questions"})

    shown, piece = (
        operator.get(reverse("run_step", args=[step.run_id, step.pk]), headers=headers).content.decode()
        for headers in ({}, {"HX-Request": "true"})
    )

    for words in ("<title>", "Two questions", "Run again from here", "Copy as test case", "Mark", 'id="navigation"'):
        assert words in shown
    assert "Two questions" in piece
    assert "<title>" not in piece


def test_who_is_signed_out_while_a_run_is_open_gets_no_login_page_within_it(client):
    step = make_step(make_run())

    answer = client.get(reverse("run_step", args=[step.run_id, step.pk]), headers={"HX-Request": "true"})

    assert (answer.status_code, answer["HX-Refresh"], answer.content) == (200, "true", b"")


def test_a_long_run_with_a_brief_needs_no_more_queries_for_each_comparison(operator, django_assert_max_num_queries):
    nodes = [
        {"key": f"persona_{n}", "kind": "agent", "agent": "persona_agent", "after": [], "reason": "x"}
        for n in range(16)
    ]
    run = make_run(status="succeeded", nodes=nodes)
    Brief.objects.create(run=run, sentences=[{"text": "Larger than Southwind.", "rests_on": ["peer_1"]}])
    for n in range(1, 7):
        peers = [{"key": f"peer_{n}", "name": f"Peer {n}"}]
        make_step(run, "competitive_agent", key=f"competitive_{n}", input={"peers": peers})

    operator.get(reverse("run_page", args=[run.pk]))
    with django_assert_max_num_queries(12):
        shown = page(operator, "run_page", run.pk)

    assert "Peer 1" in shown


def test_what_a_fold_opens_to_has_the_calls_of_its_step_in_time(operator):
    calls = [{"model": "model-x", "ms": 400, "outcome": "ok", "started_at": str(AT)}]
    step = make_step(make_run(), attempts=calls)

    assert "E-mail 1.0 s (model-x 400 ms)." in page(operator, "run_step", step.run_id, step.pk)


def test_a_step_is_found_under_its_own_run_alone(operator):
    step, other = make_step(make_run()), make_step(make_run())

    assert operator.get(reverse("run_step", args=[step.run_id, other.pk])).status_code == 404


def test_all_tokens_of_a_run_stand_beside_its_cost_with_what_a_cache_had_of_them(operator):
    run = make_run()
    make_step(run, "research_agent", tokens_input=1000, tokens_cache_read=4000, tokens_output=50)
    make_step(run, stage=1, tokens_input=10, tokens_cache_write=200, tokens_cache_write_1h=300, tokens_output=7)
    make_step(run, "persona_agent", fence=0, tokens_input=9999)  # taken over from a run that paid for it

    shown = page(operator, "run_page", run.pk)

    assert "5,510 in, of which 4,000 came from a cache and 500 went into one; 57 out" in shown
    assert "5,000 tokens in (4,000 from a cache), 50 out" in shown
    assert "510 tokens in, 7 out" in shown


def _asked(run, step, source, question, **values):
    return SourceRecord.objects.create(
        run=run, step=step, source=source, question=question, company_domain="northwind-bank.example",
        request_key="GET /", status="ok", fetched_at=AT, **values,
    )  # fmt: skip


def test_what_the_model_wrote_carries_no_mark_of_the_composer(operator):
    step = make_step(make_run(), generator="claude-sonnet-5-5")

    shown = page(operator, "run_page", step.run_id)

    assert "claude-sonnet-5-5" in shown
    assert "Written by the offline composer" not in shown


def test_a_run_that_has_not_begun_shows_its_plan(operator):
    run = make_run(
        skipped=[{"key": "competitive", "agent": "competitive_agent", "reason": "Not enabled."}],
    )

    shown = page(operator, "run_page", run.pk)

    for words in ("To come", "An e-mail was asked for.", "Not enabled.", "No step has begun"):
        assert words in shown


def test_a_failed_run_says_why_in_words(operator):
    run = make_run(status="failed", error="The model did not answer three times.")
    make_step(run, status="lost", output=None, finished_at=None)

    shown = page(operator, "run_page", run.pk)

    assert "The model did not answer three times." in shown
    assert "Lost: its worker died" in shown


def test_a_person_starts_the_next_request_from_a_finished_brief(operator, rung):
    client = make_client()
    run = make_run(make_request(make_contact(client)), status="succeeded")
    Request.objects.filter(pk=run.request_id).update(
        contact=None, purpose="deep_research", company_domain="northwind-bank.example"
    )
    Brief.objects.create(run=run, sentences=SENTENCES[:1])
    ada = make_contact(client, "ada@northwind-bank.example")
    assert "Write to a person on this basis" in page(operator, "run_page", run.pk)

    response = operator.post(reverse("run_page", args=[run.pk]), {"email": " ADA@northwind-bank.example"})

    asked = Request.objects.get(contact=ada)
    assert response.url == reverse("request_trace", args=[asked.pk])
    assert (asked.follows, asked.purpose, asked.company_domain) == (run, "outreach", "northwind-bank.example")
    assert asked.asked_by.groups.get().name == "Operator"
    assert rung == [(loop.start_run, asked.pk)]
    assert f"Request {asked.pk}" in page(operator, "run_page", run.pk)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("nobody@northwind-bank.example", "has no contact with this address"),
        ("nonsense", "is not an e-mail address"),
        ("", "required"),
    ],
)
def test_a_person_who_is_no_contact_is_refused_in_words(operator, rung, typed, words):
    run = make_run(status="succeeded")
    Request.objects.filter(pk=run.request_id).update(contact=None, company_domain="northwind-bank.example")

    response = operator.post(reverse("run_page", args=[run.pk]), {"email": typed})

    assert words in response.content.decode()
    assert (Request.objects.count(), rung) == (1, [])


def test_whom_the_client_must_not_write_to_cannot_be_chosen(operator, rung):
    run = make_run(status="succeeded")
    Request.objects.filter(pk=run.request_id).update(contact=None, company_domain="northwind-bank.example")
    ada = make_contact(run.client, "ada@northwind-bank.example")
    suppression.suppress(run.client, ada.email, reason="unsubscribed", at=AT)

    response = operator.post(reverse("run_page", args=[run.pk]), {"email": ada.email})

    assert "must not be written to" in response.content.decode()
    assert (Request.objects.count(), rung) == (1, [])


def test_a_request_tells_its_story_to_the_answer(operator):
    client = make_client()
    campaign = make_campaign(client)
    draft = make_full(
        request={"contact": make_contact(client), "campaign": campaign, "reason": "Spring, mail 1"}, status="sent"
    )
    send = make_send(draft)
    OutcomeEvent.objects.create(
        client=client,
        contact=draft.contact,
        send=send,
        kind="replied",
        occurred_at=AT,
        received_at=AT,
        source="mail",
        event_key="1",
    )

    shown = page(operator, "request_trace", draft.run.request_id)

    for words in (
        "Spring, mail 1",
        campaign.name,
        f"Run {draft.run_id}",
        "83%" if False else "80%",
        "Replied 16 November",
        f"draft-{draft.pk}@localhost",
    ):
        assert words in shown


def test_a_request_without_a_run_says_who_will_make_one(operator):
    assert "A worker plans one within seconds" in page(operator, "request_trace", make_request().pk)


def test_the_queue_opens_the_draft_that_waited_longest(operator):
    newer = make_full(subject="Newer", written_at=AT + timedelta(hours=1))
    older = make_full(subject="Older", written_at=AT)
    make_full(subject="Decided", status="rejected")

    shown = page(operator, "approvals")

    assert f'href="{reverse("approval", args=[older.pk])}?state=waiting" aria-current="true"' in shown
    assert reverse("approval", args=[newer.pk]) in shown
    assert "Decided" not in shown
    for words in ("83% sure", "Kept", "Broken", "2 questions", "to avoid: guarantee"):
        assert words in shown


def test_an_empty_queue_says_what_to_do_next(operator):
    shown = page(operator, "approvals")

    assert "Nothing waits for approval" in shown
    assert reverse("admin:agents_app_campaign_changelist") in shown


def test_the_queue_can_be_narrowed_to_a_client_and_a_state(operator):
    mine, other = make_full(subject="Mine"), make_full(subject="Of another client")
    make_full(subject="Gone", status="refused", refusal="No address.")

    assert other.subject not in page(operator, "approvals", client=mine.run.client.slug).split('class="split"')[1]
    stuck = page(operator, "approvals", state="stuck")
    assert "Gone" in stuck
    assert "No address." in stuck
    assert other.subject not in stuck.split('class="split"')[1]


def test_a_close_call_and_who_was_against_it_stand_beside_the_draft(operator):
    vote = {"voter": "short", "choice": "proposal 2", "reliability": 0.6, "weight": 0.4, "why": "It is shorter."}
    election = {"winner": "proposal 1", "margin": 0.05, "is_close": True, "totals": [], "not_asked": []}
    make_full(votes=election | {"votes": [vote], "dissent": [vote], "proposals": {}, "broken": 0})

    shown = page(operator, "approvals")

    assert "Close call" in shown
    assert "It is shorter." in shown
    assert "Dissent" in shown


def test_approving_takes_one_press_and_can_be_undone(operator):
    draft = make_full()

    response = decide(operator, draft, "approve")

    draft.refresh_from_db()
    assert (draft.status, draft.decided_by.groups.get().name) == ("approved", "Operator")
    assert "Undo" in operator.get(response.url).content.decode()
    decide(operator, draft, "undo")
    draft.refresh_from_db()
    assert draft.status == "waiting"


def test_an_edit_that_breaks_a_promise_keeps_every_word_that_was_typed(operator):
    draft = make_full(request={"contact": make_contact(make_client(avoid_terms=["guarantee"]))})

    response = decide(
        operator,
        draft,
        "edit",
        subject="A <b>guarantee</b>",
        body="Dear Ada,\nmy own words.",
        send_at="2026-12-01T08:30",
    )

    shown = response.content.decode()
    for words in (
        "contains “guarantee”",
        "A &lt;b&gt;guarantee&lt;/b&gt;",
        "my own words.",
        "2026-12-01T08:30",
        '<details id="edit" class="card no-print" open>',
    ):
        assert words in shown
    draft.refresh_from_db()
    assert (draft.status, draft.was_edited) == ("waiting", False)


def test_an_edit_goes_out_at_the_hour_that_was_chosen(operator):
    draft = make_full()

    decide(operator, draft, "edit", subject="Faster books", body="Dear Ada", send_at="2099-12-01T08:30")

    draft.refresh_from_db()
    assert (draft.status, draft.final_subject, draft.was_edited, draft.send_at.year) == (
        "approved",
        "Faster books",
        True,
        2099,
    )


def test_a_rejection_needs_a_reason_and_keeps_the_comment_that_was_typed(operator):
    draft = make_full()

    refused = decide(operator, draft, "reject", rejection="", comment="Wait for the audit")
    draft.refresh_from_db()
    assert draft.status == "waiting"
    assert "Wait for the audit" in refused.content.decode()

    decide(operator, draft, "reject", rejection="timing", comment="Wait for the audit")
    draft.refresh_from_db()
    assert (draft.status, draft.rejection, draft.comment) == ("rejected", "timing", "Wait for the audit")


def test_a_draft_without_a_contact_shows_the_way_to_one(operator):
    draft = make_full(contact=None)

    assert "there is nobody to send it to" in page(operator, "approval", draft.pk)
    response = decide(operator, draft, "approve")

    assert "Write to a person on this basis" in response.content.decode()
    draft.refresh_from_db()
    assert draft.status == "waiting"


def test_the_second_person_sees_what_the_first_decided(client):
    draft = make_full()
    first, second = Browser(), Browser()
    first.force_login(make_user_of("operator", "ann"))
    second.force_login(make_user_of("operator", "bob"))
    decide(first, draft, "reject", rejection="fit")

    response = decide(second, draft, "approve")

    shown = response.content.decode()
    assert "ann rejected this draft on" in shown
    assert "Take the decision back" in shown
    draft.refresh_from_db()
    assert draft.status == "rejected"


def test_an_e_mail_that_is_stuck_at_the_hand_over_asks_a_person(operator):
    draft = make_full(status="sending", send_at=AT)
    assert "nobody knows whether it left" in page(operator, "approval", draft.pk)

    decide(operator, draft, "went_out")

    draft.refresh_from_db()
    assert (draft.status, draft.send.sent_at) == ("sent", AT)


def test_an_unknown_action_changes_nothing(operator):
    draft = make_full()

    assert decide(operator, draft, "explode").status_code == 200

    draft.refresh_from_db()
    assert draft.status == "waiting"


@pytest.mark.parametrize("name", ["run_page", "request_trace", "approval"])
def test_an_account_manager_does_not_find_what_belongs_to_others(client, name):
    draft = make_full()
    manager = make_user_of("manager")
    client.force_login(manager)
    key = {"run_page": draft.run_id, "request_trace": draft.run.request_id, "approval": draft.pk}[name]

    assert client.get(reverse(name, args=[key])).status_code == 404
    assert draft.subject not in page(client, "approvals")

    draft.run.client.managers.add(manager)
    assert client.get(reverse(name, args=[key])).status_code == 200


@pytest.mark.parametrize("action", ["approve", "edit", "reject", "undo", "went_out", "send_again"])
def test_an_account_manager_cannot_decide_for_others(client, action):
    draft = make_full()
    client.force_login(make_user_of("manager"))

    assert decide(client, draft, action, subject="x", body="y", rejection="fit").status_code == 404

    draft.refresh_from_db()
    assert draft.status == "waiting"


def test_a_viewer_sees_no_control_and_a_hand_made_decision_is_refused(client):
    draft = make_full()
    client.force_login(make_user_of("viewer"))

    shown = page(client, "approval", draft.pk)
    assert draft.subject in shown
    for control in ('value="approve"', 'value="reject"', 'value="edit"'):
        assert control not in shown
    assert decide(client, draft, "approve").status_code == 403
    assert client.post(reverse("run_page", args=[draft.run_id]), {"email": "a@b.example"}).status_code == 403
    draft.refresh_from_db()
    assert draft.status == "waiting"


def test_what_a_company_is_called_cannot_become_markup(operator):
    draft = make_full(subject="<script>alert(1)</script>", body="<img src=x onerror=alert(1)>")

    for name, key in (("approval", draft.pk), ("run_page", draft.run_id), ("request_trace", draft.run.request_id)):
        shown = page(operator, name, key)
        assert "&lt;script&gt;alert(1)" in shown
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown


@pytest.mark.parametrize("name", ["run_page", "request_trace", "approval", "approvals"])
def test_pages_need_few_queries_however_many_rows_there_are(client, name, django_assert_max_num_queries):
    manager = make_user_of("manager")
    client.force_login(manager)
    owner = make_client()
    owner.managers.add(manager)
    draft = None
    for _ in range(12):
        draft = make_full(
            request={"contact": make_contact(owner)}, status="waiting" if name.startswith("approval") else "sent"
        )
    if not name.startswith("approval"):
        make_send(draft)
        for attempt in range(2, 8):
            make_step(
                draft.run,
                "research_agent",
                attempt=attempt,
                status="failed",
                prompt_version=make_prompt("research_agent"),
            )
    key = {
        "run_page": [draft.run_id],
        "request_trace": [draft.run.request_id],
        "approval": [draft.pk],
        "approvals": [],
    }[name]
    client.get(reverse(name, args=key))  # fills the navigation's cache

    with django_assert_max_num_queries(12):
        assert client.get(reverse(name, args=key)).status_code == 200
    assert StepRun.objects.exists()
