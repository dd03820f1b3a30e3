import httpx
import pytest

from gtm import sandbox
from gtm.sandbox import keys, seniority
from gtm.sandbox.world import COMPANIES

CRUNCHBASE = "https://api.crunchbase.com/v4/data"
APOLLO = "https://api.apollo.io/api/v1"
LINKEDIN = "https://api.linkedin.com/rest/organizations"
PDL = "https://api.peopledatalabs.com/v5/person/search"


@pytest.fixture
def party():
    with httpx.Client(transport=sandbox.transport()) as client:
        yield client


# --- Crunchbase


def search(party, domain="harbour-pay.example", key="k", **changes):
    predicate = {"type": "predicate", "field_id": "website_url", "operator_id": "domain_eq", "values": [domain]}
    body = {"field_ids": ["identifier", "website_url"], "query": [{**predicate, **changes}], "limit": 3}
    return party.post(f"{CRUNCHBASE}/searches/organizations", json=body, headers={"X-cb-user-key": key})


def entity(party, name="harbour-pay", key="k", **params):
    return party.get(f"{CRUNCHBASE}/entities/organizations/{name}", params=params, headers={"X-cb-user-key": key})


def test_crunchbase_finds_by_domain_and_reads_by_permalink_or_uuid(party):
    found = search(party).json()
    properties = found["entities"][0]["properties"]
    by_uuid = entity(party, found["entities"][0]["uuid"], field_ids="name,num_employees_enum")

    assert (found["count"], properties["identifier"]["permalink"]) == (1, "harbour-pay")
    assert by_uuid.json()["properties"]["num_employees_enum"] == "c_00251_00500"
    assert by_uuid.json() == entity(party, field_ids="name,num_employees_enum").json()


def test_crunchbase_finds_nobody_without_an_error(party):
    assert search(party, "nobody.example").json() == {"count": 0, "entities": []}


def test_crunchbase_leaves_out_what_was_not_asked_for_and_what_it_does_not_know(party):
    bare = entity(party, "mosswork", field_ids="founded_on,funding_total", card_ids="child_organizations").json()

    assert set(bare["properties"]) == {"identifier", "founded_on"}
    assert bare["properties"]["founded_on"] == {"value": "2016-01-01", "precision": "year"}
    assert bare["cards"] == {"child_organizations": []}


@pytest.mark.parametrize("key", ["", keys.INVALID])
def test_crunchbase_refuses_a_key_in_a_list(party, key):
    reply = search(party, key=key)

    assert reply.status_code == 401
    assert reply.json() == [{"status": 401, "code": "LA401", "message": "Unauthorized user_key"}]


def test_crunchbase_refuses_a_field_of_another_package_as_it_refuses_a_key(party):
    assert entity(party, key="firmographic", field_ids="last_funding_at").json() == search(party, key="").json()
    assert entity(party, key="core-financials", field_ids="last_funding_at").status_code == 200
    assert entity(party, key="core-financials", field_ids="funding_total").status_code == 401


def test_crunchbase_says_nothing_of_limits_in_headers(party):
    reply = search(party, key=keys.LIMITED)

    assert (reply.status_code, set(reply.json())) == (429, {"value"})
    assert not [name for name in reply.headers if "limit" in name or name == "retry-after"]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (lambda party: search(party, operator_id="equals"), 400),
        (lambda party: search(party, field_id="name"), 400),
        (
            lambda party: party.post(f"{CRUNCHBASE}/searches/organizations", json=[], headers={"X-cb-user-key": "k"}),
            400,
        ),
        (lambda party: entity(party, "nobody"), 404),
        (lambda party: party.get(f"{CRUNCHBASE}/entities/people/x", headers={"X-cb-user-key": "k"}), 404),
    ],
)
def test_crunchbase_says_what_is_wrong_in_a_value(party, reply, status):
    said = reply(party)

    assert (said.status_code, set(said.json())) == (status, {"value"})


# --- Apollo


def apollo(party, path, body=None, key="k", **params):
    headers = {"x-api-key": key}
    if body is None:
        return party.get(f"{APOLLO}/{path}", params=params, headers=headers)
    return party.post(f"{APOLLO}/{path}", json=body, headers=headers)


def test_apollo_masks_the_last_names_that_it_finds_and_pages_through_them(party):
    wanted = {
        "q_organization_domains_list": ["harbour-pay.example"],
        "person_seniorities": ["c_suite", "vp"],
        "per_page": 1,
    }

    first = apollo(party, "mixed_people/api_search", {**wanted, "page": 1}).json()
    second = apollo(party, "mixed_people/api_search", {**wanted, "page": 2}).json()

    assert first["total_entries"] == second["total_entries"] == 2
    assert [each["last_name_obfuscated"] for each in first["people"]] == ["de***t"]
    assert [each["first_name"] for each in second["people"]] == ["Joris"]
    assert "last_name" not in first["people"][0]


def test_apollo_looks_people_up_by_number_and_bills_those_it_knows(party):
    found = apollo(party, "mixed_people/api_search", {"q_organization_domains_list": ["harbour-pay.example"]}).json()

    body = apollo(party, "people/bulk_match", {"details": [{"id": found["people"][0]["id"]}, {"id": "0" * 24}]}).json()

    assert [each and each["name"] for each in body["matches"]] == ["Sanne de Wit", None]
    assert (body["credits_consumed"], body["missing_records"]) == (1, 1)


def test_apollo_answers_an_unknown_domain_with_nothing(party):
    reply = apollo(party, "organizations/enrich", domain="nobody.example")

    assert (reply.status_code, reply.json()) == (200, {})


def test_apollo_tells_a_refused_key_in_plain_text_and_a_narrow_one_in_json(party):
    invalid = apollo(party, "organizations/enrich", key=keys.INVALID, domain="harbour-pay.example")
    narrow = apollo(party, "people/bulk_match", {"details": []}, key=keys.COMPANIES_ONLY)

    assert (invalid.status_code, invalid.headers["content-type"]) == (401, "text/plain")
    assert invalid.text.startswith("Invalid API key.")
    assert (narrow.status_code, narrow.json()["error_code"]) == (403, "API_INACCESSIBLE")
    assert (
        apollo(party, "organizations/enrich", key=keys.COMPANIES_ONLY, domain="harbour-pay.example").status_code == 200
    )


def test_apollo_says_when_a_limit_ends_and_what_is_left_of_it(party):
    limited = apollo(party, "organizations/enrich", key=keys.LIMITED, domain="harbour-pay.example")
    well = apollo(party, "organizations/enrich", domain="harbour-pay.example")

    assert (limited.status_code, limited.headers["retry-after"], set(limited.json())) == (429, "37", {"message"})
    assert (well.headers["x-minute-requests-left"], well.headers["x-rate-limit-24-hour"]) == ("999", "")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("organizations/enrich", None, 422),
        ("mixed_people/api_search", {"per_page": 500}, 422),
        ("people/bulk_match", {"details": [{}] * 11}, 422),
        ("mixed_people/search", {}, 404),
    ],
)
def test_apollo_refuses_what_it_cannot_read(party, path, body, status):
    assert apollo(party, path, body).status_code == status


# --- People Data Labs, people


def people(party, must, key="k", **said):
    body = {"query": {"query": {"bool": {"must": must}}}, **said}
    return party.post(PDL, json=body, headers={"X-API-Key": key})


AT_NORTHWIND = [{"term": {"job_company_website": "northwind-bank.example"}}]


def test_people_are_paged_by_token_and_billed_by_record(party):
    first = people(party, AT_NORTHWIND, size=2)
    rest = people(party, AT_NORTHWIND, size=2, scroll_token=first.json()["scroll_token"])

    assert [each["full_name"] for each in first.json()["data"]] == ["helen ashworth", "dev patel"]
    assert [each["full_name"] for each in rest.json()["data"]] == ["marta kowalska"]
    assert (first.json()["total"], rest.json()["scroll_token"]) == (3, None)
    assert (first.headers["x-call-credits-spent"], rest.headers["x-call-credits-spent"]) == ("2", "1")
    assert first.headers["x-ratelimit-limit"] == "{'minute': 10}"


def test_people_come_one_at_a_time_unless_asked_otherwise_with_every_field_or_those_wanted(party):
    whole = people(party, AT_NORTHWIND).json()["data"]
    chosen = people(party, AT_NORTHWIND, data_include="full_name,job_title").json()["data"]

    assert len(whole) == 1
    assert "work_email" in whole[0]
    assert chosen == [{"full_name": "helen ashworth", "job_title": "chief financial officer"}]


def test_a_query_may_also_come_as_text_in_a_get(party):
    query = '{"query": {"bool": {"must": [{"terms": {"job_title_levels": ["vp"]}}, {"term": {"job_company_website": "harbour-pay.example"}}]}}}'

    found = party.get(PDL, params={"query": query, "size": "5"}, headers={"X-API-Key": "k"}).json()

    assert [each["job_title"] for each in found["data"]] == ["vp finance"]


@pytest.mark.parametrize(
    ("must", "key", "said", "status", "kind"),
    [
        ([{"term": {"job_company_website": "nobody.example"}}], "k", {}, 404, "not_found"),
        ([{"range": {"birth_year": {}}}], "k", {}, 400, "invalid_request_error"),
        ("all of them", "k", {}, 400, "invalid_request_error"),
        (AT_NORTHWIND, "k", {"size": 101}, 400, "invalid_request_error"),
        (AT_NORTHWIND, keys.INVALID, {}, 401, "authentication_error"),
        (AT_NORTHWIND, keys.COMPANIES_ONLY, {}, 402, "payment_required"),
        (AT_NORTHWIND, keys.LIMITED, {}, 429, "rate_limit_error"),
    ],
)
def test_people_data_labs_refuses_a_search_in_its_own_shape(party, must, key, said, status, kind):
    reply = people(party, must, key, **said)

    assert (reply.status_code, reply.json()["status"], reply.json()["error"]["type"]) == (status, status, kind)


def test_people_data_labs_takes_no_other_method(party):
    assert party.delete(PDL, headers={"X-API-Key": "k"}).status_code == 405
    assert party.post("https://api.peopledatalabs.com/v5/company/enrich", headers={"X-API-Key": "k"}).status_code == 405


# --- LinkedIn


def lookup(party, token="t", version="202607", **params):
    headers = {"Authorization": f"Bearer {token}", "LinkedIn-Version": version, "X-Restli-Protocol-Version": "2.0.0"}
    return party.get(LINKEDIN, params=params, headers=headers)


def test_linkedin_finds_the_same_page_by_domain_and_by_vanity_name(party):
    by_domain = lookup(party, q="emailDomain", emailDomain="Harbour-Pay.example").json()
    by_name = lookup(party, q="vanityName", vanityName="harbour-pay").json()

    assert by_domain == by_name
    assert by_domain["elements"][0]["locations"][0] == {
        "locationType": "HEADQUARTERS",
        "address": {"city": "Rotterdam", "geographicArea": "South Holland", "country": "NL"},
        "staffCountRange": "SIZE_201_TO_500",
    }
    assert lookup(party, q="vanityName", vanityName="nobody").json()["elements"] == []


def test_linkedin_knows_every_country_of_the_world(party):
    for company in COMPANIES.values():
        assert lookup(party, q="emailDomain", emailDomain=company.domain).status_code == 200


@pytest.mark.parametrize(
    ("token", "version", "params", "status", "code"),
    [
        ("", "202607", {}, 401, None),
        (keys.INVALID, "202607", {}, 401, "INVALID_ACCESS_TOKEN"),
        ("t", "", {}, 400, "VERSION_MISSING"),
        ("t", "2026", {}, 426, "NONEXISTENT_VERSION"),
        ("no-permission", "202607", {"q": "emailDomain"}, 403, "ACCESS_DENIED"),
        (keys.LIMITED, "202607", {}, 429, "TOO_MANY_REQUESTS"),
        ("t", "202607", {"q": "name", "name": "x"}, 400, "ILLEGAL_ARGUMENT"),
        ("t", "202607", {"q": "vanityName"}, 400, "ILLEGAL_ARGUMENT"),
    ],
)
def test_linkedin_refuses_in_its_own_shape(party, token, version, params, status, code):
    reply = lookup(party, token, version, **params)

    assert (reply.status_code, reply.json()["status"], reply.json().get("code")) == (status, status, code)
    assert reply.json()["message"]


def test_every_title_of_the_world_has_a_place_in_the_order():
    steps = {person.title: seniority.step(person.title) for company in COMPANIES.values() for person in company.people}

    assert steps["Managing Director"] == steps["Chief Risk Officer"] == "chief"
    assert steps["Group Finance Director"] == steps["Director of Patient Access"] == "director"
    assert (steps["VP Sales"], steps["Head of Growth"], steps["Plant Manager"]) == ("vp", "head", "manager")
