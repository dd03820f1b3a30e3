"""Words that people take out of drafts: of every phrase, who kept it and who took it out. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from experiments.figures import Drafted

LONGEST = 3  # words of a phrase
TOKEN = re.compile(r"[^\W_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}-][^\W_]+)*")
BREAK = re.compile(r"[.!?;:,()\n]+|\s[\N{EN DASH}\N{EM DASH}-]\s")
EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a about after all also am an and any are as at be been before but by can could did do does for from "
        "had has have he her here his how i if in into is it its me more most my no not now of on one only or "
        "our out over shall she should so some such than that the their them then there these they this those "
        "to too up us was we were what when where which who why will with would you your yours",
    )
)


class Tally(NamedTuple):
    """A phrase as drafts wrote it, and the ids of the drafts in which people kept it, or took it out."""

    phrase: str
    kept: tuple[int, ...]
    gone: tuple[int, ...]

    @property
    def whole(self) -> int:
        return len(self.kept) + len(self.gone)


def tallies(drafts: Iterable[Drafted], *, least: int) -> list[Tally]:
    """Every phrase that stood in at least `least` drafts, in the order of the alphabet.

    Phrases that stand in the same drafts and went from the same ones are one: for them stands the longest of which
    every word went, of several the first in the text. A phrase begins and ends with a word that says something, and
    holds no name, fact or figure.
    """
    kept: dict[str, set[int]] = defaultdict(set)
    gone: dict[str, set[int]] = defaultdict(set)
    for draft in drafts:
        left = set(_phrases(draft.final, draft.known))
        for phrase in _phrases(draft.body, draft.known):
            (kept if phrase in left else gone)[phrase].add(draft.id)
    common = [each for each in dict.fromkeys((*gone, *kept)) if len(kept[each]) + len(gone[each]) >= least]
    found: dict[tuple[frozenset[int], frozenset[int]], str] = {}
    for phrase in sorted(common, key=lambda each: (not _went_whole(each, gone), -len(each.split()))):
        found.setdefault((frozenset(kept[phrase]), frozenset(gone[phrase])), phrase)
    rows = (Tally(phrase, tuple(sorted(ids)), tuple(sorted(out))) for (ids, out), phrase in found.items())
    return sorted(rows)


def _went_whole(phrase: str, gone: Mapping[str, set[int]]) -> bool:
    """Its words went too, and do not stand elsewhere in the same drafts."""
    return all(gone[phrase] <= gone.get(word, gone[phrase]) for word in phrase.split() if word not in EMPTY)


def stands_in(phrase: str, text: str) -> bool:
    """As whole words, whatever their case."""
    return re.search(rf"(?<!\w){re.escape(phrase.casefold())}(?!\w)", text.casefold()) is not None


def _phrases(text: str, known: frozenset[str]) -> Iterator[str]:
    for part in BREAK.split(text.casefold()):
        words = TOKEN.findall(part)
        for start in range(len(words)):
            for size in range(1, min(LONGEST, len(words) - start) + 1):
                phrase = words[start : start + size]
                if _says_something(phrase, known):
                    yield " ".join(phrase)


def _says_something(words: Sequence[str], known: frozenset[str]) -> bool:
    if words[0] in EMPTY or words[-1] in EMPTY or (len(words) == 1 and len(words[0]) < 4):
        return False
    return not any(word in known or any(map(str.isdigit, word)) for word in words)


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of names and facts, to be left alone."""
    return frozenset(word for text in texts for word in TOKEN.findall(text.casefold()))
