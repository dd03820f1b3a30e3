"""By which words a person is found in texts, and the texts without them. No Django.

Sure words (addresses, whole names, telephone numbers, profile pages) are found anywhere. Loose ones (a first or a last
name alone) only in what is the person's own, because elsewhere they may be somebody else's.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

GONE = "[erased]"
SHORTEST_SURE = 4  # what is shorter than that stands in many texts by chance


@dataclass(frozen=True)
class Words:
    sure: frozenset[str] = frozenset()
    loose: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sure: Iterable[str], loose: Iterable[str] = ()) -> "Words":
        """What is too short to be sure of is loose."""
        said = {" ".join(text.split()) for text in sure} - {""}
        found = frozenset(text for text in said if len(text) >= SHORTEST_SURE)
        return cls(found, frozenset({text.strip() for text in loose} - {""}) | (said - found))

    def __or__(self, other: "Words") -> "Words":
        return Words(self.sure | other.sure, self.loose | other.loose)

    @cached_property
    def sure_pattern(self) -> re.Pattern[str] | None:
        return _pattern(self.sure)

    @cached_property
    def own_pattern(self) -> re.Pattern[str] | None:
        return _pattern(self.sure | self.loose)

    @cached_property
    def sql(self) -> str:
        """The sure words as a regular expression of PostgreSQL, wider than ours; empty where there are none."""
        return "|".join(_spelt(word) for word in sorted(self.sure, key=len, reverse=True))

    def speak_in(self, value: object) -> bool:
        """Whether a sure word stands in the text, or anywhere in the tree."""
        pattern = self.sure_pattern
        return pattern is not None and any(pattern.search(text) for text in texts(value))

    def taken_out(self, value: Any, *, own: bool) -> Any:  # noqa: ANN401
        """The text or tree with GONE in their place; loose words as well where it is the person's `own`."""
        pattern = self.own_pattern if own else self.sure_pattern
        return value if pattern is None else _without(pattern, value)


def texts(value: object) -> Iterable[str]:
    """Every text in a tree, names of fields among them, and numbers as they are written."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, Mapping):
            waiting += [*here.keys(), *here.values()]
        elif isinstance(here, list | tuple):
            waiting += here
        elif isinstance(here, int | float) and not isinstance(here, bool):
            yield str(here)


def _without(pattern: re.Pattern[str], value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return pattern.sub(GONE, value)
    if isinstance(value, list):
        return [_without(pattern, each) for each in value]
    if isinstance(value, dict):
        return {_without(pattern, name): _without(pattern, each) for name, each in value.items()}
    return value


def _pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    parts = [_spelt(word) for word in sorted(words, key=len, reverse=True)]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE) if parts else None


def _spelt(word: str) -> str:
    """The ways in which a word is written: as it is, in JSON within JSON, in addresses of pages."""
    ways = {word, json.dumps(word)[1:-1], quote(word), quote_plus(word), quote(word, safe="@")}
    return "|".join(r"\s+".join(_escaped(part) for part in way.split()) for way in sorted(ways))


def _escaped(text: str) -> str:
    """For both kinds of regular expressions: what is no letter or digit is escaped."""
    return "".join(sign if sign.isalnum() or sign == "_" else f"\\{sign}" for sign in text)
