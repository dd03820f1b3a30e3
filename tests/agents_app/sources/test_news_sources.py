"""What NewsAPI, NewsCatcher and GDELT have in common, and what the latter two have to themselves."""

import json
from datetime import UTC, date, datetime

import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess, headlines, pointers
from agents_app.research.source import ask
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
PRESS = ("newsapi", "newscatcher", "gdelt")
HEARTWOOD = Company("heartwood-devices.example", "Heartwood Devices")


def answer(key, company=HEARTWOOD, credential="", **dates):
    access = SourceAccess(key, sandbox=True, credential=credential)
    return ask(SOURCES[key], Question(company, AT, **dates), access, timeout_s=5)


def told(found):
    return [each.value for each in found.claims if each.attribute == "news"]


# --- headlines


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kitebase raises $7 million", "KITEBASE RAISES $7  MILLION"),
        ("Kitebase raises $7 million", "Kitebase raises $7 million - The Ledger Post"),
        ("Kitebase raises $7 million", "Kitebase raises $7 million | Shopfloor"),
        ("Kitebase raises $7 million", "Kitebase raises $7 million — shopfloor.example"),
        ("Kitebase raises $7 million", "Kitebase raises $7 million | Business | News of the North"),
        ("Kitebase's e-money licence", "Kitebase ' s e - money licence"),
        ("Müller opens a mill", "Muller opens a mill"),
    ],
)
def test_one_piece_has_one_key_in_every_paper(one, other):
    assert headlines.key(one) == headlines.key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kitebase wins e - money licence", "Kitebase wins e - commerce award"),
        ("How Kitebase grew - Part 1", "How Kitebase grew - Part 2"),
        ("Kitebase tells its figures - Q3", "Kitebase tells its figures - Q4"),
        ("Kitebase - Berlin", "Kitebase - Paris"),
        ("Kitebase cuts prices - and nobody knows why it does", "Kitebase cuts prices - the reasons"),
        ("Kitebase raises $7 million", "Kitebase raises $17 million"),
    ],
)
def test_what_is_no_outlet_stays_part_of_the_headline(one, other):
    assert headlines.key(one) != headlines.key(other)


@pytest.mark.parametrize(
    ("title", "company", "is_named"),
    [
        ("Blue - Anchor buys a tug", "Blue-Anchor", True), ("The BLUE ANCHOR's tug", "Blue Anchor", True),
        ("Blue Anchors away", "Blue Anchor", False), ("Anything", "!", False),
    ],
)  # fmt: skip
def test_a_company_is_named_by_whole_words(title, company, is_named):
    assert headlines.names(title, company) is is_named


# --- all of them


@pytest.mark.parametrize("key", PRESS)
def test_sources_of_news_count_as_one_voice(key):
    assert SOURCES[key].group == "press"


@pytest.mark.parametrize("key", ["newscatcher", "gdelt"])
def test_a_report_that_a_second_paper_has_too_is_told_once(key):
    company = Company("northwind-bank.example", "Northwind Bank")

    found = answer(key, company)

    titles = [article["title"] for article in found.payload["answer"]["articles"]]
    keys = {headlines.key(title) for title in titles}
    assert len(told(found)) == len(keys)
    assert key == "gdelt" or len(keys) < len(titles)


@pytest.mark.parametrize(("key", "dates"), [("newscatcher", ("2026-08-20", "2026-09-30")), ("gdelt", ("2026-09-01", "2026-09-30"))])  # fmt: skip
def test_a_question_about_some_weeks_is_answered_from_these(key, dates):
    since, until = map(date.fromisoformat, dates)

    found = answer(key, since=since, until=until)

    assert told(found) == ["Heartwood Devices opens a refurbishing line in Duluth"]
    assert answer(key, since=until, until=AT.date()).status == "no_match"


# --- NewsCatcher


def test_newscatcher_is_asked_for_headlines_of_a_year_from_new_to_old():
    found = answer("newscatcher")

    assert found.request_key == (
        "GET https://v3-api.newscatcherapi.com/api/search?from_=2025-11-16T09%3A00%3A00&page_size=20"
        "&q=%22Heartwood+Devices%22&search_in=title&sort_by=date&to_=2026-11-16T09%3A00%3A00"
    )
    assert told(found) == [
        "Heartwood Devices opens a refurbishing line in Duluth",
        "Heartwood Devices recalls one lot of electrodes as a precaution",
    ]


def test_full_texts_are_not_stored_and_articles_stay_where_they_were():
    articles = [None, {"title": "Heartwood Devices grows", "content": "All of it.", "nlp": {"summary": "…"}}]

    with faults.inject("newscatcher", Fault(200, json.dumps({"status": "ok", "articles": articles}).encode())):
        found = answer("newscatcher")

    assert found.payload["answer"]["articles"] == [None, {"title": "Heartwood Devices grows"}]
    assert [each.pointer for each in found.claims] == ["/answer/articles/1/title"]


@pytest.mark.parametrize(
    ("status", "label", "message", "reason"),
    [
        (401, "Unauthorized", "Invalid api key: s3cret-key", "answered 401: Invalid api key: …. Check the credential on the connection."),
        (403, "Forbidden", "Your plan request date range cannot be greater than 30 days", "answered 403: Your plan request date range cannot be greater than 30 days. Check"),
        (408, "Request timeout", "Request timed out after 30 seconds", "answered 408: Request timed out after 30 seconds"),
        (422, "Validation error", "Invalid language", "answered 422: Invalid language"),
        (429, "Too many requests", "Max API requests exceeded", "answered 429: Max API requests exceeded"),
    ],
)  # fmt: skip
def test_what_newscatcher_refuses_is_told_in_its_words_but_not_the_key(status, label, message, reason):
    body = json.dumps({"message": message, "status_code": status, "status": label}).encode()

    with faults.inject("newscatcher", Fault(status, body)):
        found = answer("newscatcher", credential="s3cret-key")

    assert (found.status, found.http_status, found.claims) == (
        "failed",
        status if status not in (408, 429) else None,
        [],
    )
    assert reason in found.reason
    assert "s3cret-key" not in repr(found)


# --- GDELT


def gdelt_says(body, headers=None, status=200, **asked):
    with faults.inject("gdelt", Fault(status, body, headers or {})):
        return answer("gdelt", **asked)


def test_gdelt_is_asked_for_three_months_without_a_key():
    found = answer("gdelt")

    assert found.request_key == (
        "GET https://api.gdeltproject.org/api/v2/doc/doc?query=%22Heartwood+Devices%22&mode=artlist&format=json&sort=datedesc"
        "&maxrecords=50&startdatetime=20260818090000&enddatetime=20261116090000"
    )
    assert told(found) == ["Heartwood Devices opens a refurbishing line in Duluth"]


@pytest.mark.parametrize(
    ("name", "query"),
    [("Kitebase", "Kitebase"), ("Blue-Anchor", "%22Blue-Anchor%22"), ('Acme, "Inc."', "%22Acme+Inc%22"), ("Müller & Co", "%22M%C3%BCller+%26+Co%22")],
)  # fmt: skip
def test_only_what_is_more_than_a_word_stands_between_quotes(name, query):
    assert f"?query={query}&" in answer("gdelt", Company("some.example", name)).request_key


def test_what_is_longer_ago_than_gdelt_keeps_is_not_asked():
    found = answer("gdelt", since=date(2025, 10, 20), until=date(2025, 11, 20))

    assert (found.status, found.calls) == ("no_match", 0)
    assert found.reason == "GDELT keeps three months; 20 November 2025 is longer ago."


def test_control_characters_and_escapes_that_json_does_not_know_are_read_over():
    body = b'{"articles": [{"title": "Heartwood\x01 Devices\tsays \\"it\\\'s \\$5\\" \\u00e9 \\\\ \xff", "seendate": "20261001T101500Z"}]}'

    found = gdelt_says(body)

    assert pointers.resolve(found.payload, "/answer/articles/0/title") == (
        'Heartwood\x01 Devices\tsays "it\'s $5" é \\ \ufffd'
    )
    assert told(found) == ['Heartwood Devices says "it\'s $5" é \\ \ufffd']
    assert found.claims[0].as_of_date == date(2026, 10, 1)


@pytest.mark.parametrize(
    "words",
    ["The specified phrase is too short.", "Your query was too short or too long.\n", "Invalid query start date."],
)
def test_what_gdelt_refuses_with_status_200_is_told_in_its_words(words):
    found = gdelt_says(words.encode(), {"content-type": "text/html; charset=utf-8"})

    assert (found.status, found.http_status, found.payload) == ("failed", 200, None)
    assert found.reason == f"The answer cannot be read: instead of a list it says “{words.strip()}”"


@pytest.mark.parametrize("status", [200, 429])
def test_gdelt_s_wish_for_patience_is_a_failure_that_may_pass(status):
    words = b"Please limit requests to one every 5 seconds or contact us for larger queries."

    found = gdelt_says(words, {"content-type": "text/plain"}, status)

    assert (found.status, found.claims) == ("failed", [])
    assert found.reason in (
        "api.gdeltproject.org answered 429",
        "GDELT answers: Please limit requests to one every 5 seconds or contact us for larger queries.",
    )


def test_no_article_is_no_match_and_the_answer_is_kept():
    found = gdelt_says(b"{}")

    assert (found.status, found.payload) == ("no_match", {"named": "Heartwood Devices", "answer": {}})
    assert found.reason == "GDELT has no headline that names Heartwood Devices in the three months before."
