import pytest

from gtm.sandbox import faults, keys
from gtm.sandbox.faults import Fault
from tests.agents_app.sources.vendors import asked, on_call, said

KEY, FATHOMLINE = "crunchbase", "fathomline.example"
FUNDING = ("funding_total_usd", "last_funding_stage", "last_funding_date")


def test_an_organisation_is_found_by_its_domain_and_read_by_its_permalink():
    found = asked(KEY, FATHOMLINE)

    assert (found.status, found.reason, found.calls, found.credits) == ("ok", "", 2, 0.0)
    assert found.request_key.startswith(
        "POST https://api.crunchbase.com/v4/data/searches/organizations; "
        "GET https://api.crunchbase.com/v4/data/entities/organizations/fathomline?card_ids=child_organizations&field_ids="
    )
    assert said(found, "headcount", "founded_year", "location", "industry", "crunchbase_id") == [
        ["industry", "computer software, data observability", "/entity/properties/categories", ""],
        ["headcount", "251-500", "/entity/properties/num_employees_enum", ""],
        ["founded_year", "2015", "/entity/properties/founded_on", ""],
        ["location", "Berlin, Germany", "/entity/properties/location_identifiers", ""],
        ["crunchbase_id", "fathomline", "/entity/properties/identifier/permalink", ""],
    ]


def test_what_it_says_of_funding_is_as_old_as_the_last_round():
    assert said(asked(KEY, FATHOMLINE), *FUNDING) == [
        ["funding_total_usd", "$63 million", "/entity/properties/funding_total", "2026-05-06"],
        ["last_funding_stage", "Series C", "/entity/properties/last_funding_type", "2026-05-06"],
        ["last_funding_date", "May 2026", "/entity/properties/last_funding_at", "2026-05-06"],
    ]


def test_a_company_knows_its_owner_and_an_owner_what_it_owns():
    owner = "/entity/properties/owner_identifier/value"
    owned = "/entity/cards/child_organizations"

    assert said(asked(KEY, "velden-castings.example"), "parent", "subsidiary") == [
        ["parent", "Holzmann Reuter", owner, ""]
    ]
    assert said(asked(KEY, "holzmann-reuter.example"), "parent", "subsidiary") == [
        ["subsidiary", "Velden Castings", f"{owned}/0/identifier/value", ""],
        ["subsidiary", "Brockhurst Bearings", f"{owned}/1/identifier/value", ""],
    ]


@pytest.mark.parametrize(
    ("credential", "reason", "calls", "told"),
    [
        ("core-financials", "The sum of its funding is not in this key's package (Advanced Financials).", 3,
         ["last_funding_stage", "last_funding_date"]),
        ("firmographic", "Its funding is not in this key's package (Core and Advanced Financials).", 4, []),
    ],
)  # fmt: skip
def test_what_a_key_s_package_leaves_out_is_told_and_the_rest_stands(credential, reason, calls, told):
    found = asked(KEY, FATHOMLINE, credential=credential)

    assert (found.status, found.reason, found.calls, found.http_status) == ("ok", reason, calls, 200)
    assert [each[0] for each in said(found, *FUNDING)] == told
    assert said(found, "headcount") == [["headcount", "251-500", "/entity/properties/num_employees_enum", ""]]


def test_funding_that_is_not_there_is_no_gap():
    found = asked(KEY, "mosswork.example")

    assert (found.status, found.reason, said(found, *FUNDING)) == ("ok", "", [])


def test_a_domain_without_an_organisation_is_no_match():
    found = asked(KEY, "nobody.example")

    assert (found.status, found.calls) == ("no_match", 1)
    assert found.reason == "Crunchbase knows no organisation at nobody.example."


def test_a_key_that_is_refused_from_the_start_is_a_matter_of_the_key():
    found = asked(KEY, FATHOMLINE, credential=keys.INVALID)

    assert (found.status, found.calls, found.http_status) == ("failed", 1, 401)
    assert found.reason == (
        "api.crunchbase.com answered 401: Unauthorized user_key. Check the credential on the connection."
    )


def test_a_key_that_may_search_and_read_nothing_says_so_after_the_barest_question():
    refusal = Fault(401, b'[{"status": 401, "code": "LA401", "message": "Unauthorized user_key"}]')

    with faults.inject(KEY, lambda call: refusal if call > 1 else None):
        found = asked(KEY, FATHOMLINE)

    assert (found.status, found.calls, found.claims) == ("failed", 4, [])
    assert "answered 401: Unauthorized user_key" in found.reason


def test_a_limit_or_an_outage_at_the_second_call_is_not_taken_for_a_package():
    limited = asked(KEY, FATHOMLINE, credential=keys.LIMITED)
    with faults.inject(KEY, on_call(2, Fault(503))):
        down = asked(KEY, FATHOMLINE)

    assert (limited.status, limited.reason, limited.calls) == ("failed", "api.crunchbase.com answered 429", 1)
    assert (down.status, down.reason, down.calls) == ("failed", "api.crunchbase.com answered 503", 2)


@pytest.mark.parametrize(
    ("call", "body", "reason"),
    [
        (1, b'{"count": 1}', "it has no list of entities"),
        (1, b'{"entities": [{"uuid": "u"}]}', "the organisation it found has no permalink"),
        (2, b'{"cards": {}}', "it has no properties"),
    ],
)
def test_an_answer_in_another_shape_is_unreadable_in_words(call, body, reason):
    with faults.inject(KEY, on_call(call, Fault(200, body))):
        found = asked(KEY, FATHOMLINE)

    assert (found.status, found.reason) == ("failed", f"The answer cannot be read: {reason}")
