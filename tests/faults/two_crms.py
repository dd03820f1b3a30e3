"""HubSpot and Salesforce, each with its stand-in's memory, both of one client that keeps them alike in both ways.

What people do there makes webhook calls, which a test delivers or loses; what we write there makes such calls too.
"""

import time
from random import Random

from django.utils import timezone

from clients import inbox, pushing, sync
from clients.models import Connection, Contact, Push
from gtm import loop
from gtm.sandbox import hubspot, salesforce
from gtm.sandbox.hubspot import people as in_hubspot
from gtm.sandbox.salesforce import people as in_salesforce
from tests.clients.crms import write_in_earnest
from tests.factories import make_connection, make_ready_client

MOST_ROUNDS = 50
LONGEST_S = 2.0
NAMES = {"hubspot": "jobtitle", "salesforce": "Title"}


class Crm:
    """One of the two, as its own people and its webhooks see it."""

    def __init__(self, client, party, own_id=""):
        self.party = party
        self.connection = make_connection(client, party)
        self.is_hubspot = party == Connection.Party.HUBSPOT
        secret = f"sandbox-{self.connection.pk}"
        self.account = hubspot.account(secret) if self.is_hubspot else salesforce.account(f"{secret}.my.salesforce.com")
        write_in_earnest(self.connection, daily_writes=100_000)
        pushing.learn_own_id(self.connection.pk)
        self.offset = 0
        self.ids = {}

    def add(self, email, title, *, at=None):
        at = at or timezone.now()
        if self.is_hubspot:
            self.ids[email] = in_hubspot.add(self.account, {"email": email, "jobtitle": title}, at=at).ext_id
        else:
            self.ids[email] = in_salesforce.add(
                self.account, {"Email": email, "LastName": "Lee", "Title": title}, at=at
            )

    def change(self, email, title, *, at=None):
        act = in_hubspot if self.is_hubspot else in_salesforce
        act.change(self.account, self.ids[email], {NAMES[self.party]: title}, at=at or timezone.now())

    def titles(self):
        """What stands there, by address."""
        act = in_hubspot if self.is_hubspot else in_salesforce
        return {
            email: act.memory.find(self.account, "contact" if self.is_hubspot else "Contact", ext_id).values[
                NAMES[self.party]
            ]
            for email, ext_id in self.ids.items()
        }

    def calls(self):
        """The bodies of the webhook calls about what happened since the last time, by whomever."""
        act = in_hubspot if self.is_hubspot else in_salesforce
        found = (in_hubspot.calls_since if self.is_hubspot else in_salesforce.captured)(self.account, self.offset)
        self.offset = act.latest(self.account)
        return found


def deliver(crm, bodies, *, at=None):
    """As the door and the worker would."""
    at = at or timezone.now()
    for body in bodies:
        stored = inbox.store(crm.connection, headers={"content-type": "application/json"}, body=body, at=at)
        loop._apply_deliveries(stored.delivery.pk, alone=True, at=at)


def look_up(crm):
    """Whatever thin events asked for, at once."""
    crm.connection.source_records.exclude(look_up_at=None).update(look_up_at=timezone.now())
    for delivery_id in sync.look_up(crm.connection.pk, rng=Random(1)):
        loop.process_delivery(delivery_id)


def push(crm):
    """What waits for it and is due; how many pushes were written."""
    return pushing.send(crm.connection.pk, rng=Random(1)).fates.get("done", 0)


def settle(*crms):
    """Calls, look-ups and pushes, until nothing happens any more. How many records were written."""
    written = 0
    for _ in range(MOST_ROUNDS):
        happened = 0
        for crm in crms:
            bodies = crm.calls()
            deliver(crm, bodies)
            look_up(crm)
            happened += len(bodies)
        pushed = sum(push(crm) for crm in crms)
        written += pushed
        waits = Push.objects.filter(state="waiting").order_by("due_at").first()
        if not happened + pushed and not waits:
            return written
        if waits:  # our own limits
            time.sleep(min(max(0.0, (waits.due_at - timezone.now()).total_seconds()), LONGEST_S))
    waits = Push.objects.filter(state__in=("waiting", "sending")).values_list("state", "why", "due_at", "attempts")
    raise AssertionError(f"it does not fall silent: {list(waits)}")


def make_both():
    client = make_ready_client()
    return [Crm(client, party) for party in (Connection.Party.HUBSPOT, Connection.Party.SALESFORCE)]


def ours():
    """The titles as we know them, by address."""
    return dict(Contact.objects.values_list("email", "title"))


def given_up():
    return list(Push.objects.exclude(state__in=("done", "skipped")).values_list("state", "why"))
