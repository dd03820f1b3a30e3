"""The stand-in for NewsCatcher's News API v3: GET or POST https://v3-api.newscatcherapi.com/api/search.

Dates are fixed; `from_` and `to_` choose among them. Without `from_` it is the last seven days before `to_`, as at the
vendor; English phrases such as “7 days ago” are not understood, because there is no clock.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gtm.sandbox import press
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.press import Story

KEY = "newscatcher"
SEARCHED = {"title": True, "content": False, "title,content": False, "title_content": False}
ORDERS = ("relevancy", "date", "rank")
LONGEST_PAGE = 1000
HISTORY = timedelta(days=400)  # of the plan


def answer(asked: Asked) -> Answer:
    if asked.path != "/api/search" or asked.method not in ("GET", "POST"):
        return Answer(404, {"detail": "Not Found"})
    key = asked.headers.get("x-api-token")
    if not key:
        return _error(401, "Unauthorized", f"Invalid api key: {key}")
    given = asked.params if asked.method == "GET" else asked.json_object() or {}
    try:
        found = _found(given)
        first, last = _window(given)
        size, page = _number(given, "page_size", 100, LONGEST_PAGE), _number(given, "page", 1, 10_000)
    except ValueError as error:
        return _error(422, "Validation error", str(error))
    if last - first > HISTORY:
        return _error(403, "Forbidden", "Your plan request date range cannot be greater than 400 days")
    dated = [each for each in found if first <= each.at <= last]
    dated.sort(key=lambda each: (each.at, each.link), reverse=True)
    return Answer(200, _body(dated, size, page, given))


def _error(status: int, label: str, message: str) -> Answer:
    return Answer(status, {"message": message, "status_code": status, "status": label})


def _found(given: Mapping[str, Any]) -> list[Story]:
    query, searched = str(given.get("q", "")).strip(), str(given.get("search_in", "title_content")).replace(" ", "")
    if not query:
        raise ValueError("q: field required")
    if searched not in SEARCHED:
        raise ValueError(f"search_in: {searched} is not a valid option")
    if given.get("sort_by", "relevancy") not in ORDERS:
        raise ValueError("sort_by: value is not a valid enumeration member")
    phrases = [part.strip().strip('"') for part in re.split(r"\s+OR\s+", query)]
    told = press.stories(KEY, phrases, in_titles=SEARCHED[searched])
    return [each for story in told for each in (story, *story.reprinted("|"))]


def _window(given: Mapping[str, Any]) -> tuple[datetime, datetime]:
    last = _moment(given, "to_") or press.newest()
    return _moment(given, "from_") or last - timedelta(days=7), last


def _moment(given: Mapping[str, Any], name: str) -> datetime | None:
    text = str(given.get(name, "")).replace("/", "-")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: invalid date format") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(given: Mapping[str, Any], name: str, default: int, most: int) -> int:
    text = str(given.get(name, default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise ValueError(f"{name}: ensure this value is between 1 and {most}")
    return int(text)


def _body(found: list[Story], size: int, page: int, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": "ok" if found else "No matches for your search.",
        "total_hits": len(found),
        "page": page,
        "total_pages": -(-len(found) // size),
        "page_size": size,
        "articles": [_article(each) for each in found[(page - 1) * size : page * size]],
        "user_input": {"search_in": ["title_content"], "sort_by": "relevancy", "by_parse_date": False, **given},
    }


def _article(story: Story) -> dict[str, Any]:
    news, seed = story.news, story.seed
    published = f"{story.at:%Y-%m-%d %H:%M:%S}"
    writer = None if int(seed[4], 16) < 5 else "Staff reporter"
    return {
        "title": news.title,
        "author": writer,
        "authors": [writer] if writer else "",
        "journalists": [],
        "published_date": published,
        "published_date_precision": "full",
        "updated_date": None,
        "updated_date_precision": None,
        "parse_date": f"{story.at + timedelta(minutes=9):%Y-%m-%d %H:%M:%S}",
        "link": story.link,
        "domain_url": story.site,
        "full_domain_url": story.site,
        "name_source": news.outlet,
        "is_headline": False,
        "paid_content": False,
        "parent_url": f"https://{story.site}/business",
        "country": "GB",
        "rights": story.site,
        "rank": 1000 + int(seed[20:24], 16),
        "media": "",
        "language": "en",
        "description": None if int(seed[24], 16) < 3 else news.summary,
        "content": f"{news.summary}\n{news.outlet} will return to this.",
        "word_count": len(news.summary.split()),
        "is_opinion": False,
        "twitter_account": None,
        "all_links": [],
        "all_domain_links": [],
        "id": hashlib.md5(story.link.encode(), usedforsecurity=False).hexdigest(),
        "score": round(10 + int(seed[28:31], 16) / 200, 6),
    }
