"""How alike the names of two companies are. Pure. Likeness proposes; a person decides."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np
from rapidfuzz import fuzz, process

from agents_app.entities import legal_forms
from clients.likeness import fold

LIKE = 0.9
SAME_WORD = 75  # of 100, of the words in which two names differ: "nordhaven", "nordhavn" have 94, "vera", "verve" 67
FEW = 50  # names that are compared with all others, without blocks
COMMON = 0.005  # of all names: a word that stands in more of them tells nobody apart

_GLUED = tuple(fold(form) for form in legal_forms.GLUED)
_NUMBER = re.compile(r"\d+")

Pair = tuple[int, int]


def normalised(name: str) -> str:
    """Small letters without accents, signs and legal form: “Nordhaven Bank A/S” → “nordhaven bank”."""
    words = _joined(_unglued(fold(re.sub(r"[&+]", " and ", name)).split()))
    bare = _without_form(words)
    while len(bare) > 1 and bare[0] in legal_forms.LEADING:
        bare = bare[1:]
    return " ".join(bare) or " ".join(words) or name.casefold().strip()


def alike(one: str, other: str) -> float:
    """0 to 1, of two normalised names; 0 where a number, or a word that is another one, tells them apart."""
    if one == other:
        return 1.0
    if sorted(_NUMBER.findall(one)) != sorted(_NUMBER.findall(other)):
        return 0.0
    score = max(fuzz.token_sort_ratio(one, other), fuzz.ratio(_solid(one), _solid(other))) / 100
    return score if score < LIKE or _differ_by_spelling(one, other) else 0.0


def pairs(names: Mapping[int, str], *, of: Collection[int] | None = None) -> dict[Pair, float]:
    """The pairs of like normalised names (`alike` of LIKE or more), smaller key first, with how alike they are; of
    `of`, only those in which one of these stands. Only names that share the beginning or end of a telling word are
    compared, so that thousands take seconds."""
    if of is not None and len(of) <= FEW:
        found = _compared(names, [key for key in of if key in names], list(names))
    else:
        blocks = _blocks(names)
        found = {pair for block in blocks for pair in _compared(names, block, block)}
    scores = {pair: alike(names[pair[0]], names[pair[1]]) for pair in found}
    wanted = None if of is None else frozenset(of)
    return {
        pair: score
        for pair, score in sorted(scores.items())
        if score >= LIKE and (wanted is None or not wanted.isdisjoint(pair))
    }


def _compared(names: Mapping[int, str], these: Sequence[int], those: Sequence[int]) -> set[Pair]:
    """Pairs whose names are near, by words in any order or without spaces."""
    found: set[Pair] = set()
    for way in (_sorted, _solid):
        rows, columns = [way(names[key]) for key in these], [way(names[key]) for key in those]
        near = process.cdist(rows, columns, scorer=fuzz.ratio, score_cutoff=100 * LIKE, dtype=np.uint8)
        for row, column in np.argwhere(near):
            one, other = these[row], those[column]
            if one != other:
                found.add((min(one, other), max(one, other)))
    return found


def _blocks(names: Mapping[int, str]) -> Iterable[list[int]]:
    spread = Counter(word for name in names.values() for word in set(name.split()))
    most = max(FEW, COMMON * len(names))
    common = frozenset(word for word, count in spread.items() if count > most)
    blocks: dict[str, list[int]] = defaultdict(list)
    for key, name in names.items():
        for mark in _marks(name, common):
            blocks[mark].append(key)
    return [block for block in blocks.values() if len(block) > 1]


def _marks(name: str, common: frozenset[str]) -> set[str]:
    solid = _solid(name)
    telling = [word for word in name.split() if word not in common]
    ends = {mark for word in telling for mark in (f"^{word[:4]}", f"{word[-4:]}$")}
    return ends | {f"^^{solid[:6]}", f"{solid[-6:]}$$", f"={_sorted(name)}"}


def _differ_by_spelling(one: str, other: str) -> bool:
    """Whether the words that only one of them has are the same words, written otherwise, or there are none."""
    mine, theirs = one.split(), other.split()
    rest = "".join(word for word in mine if word not in theirs)
    their_rest = "".join(word for word in theirs if word not in mine)
    return not rest or not their_rest or fuzz.ratio(rest, their_rest) >= SAME_WORD


def _without_form(words: list[str]) -> list[str]:
    left, shorter = words, _shorter(words)
    while shorter:
        left, shorter = shorter, _shorter(shorter)
    return left


def _shorter(words: list[str]) -> list[str]:
    """Without the legal form at the end; empty where there is none, or nothing would be left. “and” goes with what
    stood behind it: “Vogt GmbH & Co. KG”."""
    sizes = [len(phrase) for phrase in legal_forms.PHRASES if tuple(words[-len(phrase) :]) == phrase]
    size = max(sizes, default=1 if words and words[-1] in legal_forms.WORDS else 0)
    left = words[:-size] if size else []
    while len(left) > 1 and left[-1] == "and":
        left = left[:-1]
    return left


def _joined(words: list[str]) -> list[str]:
    """Letters that stand alone as the abbreviation they were: “s p a” → “spa”."""
    groups = [(is_letter, list(group)) for is_letter, group in groupby(words, key=lambda word: len(word) == 1)]
    return [word for is_letter, group in groups for word in (["".join(group)] if is_letter else group)]


def _unglued(words: list[str]) -> list[str]:
    """Without a legal form that is written to the name, as in Chinese, Japanese and Korean."""
    bare = list(words)
    for form in _GLUED:
        bare = [word.removeprefix(form).removesuffix(form) for word in bare]
    return [word for word in bare if word] or words


def _sorted(name: str) -> str:
    return " ".join(sorted(name.split()))


def _solid(name: str) -> str:
    return name.replace(" ", "")
