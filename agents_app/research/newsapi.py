"""NewsAPI: the headlines of the last year that name a company, and what they say of its staff and funding."""

from datetime import UTC, date, datetime, timedelta

from agents_app.research import values
from agents_app.research.source import ClaimValue, Company, Query, SourceAccess, SourceAnswer, Unreadable, claim, put

KEY = "newsapi"
NAME = "NewsAPI"
URL = "https://newsapi.org/v2/everything"
DAYS_BACK = 365
MOST_NEWS = 5


def ask(company: Company, access: SourceAccess, *, timeout_s: float, at: datetime) -> SourceAnswer:
    name = company.known_as.replace('"', "")
    query = Query(
        source=KEY,
        url=URL,
        params={
            "q": f'"{name}"',
            "from": _moment(at - timedelta(days=DAYS_BACK)),
            "to": _moment(at),
            "sortBy": "publishedAt",
            "pageSize": "20",
        },
        key_header="X-Api-Key",
        knows_nothing=f"{NAME} has no headline that names {name} in the {DAYS_BACK} days before.",
    )
    return put(query, access, timeout_s=timeout_s, read=lambda payload: read(payload, name))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def read(payload: object, name: str) -> list[ClaimValue]:
    articles = payload.get("articles") if isinstance(payload, dict) else None
    if not isinstance(articles, list):
        raise Unreadable("it has no list of articles")
    told: set[str] = set()
    claims: list[ClaimValue] = []
    for index, article in enumerate(articles):
        title = _title(article, name)
        if not title or title.casefold() in told or len(told) == MOST_NEWS:
            continue  # the same agency report in several papers is one piece of news
        told.add(title.casefold())
        claims += _claims(payload, index, published=values.day(article.get("publishedAt")))
    return claims


def _title(article: object, name: str) -> str | None:
    """The headline when it names the company; a name somewhere in the text is too often somebody else's."""
    title = values.text(article.get("title")) if isinstance(article, dict) else None
    return title if title and name.casefold() in title.casefold() else None


def _claims(payload: object, index: int, *, published: date | None) -> list[ClaimValue]:
    place = f"/articles/{index}"
    funded = claim(payload, "last_funding_stage", f"{place}/title", as_of_date=published)
    return [
        *claim(payload, "news", f"{place}/title", as_of_date=published),
        *claim(payload, "headcount", f"{place}/description", as_of_date=published),
        *funded,
        *(claim(payload, "last_funding_date", f"{place}/publishedAt", as_of_date=published) if funded else []),
    ]
