"""What DNS says of a company's mail, and what is said where it says nothing."""

import json
from datetime import UTC, datetime

import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess
from agents_app.research.source import ask
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


def answer(domain):
    return ask(
        SOURCES["mail_host"], Question(Company(domain), AT), SourceAccess("mail_host", sandbox=True), timeout_s=5
    )


def answered(status, *records):
    body = {"Status": status, "Answer": [{"name": "x.", "type": 15, "TTL": 1, "data": data} for data in records]}
    with faults.inject("mail_host", Fault(200, json.dumps(body).encode())):
        return answer("sanaveda.example")


def test_the_mail_host_is_dated_by_the_day_it_was_asked_for():
    found = answer("marlow-clinics.example")

    assert [(each.attribute, each.value, each.as_of_date) for each in found.claims] == [
        ("mail_host", "Microsoft 365", AT.date())
    ]
    assert found.request_key == "GET https://dns.google/resolve?name=marlow-clinics.example&type=MX"


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("nobody.example", "There is no domain nobody.example in DNS."),
        ("redfern-haulage.example", "redfern-haulage.example says in DNS that it takes no mail."),
        (
            "ledgerlark.example",
            "The mail of Ledgerlark goes to hosts that belong to no service which we know by name.",
        ),
    ],
)
def test_where_dns_names_no_service_it_is_said_what_it_does_say(domain, reason):
    found = answer(domain)

    assert (found.status, found.claims, found.reason) == ("no_match", [], reason)


def test_a_domain_without_a_mail_exchanger_is_told_so():
    assert answered(0).reason == "sanaveda.example names no mail exchanger in DNS."


@pytest.mark.parametrize("code", [2, 5])
def test_name_servers_that_do_not_answer_may_be_asked_again(code):
    found = answered(code)

    assert (found.status, found.claims) == ("failed", [])
    assert found.reason == (f"The name servers of sanaveda.example gave no answer (DNS response code {code})")


def test_the_exchanger_that_is_tried_first_counts():
    found = answered(0, "20 aspmx.l.google.com.", "5 mxa-00.gslb.pphosted.com.", "1 mail.sanaveda.example.")

    assert [(each.value, each.pointer) for each in found.claims] == [("Proofpoint", "/answer/Answer/1/data")]
