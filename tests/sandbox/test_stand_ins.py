import httpx
import pytest

from gtm import sandbox


@pytest.fixture
def party():
    with httpx.Client(transport=sandbox.transport()) as client:
        yield client


def enrich(party, **params):
    return party.get("https://api.peopledatalabs.com/v5/company/enrich", params=params, headers={"X-API-Key": "k"})


def everything(party, **params):
    return party.get("https://newsapi.org/v2/everything", params=params, headers={"X-Api-Key": "k"})


def test_a_company_is_found_by_any_spelling_of_its_address(party):
    bodies = [
        enrich(party, website=site).json() for site in ("harbour-pay.example", "https://www.Harbour-Pay.example/")
    ]

    assert bodies[0] == bodies[1]
    assert bodies[0]["display_name"] == "Harbour Pay"
    assert bodies[0]["size"] == "201-500"
    assert bodies[0]["latest_funding_stage"] == "series_b"


def test_the_rate_header_is_pseudo_json_with_single_quotes(party):
    headers = enrich(party, website="harbour-pay.example").headers

    assert headers["x-ratelimit-remaining"] == "{'minute': 99}"
    assert headers["x-call-credits-spent"] == "1"


@pytest.mark.parametrize(
    ("params", "headers", "status"),
    [
        ({"website": "nobody.example"}, {"X-API-Key": "k"}, 404),
        ({"website": "prairie-link.example"}, {"X-API-Key": "k"}, 404),
        ({}, {"X-API-Key": "k"}, 400),
        ({"website": "harbour-pay.example"}, {}, 401),
    ],
)
def test_people_data_labs_refuses_in_its_own_shape(party, params, headers, status):
    reply = party.get("https://api.peopledatalabs.com/v5/company/enrich", params=params, headers=headers)

    assert reply.status_code == status
    assert reply.json()["status"] == status
    assert set(reply.json()["error"]) == {"type", "message"}


def test_news_is_found_by_phrase_newest_first_within_the_dates(party):
    body = everything(party, q='"Northwind Bank"', **{"from": "2026-01-01", "to": "2026-07-31", "pageSize": "1"}).json()

    assert body["totalResults"] == 2
    assert [each["title"] for each in body["articles"]] == [
        "Northwind Bank appoints Marta Kowalska as chief risk officer"
    ]
    assert body["articles"][0]["publishedAt"].startswith("2026-07-02T")


def test_a_phrase_counts_only_as_whole_words(party):
    assert everything(party, q='"Northwind Ban"').json()["totalResults"] == 0


@pytest.mark.parametrize(
    ("params", "headers", "status", "code"),
    [
        ({"q": "x"}, {}, 401, "apiKeyMissing"),
        ({}, {"X-Api-Key": "k"}, 400, "parametersMissing"),
        ({"q": "x", "from": "yesterday"}, {"X-Api-Key": "k"}, 400, "parameterInvalid"),
        ({"q": "x", "pageSize": "500"}, {"X-Api-Key": "k"}, 400, "parameterInvalid"),
    ],
)
def test_newsapi_refuses_in_its_own_shape(party, params, headers, status, code):
    reply = party.get("https://newsapi.org/v2/everything", params=params, headers=headers)

    assert reply.status_code == status
    assert reply.json()["status"] == "error"
    assert reply.json()["code"] == code


def test_the_same_question_has_the_same_bytes(party):
    assert everything(party, q='"Kitebase"').content == everything(party, q='"Kitebase"').content
