"""The stand-ins for NewsCatcher and GDELT at their wires."""

import json

import httpx
import pytest

from gtm import sandbox


@pytest.fixture
def party():
    with httpx.Client(transport=sandbox.transport()) as client:
        yield client


def search(party, key="k", **params):
    return party.get(
        "https://v3-api.newscatcherapi.com/api/search", params=params, headers={"x-api-token": key} if key else {}
    )


def doc(party, **params):
    asked = {"mode": "artlist", "format": "json", **params}
    return party.get("https://api.gdeltproject.org/api/v2/doc/doc", params=asked)


def test_newscatcher_finds_newest_first_within_the_dates_page_by_page(party):
    asked = {
        "q": '"Northwind Bank"',
        "search_in": "title",
        "from_": "2026/01/01",
        "to_": "2026-11-16",
        "sort_by": "date",
    }

    pages = [search(party, **asked, page_size="2", page=page).json() for page in ("1", "2")]

    assert [pages[0][name] for name in ("status", "total_hits", "page", "total_pages", "page_size")] == [
        "ok",
        4,
        1,
        2,
        2,
    ]
    assert [article["published_date"][:10] for page in pages for article in page["articles"]] == [
        "2026-10-06",
        "2026-07-02",
        "2026-03-18",
        "2026-03-18",
    ]
    assert [article["title"] for article in pages[1]["articles"]] == [
        "Northwind Bank raises $70 million in Series D round | Shopfloor",
        "Northwind Bank raises $70 million in Series D round",
    ]


def test_newscatcher_answers_a_posted_question_alike(party):
    asked = {"q": '"Kitebase"', "from_": "2026-01-01", "to_": "2026-11-16"}

    posted = party.post("https://v3-api.newscatcherapi.com/api/search", json=asked, headers={"x-api-token": "k"})

    assert posted.json()["articles"] == search(party, **asked).json()["articles"]


def test_newscatcher_says_that_nothing_matches_with_status_200(party):
    reply = search(party, q='"Odyne Therapeutics"')

    assert reply.status_code == 200
    assert [reply.json()[name] for name in ("status", "total_hits", "articles")] == [
        "No matches for your search.",
        0,
        [],
    ]


@pytest.mark.parametrize(
    ("key", "params", "status", "label"),
    [
        ("", {"q": "x"}, 401, "Unauthorized"),
        ("k", {"q": "x", "from_": "2024-01-01", "to_": "2026-01-01"}, 403, "Forbidden"),
        ("k", {}, 422, "Validation error"),
        ("k", {"q": "x", "from_": "yesterday-ish"}, 422, "Validation error"),
        ("k", {"q": "x", "page_size": "5000"}, 422, "Validation error"),
        ("k", {"q": "x", "search_in": "everywhere"}, 422, "Validation error"),
        ("k", {"q": "x", "sort_by": "mood"}, 422, "Validation error"),
    ],
)
def test_newscatcher_refuses_in_its_own_shape(party, key, params, status, label):
    reply = search(party, key, **params)

    assert reply.status_code == status
    assert (reply.json()["status_code"], reply.json()["status"]) == (status, label)
    assert set(reply.json()) == {"message", "status_code", "status"}


def test_gdelt_lists_articles_newest_first_within_the_moments(party):
    reply = doc(
        party, query='"Northwind Bank"', startdatetime="20260701000000", enddatetime="20261116000000", maxrecords="1"
    )

    [article] = json.loads(reply.text, strict=False)["articles"]
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert article["domain"] == "payments-weekly.example"
    assert article["seendate"].startswith("20261006T")
    assert sorted(article) == [
        "domain",
        "language",
        "seendate",
        "socialimage",
        "sourcecountry",
        "title",
        "url",
        "url_mobile",
    ]


def test_gdelt_s_titles_have_their_signs_set_apart(party):
    assert "grants Harbour Pay an e - money licence" in doc(party, query='"Harbour Pay"').text


def test_some_of_gdelt_s_bodies_are_no_json_by_the_book(party):
    def is_json(text):
        try:
            return bool(json.loads(text))
        except ValueError:
            return False

    bodies = [doc(party, query=f'"{name}"').text for name in ("Tallyho Insurance", "Coldharbour Logistics", "Fernhill Hospitals", "Thistle and Thread", "Brockhurst Bearings", "Saltmarsh Freight", "Casa Olmo", "Northwind Bank")]  # fmt: skip

    assert {is_json(body) for body in bodies} == {True, False}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"query": "ab"}, "Your query was too short or too long."),
        ({"query": '"acme"'}, "The specified phrase is too short."),
        ({"query": "acme", "startdatetime": "20150101000000"}, "Invalid query start date."),
        ({"query": "acme", "enddatetime": "soon"}, "Invalid query end date."),
        ({"query": "acme", "mode": "poem"}, "Invalid mode."),
    ],
)
def test_gdelt_refuses_in_plain_text_with_status_200(party, params, words):
    reply = doc(party, **params)

    assert (reply.status_code, reply.text.strip()) == (200, words)
    assert reply.headers["content-type"].startswith("text/html")


def test_each_knows_other_companies(party):
    asked = {"from_": "2026-01-01", "to_": "2026-11-16"}

    assert [
        search(party, q=f'"{name}"', **asked).json()["total_hits"] > 0 for name in ("Casa Olmo", "Prairie Link")
    ] == [True, False]
    assert ["title" in doc(party, query=f'"{name}"').text for name in ("Casa Olmo", "Prairie Link")] == [False, True]


def test_where_gdelt_finds_nothing_it_gives_an_empty_object(party):
    assert doc(party, query='"Odyne Therapeutics"').json() == {}


@pytest.mark.parametrize(
    "ask", [lambda party: search(party, q='"Kitebase"'), lambda party: doc(party, query='"Northwind Bank"')]
)
def test_the_same_question_has_the_same_bytes(party, ask):
    assert ask(party).content == ask(party).content
