"""When two headlines tell the same piece of news, and whether one names a company. Pure."""

import re

from clients.likeness import fold

# “… - The Ledger Post”, “… | Shopfloor”: pages name their outlet at the end of their title.
OUTLET = re.compile(r"(?P<headline>.+)\s[-–—|]\s+(?P<outlet>\S.*)")  # noqa: RUF001 - both dashes are in use
SMALL = {"a", "and", "for", "in", "of", "on", "the"}
SHORTEST_HEADLINE = 3  # words
LONGEST_OUTLET = 5


def key(title: str) -> str:
    """The same for an agency's report in every paper: folded, and without the outlet at its end."""
    headline = title
    while (found := OUTLET.fullmatch(headline)) and _is_outlet(found["outlet"], found["headline"]):
        headline = found["headline"]
    return fold(headline) or headline.casefold()


def _is_outlet(words: str, headline: str) -> bool:
    """A name of few words or an address; “an e - money licence” and “Part 2” go on with the headline."""
    parts = words.split()
    if len(headline.split()) < SHORTEST_HEADLINE or len(parts) > LONGEST_OUTLET:
        return False
    return all(_is_name(part) or part in SMALL for part in parts) and parts[0] not in SMALL


def _is_name(word: str) -> bool:
    return "." in word.strip(".") or (word[0].isupper() and not any(sign.isdigit() for sign in word))


def names(title: str, company: str) -> bool:
    """Whether the company stands there by its name in whole words, however the signs between them are spaced."""
    wanted = fold(company)
    return bool(wanted) and f" {wanted} " in f" {fold(title)} "
