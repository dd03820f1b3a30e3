"""What mail and calendar services tell, through the door: which e-mail it lands on, as what, and how often."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from clients import bodies, connections, suppression
from clients.events import SERVICES, telling
from clients.models import Delivery
from experiments import outcomes
from experiments.models import OutcomeEvent, OutcomeKind
from tests.factories import AT, make_contact, make_draft, make_request, make_run, make_send, make_user
from tests.queue import drain

pytestmark = pytest.mark.django_db

PAYLOADS = Path(__file__).parent.parent / "payloads"
ADA = "ada.lee@northwind-bank.example"
TOLD_AT = datetime(2026, 11, 16, 8, 30, tzinfo=UTC)


def recorded(party, name):
    return json.loads((PAYLOADS / party / f"{name}.json").read_text())


def send_to(contact, message_id, days_before=1):
    draft = make_draft(make_run(make_request(contact)), status="sent")
    return make_send(draft, message_id=message_id, sent_at=TOLD_AT - timedelta(days=days_before))


@pytest.fixture
def ada():
    return make_contact(email=ADA)


@pytest.fixture
def tell(client, ada):
    """Post a body to the contact's client as `party` does, and do all the work that follows."""
    keys = {}

    def post(party, body):
        if party not in keys:
            keys[party] = connections.create(ada.client, party=party, name=party, mode="sandbox", at=AT)[1]
        answer = client.post(f"/api/hooks/{keys[party]}", json.dumps(body), content_type="application/json")
        assert answer.status_code == 200
        drain()

    return post


def kinds():
    return sorted(OutcomeEvent.objects.values_list("kind", flat=True))


def test_every_kind_that_a_sender_may_tell_can_be_stored():
    assert set(telling.KINDS) == set(OutcomeKind.values)


@pytest.mark.parametrize(
    ("party", "name"), [("sendgrid", "without_event_id"), ("mailgun", "delivered"), ("ses", "without_envelope")]
)
def test_the_header_that_we_sent_names_the_e_mail_whatever_was_sent_later(tell, ada, party, name):
    meant, later = send_to(ada, "<draft-1@mail.acme.example>", 5), send_to(ada, "<draft-2@mail.acme.example>", 1)

    tell(party, recorded(party, name))

    noted = OutcomeEvent.objects.get()
    assert (noted.kind, noted.send, noted.contact, noted.source) == ("delivered", meant, ada, party)
    assert noted.send != later


@pytest.mark.parametrize(
    ("party", "name", "kind"),
    [
        ("postmark", "open", "opened"),
        ("smartlead", "reply", "replied"),
        ("smartlead", "reply_newer_form", "replied"),
        ("calendly", "booked", "meeting_booked"),
        ("calcom", "booked", "meeting_booked"),
    ],
)
def test_who_names_the_person_alone_means_the_newest_e_mail_before_it(tell, ada, party, name, kind):
    send_to(ada, "<draft-1@mail.acme.example>", 5)
    newest, after = send_to(ada, "<draft-2@mail.acme.example>", 1), send_to(ada, "<draft-3@mail.acme.example>", -1)

    tell(party, recorded(party, name))

    noted = OutcomeEvent.objects.get()
    assert (noted.kind, noted.send, noted.occurred_at) == (kind, newest, TOLD_AT)
    assert noted.send != after


@pytest.mark.parametrize("party", sorted(set(SERVICES)))
def test_the_same_call_twice_counts_once(tell, ada, party):
    body = connections.EXAMPLES[party]

    tell(party, body), tell(party, body)

    assert Delivery.objects.filter(status="applied").count() == 2
    assert OutcomeEvent.objects.count() == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_meeting_that_is_moved_is_one_meeting_in_whatever_order_its_halves_come(tell, ada, order):
    halves = recorded("calendly", "moved")

    tell("calendly", recorded("calendly", "booked"))
    for half in order:
        tell("calendly", halves[half])

    assert kinds() == ["meeting_booked", "meeting_moved"]


def test_a_booking_moved_at_calcom_is_no_second_meeting(tell, ada):
    for name in ("booked", "moved", "moved", "cancelled"):
        tell("calcom", recorded("calcom", name))

    assert kinds() == ["meeting_booked", "meeting_cancelled", "meeting_moved"]


@pytest.mark.parametrize("name", ["soft_bounce", "auto_responder"])
def test_a_mail_that_did_not_arrive_for_now_or_met_an_auto_reply_neither_suppresses_nor_stops(tell, ada, name):
    tell("postmark", recorded("postmark", name))

    assert kinds() == [{"soft_bounce": "deferred", "auto_responder": "auto_replied"}[name]]
    assert not suppression.is_suppressed(ada.client, ADA)
    assert outcomes.silent_stop(AT + timedelta(days=1)) == set()


@pytest.mark.parametrize("name", ["hard_bounce", "spam_complaint", "unsubscribed"])
def test_a_hard_bounce_a_complaint_and_an_unsubscribe_suppress_the_address(tell, ada, name):
    tell("postmark", recorded("postmark", name))

    assert suppression.is_suppressed(ada.client, ADA)


def test_a_moved_meeting_stops_the_follow_ups_and_a_cancelled_one_does_not(tell, ada):
    tell("calcom", recorded("calcom", "cancelled"))
    cancelled = outcomes.silent_stop(AT + timedelta(days=1))
    tell("calcom", recorded("calcom", "moved"))

    assert (cancelled, outcomes.silent_stop(AT + timedelta(days=1))) == (set(), {ada.pk})


def test_an_open_by_a_machine_is_not_an_open(tell, ada):
    human, machine = recorded("sendgrid", "engagement")[:2]

    tell("sendgrid", [machine])
    before = kinds()
    tell("sendgrid", [human, machine])

    assert (before, kinds()) == (["machine_opened"], ["machine_opened", "opened"])


@pytest.mark.parametrize("party", sorted(set(SERVICES) - {"outcomes"}))
def test_what_cannot_be_read_leaves_its_siblings_alone(tell, ada, party):
    send_to(ada, "<draft-1@mail.acme.example>")
    poison = recorded(party, "poison")

    tell(party, poison)

    delivery = Delivery.objects.get()
    assert (delivery.status, OutcomeEvent.objects.count()) == ("applied", 1)
    assert delivery.error.startswith(f"Entry 1 of {len(poison)}: ")


def test_another_firms_mail_in_a_batch_is_told_of_and_ours_is_noted(tell, ada):
    ours = send_to(ada, "<draft-1@mail.acme.example>")
    (told,) = recorded("sendgrid", "without_event_id")[:1]
    stranger = {**told, "email": "bob@elsewhere.example", "smtp-id": "<other@elsewhere.example>"}

    tell("sendgrid", [stranger, {**told, "sg_event_id": "own"}, {**stranger, "sg_event_id": "theirs"}])

    delivery = Delivery.objects.get()
    assert [noted.send for noted in OutcomeEvent.objects.all()] == [ours]
    assert delivery.status == "quarantined"
    assert "message id <other@elsewhere.example>" in delivery.error


def test_a_mail_service_that_tells_of_the_sending_first_leaves_our_own_note_to_be_made(tell, ada):
    send = send_to(ada, "<draft-1@mail.acme.example>")

    tell("sendgrid", recorded("sendgrid", "delivery")[:1])
    waiting = list(outcomes.sends_not_recorded())
    outcomes.record_send(send)

    assert (waiting, list(outcomes.sends_not_recorded())) == ([send], [])


def test_an_address_that_amazon_wants_confirmed_waits_for_a_person_who_finds_it_in_the_body(tell, ada):
    tell("ses", recorded("ses", "subscription_confirmation"))

    delivery = Delivery.objects.get()
    assert (delivery.status, OutcomeEvent.objects.count()) == ("quarantined", 0)
    assert "paste it under Confirm subscription" in delivery.error
    assert "Action=ConfirmSubscription&Token=2336412f37" in bodies.shown(bytes(delivery.body))["SubscribeURL"]


@pytest.mark.parametrize(
    ("party", "name", "secret"),
    [("smartlead", "reply", "f3b1c2d4-not-for-eyes"), ("mailgun", "delivered", "token-of-the-first-call")],
)
def test_what_a_sender_proves_itself_with_is_on_no_page(tell, client, ada, party, name, secret):
    tell(party, recorded(party, name))
    client.force_login(make_user("olu", is_staff=True, is_superuser=True))

    page = client.get(reverse("admin:clients_delivery_change", args=[Delivery.objects.get().pk])).content.decode()

    assert secret.encode() in bytes(Delivery.objects.get().body)
    assert (secret in page, "(hidden)" in page, ADA in page) == (False, True, True)


@pytest.mark.parametrize(
    "body",
    [
        b'{"secret_key": "s3cr3t", "broken',
        b"{'secret_key' : 's3cr3t'}",
        b"email=ada&token=s3cr3t&x=1",
        b"<sf:SessionId>s3cr3t</sf:SessionId>",
    ],
)
def test_nor_where_the_body_is_no_json(body):
    shown = bodies.shown(body)

    assert ("s3cr3t" in shown, "(hidden)" in shown) == (False, True)
