"""What holds for each source: its recorded payloads, its stand-in's whole world, and what is said where it fails."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess, check_pointer
from agents_app.research.attributes import BY_KEY, IDS
from agents_app.research.source import ask
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault
from gtm.sandbox.world import COMPANIES

PAYLOADS = Path(__file__).parent.parent.parent / "payloads"
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
KEYS = sorted(SOURCES)


def recorded(keys=KEYS):
    return [
        pytest.param(key, json.loads(file.read_text()), id=f"{key}-{file.stem}")
        for key in keys
        for file in sorted((PAYLOADS / key).glob("*.json"))
    ]


def question(company, **known):
    """What a run would ask once it knows the company's strong ids."""
    ids = {
        "cik": str(company.cik).zfill(10) if company.cik else "",
        "wikidata_id": company.wikidata_id,
        "linkedin_id": company.linkedin_id,
        "github_org": company.slug,
    }
    return Question(Company(company.domain, company.name, {**ids, **known}), AT)


def answer(key, company, **injected):
    source = SOURCES[key]
    return ask(source, question(company), SourceAccess(key, sandbox=True), timeout_s=injected.get("timeout_s", 5.0))


def tuples(claims):
    return [
        [each.attribute, each.value, each.pointer, each.as_of_date and each.as_of_date.isoformat()] for each in claims
    ]


@pytest.mark.parametrize(("key", "file"), recorded())
def test_a_recorded_payload_becomes_these_claims(key, file):
    claims = SOURCES[key].read(file["payload"])

    assert tuples(claims) == file["claims"]
    assert all(check_pointer(claim, file["payload"]) for claim in claims)


@pytest.mark.parametrize("key", KEYS)
def test_there_are_two_recorded_payloads_of_each_source_or_more(key):
    assert len(recorded([key])) >= 2


@pytest.mark.parametrize("key", KEYS)
def test_every_claim_about_every_company_of_the_sandbox_stands_where_it_points(key):
    source, checked = SOURCES[key], 0
    for company in COMPANIES.values():
        if source.lacks(question(company)):
            continue
        found = answer(key, company)
        assert found.status != "failed", found.reason
        for claim in found.claims:
            assert check_pointer(claim, found.payload), claim
            checked += 1
        assert (
            tuples(source.read(json.loads(json.dumps(found.payload)))) == tuples(found.claims)
            if found.payload
            else True
        )
    assert checked >= 20


@pytest.mark.parametrize("key", KEYS)
def test_what_a_source_says_is_what_it_is_trusted_for(key):
    source = SOURCES[key]
    told = {claim.attribute for company in COMPANIES.values() for claim in answer(key, company).claims}

    assert told <= set(source.tells) <= set(BY_KEY)
    assert all(0.5 < right < 1 for right in source.tells.values())
    assert set(source.asked_by) <= {"domain", "name", "since", "until", "ticker", *IDS}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "fault",
    [Fault(500), Fault(503, b"<html>"), Fault(429), Fault(403, b"no"), Fault(200, b"<html>"), Fault(200, b"[1, 2]"), Fault(200, b"{}"),
     Fault(is_reset=True), Fault(is_half=True), Fault(is_late=True)],
)  # fmt: skip
def test_a_source_in_trouble_is_a_gap_with_a_reason_and_no_claims(key, fault):
    company = next(each for each in COMPANIES.values() if each.ticker)

    with faults.inject(key, fault):
        found = answer(key, company)

    assert (found.status, found.claims) in (("failed", []), ("no_match", []))
    assert found.reason
    assert found.question == SOURCES[key].key_of(question(company))


@pytest.mark.parametrize("key", [key for key in KEYS if SOURCES[key].needs_key])
def test_a_live_source_without_a_credential_asks_nobody_and_says_so(key):
    found = ask(
        SOURCES[key], question(COMPANIES["northwind-bank.example"]), SourceAccess(key, sandbox=False), timeout_s=1
    )

    assert (found.status, found.calls, found.elapsed_ms) == ("failed", 0, 0)
    assert found.reason == "This live connection has no credential. Add it there."


@pytest.mark.parametrize("key", KEYS)
def test_a_credential_is_in_no_answer(key):
    access = SourceAccess(key, sandbox=True, credential="s3cret-of-the-client")
    found = ask(SOURCES[key], question(COMPANIES["quillstack.example"]), access, timeout_s=5)

    assert "s3cret" not in repr(found)
