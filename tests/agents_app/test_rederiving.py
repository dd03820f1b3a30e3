"""Every fact of every stored run follows from what its sources answered; what does not is named."""

import pytest
from django.db import connection

from agents_app import flow
from agents_app.models import SourceRecord
from agents_app.research import SOURCES
from gtm.sandbox import world
from tests.agents_app.flows_that import execute
from tests.factories import make_connection, make_contact, make_ready_client, make_request, plan_run

pytestmark = pytest.mark.django_db


def study(domain="northwind-bank.example", client=None, **values):
    """A finished study of the company by a client that asks every source."""
    if client is None:
        client = make_ready_client()
        for key in SOURCES:
            if not client.connections.filter(party=key).exists():
                make_connection(client, key)
    contact = make_contact(client, company_domain=domain)
    return execute(plan_run(make_request(contact, purpose="deep_research", **values)))


def by_hand(sql, *values):
    """Past every guard, as somebody with the database's own rights could."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql, values)
        cursor.execute("SET session_replication_role = DEFAULT")


def test_every_fact_of_every_run_follows_from_stored_answers():
    first = study(depth="comprehensive")
    domains = sorted(world.COMPANIES)[::4]

    runs = [first, *(study(domain, first.client) for domain in domains)]

    found = [flow.rederive(run) for run in runs]
    assert [each.problems for each in found] == [()] * len(runs)
    assert sum(each.facts for each in found) > 10 * len(runs)
    assert sum(each.claims for each in found) > sum(each.facts for each in found)


def test_what_is_used_again_follows_from_the_answer_that_it_was_taken_from():
    first = study()
    again = study(client=first.client)

    assert SourceRecord.objects.filter(run=again, same_as__run=first, payload__isnull=True).exists()
    assert flow.rederive(again).problems == ()
    assert flow.rederive(again).facts > 10


def test_a_changed_answer_a_changed_claim_and_a_changed_fact_are_each_named():
    run = study()
    fact = run.facts.filter(attribute="headcount").first()
    claim = fact.claims.first()
    record = claim.source_record
    by_hand("UPDATE agents_app_sourcerecord SET payload = '{}' WHERE id = %s", record.pk)
    by_hand("UPDATE agents_app_fact SET value = '7', confidence = 0.5 WHERE id = %s", fact.pk)

    problems = " ".join(flow.rederive(run).problems)

    assert f"{record.source}: its stored answer is not as it came" in problems
    assert f"{record.source}: “{claim}” does not stand at {claim.pointer}." in problems
    assert f"{fact.key}: “headcount: 7” cites “{claim}”, which says something else." in problems
    assert f"{fact.key}: the terms of “headcount: 7” do not make its confidence of 0.5000." in problems


def test_a_fact_without_a_claim_is_named_unless_a_person_said_so():
    run = study()
    run.facts.create(key="f98", attribute="location", value="Leeds", confidence=0.0, confidence_terms=[])
    said = {"term": "person", "value": 0.0, "weight": 1.0, "why": "Ann says so."}
    run.facts.create(key="f99", attribute="location", value="Leeds", confidence=0.5, confidence_terms=[said])

    assert flow.rederive(run).problems == ("f98: “location: Leeds” stands on no claim and on no person's word.",)
