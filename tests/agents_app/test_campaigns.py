from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from agents_app import campaigns
from agents_app.campaigns import CampaignRefused
from agents_app.models import Campaign, CampaignStep, Request
from clients import suppression
from tests.factories import AT, make_client, make_contact, make_draft, make_run, make_send, make_user

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def make_running(*, waits: tuple[int, ...] = (4, 7), people: int = 1) -> Campaign:
    client = make_client()
    contacts = [make_contact(client) for _ in range(people)]
    campaign = campaigns.create(client, name="Spring", goal="Book meetings.", contacts=contacts, waits=waits, at=AT)
    campaigns.launch(campaign, by=None, at=AT)
    return campaign


def send_mail(request: Request, *, days: int = 0) -> None:
    draft = make_draft(make_run(request), sequence_step=request.sequence_step, status="sent")
    make_send(draft, sent_at=AT + days * DAY)


def requests_made() -> list[tuple[int, str, int]]:
    return list(Request.objects.order_by("pk").values_list("contact_id", "purpose", "sequence_step"))


def test_a_campaign_is_made_with_its_mails_and_people():
    client = make_client()
    ada, bob = make_contact(client), make_contact(client)

    campaign = campaigns.create(
        client, name=" Spring ", goal="Book meetings.", contacts=[ada, bob, ada], waits=(3,), at=AT
    )

    assert (campaign.name, campaign.status, campaign.created_at) == ("Spring", "draft", AT)
    assert list(campaign.steps.values_list("number", "wait_days")) == [(1, 0), (2, 3)]
    assert set(campaign.contacts.all()) == {ada, bob}
    assert not Request.objects.exists()


def test_a_campaign_takes_no_contact_of_another_client():
    with pytest.raises(CampaignRefused, match="belongs to another client"):
        campaigns.create(make_client(), name="Spring", goal="Book meetings.", contacts=[make_contact()], at=AT)

    assert not Campaign.objects.exists()


def test_two_campaigns_of_a_client_need_two_names():
    client = make_client()
    campaigns.create(client, name="Spring", goal="Book meetings.", at=AT)

    with pytest.raises(CampaignRefused, match="called “Spring” already"):
        campaigns.create(client, name="Spring", goal="Book more.", at=AT)


def test_a_launch_asks_for_the_first_mail_to_everybody_once():
    client, ann = make_client(), make_user("ann")
    ada, bob = make_contact(client), make_contact(client)
    campaign = campaigns.create(client, name="Spring", goal="Book meetings.", contacts=[ada, bob], at=AT)

    made = campaigns.launch(campaign, by=ann, at=AT)
    again = campaigns.launch(campaign, by=ann, at=AT)

    assert [(request.contact, request.campaign, request.asked_by) for request in made] == [
        (ada, campaign, ann),
        (bob, campaign, ann),
    ]
    assert again == []
    assert requests_made() == [(ada.pk, "outreach", 1), (bob.pk, "outreach", 1)]
    campaign.refresh_from_db()
    assert campaign.status == "running"


def test_a_second_launch_asks_for_those_who_were_added():
    campaign = make_running()
    late = make_contact(campaign.client)
    assert campaigns.add_contacts(campaign, [late], at=AT) == 1

    assert [request.contact for request in campaigns.launch(campaign, by=None, at=AT)] == [late]


def test_a_launch_leaves_out_who_must_not_be_written_to():
    client = make_client()
    ada, bob = make_contact(client), make_contact(client)
    suppression.suppress(client, ada.email, reason="unsubscribed", at=AT)
    campaign = campaigns.create(client, name="Spring", goal="Book meetings.", contacts=[ada, bob], at=AT)

    assert [request.contact for request in campaigns.launch(campaign, by=None, at=AT)] == [bob]


@pytest.mark.parametrize(("status", "word"), [("draft", "draft"), ("paused", "paused")])
def test_a_client_that_is_not_active_cannot_launch(status, word):
    client = make_client(status=status)
    campaign = campaigns.create(client, name="Spring", goal="Book meetings.", contacts=[make_contact(client)], at=AT)

    with pytest.raises(CampaignRefused, match=f"is {word}, so “Spring” cannot start. Set the client to active"):
        campaigns.launch(campaign, by=None, at=AT)

    campaign.refresh_from_db()
    assert (campaign.status, Request.objects.count()) == ("draft", 0)


def test_a_campaign_without_people_or_with_a_gap_in_its_mails_cannot_launch():
    client = make_client()
    campaign = campaigns.create(client, name="Spring", goal="Book meetings.", at=AT)
    with pytest.raises(CampaignRefused, match="has no contacts"):
        campaigns.launch(campaign, by=None, at=AT)

    campaigns.add_contacts(campaign, [make_contact(client)], at=AT)
    campaign.steps.filter(number=2).delete()
    with pytest.raises(CampaignRefused, match=r"without a gap; they are \[1, 3\]"):
        campaigns.launch(campaign, by=None, at=AT)

    assert not Request.objects.exists()


def test_the_database_keeps_one_request_a_contact_and_mail():
    campaign = make_running()
    first = Request.objects.get()

    with pytest.raises(IntegrityError, match="one_request_a_campaign_step"), transaction.atomic():
        Request.objects.create(client=campaign.client, contact=first.contact, campaign=campaign, asked_at=AT)


def test_a_follow_up_comes_after_its_days_of_silence_and_once():
    campaign = make_running(waits=(4,))
    first = Request.objects.get()
    send_mail(first, days=1)

    assert campaigns.due_follow_ups(AT + 5 * DAY - timedelta(seconds=1), stopped=set()) == []
    (second,) = campaigns.due_follow_ups(AT + 5 * DAY, stopped=set())
    assert campaigns.due_follow_ups(AT + 6 * DAY, stopped=set()) == []

    assert (second.contact, second.campaign, second.purpose, second.sequence_step) == (
        first.contact,
        campaign,
        "follow_up",
        2,
    )
    assert (second.reason, second.asked_by, second.asked_at) == ("Campaign “Spring”, mail 2", None, AT + 5 * DAY)


def test_the_days_count_from_the_last_mail_not_from_the_first():
    make_running(waits=(4, 7))
    send_mail(Request.objects.get())
    (second,) = campaigns.due_follow_ups(AT + 4 * DAY, stopped=set())
    send_mail(second, days=6)

    assert campaigns.due_follow_ups(AT + 12 * DAY, stopped=set()) == []
    (third,) = campaigns.due_follow_ups(AT + 13 * DAY, stopped=set())
    send_mail(third, days=13)

    assert third.sequence_step == 3
    assert campaigns.due_follow_ups(AT + 100 * DAY, stopped=set()) == []


def test_without_a_mail_sent_there_is_no_follow_up():
    make_running()

    assert campaigns.due_follow_ups(AT + 100 * DAY, stopped=set()) == []


def test_who_answered_or_left_gets_no_follow_up():
    campaign = make_running(people=3)
    for request in Request.objects.all():
        send_mail(request)
    answered, left, silent = campaign.contacts.order_by("pk")
    suppression.suppress(campaign.client, left.email, reason="unsubscribed", at=AT)

    made = campaigns.due_follow_ups(AT + 4 * DAY, stopped={answered.pk})

    assert [request.contact for request in made] == [silent]


def test_follow_ups_rest_while_the_client_is_paused_and_end_with_the_campaign():
    campaign = make_running()
    send_mail(Request.objects.get())
    campaign.client.status = "paused"
    campaign.client.save()

    assert campaigns.due_follow_ups(AT + 4 * DAY, stopped=set()) == []

    campaign.client.status = "active"
    campaign.client.save()
    campaigns.finish(campaign)
    assert campaigns.due_follow_ups(AT + 4 * DAY, stopped=set()) == []
    with pytest.raises(CampaignRefused, match="is not running"):
        campaigns.finish(campaign)
    with pytest.raises(CampaignRefused, match=r"is finished\. Make a new campaign"):
        campaigns.launch(campaign, by=None, at=AT)


def test_a_mail_that_was_sent_outside_the_campaign_does_not_start_its_clock():
    campaign = make_running()
    other = Request.objects.create(client=campaign.client, contact=campaign.contacts.get(), asked_at=AT)
    send_mail(other)

    assert campaigns.due_follow_ups(AT + 30 * DAY, stopped=set()) == []
    assert CampaignStep.objects.filter(campaign=campaign).count() == 3


def test_looking_for_follow_ups_costs_the_same_however_many_people_wait(django_assert_num_queries):
    make_running(people=5)
    for request in Request.objects.all():
        send_mail(request)

    with django_assert_num_queries(6):  # savepoint twice, campaigns, steps, requests, sends
        campaigns.due_follow_ups(AT + DAY, stopped=set())
