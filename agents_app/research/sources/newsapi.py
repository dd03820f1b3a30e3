"""NewsAPI, `everything`: headlines of the last year. Its Developer plan is not for production and a day late."""

from datetime import datetime, timedelta
from functools import partial

from agents_app.research import news
from agents_app.research.source import Question, Source, Wire
from gtm.buckets import Published

URL = "https://newsapi.org/v2/everything"
SHAPE = news.Shape("/answer/articles", "title", "description", "publishedAt")


def fetch(question: Question, wire: Wire) -> object:
    name = news.phrase(question)
    first, last = news.window(question)
    params = {"q": f'"{name}"', "from": _moment(first), "to": _moment(last), "sortBy": "publishedAt", "pageSize": "20"}
    reply = wire.json(URL, params=params, headers={"X-Api-Key": wire.credential})
    return {"named": name, "answer": reply.json}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"


SOURCE = Source(
    key="newsapi",
    name="NewsAPI",
    fetch=fetch,
    read=partial(news.read, shape=SHAPE),
    tells={"news": 0.93, "headcount": 0.82, "last_funding_stage": 0.90, "last_funding_date": 0.90},
    keeps=timedelta(hours=6),
    published=Published(calls=100, seconds=60, a_day=250_000),
    licence="Business plan needed; headlines may be stored, full texts may not.",
    asked_by=("name", "since", "until"),
    optional=("since", "until"),
    group="press",
    silent=news.SILENT,
)
