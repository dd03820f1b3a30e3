from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents_app import drafts, sending
from agents_app.drafts import DecisionRefused
from agents_app.models import Draft
from clients import suppression
from tests.factories import AT, make_client, make_contact, make_draft, make_request, make_run, make_send, make_user


def make_waiting(**values: Any) -> Draft:
    contact = make_contact(make_client(**values.pop("client", {})))
    return make_draft(make_run(make_request(contact)), **values)


def state(draft: Draft) -> tuple[Any, ...]:
    draft.refresh_from_db()
    return (
        draft.status,
        draft.decided_by,
        draft.decided_at,
        draft.send_at,
        draft.final_subject,
        draft.final_body,
        draft.rejection,
    )


@pytest.mark.django_db
def test_an_approved_draft_goes_out_as_it_was_written_and_at_once():
    ann, draft = make_user("ann"), make_waiting()

    drafts.approve(draft, by=ann, at=AT)

    assert state(draft) == ("approved", ann, AT, AT, draft.subject, draft.body, "")
    assert draft.was_edited is False


@pytest.mark.django_db
def test_an_edit_is_kept_beside_what_was_written():
    draft = make_waiting()
    later = AT + timedelta(days=1)

    drafts.approve(draft, by=None, at=AT, subject=" Faster books ", body="Dear Ada,\r\n\r\nHello. \r\n", send_at=later)

    assert state(draft) == ("approved", None, AT, later, "Faster books", "Dear Ada,\n\nHello.", "")
    assert draft.was_edited is True
    assert draft.subject == "Closing the books faster"


@pytest.mark.django_db
def test_a_form_that_sends_the_same_text_is_no_edit():
    draft = make_waiting()

    drafts.approve(draft, by=None, at=AT, subject=draft.subject, body=draft.body.replace("\n", "\r\n") + "\r\n")

    assert state(draft)[0] == "approved"
    assert draft.was_edited is False


@pytest.mark.django_db
def test_an_hour_that_has_passed_means_now():
    draft = make_waiting()

    drafts.approve(draft, by=None, at=AT, send_at=AT - timedelta(days=1))

    assert draft.send_at == AT


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"body": "We guarantee results."}, "contains “guarantee”, to be avoided for"),
        ({"subject": "Guaranteed, no: GUARANTEE"}, "contains “guarantee”"),
        ({"body": "Dear [Name], hello."}, r"left unfilled: “\[Name\]”"),
        ({"body": "Dear {{ first_name }}, hello."}, "left unfilled"),
        ({"body": " \n "}, "must not be empty"),
        ({"subject": ""}, "must not be empty"),
        ({"subject": "Hello\nBcc: all@northwind-bank.example"}, "must be one line"),
        ({"subject": "Hello\rBcc: all@northwind-bank.example"}, "must be one line"),
        ({"body": "Hello\x00"}, "control characters"),
        ({"subject": "x" * 201}, "may have 200 characters"),
        ({"body": "x" * 10_001}, "the text 10,000"),
    ],
)
def test_an_edit_that_breaks_a_promise_is_refused_and_nothing_happens(text, words):
    draft = make_waiting(client={"avoid_terms": ["guarantee"]})
    before = state(draft)

    with pytest.raises(DecisionRefused, match=words):
        drafts.approve(draft, by=None, at=AT, **text)

    assert state(draft) == before


@pytest.mark.django_db
def test_words_that_the_client_avoids_since_yesterday_stop_a_draft_that_waited():
    draft = make_waiting(body="We guarantee results.", client={"avoid_terms": ["guarantee"]})

    with pytest.raises(DecisionRefused) as refused:
        drafts.approve(draft, by=None, at=AT)

    assert len(refused.value.problems) == 1
    assert state(draft)[0] == "waiting"


@pytest.mark.django_db
def test_a_draft_without_a_contact_says_how_to_get_one():
    draft = make_waiting(contact=None)

    with pytest.raises(DecisionRefused, match=r"has no contact.*Write to a person on this basis"):
        drafts.approve(draft, by=None, at=AT)

    assert state(draft)[0] == "waiting"


@pytest.mark.django_db
def test_who_unsubscribed_meanwhile_is_not_approved_for():
    draft = make_waiting()
    suppression.suppress(draft.run.client, draft.contact.email, reason="unsubscribed", at=AT)

    with pytest.raises(DecisionRefused, match="must not be written to any more"):
        drafts.approve(draft, by=None, at=AT)


@pytest.mark.django_db
def test_every_problem_is_told_at_once():
    draft = make_waiting(contact=None)

    with pytest.raises(DecisionRefused) as refused:
        drafts.approve(draft, by=None, at=AT, subject="", body="Dear [Name]")

    assert len(refused.value.problems) == 3


@pytest.mark.django_db
def test_a_rejection_keeps_its_reason():
    ann, draft = make_user("ann"), make_waiting()

    drafts.reject(draft, by=ann, at=AT, rejection="timing", comment=" After the audit. ")

    assert state(draft)[:3] == ("rejected", ann, AT)
    assert (draft.rejection, draft.comment, draft.send_at) == ("timing", "After the audit.", None)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rejection", "words"), [("", "Choose why"), ("because", "Choose why"), ("other", "Say in a few words")]
)
def test_a_rejection_needs_a_reason(rejection, words):
    draft = make_waiting()

    with pytest.raises(DecisionRefused, match=words):
        drafts.reject(draft, by=None, at=AT, rejection=rejection)

    assert state(draft)[0] == "waiting"


@pytest.mark.django_db
def test_a_decision_can_be_taken_back_and_the_edit_stays():
    ann, draft = make_user("ann"), make_waiting()
    drafts.approve(draft, by=ann, at=AT, subject="Faster books")

    drafts.undo(draft, by=ann, at=AT)

    assert state(draft) == ("waiting", None, None, None, "Faster books", draft.body, "")
    assert draft.comment == "ann took a decision back on 16 November at 09:00."
    drafts.approve(draft, by=ann, at=AT)
    assert (draft.final_subject, draft.was_edited, draft.comment) == ("Faster books", True, "")


@pytest.mark.django_db
def test_a_refused_draft_can_be_approved_again_or_rejected():
    draft = make_waiting(status="refused", refusal="The client has no postal address.")

    drafts.approve(draft, by=None, at=AT)

    assert state(draft)[0] == "approved"
    assert draft.refusal == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("waiting", "Nothing was decided"),
        ("refused", "was not sent: No postal address. Mend that"),
        ("sending", "is being handed to the mail server"),
    ],
)
def test_there_is_nothing_to_take_back_before_or_during(status, words):
    draft = make_waiting(status=status, refusal="No postal address." if status == "refused" else "")

    with pytest.raises(DecisionRefused, match=words):
        drafts.undo(draft, by=None, at=AT)

    assert state(draft)[0] == status


@pytest.mark.django_db
def test_what_is_sent_stays_sent():
    draft = make_waiting(status="sent")
    make_send(draft)

    for decide in (drafts.approve, drafts.undo):
        with pytest.raises(DecisionRefused, match="was sent on 16 November at 09:00; that cannot be taken back"):
            decide(draft, by=None, at=AT)

    assert state(draft)[0] == "sent"


@pytest.mark.django_db
def test_the_second_person_is_told_who_decided_and_when():
    ann, bob = make_user("ann", first_name="Ann", last_name="Ito"), make_user("bob")
    draft = make_waiting()
    seen_by_bob = Draft.objects.get(pk=draft.pk)
    drafts.approve(draft, by=ann, at=AT)

    with pytest.raises(DecisionRefused, match="Ann Ito approved this draft on 16 November at 09:00"):
        drafts.reject(seen_by_bob, by=bob, at=AT + timedelta(minutes=1), rejection="text")

    assert state(draft)[:3] == ("approved", ann, AT)


@pytest.mark.django_db(transaction=True)
def test_of_many_people_who_decide_at_once_one_wins():
    draft = make_waiting()

    def decide(number: int) -> str:
        mine = Draft.objects.get(pk=draft.pk)
        try:
            return drafts.approve(mine, by=None, at=AT, subject=f"Subject {number}").final_subject
        except DecisionRefused:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        won = [subject for subject in pool.map(decide, range(8)) if subject]

    assert len(won) == 1
    assert state(draft)[4] == won[0]


BACKWARDS = {"days": ["mon"], "from_hour": 14, "to_hour": 12}


def make_in_window(window, **settings):
    contact = make_contact(make_client(**settings))
    return make_draft(make_run(make_request(contact), config={"send_window": window}))


@pytest.mark.django_db
def test_a_draft_for_which_e_mails_never_leave_is_held_and_says_why():
    draft = make_in_window(BACKWARDS, from_hour=14, to_hour=12, postal_address="1 Quay Street")
    before = state(draft)

    with pytest.raises(DecisionRefused, match="let no e-mail leave"):
        drafts.approve(draft, by=None, at=AT)

    assert state(draft) == before
    assert "let no e-mail leave" in sending.refusal_of(draft)


@pytest.mark.django_db
def test_once_the_client_s_hours_are_mended_it_leaves_in_them():
    draft = make_in_window(BACKWARDS, from_hour=14, to_hour=16)

    drafts.approve(draft, by=None, at=AT)

    leaves = timezone.localtime(draft.send_at)
    assert (draft.status, leaves >= AT, 14 <= leaves.hour < 16) == ("approved", True, True)


@pytest.mark.django_db
def test_one_that_was_approved_before_is_not_sent_while_e_mails_never_leave(mailoutbox):
    draft = make_in_window(BACKWARDS, from_hour=14, to_hour=12, postal_address="1 Quay Street")
    Draft.objects.filter(pk=draft.pk).update(status="approved", decided_at=AT, send_at=AT)

    sent = sending.send(draft.pk, at=AT)

    draft.refresh_from_db()
    assert (sent, draft.status, mailoutbox) == (None, "refused", [])
    assert "let no e-mail leave" in draft.refusal
