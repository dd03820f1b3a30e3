import json

import pytest

from gtm.sandbox import faults, keys
from gtm.sandbox.faults import Fault
from tests.agents_app.sources.vendors import asked, on_call, said

KEY, HARBOUR = "people_data_labs", "harbour-pay.example"


def test_who_leads_a_company_is_claimed_as_of_the_day_the_job_was_verified():
    found = asked(KEY, HARBOUR)

    assert said(found, "person") == [
        ["person", "Sanne De Wit, Chief Compliance Officer", "/people/data/0", "2026-06-01"],
        ["person", "Joris Bakker, VP Finance", "/people/data/1", "2026-10-15"],
    ]
    assert (found.status, found.reason, found.calls, found.credits) == ("ok", "", 2, 3.0)


def test_of_a_person_only_name_and_job_are_stored():
    found = asked(KEY, HARBOUR)

    stored = json.dumps(found.payload["people"])
    assert {tuple(each) for each in found.payload["people"]["data"]} == {
        ("id", "full_name", "job_title", "job_title_levels", "job_last_changed", "job_last_verified")
    }
    assert "@" not in stored
    assert "birth" not in stored


def test_whoever_is_not_senior_is_not_asked_for():
    found = asked(KEY, "coldharbour-logistics.example")

    assert [each[1] for each in said(found, "person")] == ["Maureen Doyle, Operations Director"]


def test_a_company_without_known_people_is_told_whole():
    nobody = b'{"status": 404, "error": {"type": "not_found", "message": "No records were found."}}'

    with faults.inject(KEY, on_call(2, Fault(404, nobody))):
        found = asked(KEY, HARBOUR)

    assert (found.status, found.reason, found.payload["people"]) == ("ok", "", None)
    assert said(found, "headcount") == [["headcount", "310", "/company/employee_count", ""]]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(429, b'{"status": 429, "error": {"type": "rate_limit_error", "message": "Too quick"}}'),
         "Who works there is missing: api.peopledatalabs.com answered 429: Too quick."),
        (Fault(403, b"no"), "Who works there is missing: api.peopledatalabs.com answered 403. The plan or scope of the key does not include it."),
        (Fault(is_reset=True), "Who works there is missing: api.peopledatalabs.com could not be reached: the connection was closed."),
    ],
)  # fmt: skip
def test_people_that_cannot_be_had_leave_the_company_standing(fault, reason):
    with faults.inject(KEY, on_call(2, fault)):
        found = asked(KEY, HARBOUR)

    assert (found.status, found.reason, found.http_status, found.credits) == ("ok", reason, 200, 1.0)
    assert said(found, "person") == []
    assert said(found, "headcount") == [["headcount", "310", "/company/employee_count", ""]]


def test_of_more_people_than_were_asked_for_the_first_five_are_kept():
    crowd = [{"id": str(n), "full_name": f"ann number{n}", "job_title": "vp"} for n in range(7)]

    with faults.inject(KEY, on_call(2, Fault(200, json.dumps({"status": 200, "data": crowd, "total": 7}).encode()))):
        found = asked(KEY, HARBOUR)

    assert [each[2] for each in said(found, "person")] == [f"/people/data/{n}" for n in range(5)]
    assert len(found.payload["people"]["data"]) == 5


def test_a_list_of_people_in_another_shape_is_no_people():
    with faults.inject(KEY, on_call(2, Fault(200, b'{"status": 200, "data": {"0": "Ann"}}'))):
        found = asked(KEY, HARBOUR)

    assert (found.status, said(found, "person"), found.credits) == ("ok", [], 1.0)


def test_a_key_that_is_refused_or_used_up_says_so():
    invalid, limited = (asked(KEY, HARBOUR, credential=each) for each in (keys.INVALID, keys.LIMITED))

    assert invalid.reason == (
        "api.peopledatalabs.com answered 401: Request contained a missing or invalid key. "
        "Check the credential on the connection."
    )
    assert limited.reason == (
        "api.peopledatalabs.com answered 429: An error occurred due to requests hitting the API too quick."
    )
    assert (invalid.credits, limited.credits) == (0.0, 0.0)


def test_a_key_for_companies_alone_says_what_is_missing():
    found = asked(KEY, HARBOUR, credential=keys.COMPANIES_ONLY)

    assert found.status == "ok"
    assert found.reason == (
        "Who works there is missing: api.peopledatalabs.com answered 402: You have reached your account maximum "
        "(all matches have been used). The plan or scope of the key does not include it."
    )


def test_a_header_of_credits_that_is_no_number_is_read_as_the_usual_price():
    headers = {"x-call-credits-spent": "many"}

    with faults.inject(KEY, on_call(1, Fault(200, b'{"status": 200, "id": "x", "display_name": "X"}', headers))):
        found = asked(KEY, HARBOUR)

    assert found.credits == 3.0
