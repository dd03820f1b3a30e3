"""The stand-in for NewsAPI: GET https://newsapi.org/v2/everything.

Dates are fixed; `from` and `to` choose among them, so that the same question has the same answer on any day.
"""

import re
from datetime import UTC, datetime
from typing import Any

from gtm.sandbox import press
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.press import Story

KEY = "newsapi"
WRITERS = ("Anneke Vos", "Tom Ashdown", "Priya Raman", "Lucía Ferrer", None, "Jonas Lindqvist")


def answer(asked: Asked) -> Answer:
    if (asked.method, asked.path) != ("GET", "/v2/everything"):
        return _error(404, "notFound", "The endpoint does not exist.")
    if not (asked.headers.get("x-api-key") or asked.params.get("apiKey")):
        return _error(401, "apiKeyMissing", "Your API key is missing.")
    query = asked.params.get("q", "").strip()
    if not query:
        return _error(400, "parametersMissing", "Required parameters are missing: q.")
    try:
        first, last = _moment(asked.params.get("from", "")), _moment(asked.params.get("to", ""))
        size = _page_size(asked.params.get("pageSize", "100"))
    except ValueError as error:
        return _error(400, "parameterInvalid", str(error))
    phrases = [part.strip().strip('"') for part in re.split(r"\s+OR\s+", query)]
    found = [_article(story) for story in press.stories(KEY, phrases)]
    dated = [each for each in found if (first or "") <= each["publishedAt"] <= (last or "9")]
    dated.sort(key=lambda each: (each["publishedAt"], each["url"]), reverse=True)
    return Answer(200, {"status": "ok", "totalResults": len(dated), "articles": dated[:size]})


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"status": "error", "code": code, "message": message})


def _moment(text: str) -> str:
    """The parameter as its articles write time; raises ValueError for what is no date."""
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"The date {text!r} is not in ISO 8601 form.") from None
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at.tzinfo else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _page_size(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise ValueError("The pageSize must be between 1 and 100.")
    return int(text)


def _article(story: Story) -> dict[str, Any]:
    news, seed = story.news, story.seed
    return {
        "source": {"id": None, "name": news.outlet},
        "author": WRITERS[int(seed[4:8], 16) % len(WRITERS)],
        "title": news.title,
        "description": news.summary,
        "url": story.link,
        "urlToImage": None,
        "publishedAt": f"{story.at:%Y-%m-%dT%H:%M:%SZ}",
        "content": f"{news.summary} [+{800 + int(seed[12:15], 16)} chars]",
    }
