"""Campaigns: a client's named effort. A launch asks for the first mail to every contact; silence for the next."""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from agents_app import requests
from agents_app.models import Campaign, CampaignContact, CampaignStep, Purpose, Request, Send
from clients.models import Client, Contact

Status = Campaign.Status


class CampaignRefused(Exception):
    """The campaign cannot start or go on as it stands; the text says what to mend."""


class Sent(NamedTuple):
    """The last mail of a campaign that went to a contact."""

    campaign_id: int
    contact_id: int
    number: int
    sent_at: datetime


@transaction.atomic
def create(
    client: Client,
    *,
    name: str,
    goal: str,
    at: datetime,
    contacts: Iterable[Contact] = (),
    waits: Sequence[int] = (4, 7),
) -> Campaign:
    """A draft with a first mail and one follow-up for each of `waits`: days of silence since the mail before."""
    if not name.strip() or not goal.strip():
        raise CampaignRefused("A campaign needs a name, and a goal in a sentence.")
    if Campaign.objects.filter(client=client, name=name.strip()).exists():
        raise CampaignRefused(f"{client} has a campaign called “{name.strip()}” already. Choose another name.")
    campaign = Campaign.objects.create(client=client, name=name.strip(), goal=goal.strip(), created_at=at)
    CampaignStep.objects.bulk_create(
        CampaignStep(campaign=campaign, number=number, wait_days=days)
        for number, days in enumerate((0, *waits), start=1)
    )
    add_contacts(campaign, contacts, at=at)
    return campaign


@transaction.atomic
def add_contacts(campaign: Campaign, contacts: Iterable[Contact], *, at: datetime) -> int:
    """How many were not in it yet. A running campaign writes to them with the next launch."""
    contacts = list(contacts)
    for contact in contacts:
        if contact.client_id != campaign.client_id:
            raise CampaignRefused(f"{contact} belongs to another client than the campaign. Nobody was added.")
    present = set(campaign.members.values_list("contact_id", flat=True))
    new = {contact.pk: CampaignContact(campaign=campaign, contact=contact, added_at=at) for contact in contacts}
    CampaignContact.objects.bulk_create(member for key, member in new.items() if key not in present)
    return len(new.keys() - present)


@transaction.atomic
def launch(campaign: Campaign, *, by: User | None, at: datetime) -> list[Request]:
    """Ask for the first mail to every contact that was not asked for yet: a second launch asks only for whom was added.

    Contacts that must not be written to, or of whom too little is known, are left out.
    """
    campaign = Campaign.objects.select_for_update(of=("self",)).select_related("client").get(pk=campaign.pk)
    _refuse_launch(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(status=Status.RUNNING)
    waiting = campaign.contacts.exclude(requests__campaign=campaign, requests__sequence_step=1).order_by("pk")
    asked = [_ask(campaign, contact, 1, by=by, at=at) for contact in waiting]
    return [request for request in asked if request is not None]


@transaction.atomic
def due_follow_ups(at: datetime, *, stopped: Set[int]) -> list[Request]:
    """Requests for the next mail where `wait_days` passed in silence. `stopped`: ids of contacts that get no more.

    Running campaigns of active clients only. They are locked, so that two workers cannot ask for the same mail.
    """
    open_ones = Campaign.objects.select_for_update(of=("self",), skip_locked=True).select_related("client")
    campaigns = {
        row.pk: row
        for row in open_ones.filter(status=Status.RUNNING, client__status=Client.Status.ACTIVE).order_by("pk")
    }
    due = [sent for sent in _due(campaigns.keys(), at) if sent.contact_id not in stopped]
    people = Contact.objects.select_related("client").in_bulk([sent.contact_id for sent in due])
    asked = [
        _ask(campaigns[sent.campaign_id], people[sent.contact_id], sent.number + 1, by=None, at=at) for sent in due
    ]
    return [request for request in asked if request is not None]


def finish(campaign: Campaign) -> None:
    """No further follow-ups. What was written already can still be approved and sent."""
    if not Campaign.objects.filter(pk=campaign.pk, status=Status.RUNNING).update(status=Status.FINISHED):
        raise CampaignRefused(f"“{campaign}” is not running, so there is nothing to finish.")


def _refuse_launch(campaign: Campaign) -> None:
    client = campaign.client
    if client.status != Client.Status.ACTIVE:
        raise CampaignRefused(
            f"{client} is {client.get_status_display().split(':')[0].lower()}, so “{campaign}” cannot start. "
            "Set the client to active on its page, then launch again."
        )
    if campaign.status == Status.FINISHED:
        raise CampaignRefused(f"“{campaign}” is finished. Make a new campaign for these contacts.")
    numbers = list(campaign.steps.values_list("number", flat=True))
    if numbers != list(range(1, len(numbers) + 1)) or not numbers:
        raise CampaignRefused(
            f"The mails of “{campaign}” must be numbered 1, 2, 3 without a gap; they are {numbers or 'none'}. "
            "Mend them and launch again."
        )
    if not campaign.members.exists():
        raise CampaignRefused(f"“{campaign}” has no contacts. Add the people to write to, then launch.")


def _ask(campaign: Campaign, contact: Contact, number: int, *, by: User | None, at: datetime) -> Request | None:
    purpose = Purpose.OUTREACH if number == 1 else Purpose.FOLLOW_UP
    reason = f"Campaign “{campaign}”, mail {number}"
    try:
        return requests.ask(
            campaign.client,
            contact=contact,
            purpose=purpose,
            campaign=campaign,
            sequence_step=number,
            reason=reason,
            by=by,
            at=at,
        )
    except requests.RequestRefused:
        return None  # the contact unsubscribed meanwhile, or lacks a company: the campaign goes on with the others


def _due(campaign_ids: Iterable[int], at: datetime) -> list[Sent]:
    """The last mails after which the next one is due and was not asked for."""
    ids = list(campaign_ids)
    steps = CampaignStep.objects.filter(campaign__in=ids).values_list("campaign_id", "number", "wait_days")
    wait = {(campaign, number): timedelta(days=days) for campaign, number, days in steps}
    asked = set(Request.objects.filter(campaign__in=ids).values_list("campaign_id", "contact_id", "sequence_step"))
    return [
        sent
        for sent in _last_sent(ids)
        if (key := (sent.campaign_id, sent.number + 1)) in wait
        and sent.sent_at + wait[key] <= at
        and (sent.campaign_id, sent.contact_id, sent.number + 1) not in asked
    ]


def _last_sent(campaign_ids: list[int]) -> list[Sent]:
    campaign, number = "draft__run__request__campaign_id", "draft__run__request__sequence_step"
    rows = Send.objects.filter(**{f"{campaign}__in": campaign_ids}).order_by(campaign, "contact_id", f"-{number}")
    return [
        Sent(*row)
        for row in rows.distinct(campaign, "contact_id").values_list(campaign, "contact_id", number, "sent_at")
    ]
