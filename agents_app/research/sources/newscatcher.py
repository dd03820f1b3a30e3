"""NewsCatcher, News API v3 `search`: articles of the last year whose headline has the company's name.

Of each article all is stored but its full text and what is computed from it (`LEFT_OUT`): we may not keep whole texts.
"""

from datetime import datetime, timedelta
from functools import partial

from agents_app.research import news
from agents_app.research.source import Question, Source, Wire
from gtm.buckets import Published

URL = "https://v3-api.newscatcherapi.com/api/search"
SHAPE = news.Shape("/answer/articles", "title", "description", "published_date")
LEFT_OUT = ("content", "content_translated_en", "nlp", "all_links", "all_domain_links", "all_links_data")


def fetch(question: Question, wire: Wire) -> object:
    name = news.phrase(question)
    first, last = news.window(question)
    params = {
        "q": f'"{name}"',
        "search_in": "title",
        "from_": _moment(first),
        "to_": _moment(last),
        "sort_by": "date",
        "page_size": "20",
    }
    reply = wire.json(URL, params=params, headers={"x-api-token": wire.credential})
    return {"named": name, "answer": _kept(reply.json)}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def _kept(answer: object) -> object:
    """Every article stays at its place."""
    if not isinstance(answer, dict) or not isinstance(answer.get("articles"), list):
        return answer
    return {**answer, "articles": [_without_text(article) for article in answer["articles"]]}


def _without_text(article: object) -> object:
    if not isinstance(article, dict):
        return article
    return {name: value for name, value in article.items() if name not in LEFT_OUT}


SOURCE = Source(
    key="newscatcher",
    name="NewsCatcher",
    fetch=fetch,
    read=partial(news.read, shape=SHAPE),
    tells={"news": 0.93, "headcount": 0.82, "last_funding_stage": 0.90, "last_funding_date": 0.90},
    keeps=timedelta(hours=6),
    published=Published(calls=60, seconds=60, a_day=8_000),  # plans count calls at a time and a month's, from 250,000
    licence="Paid plan needed; headlines and summaries may be stored, full texts may not.",
    asked_by=("name", "since", "until"),
    optional=("since", "until"),
    group="press",
    typical_s=2.0,
    silent=news.SILENT,
)
