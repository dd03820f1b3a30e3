"""Research: the facts in sentences, the most useful first, and the names of what is missing. Pure."""

from collections.abc import Iterator
from typing import Any

from gtm.sandbox.composer import directives, wording
from gtm.sandbox.composer.given import Fact, Given, Sentence

MOST_SENTENCES = 8


def compose(given: Given) -> dict[str, Any]:
    told = [each for each in _sentences(given) if not wording.avoided(each.text, given.avoid)]
    required = [str(name) for name in given.context.get("required") or []]
    found = {fact.attribute for fact in given.facts}
    return {
        "summary": [each.as_answer() for each in _within(given, told[:MOST_SENTENCES])],
        "missing": [name for name in required if name not in found],
    }


def _within(given: Given, sentences: list[Sentence]) -> list[Sentence]:
    most, count = given.directives.most_words or 10_000, 0
    kept: list[Sentence] = []
    for each in sentences:
        count += wording.words(each.text)
        if count <= most or not kept:
            kept.append(each)
    return kept


def _sentences(given: Given) -> Iterator[Sentence]:
    """What touches the prompt's focus or the client's emphasis stands first."""
    news = given.by_focus([fact for fact in given.facts if fact.attribute == "news"])
    stems = [*given.directives.focus, *(directives.stem(word) for word in given.emphasis.split())]
    urgent = [fact for fact in news if directives.touches(fact.value, stems)]
    yield from (_news(given, fact) for fact in urgent)
    yield from _profile(given)
    yield from _funding(given)
    yield from (_news(given, fact) for fact in news if fact not in urgent)


def _profile(given: Given) -> Iterator[Sentence]:
    industry, location = given.fact("industry"), given.fact("location")
    year, headcount = given.fact("founded_year"), given.fact("headcount")
    if industry and location:
        text = given.say(
            "profile",
            [
                f"{given.company} works in {industry.value} and is based in {location.value}.",
                f"Based in {location.value}, {given.company} works in {industry.value}.",
                f"{given.company} is based in {location.value}; its industry is {industry.value}.",
            ],
        )
        yield Sentence(text, (industry.key, location.key))
    elif industry:
        yield Sentence(f"{given.company} works in {industry.value}.", (industry.key,))
    elif location:
        yield Sentence(f"{given.company} is based in {location.value}.", (location.key,))
    yield from _size(given, year, headcount)


def _size(given: Given, year: Fact | None, headcount: Fact | None) -> Iterator[Sentence]:
    if year and headcount:
        text = given.say(
            "size",
            [
                f"Founded in {year.value}, it employs {headcount.value} people.",
                f"It was founded in {year.value} and has {headcount.value} people.",
            ],
        )
        yield Sentence(text, (year.key, headcount.key))
    elif headcount:
        yield Sentence(f"{given.company} employs {headcount.value} people.", (headcount.key,))
    elif year:
        yield Sentence(f"{given.company} was founded in {year.value}.", (year.key,))


def _funding(given: Given) -> Iterator[Sentence]:
    total, stage, month = (
        given.fact(name) for name in ("funding_total_usd", "last_funding_stage", "last_funding_date")
    )
    if stage and month and same_time(stage, month):
        yield Sentence(f"Its last round, {stage.value}, was in {month.value}.", (stage.key, month.key))
    elif stage:
        yield Sentence(f"Its last known round is {stage.value}.", (stage.key,))
    if total:
        yield Sentence(f"So far {given.company} has raised {total.value}.", (total.key,))


def same_time(one: Fact, other: Fact) -> bool:
    """Do two facts speak of the same month? Values of different rounds must not meet in one sentence."""
    return one.as_of[:7] == other.as_of[:7]


def _news(given: Given, fact: Fact) -> Sentence:
    on = wording.day(fact.as_of, with_year=True)
    options = [f"On {on} it was reported: “{fact.value}”.", f"The news of {on}: “{fact.value}”."]
    return Sentence(given.say(fact.key, options) if on else f"It was reported: “{fact.value}”.", (fact.key,))
