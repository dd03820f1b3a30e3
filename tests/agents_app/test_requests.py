from datetime import timedelta

import pytest
from django.db.models import Model

from agents_app import requests
from agents_app.models import Purpose, Request, RequestRule
from agents_app.requests import RequestRefused
from clients import suppression
from clients.inbox import Change
from tests.factories import (
    AT,
    make_campaign,
    make_client,
    make_contact,
    make_draft,
    make_request,
    make_run,
    make_send,
    make_user,
)

pytestmark = pytest.mark.django_db


def refused(message: str, client: Model, **wanted: object) -> None:
    before = Request.objects.count()

    with pytest.raises(RequestRefused, match=message):
        requests.ask(client, at=AT, **wanted)

    assert Request.objects.count() == before


def make_rule(client: Model, **values: object) -> RequestRule:
    return RequestRule.objects.create(client=client, **{"is_active": True, **values})


def test_a_request_takes_the_company_from_its_contact():
    ann, contact = make_user("ann"), make_contact()

    request = requests.ask(contact.client, contact=contact, depth="quick", reason="A hunch", by=ann, at=AT)

    request.refresh_from_db()
    assert (request.contact, request.company_domain, request.company_name) == (
        contact,
        "northwind-bank.example",
        "Northwind Bank",
    )
    assert (request.purpose, request.depth, request.reason, request.asked_by, request.asked_at) == (
        "outreach",
        "quick",
        "A hunch",
        ann,
        AT,
    )


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("northwind-bank.example", "northwind-bank.example"),
        (" https://www.Northwind-Bank.example/about?x=1 ", "northwind-bank.example"),
        ("NORTHWIND-bank.example.", "northwind-bank.example"),
        ("http://bank.example:8080", "bank.example"),
        ("münchen-bank.example", "xn--mnchen-bank-thb.example"),
    ],
)
def test_a_company_is_named_by_its_domain_however_it_is_typed(typed, domain):
    assert requests.ask(make_client(), company_domain=typed, at=AT).company_domain == domain


@pytest.mark.parametrize(
    "typed",
    ["northwind", "north wind.example", "-.example", "a..example", "x" * 300 + ".example", "javascript:alert(1)"],
)
def test_what_is_no_domain_is_refused_with_an_example(typed):
    refused("is not a company's domain. Write it like northwind-bank.example", make_client(), company_domain=typed)


def test_the_domain_of_a_work_address_stands_in_for_an_unknown_company():
    contact = make_contact(email="ada@Cobalt-Clinics.example", company_domain="")

    assert requests.ask(contact.client, contact=contact, at=AT).company_domain == "cobalt-clinics.example"


def test_a_private_address_says_nothing_about_the_company():
    contact = make_contact(email="ada@gmail.com", company_domain="")

    refused("not known where Ada Lee .* works", contact.client, contact=contact)


def test_somebody_or_some_company_must_be_named():
    refused("Name a contact, or the domain of a company", make_client())


def test_a_paused_client_is_refused_and_a_draft_one_can_try_things():
    refused("is paused. Set it to active", make_client(status="paused"), company_domain="bank.example")

    assert requests.ask(make_client(status="draft"), company_domain="bank.example", at=AT).pk


@pytest.mark.parametrize(("name", "value"), [("purpose", "spam"), ("depth", "bottomless")])
def test_an_unknown_choice_is_refused_with_those_that_exist(name, value):
    refused(f"is no {name}. Choose one of: ", make_client(), company_domain="bank.example", **{name: value})


@pytest.mark.parametrize("name", ["contact", "campaign", "follows"])
def test_nothing_of_another_client_can_be_used(name):
    theirs = {"contact": make_contact, "campaign": make_campaign, "follows": make_run}[name]()

    refused(
        f"This {'run' if name == 'follows' else name} belongs to another client",
        make_client(),
        company_domain="bank.example",
        **{name: theirs},
    )


def test_who_unsubscribed_is_not_written_to_but_the_company_may_be_researched():
    contact = make_contact()
    suppression.suppress(contact.client, contact.email, reason="unsubscribed", at=AT)

    refused("must not be written to", contact.client, contact=contact)

    assert requests.ask(contact.client, contact=contact, purpose=Purpose.DEEP_RESEARCH, at=AT).pk


def test_a_follow_up_needs_a_person_who_got_an_e_mail():
    contact = make_contact()

    refused("A follow-up goes to a person", contact.client, company_domain="bank.example", purpose=Purpose.FOLLOW_UP)
    refused("got no e-mail yet", contact.client, contact=contact, purpose=Purpose.FOLLOW_UP)


def test_a_follow_up_asked_by_hand_is_the_next_mail_of_the_sequence():
    contact = make_contact()
    for number in (1, 2):
        run = make_run(make_request(contact))
        make_send(make_draft(run, sequence_step=number, status="sent"), sent_at=AT + timedelta(days=number))

    request = requests.ask(contact.client, contact=contact, purpose=Purpose.FOLLOW_UP, at=AT)

    assert request.sequence_step == 3


def test_a_request_starts_only_from_a_finished_run():
    run = make_run(status="running")

    refused("is not finished", run.client, company_domain="bank.example", follows=run)


def test_rules_are_off_until_somebody_switches_them_on():
    contact = make_contact()
    RequestRule.objects.create(client=contact.client)

    assert requests.triggered_by([Change(contact, created=True, fields={})], at=AT) == []


def test_rules_are_looked_up_once_however_much_changed(django_assert_num_queries):
    client = make_client()
    people = [make_contact(client, email=f"p{number}@northwind-bank.example") for number in range(5)]
    changes = [Change(contact, created=True, fields={}) for contact in people]

    with django_assert_num_queries(1):
        assert requests.triggered_by(changes, at=AT) == []


def test_a_new_contact_makes_the_request_its_client_wants():
    contact = make_contact()
    make_rule(contact.client, purpose=Purpose.DEEP_RESEARCH, depth="comprehensive")
    make_rule(make_client(), purpose=Purpose.OUTREACH)

    (request,) = requests.triggered_by([Change(contact, created=True, fields={})], at=AT)

    assert (request.client, request.contact, request.purpose, request.depth) == (
        contact.client,
        contact,
        "deep_research",
        "comprehensive",
    )
    assert request.reason == "Rule: A new contact → Deep research: a brief and personas"
    assert request.asked_by is None


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ({"title": ("Analyst", "Chief Financial Officer")}, 1),
        ({"title": ("Chief Analyst", "Analyst")}, 0),
        ({"company_name": ("", "Chief Foods")}, 0),
    ],
)
def test_a_changed_field_counts_when_its_new_value_contains_the_words(fields, made):
    contact = make_contact()
    make_rule(contact.client, change="field_changed", field="title", contains="chief")

    assert len(requests.triggered_by([Change(contact, created=False, fields=fields)], at=AT)) == made


def test_two_rules_for_one_purpose_make_one_request():
    contact = make_contact()
    make_rule(contact.client)
    make_rule(contact.client, depth="quick")

    assert len(requests.triggered_by([Change(contact, created=True, fields={})], at=AT)) == 1


def test_a_rule_does_not_ask_again_while_the_same_request_is_open():
    contact = make_contact()
    make_rule(contact.client, change="field_changed", field="title")
    change = Change(contact, created=False, fields={"title": ("CFO", "CEO")})
    (first,) = requests.triggered_by([change], at=AT)

    assert requests.triggered_by([change], at=AT) == []

    make_run(first, status="succeeded")
    assert len(requests.triggered_by([change], at=AT)) == 1


@pytest.mark.parametrize("status", ["draft", "paused"])
def test_rules_rest_while_the_client_is_not_active(status):
    contact = make_contact(make_client(status=status))
    make_rule(contact.client)

    assert requests.triggered_by([Change(contact, created=True, fields={})], at=AT) == []


def test_a_rule_leaves_out_whom_it_may_not_write_to():
    contact = make_contact()
    make_rule(contact.client)
    suppression.suppress(contact.client, contact.email, reason="bounced", at=AT)

    assert requests.triggered_by([Change(contact, created=True, fields={})], at=AT) == []
