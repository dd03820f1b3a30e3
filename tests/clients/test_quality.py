"""The quality rules by themselves: what each finds, says and mends, and what a score is made of."""

from datetime import timedelta

import pytest

from clients import quality
from clients.quality_rules import Facts, Setting
from tests.factories import AT

SOUND = {
    "email": "ada.lee@northwind-bank.example",
    "first_name": "Ada",
    "last_name": "Lee",
    "full_name": "Ada Lee",
    "title": "CFO",
    "company_name": "Northwind Bank",
    "company_domain": "northwind-bank.example",
    "country": "Germany",
    "lifecycle_stage": "lead",
    "phone": "+49 30 901820",
}


def found(own=None, **values):
    """{rule: (severity, field, better)} of a sound contact with these fields instead."""
    more = {name: values.pop(name) for name in ("heard_at", "twin", "limits") if name in values}
    findings = quality.look(Facts(SOUND | values, AT, **more), own or {})
    return {each.rule: (each.severity, each.field, each.better) for each in findings}


def test_a_sound_contact_has_nothing_wrong_and_scores_a_hundred():
    assert found() == {}
    assert quality.score(quality.look(Facts(SOUND, AT), {})) == 100


@pytest.mark.parametrize(
    ("values", "rule", "told"),
    [
        ({"email": "ada.lee@"}, "email_syntax", ("block", "email", None)),
        ({"email": ""}, "email_syntax", ("block", "email", None)),
        ({"email": "ada@mailinator.com"}, "throw_away", ("block", "email", None)),
        ({"email": "ada@x.yopmail.com"}, "throw_away", ("block", "email", None)),
        ({"email": "asdf@northwind-bank.example"}, "test_data", ("block", "email", None)),
        ({"email": "test1@northwind-bank.example"}, "test_data", ("block", "email", None)),
        ({"full_name": "Mickey Mouse"}, "test_data", ("block", "full_name", None)),
        ({"company_name": "Test 123"}, "test_data", ("block", "company_name", None)),
        ({"email": "Info@northwind-bank.example"}, "role_address", ("warn", "email", None)),
        ({"email": "ada@gmail.com"}, "free_domain", ("warn", "email", None)),
        ({"email": "märta@northwind-bank.example"}, "email_script", ("warn", "email", None)),
        ({"first_name": "", "last_name": "", "full_name": ""}, "no_name", ("warn", "full_name", None)),
        ({"full_name": "ADA.LEE@northwind-bank.example"}, "name_is_email", ("fix", "full_name", "")),
        ({"full_name": "ADA LEE"}, "all_caps", ("fix", "full_name", "Ada Lee")),
        ({"last_name": "O'HARA-MCKAY"}, "all_caps", ("fix", "last_name", "O'Hara-McKay")),
        ({"last_name": "MÜLLER"}, "all_caps", ("fix", "last_name", "Müller")),
        ({"title": "CHIEF FINANCIAL OFFICER, EMEA"}, "all_caps", ("fix", "title", "Chief Financial Officer, EMEA")),
        ({"company_name": "NORTHWIND BANK AG"}, "all_caps", ("fix", "company_name", "Northwind Bank AG")),
        ({"company_domain": "other-house.example"}, "company_mismatch", None),
        ({"email": "a@x.example", "company_name": "Northwind"}, "company_mismatch", ("warn", "company_domain", None)),
        ({"custom.signed_at": "2027-03-01"}, "future_date", ("warn", "custom.signed_at", None)),
        ({"title": "x" * 130}, "length", ("warn", "title", None)),
        ({"country": "Ruritania"}, "picklist", ("warn", "country", None)),
        ({"lifecycle_stage": "Hotness 7"}, "picklist", ("warn", "lifecycle_stage", None)),
        ({"phone": "call me"}, "phone", ("warn", "phone", None)),
        ({"phone": "030 901820"}, "phone_spelling", ("fix", "phone", "+49 30 901820")),
        ({"heard_at": AT - timedelta(days=366)}, "stale", ("warn", "", None)),
        ({"twin": "hubspot contact 7"}, "duplicate", ("warn", "", None)),
    ],
)  # fmt: skip
def test_what_a_rule_finds(values, rule, told):
    assert found(**values).get(rule) == told


@pytest.mark.parametrize(
    "values",
    [
        {"title": "CFO"},
        {"title": "VP HR EMEA"},
        {"company_name": "IBM"},
        {"company_name": "SAP SE"},
        {"first_name": "AJ"},
        {"email": "ada@mail.northwind-bank.example"},
        {"country": "de"},
        {"country": "Deutschland"},
        {"country": "United States of America"},
        {"lifecycle_stage": "Marketing Qualified Lead"},
        {"custom.renewal_date": "2027-03-01"},
        {"custom.created_at": "2026-03-01"},
        {"phone": ""},
        {"company_domain": ""},
        {"heard_at": AT - timedelta(days=364)},
        {"full_name": "Testa Rossi", "last_name": "Testa"},
    ],
)
def test_what_is_fine_is_let_pass(values):
    assert found(**values) == {}


def test_every_finding_says_what_is_wrong_and_how_to_mend_it():
    broken = {
        "email": "info@mailinator.com",
        "full_name": "TEST TEST",
        "country": "Ruritania",
        "phone": "x",
        "title": "y" * 200,
    }

    for finding in quality.look(Facts(SOUND | broken, AT), {}):
        assert finding.says.endswith((".", "!")), finding
        assert finding.mend.endswith("."), finding


def test_a_client_switches_a_rule_off_makes_it_block_or_lets_words_pass():
    private = {"email": "ada@gmail.com"}

    assert found({"free_domain": Setting("warn", is_on=False)}, **private) == {}
    assert found({"free_domain": Setting("block")}, **private)["free_domain"][0] == "block"
    assert found({"free_domain": Setting("block", fine=frozenset({"gmail.com"}))}, **private) == {}
    assert "stale" in found({"stale": Setting("warn", days=30)}, heard_at=AT - timedelta(days=31))


def test_a_value_as_long_as_its_field_was_cut():
    assert found(title="x" * 160, limits={"title": 160})["length"] == ("warn", "title", None)


def test_the_score_is_a_hundred_less_the_cost_of_each_rule_once():
    facts = Facts(SOUND | {"full_name": "ADA LEE", "last_name": "LEE", "country": "Ruritania"}, AT)

    findings = quality.look(facts, {})

    assert [each.rule for each in findings] == ["picklist", "all_caps", "all_caps"]
    assert quality.score(findings) == 100 - 10 - 3
    worst = Facts({"email": "test@mailinator.com", "country": "Ruritania", "phone": "x"}, AT)
    assert quality.score(quality.look(worst, {})) == 0


def test_what_holds_a_contact_is_told_with_the_way_out():
    held = quality.look(Facts(SOUND | {"email": "ada@mailinator.com"}, AT), {})
    warned = quality.look(Facts(SOUND | {"email": "ada@gmail.com"}, AT), {})

    assert quality.why_held(held) == (
        "mailinator.com is for throw-away mailboxes that nobody reads. Enter the person's work address."
    )
    assert quality.why_held(warned) == ""


def test_only_rules_that_know_a_better_value_fix():
    shouted = quality.look(
        Facts(SOUND | {"full_name": "ADA LEE", "country": "Ruritania"}, AT), {"picklist": Setting("fix")}
    )

    assert quality.better(shouted) == {"full_name": "Ada Lee"}
