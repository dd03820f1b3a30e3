"""The stand-ins of Wikidata and GitHub, asked as anybody asks the real ones."""

import httpx
import pytest

from gtm import sandbox
from gtm.sandbox.world import COMPANIES

NORTHWIND = COMPANIES["northwind-bank.example"]


@pytest.fixture
def party():
    with httpx.Client(transport=sandbox.transport(), headers={"User-Agent": "tests/1.0"}) as client:
        yield client


def wikidata(party, **params):
    return party.get("https://www.wikidata.org/w/api.php", params={"format": "json", **params})


def organisation(party, login, **headers):
    return party.get(f"https://api.github.com/orgs/{login}", headers=headers)


# --- Wikidata


def test_a_search_for_a_statement_finds_items_by_any_of_several_values(party):
    search = "haswbstatement:P856=https://nobody.example/|P856=https://northwind-bank.example"
    body = wikidata(party, action="query", list="search", srsearch=search).json()

    assert body["query"]["searchinfo"] == {"totalhits": 1}
    assert [each["title"] for each in body["query"]["search"]] == [NORTHWIND.wikidata_id]


def test_a_search_by_name_finds_labels_that_begin_so(party):
    body = wikidata(party, action="wbsearchentities", search="northwind", language="en").json()

    assert [(each["id"], each["label"]) for each in body["search"]] == [(NORTHWIND.wikidata_id, "Northwind Bank")]
    assert body["success"] == 1


def test_an_item_comes_with_what_was_asked_of_it_in_the_languages_asked_for(party):
    whole = wikidata(party, action="wbgetentities", ids=NORTHWIND.wikidata_id, languages="en").json()["entities"]
    labels = wikidata(party, action="wbgetentities", ids=f"{NORTHWIND.wikidata_id}|Q4", props="labels", languages="de").json()  # fmt: skip

    assert set(whole[NORTHWIND.wikidata_id]) == {"type", "id", "labels", "descriptions", "claims"}
    assert labels["entities"] == {
        NORTHWIND.wikidata_id: {"type": "item", "id": NORTHWIND.wikidata_id, "labels": {}},
        "Q4": {"id": "Q4", "missing": ""},
    }


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"action": "wbfly"}, "badvalue"),
        ({"action": "query", "list": "search"}, "missingparam"),
        ({"action": "query", "list": "search", "srsearch": "x" * 301}, "cirrussearch-query-too-long"),
        ({"action": "query", "list": "search", "srsearch": "x", "srlimit": "none"}, "badinteger"),
        ({"action": "wbsearchentities", "search": "x"}, "missingparam"),
        ({"action": "wbgetentities"}, "param-missing"),
        ({"action": "wbgetentities", "ids": "Leeds"}, "no-such-entity"),
        ({"action": "wbgetentities", "ids": "|".join(f"Q{n}" for n in range(1, 52))}, "toomanyvalues"),
        ({"action": "wbgetentities", "ids": "Q4", "maxlag": "-1"}, "maxlag"),
    ],
)
def test_wikidata_refuses_inside_of_success(party, params, code):
    reply = wikidata(party, **params)

    assert (reply.status_code, reply.json()["error"]["code"]) == (200, code)
    assert reply.headers["mediawiki-api-error"] == code


def test_wikidata_wants_to_know_who_asks_and_in_which_form(party):
    nameless = wikidata(party, action="query").request
    nameless.headers["user-agent"] = "python-httpx/0.28"

    assert party.send(nameless).status_code == 403
    assert party.get("https://www.wikidata.org/w/api.php").headers["content-type"] == "text/html"
    assert party.get("https://www.wikidata.org/wiki/Q4").status_code == 404


# --- GitHub


def test_an_organisation_comes_with_what_is_left_of_the_hour(party):
    without, with_token = organisation(party, "kitebase"), organisation(party, "KiteBase", Authorization="Bearer ghp_x")

    assert without.json() == with_token.json()
    assert without.json()["login"] == "kitebase"
    assert [each.headers["x-ratelimit-limit"] for each in (without, with_token)] == ["60", "5000"]


@pytest.mark.parametrize(
    ("login", "headers", "status", "message"),
    [
        ("nobody-at-all", {}, 404, "Not Found"),
        ("kitebase/repos", {}, 404, "Not Found"),
        ("kitebase", {"Authorization": "Bearer x"}, 401, "Bad credentials"),
        ("kitebase", {"Authorization": "Basic ghp_x"}, 401, "Bad credentials"),
    ],
)
def test_github_refuses_in_its_own_shape(party, login, headers, status, message):
    reply = organisation(party, login, **headers)

    assert reply.status_code == status
    assert reply.json() == {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}  # fmt: skip


def test_github_wants_to_know_who_asks(party):
    reply = organisation(party, "kitebase", **{"User-Agent": ""})

    assert (reply.status_code, reply.headers["content-type"]) == (403, "text/plain")
