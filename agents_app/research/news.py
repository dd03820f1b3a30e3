"""What all sources of news have in common: which articles are about the company, and what is read from them. Pure.

The payload of such a source is `{"named": the name that was asked for, "answer": the source's own body}`.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from agents_app.research import pointers, values
from agents_app.research.source import ClaimValue, Question, Unreadable, claim

DAYS_BACK = 365
MOST = 5  # articles of one answer
SILENT = f"{{name}} has no headline that names {{company}} in the {DAYS_BACK} days before."


@dataclass(frozen=True)
class Shape:
    """Where in the payload the articles stand (a pointer), and what their parts are called; `text` empty: none."""

    articles: str
    title: str
    text: str
    published: str


def phrase(question: Question) -> str:
    """The company's name as it can stand between quotes."""
    return question.company.known_as.replace('"', "")


def first_day(question: Question) -> date:
    return question.since or (question.at - timedelta(days=DAYS_BACK)).date()


def last_day(question: Question) -> date:
    return question.until or question.at.date()


def read(payload: object, shape: Shape) -> list[ClaimValue]:
    """An agency's report in several papers is one piece of news."""
    articles, named = pointers.resolve(payload, shape.articles), pointers.resolve(payload, "/named")
    if not isinstance(articles, list) or not isinstance(named, str):
        raise Unreadable("it has no list of articles")
    told: set[str] = set()
    claims: list[ClaimValue] = []
    for index, article in enumerate(articles):
        title = _title(article, named, shape)
        if not title or title.casefold() in told or len(told) == MOST:
            continue
        told.add(title.casefold())
        claims += _claims(payload, shape, index, published=values.day(article.get(shape.published)))
    return claims


def _title(article: object, name: str, shape: Shape) -> str | None:
    """The headline when it names the company; a name somewhere in the text is too often somebody else's."""
    title = values.text(article.get(shape.title)) if isinstance(article, dict) else None
    return title if title and name.casefold() in title.casefold() else None


def _claims(payload: object, shape: Shape, index: int, *, published: date | None) -> list[ClaimValue]:
    place = f"{shape.articles}/{index}"
    funded = claim(payload, "last_funding_stage", f"{place}/{shape.title}", as_of_date=published)
    return [
        *claim(payload, "news", f"{place}/{shape.title}", as_of_date=published),
        *(claim(payload, "headcount", f"{place}/{shape.text}", as_of_date=published) if shape.text else []),
        *funded,
        *(claim(payload, "last_funding_date", f"{place}/{shape.published}", as_of_date=published) if funded else []),
    ]
