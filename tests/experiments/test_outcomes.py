"""What became of an e-mail, noted once."""

from datetime import timedelta

import pytest

from clients import suppression
from clients.models import Delivery, Suppression
from experiments import outcomes
from experiments.models import OutcomeEvent
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_draft,
    make_outcome,
    make_outcome_event,
    make_request,
    make_run,
    make_send,
)

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=2)


def send_to(contact, **values):
    return make_send(make_draft(make_run(make_request(contact)), status="sent"), **values)


def record(contact, kind="replied", event_key="e1", **values):
    times = {"occurred_at": LATER, "received_at": LATER}
    return outcomes.record(contact, kind=kind, source="outcomes", event_key=event_key, **{**times, **values})


def test_the_same_event_counts_once_and_the_first_telling_stands():
    contact = make_contact()

    first = record(contact, "opened")
    second = record(contact, "replied", occurred_at=LATER + timedelta(days=1))

    assert (first.is_new, second.is_new) == (True, False)
    assert second.outcome == first.outcome
    assert list(OutcomeEvent.objects.values_list("kind", "occurred_at")) == [("opened", LATER)]


def test_the_same_key_from_another_client_or_source_is_another_event():
    ada, bob = make_contact(), make_contact()

    record(ada), record(bob)
    outcomes.record(ada, kind="replied", occurred_at=LATER, received_at=LATER, source="calendar", event_key="e1")

    assert OutcomeEvent.objects.count() == 3


@pytest.mark.parametrize("kind", ["unsubscribed", "complained", "bounced"])
def test_after_these_the_address_is_never_written_to_again(kind):
    contact = make_contact()

    record(contact, kind)

    assert suppression.is_suppressed(contact.client, contact.email)
    assert Suppression.objects.get().reason == kind


@pytest.mark.parametrize(
    "kind",
    ["sent", "delivered", "opened", "replied", "meeting_booked", "deferred", "auto_replied", "meeting_cancelled"],
)
def test_after_the_others_it_may_be(kind):
    contact = make_contact()

    record(contact, kind)

    assert not Suppression.objects.exists()


def test_an_unsubscribe_from_one_client_leaves_the_others_alone():
    ada, same_person = (
        make_contact(email="ada@northwind-bank.example"),
        make_contact(email="ada@northwind-bank.example"),
    )

    record(ada, "unsubscribed")

    assert not suppression.is_suppressed(same_person.client, same_person.email)


class TestRecordEvent:
    @pytest.mark.parametrize("spelling", ["<m-1@localhost>", "m-1@localhost"])
    def test_a_message_id_names_the_send_and_its_contact(self, spelling):
        contact = make_contact()
        send = send_to(contact, message_id="<m-1@localhost>")
        event = make_outcome_event(contact.client, "opened", occurred_at=LATER, message_id=spelling)

        outcome = outcomes.record_event(event)

        assert (outcome.contact, outcome.send, outcome.kind) == (contact, send, "opened")
        assert (outcome.occurred_at, outcome.source, outcome.event_key) == (LATER, "outcomes", event.event_key)

    def test_an_address_in_any_spelling_names_the_contact_and_the_latest_send_before(self):
        contact = make_contact(email="ada@northwind-bank.example")
        send_to(contact, sent_at=AT)
        latest = send_to(contact, sent_at=AT + timedelta(days=1))
        send_to(contact, sent_at=AT + timedelta(days=9))
        event = make_outcome_event(contact.client, occurred_at=LATER, email=" Ada@Northwind-Bank.EXAMPLE ")

        outcome = outcomes.record_event(event)

        assert (outcome.contact, outcome.send) == (contact, latest)

    def test_told_twice_it_stands_once(self):
        contact = make_contact()
        event = make_outcome_event(contact.client, email=contact.email)

        assert outcomes.record_event(event) == outcomes.record_event(event)
        assert OutcomeEvent.objects.count() == 1

    def test_a_contact_of_another_client_is_unknown_here(self):
        contact, client = make_contact(), make_client()
        send_to(contact, message_id="<m-2@localhost>")
        event = make_outcome_event(client, "unsubscribed", message_id="<m-2@localhost>", email=contact.email)

        with pytest.raises(outcomes.OutcomeRefused, match="right client's endpoint"):
            outcomes.record_event(event)

        assert not OutcomeEvent.objects.exists()
        assert not Suppression.objects.exists()

    @pytest.mark.parametrize(
        ("kind", "payload", "words"),
        [
            (
                "sang",
                {"email": "ada@northwind-bank.example"},
                "“sang” is not a kind of outcome. Known kinds: sent",
            ),
            ("replied", {}, "names no e-mail. Give message_id"),
            ("replied", {"email": None, "message_id": ""}, "names no e-mail"),
            ("replied", {"email": "not an address"}, "not an e-mail address"),
            ("replied", {"email": "nobody@northwind-bank.example"}, "address nobody@northwind-bank.example"),
            ("replied", {"message_id": "<gone@localhost>"}, "message id <gone@localhost>"),
        ],
    )
    def test_what_cannot_be_tied_to_an_email_is_refused_in_words(self, kind, payload, words):
        event = make_outcome_event(make_client(), kind, **payload)

        with pytest.raises(outcomes.OutcomeRefused, match=words):
            outcomes.record_event(event)

        assert not OutcomeEvent.objects.exists()

    def test_a_reply_to_somebody_elses_mail_does_not_count_for_ours(self):
        contact = make_contact()
        event = make_outcome_event(contact.client, "replied", message_id="<other@mail.example>", email=contact.email)

        with pytest.raises(outcomes.OutcomeRefused, match="sent no e-mail with the message id"):
            outcomes.record_event(event)

        assert not OutcomeEvent.objects.exists()

    def test_an_unsubscribe_counts_even_when_its_message_is_unknown(self):
        contact = make_contact()
        event = make_outcome_event(
            contact.client, "unsubscribed", message_id="<other@mail.example>", email=contact.email
        )

        outcome = outcomes.record_event(event)

        assert (outcome.contact, outcome.send) == (contact, None)
        assert suppression.is_suppressed(contact.client, contact.email)

    def test_an_event_about_a_contact_is_no_outcome(self):
        event = make_outcome_event(make_client(), "contact_changed", email="ada@northwind-bank.example")

        assert outcomes.record_event(event) is None
        assert not OutcomeEvent.objects.exists()


def test_every_send_is_recorded_once():
    send = send_to(make_contact())
    assert list(outcomes.sends_not_recorded()) == [send]

    outcomes.record_send(send), outcomes.record_send(send)

    assert list(outcomes.sends_not_recorded()) == []
    row = OutcomeEvent.objects.get()
    assert (row.kind, row.send, row.contact, row.occurred_at) == ("sent", send, send.contact, send.sent_at)


def test_events_left_behind_are_found_until_they_are_outcomes_or_in_quarantine():
    client = make_client()
    contact = make_contact(client)
    waiting = make_outcome_event(client, email=contact.email)
    young = make_outcome_event(client, occurred_at=LATER, email=contact.email)
    told = make_outcome_event(client, email=contact.email)
    outcomes.record_event(told)
    refused = make_outcome_event(client, email="nobody@northwind-bank.example")
    Delivery.objects.filter(pk=refused.delivery_id).update(status=Delivery.Status.QUARANTINED)
    make_outcome_event(client, "contact_changed", email=contact.email)

    found = list(outcomes.events_not_recorded(AT + timedelta(minutes=1)))

    assert found == [waiting]
    assert young not in found


def test_who_answered_or_left_gets_no_follow_up():
    client = make_client()
    contacts = {
        kind: make_contact(client) for kind in ["opened", "replied", "meeting_booked", "unsubscribed", "bounced"]
    }
    for kind, contact in contacts.items():
        make_outcome(contact, kind, occurred_at=AT)
    later = make_outcome(make_contact(client), "replied", occurred_at=LATER).contact

    stopped = outcomes.silent_stop(AT + timedelta(days=1))

    assert stopped == {contacts[kind].pk for kind in ["replied", "meeting_booked", "unsubscribed", "bounced"]}
    assert outcomes.silent_stop(LATER) == stopped | {later.pk}


def test_the_link_at_the_foot_acts_once_and_names_the_latest_email():
    contact = make_contact()
    send = send_to(contact)

    first, second = outcomes.unsubscribe(contact, at=LATER), outcomes.unsubscribe(contact, at=LATER + timedelta(days=1))

    assert (first.is_new, second.is_new) == (True, False)
    assert (first.outcome.kind, first.outcome.send, first.outcome.occurred_at) == ("unsubscribed", send, LATER)
    assert suppression.is_suppressed(contact.client, contact.email)
