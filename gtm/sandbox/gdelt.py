"""The stand-in for GDELT's DOC 2.0 API: GET https://api.gdeltproject.org/api/v2/doc/doc, article lists as JSON.

What it will not do it says in plain text with status 200. Titles come with their signs set apart, and some with
control characters and with backslashes that no JSON has, as in the articles' pages. `startdatetime` and `enddatetime`
choose among fixed dates; there is no clock, so without them it is the three months before the newest story.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gtm.sandbox import press
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.press import Story

KEY = "gdelt"
PATH = "/api/v2/doc/doc"
WINDOW = timedelta(days=92)
BEGAN = datetime(2017, 1, 1, tzinfo=UTC)
MOST_RECORDS = 250
TAB, BACKSLASH = "\uf001", "\uf002"  # stand for what json.dumps would write properly


class _Refused(Exception):
    """What it says instead of an answer."""


def answer(asked: Asked) -> Answer:
    if (asked.method, asked.path) != ("GET", PATH):
        return Answer(404, b"<html><head><title>404 Not Found</title></head></html>", {"content-type": "text/html"})
    given = {name.lower(): value for name, value in asked.params.items()}
    try:
        found = _found(given)
    except _Refused as error:
        return Answer(200, f"{error}\n".encode(), {"content-type": "text/html; charset=utf-8"})
    body = json.dumps({"articles": [_article(each) for each in found]} if found else {}, ensure_ascii=False)
    raw = body.replace(TAB, "\t").replace(BACKSLASH, "\\")
    return Answer(200, raw.encode(), {"content-type": "application/json; charset=utf-8"})


def _found(given: Mapping[str, str]) -> list[Story]:
    if given.get("mode", "").lower() != "artlist" or given.get("format", "").lower() != "json":
        raise _Refused("Invalid mode.")
    phrase = _phrase(given.get("query", "").strip())
    first, last = _window(given)
    told = press.stories(KEY, [phrase])
    both = [each for story in told for each in (story, *story.reprinted("-"))]
    dated = [each for each in both if first <= each.at <= last]
    dated.sort(key=lambda each: (each.at, each.link), reverse=given.get("sort", "").lower() != "dateasc")
    most = given.get("maxrecords", "75")
    return dated[: min(int(most), MOST_RECORDS) if most.isdigit() else 75]


def _phrase(query: str) -> str:
    """One phrase between quotes, or one word without; a single short word between quotes is refused."""
    if len(query.strip('"')) < 3:
        raise _Refused("Your query was too short or too long.")
    if not query.startswith('"'):
        return query.partition(" ")[0]
    phrase = query.strip('"')
    if re.fullmatch(r"\w{1,4}", phrase):
        raise _Refused("The specified phrase is too short.")
    return phrase


def _window(given: Mapping[str, str]) -> tuple[datetime, datetime]:
    last = _moment(given, "enddatetime") or press.newest()
    first = _moment(given, "startdatetime") or last - WINDOW
    if first < BEGAN:
        raise _Refused("Invalid query start date.")
    return first, last


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name, "")
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise _Refused(f"Invalid query {name.removesuffix('datetime')} date.") from None


def _article(story: Story) -> dict[str, Any]:
    seen = story.at + timedelta(minutes=15 - story.at.minute % 15)
    return {
        "url": story.link,
        "url_mobile": "",
        "title": _title(story),
        "seendate": f"{seen:%Y%m%dT%H%M%SZ}",
        "socialimage": f"https://{story.site}/picture.jpg",
        "domain": story.site,
        "language": "English",
        "sourcecountry": "United Kingdom",
    }


def _title(story: Story) -> str:
    spaced = re.sub(r" ?([,;:?!-]) ?", r" \1 ", re.sub(r"(?<=\d),(?=\d)", "\uf003", story.news.title))
    words = re.sub(r" +", " ", spaced.replace("\uf003", ",")).strip()
    kind = int(story.seed[32], 16) % 4
    sign = {0: f" {TAB}", 1: f"{BACKSLASH} "}.get(kind, " ")
    return words.replace(" ", sign, 1)
