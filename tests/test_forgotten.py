"""Somebody is erased in the CRM: through the public doors, after the whole loop, and for good."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from agents_app import drafts
from agents_app.models import Draft, Request, RequestRule, Send
from clients import connections, suppression
from clients.models import Contact, Delivery, Erasure
from experiments.models import OutcomeEvent
from gtm import loop
from tests.everywhere import places
from tests.factories import make_ready_client, make_user
from tests.queue import drain

pytestmark = pytest.mark.django_db

ADDRESS = "Ada.Lee@northwind-bank.example"
ADA = {
    "objectId": 101,
    "email": ADDRESS,
    "firstname": "Ada",
    "lastname": "Lee",
    "company": "Northwind Bank",
    "jobtitle": "CFO",
}
ERASED = [{"eventId": 1, "subscriptionType": "contact.privacyDeletion", "portalId": 33, "appId": 7, "objectId": 101}]
HERS = ("ada.lee@", "Ada Lee", "Dear Ada", "Lee, Ada")


def door(client, party):
    return connections.create(client, party=party, name=party, mode="sandbox", at=timezone.now())[1]


def post(browser, key, body):
    answer = browser.post(f"/api/hooks/{key}", json.dumps(body), content_type="application/json")
    assert answer.status_code == 200
    return drain()


@pytest.fixture
def acme():
    acme = make_ready_client("acme", postal_address="1 Example Street, Springfield")
    RequestRule.objects.create(client=acme, change="created", is_active=True)
    return acme


def test_after_the_whole_loop_an_erasure_in_the_crm_leaves_no_trace_and_keeps_out(client, acme):
    crm, service = door(acme, "hubspot"), door(acme, "outcomes")
    operator = make_user("olu", is_staff=True, is_superuser=True)
    post(client, crm, ADA)
    drafts.approve(Draft.objects.get(), by=operator, at=timezone.now())
    loop.send_due_drafts()
    sent = Send.objects.get()
    post(
        client,
        service,
        {"event_id": f"reply to {ADDRESS}", "kind": "replied", "message_id": sent.message_id, "email": ADDRESS},
    )
    post(client, service, {"event_id": "u-1", "kind": "unsubscribed", "email": ADDRESS})
    loop.build_review(at=timezone.now() + timedelta(days=7))
    assert len({place.split(":")[0] for place in places(*HERS)}) >= 8

    jobs = post(client, crm, ERASED)

    assert "erase_people" in jobs
    assert places(*HERS) == []
    assert Erasure.objects.filter(reason="asked_in_crm", done_at=None).count() == 0
    assert OutcomeEvent.objects.count() == 3
    assert suppression.is_suppressed(acme, ADDRESS)

    again = post(client, crm, {**ADA, "firstname": "Augusta"})
    loop.erase_people()

    assert "start_run" not in again
    assert places(*HERS, "Augusta") == []
    assert not Contact.objects.filter(client=acme, erased_at=None).exists()
    assert Request.objects.count() == 1


def test_of_a_batch_that_brings_the_person_again_the_others_are_taken_in(client, acme):
    crm = door(acme, "hubspot")
    post(client, crm, ADA)
    post(client, crm, ERASED)

    bo = {"objectId": 102, "email": "bo@northwind-bank.example", "firstname": "Bo", "lastname": "Ek"}
    post(client, crm, [{**ADA, "objectId": 999}, bo])
    loop.erase_people()

    assert places(*HERS) == []
    assert Contact.objects.get(email_normalised="bo@northwind-bank.example").full_name == "Bo Ek"
    assert json.loads(bytes(Delivery.objects.latest("pk").body)) == [{"erased": True}, bo]


def test_another_clients_person_of_the_same_address_stays(client, acme):
    other = make_ready_client("other")
    post(client, door(other, "hubspot"), ADA)
    crm = door(acme, "hubspot")
    post(client, crm, ADA)

    post(client, crm, ERASED)

    assert Contact.objects.get(client=other).full_name == "Ada Lee"


def test_one_click_unsubscribe_ends_what_was_approved_and_a_look_at_the_page_does_not(client, acme):
    post(client, door(acme, "hubspot"), ADA)
    contact, draft = Contact.objects.get(), Draft.objects.get()
    drafts.approve(draft, by=make_user("olu", is_superuser=True), at=timezone.now())
    page = reverse("unsubscribe", args=[suppression.token(contact)])

    assert client.get(page).status_code == 200
    assert not suppression.is_suppressed(acme, ADDRESS), "a mail scanner follows links: a look changes nothing"
    assert client.post(page, {"List-Unsubscribe": "One-Click"}).status_code == 200
    loop.send_due_drafts()

    draft.refresh_from_db()
    assert (mail.outbox, Send.objects.count(), draft.status) == ([], 0, "refused")
    assert not OrmQ.objects.exists()
    again = Request.objects.count()
    post(
        client,
        door(acme, "salesforce"),
        {"Email": ADDRESS, "Name": "Ada Lee", "Account": {"Name": "N"}, "Title": "CEO"},
    )
    assert Request.objects.count() == again
