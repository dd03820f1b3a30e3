"""Two CRMs that are kept alike fall silent, a fight between them ends, and comparing finds what their webhooks lost.

Sizes are reduced; with GTM_FAULTS=full there are ten times as many people.
"""

import os
from datetime import timedelta
from random import Random

import pytest
from django.utils import timezone

from clients import outbox, outward, sync
from clients.models import Push, Reconciliation, SyncSettings
from gtm import loop
from tests.faults import two_crms
from tests.faults.two_crms import deliver, look_up, make_both, ours, settle

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

TIMES = 10 if os.environ.get("GTM_FAULTS") == "full" else 1
EDITS = 100
PEOPLE = 50 * TIMES
LOST = 0.2


def emails(number):
    return [f"person{n}@northwind-bank.example" for n in range(number)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nothing waits for what may follow: otherwise each edit takes five seconds."""
    monkeypatch.setattr(outbox, "GATHERS", timedelta())


@pytest.fixture
def crms():
    """Five people whom both know, under one title."""
    both = make_both()
    for crm in both:
        for email in emails(5):
            crm.add(email, "Analyst")
    settle(*both)
    assert ours() == dict.fromkeys(emails(5), "Analyst")
    return both


def test_a_hundred_edits_in_two_crms_are_at_most_a_hundred_writes_and_then_silence(crms, monkeypatch):
    monkeypatch.setattr(outward, "MOST_FLIPS", 10_000)  # a person edits more slowly than this test
    rng = Random(5)
    written = 0

    for number in range(EDITS):
        rng.choice(crms).change(rng.choice(emails(5)), f"Title {number}")
        if rng.random() < 0.5:
            written += settle(*crms)
    written += settle(*crms)

    assert 0 < written <= EDITS
    assert settle(*crms) == 0
    assert crms[0].titles() == crms[1].titles() == ours()
    assert two_crms.given_up() == []


def test_what_we_write_ourselves_comes_back_under_our_name_and_goes_nowhere(crms):
    hubspot, salesforce = crms
    before = Push.objects.filter(state="done").count()
    hubspot.change(emails(1)[0], "CFO")

    written = settle(*crms)

    own_id = SyncSettings.objects.get(connection=salesforce.connection).own_id
    origins = [event.origin for event in salesforce.connection.source_records.first().events.all()]
    assert (written, Push.objects.filter(state="done").count()) == (1, before + 1)
    assert salesforce.titles()[emails(1)[0]] == "CFO"
    assert [outward.is_ours("salesforce", origin, own_id) for origin in origins][-1]


def test_two_crms_that_fight_over_a_field_are_parted_and_a_person_is_asked(crms):
    """Each has a rule of its own, which rewrites what we write there at once."""
    hubspot, salesforce = crms
    email = emails(1)[0]
    before = Push.objects.filter(state="done").count()
    hubspot.change(email, "cfo")

    for _ in range(12):
        for crm, rewrite in ((hubspot, str.lower), (salesforce, str.upper)):
            settle_once(crms)
            if crm.titles()[email] != rewrite(crm.titles()[email]):
                crm.change(email, rewrite(crm.titles()[email]))
    settle(*crms)

    (held,) = outbox.flapping()
    assert set(held.fields) == {"title"}
    assert Push.objects.filter(state="done").count() - before <= outward.MOST_FLIPS + 1
    assert settle(*crms) == 0


def settle_once(crms):
    for crm in crms:
        deliver(crm, crm.calls())
    for crm in crms:
        two_crms.push(crm)


def test_comparing_brings_what_a_fifth_of_lost_webhooks_kept_from_us_and_says_how_much_that_was():
    """Edits an hour ago, a fifth of whose calls never come."""
    hubspot, rng = make_both()[0], Random(6)
    people, hour = emails(PEOPLE), 3600
    for email in people:
        hubspot.add(email, "Analyst", at=ago(2 * hour))
    deliver(hubspot, hubspot.calls(), at=ago(2 * hour))
    while hubspot.connection.source_records.exclude(look_up_at=None).exists():
        look_up(hubspot)
    lost = set(rng.sample(people, int(LOST * PEOPLE)))
    for number, email in enumerate(people):
        hubspot.change(email, f"Title {number}", at=ago(hour))
        bodies = hubspot.calls()
        deliver(hubspot, [] if email in lost else bodies, at=ago(hour))
    before = ours()

    run = sync.start(hubspot.connection, at=timezone.now())
    Reconciliation.objects.update(from_at=ago(hour + 60))
    loop.compare(run.pk)

    run.refresh_from_db()
    assert {email for email in people if before[email] == "Analyst"} == lost
    assert ours() == hubspot.titles()
    assert (run.records_seen, run.found_only_here, run.error) == (PEOPLE, len(lost), "")
    second = sync.start(hubspot.connection, at=timezone.now())
    loop.compare(second.pk)
    second.refresh_from_db()
    assert second.found_only_here == 0


def ago(seconds):
    return timezone.now() - timedelta(seconds=seconds)


def test_an_echo_that_comes_late_does_not_bring_back_what_it_repeats(crms):
    """Salesforce says one thing, then another, of which we hear only after the first was written to HubSpot."""
    hubspot, salesforce = crms
    email = emails(1)[0]
    salesforce.change(email, "CFO")
    deliver(salesforce, salesforce.calls())
    salesforce.change(email, "Chair")
    two_crms.push(hubspot)
    late = hubspot.calls()
    deliver(salesforce, salesforce.calls())

    deliver(hubspot, late)
    settle(*crms)

    assert hubspot.titles()[email] == salesforce.titles()[email] == ours()[email] == "Chair"
