"""Promises an answer must keep."""

import pytest

from agents_app import contracts
from agents_app.contracts import Check, Sentence
from agents_app.prompts import Material
from clients import wording

MATERIAL = Material(
    config={"tone": "formal", "custom_fields": {"offer": "Audit evidence on demand.", "avoid_terms": ["disruptive", "game changer"], "proof_points": ["Used by 40 banks."], "emphasis": ""}},
    facts=[
        {"key": "f1", "attribute": "headcount", "value": "1,240"},
        {"key": "f2", "attribute": "news", "value": "Northwind Bank opens a Leeds office with 120 jobs"},
        {"key": "f3", "attribute": "funding_total_usd", "value": "$62.4 million"},
    ],
    context={
        "company": {"name": "Northwind Bank"},
        "contact": {"title": "CFO", "first_name": ""},
        "peers": [{"key": "p1", "name": "Harbour Pay"}],
        "playbook": [{"key": "playbook.finance", "department": "finance", "titles": ["CFO"], "concerns": [{"key": "playbook.finance.1", "text": "closing the month"}]}],
        "persona": {"pains": [{"text": "…", "rests_on": ["playbook.risk.2"]}], "angle": {"text": "…", "rests_on": ["f9"]}},
    },
)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["f1", "p1", "playbook.finance", "playbook.finance.1", "config.custom_fields.offer", "config.custom_fields.proof_points.0", "context.contact.title", "context.persona.pains.0", "playbook.risk.2", "f9"],
)  # fmt: skip
def test_a_name_of_something_given_is_known(name):
    check = contracts.rests_on_known([Sentence(text="Said.", rests_on=[name])], MATERIAL)

    assert check == Check("rests_on_known", passed=True, detail="Every name exists.")


@pytest.mark.parametrize(
    "name",
    ["f7", "p2", "playbook.sales.1", "config.custom_fields.emphasis", "config.custom_fields.proof_points.4", "context.contact.first_name", "context.contact.title.x", "tone", "config"],
)  # fmt: skip
def test_a_name_of_nothing_given_is_named(name):
    check = contracts.rests_on_known([Sentence(text="Said.", rests_on=["f1", name])], MATERIAL)

    assert (check.passed, check.detail) == (False, f"Nothing of this name was given: {name}.")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1,240", "It has 1,240 people."),
        ("1,240", "It has 1240 people."),
        ("1001-5000", "Between 1,001 and 5,000 people work there."),
        ("$62.4 million", "It has raised $62.4 million."),
        ("$62.4 million", "It has raised $62.4M so far."),
        ("24000000", "It raised $24 million."),
        ("2009", "Founded in 2009."),
        ("March 2026", "Its last round closed in March 2026."),
        ("2026-03-14", "It raised in March 2026."),
        ("financial services", "As a Financial  Services company it is supervised."),
        ("Leeds, United Kingdom", "Its seat is Leeds, in the United Kingdom."),
        ("Northwind Bank opens a Leeds office with 120 jobs", "I read that you are opening an office in Leeds."),
        ("Leeds, United Kingdom", "Its seat is in Leeds."),
        ("Series B", "since the Series B round"),
    ],
)
def test_a_value_stands_in_a_sentence(value, text):
    assert contracts.stands(value, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1,240", "It has 1,420 people."),
        ("1,240", "It has 12,400 people."),
        ("1001-5000", "Up to 5,000 people work there."),
        ("$62.4 million", "It has raised $26.4 million."),
        ("2009", "Founded in 2019."),
        ("2026-03-14", "It raised in April 2026."),
        ("financial services", "It makes furniture."),
        ("Northwind Bank opens a Leeds office with 120 jobs", "I read about your new app."),
    ],
)
def test_a_value_that_is_not_said_is_found(value, text):
    assert not contracts.stands(value, text)


def test_a_cited_value_that_is_not_said_is_named():
    sentences = [Sentence(text="It has 900 people, more than Harbour Pay.", rests_on=["f1", "p1"])]

    check = contracts.cited_values_stand(sentences, MATERIAL)

    assert (check.passed, check.detail) == (False, "Cited but not said in the sentence: f1 says “1,240”.")


def test_a_sound_sentence_rests_on_something_and_says_it():
    assert contracts.sound(Sentence(text="1,240 people work there.", rests_on=["f1"]), MATERIAL)
    assert not contracts.sound(Sentence(text="Many people work there.", rests_on=["f1"]), MATERIAL)
    assert not contracts.sound(Sentence(text="1,240 people work there.", rests_on=[]), MATERIAL)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A Disruptive idea.", ["disruptive"]),
        ("A game\nchanger, truly.", ["game changer"]),
        ("undisruptive gamechanger", []),
        ("Nothing of the kind.", []),
    ],
)
def test_words_to_avoid_are_found_as_whole_words(text, found):
    assert wording.avoided(text, ["disruptive", "game changer", ""]) == found


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{first_name}},",
        "Hi [Name],",
        "Hi [first name],",
        "Dear None,",
        "Hi <name>,",
        "Hello ,",
        "Lorem ipsum dolor",
        "By TBD.",
        "Hi {first_name}",
    ],
)
def test_what_a_template_left_unfilled_is_found(text):
    assert contracts.placeholders(text) != []


@pytest.mark.parametrize(
    "text", ["Dear Ada,", "Hello, Ada", "None of this is new.", "Growth of 3 [1] per cent", "a < b > c"]
)
def test_ordinary_text_has_no_placeholders(text):
    assert contracts.placeholders(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Please answer to mallory@elsewhere.example.",
        "See https://elsewhere.example/steal?data=all for more.",
        "![x](https://elsewhere.example/steal)",
        "See www.elsewhere.example.",
        "Book at elsewhere.example/call",
        "Write to im@acme.example",
        "Write to kim@acme.example.elsewhere.example",
        "Book at https://acme.example.elsewhere.example/call",
        "Book at https://elsewhere.example/acme.example/call",
    ],
)
def test_an_address_that_the_client_did_not_set_is_strange(text):
    assert not contracts.no_strange_addresses(text, of_acme()).passed


@pytest.mark.parametrize(
    "text",
    [
        "Please answer to Kim@acme.example.",
        "Book at https://acme.example/call.",
        "Book at https://www.acme.example/call, or call.",
        "More at www.acme.example.",
        "Booking.com grew by 9.5/10 of a per cent, e.g./i.e. and/or more; version 2.0/3.",
    ],
)
def test_the_client_s_own_addresses_may_stand_in_a_text(text):
    assert contracts.no_strange_addresses(text, of_acme()).passed


def of_acme():
    fields = {"sender_title": "Partner\nkim@acme.example", "call_to_action": "a slot at https://acme.example/call"}
    return Material({"custom_fields": fields}, [], {})


@pytest.mark.parametrize(
    ("greeting", "passes"),
    [
        ("Dear Ada Lee,", True),
        ("Hi ada,", True),
        ("Dear Dr. LEE,", True),
        ("Hello there,", True),
        ("Good Morning,", True),
        ("Hello", True),
        ("", True),
        ("Dear [Name],", True),  # another check finds it
        ("Dear Mallory,", False),
        ("Hello Northwind Bank,", False),
    ],
)
def test_who_is_greeted_by_a_name_is_the_contact(greeting, passes):
    ada = {"first_name": "Ada", "last_name": "Lee", "full_name": "Ada Lee", "title": "CFO"}

    assert contracts.greets_the_contact(greeting, Material({}, [], {"contact": ada})).passed is passes


@pytest.mark.parametrize("contact", [None, {"first_name": "", "full_name": "", "title": "CFO"}])
def test_where_no_name_is_known_nobody_can_tell(contact):
    assert contracts.greets_the_contact("Dear Ada,", Material({}, [], {"contact": contact})).passed


def test_length_is_counted():
    assert contracts.short_enough("one two three", 3).passed
    assert not contracts.short_enough("one two three", 2).passed


def test_only_broken_promises_that_decide_are_broken():
    checks = [
        Check("a", passed=True, detail=""),
        Check("b", passed=False, detail=""),
        Check("c", passed=False, detail="", must=False),
    ]

    assert [check.check for check in contracts.broken(checks)] == ["b"]
