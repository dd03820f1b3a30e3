"""What all sources of news have in common: which articles are about the company, and what is read from them. Pure.

The payload of such a source is `{"named": the name that was asked for, "answer": the source's own body}`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from agents_app.research import headlines, pointers, values
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


def window(question: Question) -> tuple[datetime, datetime]:
    """From when to when, in UTC: what the question says, else the DAYS_BACK days before it."""
    last = datetime.combine(question.until, time.max, tzinfo=UTC) if question.until else question.at.astimezone(UTC)
    if question.since:
        return datetime.combine(question.since, time(), tzinfo=UTC), last
    return question.at.astimezone(UTC) - timedelta(days=DAYS_BACK), last


def read(payload: object, shape: Shape) -> list[ClaimValue]:
    """An agency's report in several papers is one piece of news; the shortest of its headlines is told."""
    articles, named = pointers.resolve(payload, shape.articles), pointers.resolve(payload, "/named")
    if not isinstance(articles, list) or not isinstance(named, str):
        raise Unreadable("it has no list of articles")
    told: dict[str, tuple[str, int]] = {}
    for index, article in enumerate(articles):
        title = _title(article, named, shape)
        piece = headlines.key(title or "")
        if title and (piece not in told or len(title) < len(told[piece][0])):
            told[piece] = title, index
    return [each for _, index in list(told.values())[:MOST] for each in _claims(payload, shape, index)]


def _title(article: object, name: str, shape: Shape) -> str | None:
    """The headline when it names the company; a name somewhere in the text is too often somebody else's."""
    title = values.text(article.get(shape.title)) if isinstance(article, dict) else None
    return title if title and headlines.names(title, name) else None


def _claims(payload: object, shape: Shape, index: int) -> list[ClaimValue]:
    place = f"{shape.articles}/{index}"
    published = values.day(pointers.resolve(payload, f"{place}/{shape.published}"))
    funded = claim(payload, "last_funding_stage", f"{place}/{shape.title}", as_of_date=published)
    return [
        *claim(payload, "news", f"{place}/{shape.title}", as_of_date=published),
        *(claim(payload, "headcount", f"{place}/{shape.text}", as_of_date=published) if shape.text else []),
        *funded,
        *(claim(payload, "last_funding_date", f"{place}/{shape.published}", as_of_date=published) if funded else []),
    ]
