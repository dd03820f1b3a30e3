import json

import pytest

from agents_app.research.sources import linkedin
from gtm.sandbox import faults, keys
from gtm.sandbox.faults import Fault
from gtm.sandbox.linkedin import NO_PERMISSION
from tests.agents_app.sources.vendors import asked, on_call, said

KEY, KITEBASE, FATHOMLINE = "linkedin", "kitebase.example", "fathomline.example"
NOBODY = Fault(200, b'{"paging": {"start": 0, "count": 10, "links": []}, "elements": []}')


def test_a_page_is_found_by_the_e_mail_domain():
    found = asked(KEY, KITEBASE)

    assert (found.status, found.reason, found.calls) == ("ok", "", 1)
    assert found.request_key == (
        "GET https://api.linkedin.com/rest/organizations?emailDomain=kitebase.example&q=emailDomain"
    )
    assert [each[:3] for each in said(found, "name", "headcount", "location")] == [
        ["name", "Kitebase", "/answer/elements/0/localizedName"],
        ["location", "Lisbon, Portugal", "/answer/elements/0/locations/0/address"],
        ["headcount", "51-200", "/answer/elements/0/locations/0/staffCountRange"],
    ]


def test_the_staff_of_one_of_several_places_is_not_the_company_s():
    found = asked(KEY, FATHOMLINE)

    assert len(found.payload["answer"]["elements"][0]["locations"]) == 2
    assert said(found, "headcount") == []
    assert [each[1] for each in said(found, "location")] == ["Berlin, Germany"]


@pytest.mark.parametrize("nobody", [NOBODY, Fault(404, b'{"status": 404, "message": "Not found"}')])
def test_a_page_that_claims_no_e_mail_domain_is_found_by_its_vanity_name(nobody):
    with faults.inject(KEY, on_call(1, nobody)):
        found = asked(KEY, KITEBASE)

    assert (found.status, found.calls, found.payload["by"]) == ("ok", 2, "vanityName")
    assert [each[1] for each in said(found, "name")] == ["Kitebase"]


def test_a_vanity_name_with_another_website_is_somebody_else():
    namesake = {
        "elements": [{"id": 8, "localizedName": "Kitebase Surf", "localizedWebsite": "https://kitebase-surf.example"}]
    }

    with faults.inject(KEY, NOBODY, Fault(200, json.dumps(namesake).encode())):
        found = asked(KEY, KITEBASE)

    assert (found.status, found.claims) == ("no_match", [])
    assert found.reason == "LinkedIn has no page of the company at kitebase.example."


def test_of_several_pages_with_the_e_mail_domain_that_of_the_website_counts_and_else_none():
    pages = [
        {"id": 1, "localizedName": "Alumni", "localizedWebsite": "https://alumni.example"},
        {"id": 2, "localizedName": "Fund"},
    ]

    with faults.inject(KEY, on_call(1, Fault(200, json.dumps({"elements": pages}).encode()))):
        by_name = asked(KEY, KITEBASE)
    own = [*pages, {"id": 3, "localizedName": "Kitebase", "localizedWebsite": "http://app.kitebase.example/en"}]
    with faults.inject(KEY, on_call(1, Fault(200, json.dumps({"elements": own}).encode()))):
        by_website = asked(KEY, KITEBASE)

    assert (by_name.payload["by"], by_name.calls) == ("vanityName", 2)
    assert said(by_website, "linkedin_id") == [["linkedin_id", "3", "/answer/elements/2/id", ""]]


def test_nobody_knows_the_domain():
    found = asked(KEY, "nobody.example")

    assert (found.status, found.calls) == ("no_match", 2)
    assert found.reason == "LinkedIn has no page of the company at nobody.example."


def test_an_app_without_the_permission_is_told_which_one_it_needs():
    found = asked(KEY, KITEBASE, credential=NO_PERMISSION)

    assert (found.status, found.http_status, found.calls) == ("failed", 403, 1)
    assert found.reason == (
        "api.linkedin.com answered 403: Not enough permissions to access: "
        f"organizations.FINDER-emailDomain.{linkedin.VERSION}01. The app behind the token needs rw_organization_admin, "
        "which LinkedIn grants with Community Management API. Check the credential on the connection."
    )


@pytest.mark.parametrize(
    ("credential", "status", "reason"),
    [
        (keys.INVALID, 401, "api.linkedin.com answered 401: Invalid access token. Check the credential on the connection."),
        (keys.LIMITED, None, "api.linkedin.com answered 429: Resource level throttle APPLICATION DAY limit for calls to this resource is reached."),
    ],
)  # fmt: skip
def test_a_token_that_is_refused_or_used_up_says_so(credential, status, reason):
    found = asked(KEY, KITEBASE, credential=credential)

    assert (found.status, found.http_status, found.reason) == ("failed", status, reason)


def test_a_version_that_has_ended_is_named():
    ended = b'{"status": 426, "code": "NONEXISTENT_VERSION", "message": "Requested version 20260701 is not active"}'

    with faults.inject(KEY, Fault(426, ended)):
        found = asked(KEY, KITEBASE)

    assert found.reason == "api.linkedin.com answered 426: Requested version 20260701 is not active"


def test_people_are_never_asked_for():
    assert "person" not in linkedin.SOURCE.tells
