"""What an e-mail can begin with: a fact that a stranger may mention, in a sentence of the right tone. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gtm.sandbox.composer import wording
from gtm.sandbox.composer.given import Fact, Given, Sentence
from gtm.sandbox.composer.research import same_time

# Nobody wants a stranger's first line to be about their bad week.
BAD_NEWS = re.compile(
    r"\b(?:recall\w*|lay-?offs?|lets? .*\bgo|job cuts?|cuts? .*\bjobs|outage|fire\b|shuts?|los(?:es|s|ses)\b|lawsuit|"
    r"sued|sues|breach|fined|strike|bankrupt\w*|insolven\w*|administrators|stops|death|accident|fraud|investigat\w*|resign\w*|probe)\b",
    re.IGNORECASE,
)
ROUND_NEWS = re.compile(
    r"\bSeries [A-H]\b|\b(?:raises|closes|lands|secures)\b.*\bmillion\b"
)  # told better by the funding facts
Options = Mapping[str, Sequence[str]]

NEWS_AS_CLAUSE: Options = {
    "formal": (
        "I have read that {news}.",
        "A report from {month} says that {news}.",
        "The news from {month} reports that {news}.",
    ),
    "friendly": (
        "I saw that {news}, and wanted to get in touch.",
        "I read that {news}, and thought I would write.",
        "I came across the news from {month} that {news}.",
    ),
    "direct": ("I read that {news}.", "News from {month}: {news}.", "I am writing because I read that {news}."),
    "casual": (
        "Saw that {news}, so I thought I'd drop you a line.",
        "Just came across this: {news}.",
        "Saw the news from {month} that {news}.",
    ),
}
NEWS_AS_QUOTE: Options = {
    "formal": (
        "I am writing with regard to the news from {month}: “{news}”.",
        "“{news}” was the report from {month} that prompted this message.",
    ),
    "friendly": (
        "The news from {month} made me want to write: “{news}”.",
        "“{news}” was the headline that made me want to write.",
    ),
    "direct": ("I am writing because of the news from {month}: “{news}”.", "“{news}” is the reason for this mail."),
    "casual": ("Spotted this headline from {month}: “{news}”.", "“{news}” was a headline that caught my eye."),
}
NEWS_LATER: Options = {
    "formal": ("I have also read that {news}.",),
    "friendly": ("I also saw that {news}.",),
    "direct": ("Also in the news: {news}.",),
    "casual": ("Also saw that {news}.",),
}
QUOTED_LATER = ("Also in the news in {month}: “{news}”.",)
ROUND: Options = {
    "formal": (
        "I understand that {company} completed its {stage} round in {month}.",
        "In {month}, {company} completed its {stage} round.",
    ),
    "friendly": (
        "I saw that {company} closed its {stage} round in {month}.",
        "I read that {month} brought {company} its {stage} round.",
    ),
    "direct": ("{company} closed its {stage} round in {month}.", "In {month}, {company} closed its {stage} round."),
    "casual": (
        "Saw that {company} closed its {stage} round in {month}.",
        "So {month} brought {company} its {stage} round.",
    ),
}
STAGE: Options = {
    "formal": ("I understand that {company} has completed its {stage} round.",),
    "friendly": ("I saw that {company} has its {stage} round behind it.",),
    "direct": ("{company} has closed its {stage} round.",),
    "casual": ("Saw that {company} has its {stage} round behind it.",),
}
RAISED: Options = {
    "formal": ("I understand that {company} has raised {total} to date.",),
    "friendly": ("I read that {company} has raised {total} so far.",),
    "direct": ("{company} has raised {total} so far.",),
    "casual": ("Read that {company} has raised {total} so far.",),
}
GROWN: Options = {
    "formal": (
        "Since it was founded in {year}, {company} has grown to {size} people.",
        "{company}, founded in {year}, now employs {size} people.",
    ),
    "friendly": (
        "I read that {company}, founded in {year}, has grown to {size} people.",
        "{company} has grown to {size} people since {year}.",
    ),
    "direct": (
        "{company} has grown to {size} people since {year}.",
        "Founded in {year}, {company} now has {size} people.",
    ),
    "casual": (
        "{company} has come a long way since {year}: {size} people now.",
        "Read that {company} has grown to {size} people since {year}.",
    ),
}
SIZE: Options = {
    "formal": ("I understand that {company} employs {size} people.",),
    "friendly": ("I read that {company} now counts {size} people.",),
    "direct": ("{company} employs {size} people.",),
    "casual": ("Read that {company} is {size} people by now.",),
}
PLACE: Options = {
    "formal": ("I am writing to {company} in {place}.",),
    "friendly": ("I am writing to you at {company} in {place}.",),
    "direct": ("A word to {company} in {place}.",),
    "casual": ("A quick note to {company} in {place}.",),
}
ROLE: Options = {
    "formal": ("I am writing to you as {title} of {company}.",),
    "friendly": ("I am writing because you are {title} at {company}.",),
    "direct": ("I am writing to you as {title} at {company}.",),
    "casual": ("You are {title} at {company}, so this should be in the right place.",),
}


@dataclass(frozen=True)
class Opening:
    """`kind` chooses the line that links it to the reader's desk."""

    kind: str
    sentence: Sentence


def leading(given: Given) -> Fact | None:
    """The fact to begin with: fresh good news, else funding, size, place."""
    news = good_news(given)
    others = [given.fact(name) for name in ("last_funding_stage", "headcount", "location")]
    return next((fact for fact in [*news, *others] if fact), None)


def good_news(given: Given) -> list[Fact]:
    """News a stranger may mention, focus first, then fresh; not news about the reader."""
    contact = given.context.get("contact") or {}
    reader = str(contact.get("last_name") or contact.get("full_name") or "").casefold()

    def names_reader(headline: str) -> bool:
        return bool(reader) and reader in headline.replace(given.company, "").casefold()

    told = [fact for fact in given.facts if fact.attribute == "news" and not BAD_NEWS.search(fact.value)]
    return given.by_focus([fact for fact in told if not names_reader(fact.value)])


def all_openings(given: Given) -> list[Opening]:
    """Every opening the facts allow, best first."""
    return [opening for opening in _candidates(given) if opening.sentence.text]


def _candidates(given: Given) -> Iterator[Opening]:
    """News, then a round that was in the news, then what is surest; the place only where nothing else is known."""
    rounds, news = list(_funding(given)), good_news(given)
    told = [fact for fact in news if not (rounds and ROUND_NEWS.search(fact.value))]
    for fact in told:
        yield Opening("funding" if ROUND_NEWS.search(fact.value) else "news", _news(given, fact))
    sure = {fact.key: fact.confidence for fact in given.facts}
    others = sorted([*rounds, *_size(given)], key=lambda opening: -sure[opening.sentence.rests_on[0]])
    if len(told) < len(news):
        others.sort(key=lambda opening: opening.kind != "funding")
    yield from others
    place = given.fact("location")
    if place and not told and not others:
        yield Opening("place", _made(given, PLACE, (place,), place=place.value))


def role(given: Given) -> Opening | None:
    title = wording.bare(str((given.context.get("contact") or {}).get("title") or ""))
    if not title or not given.is_clean(title):
        return None
    text = _filled(given, "role", ROLE, title=title)
    return Opening("role", Sentence(text, ("context.contact.title",))) if text else None


def _news(given: Given, fact: Fact) -> Sentence:
    headline = wording.bare(fact.value)
    follows = headline.removeprefix(f"{given.company} ")
    reads_as_clause = follows != headline and follows[:1].islower()
    month = wording.month(fact.as_of)
    options: Sequence[str] = (NEWS_AS_CLAUSE if reads_as_clause else NEWS_AS_QUOTE)[given.tone]
    if given.step > 1:
        options = NEWS_LATER[given.tone] if reads_as_clause else QUOTED_LATER
    dated = [each for each in options if month or "{month}" not in each] or ["A headline that I noticed: “{news}”."]
    return Sentence(given.say(fact.key, [each.format(news=headline, month=month) for each in dated]), (fact.key,))


def _funding(given: Given) -> Iterator[Opening]:
    stage, month, total = (
        given.fact(name) for name in ("last_funding_stage", "last_funding_date", "funding_total_usd")
    )
    if stage and month and same_time(stage, month):
        yield Opening("funding", _made(given, ROUND, (stage, month), stage=stage.value, month=month.value))
    elif stage:
        yield Opening("funding", _made(given, STAGE, (stage,), stage=stage.value))
    elif total:
        yield Opening("funding", _made(given, RAISED, (total,), total=total.value))


def _size(given: Given) -> Iterator[Opening]:
    size, year = given.fact("headcount"), given.fact("founded_year")
    if size and year:
        facts = {"size": size.value, "year": year.value}
        yield Opening("size", _made(given, GROWN, (size, year), **facts))
    elif size:
        yield Opening("size", _made(given, SIZE, (size,), size=size.value))


def _made(given: Given, options: Options, facts: Sequence[Fact], **values: str) -> Sentence:
    return Sentence(_filled(given, facts[0].key, options, **values), tuple(fact.key for fact in facts))


def _filled(given: Given, slot: str, options: Options, **values: str) -> str:
    filled = [each.format(company=given.company, **values) for each in options[given.tone]]
    return wording.upper_first(given.say(slot, filled))
