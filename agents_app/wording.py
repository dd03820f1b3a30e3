"""Which words of two texts differ, and which lines. Pure."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

PART = re.compile(r"\s+|\S+")
WORD = re.compile(r"\S+\s*|\s+")  # with the blank behind it: half as many parts, for long texts


class Piece(NamedTuple):
    text: str
    is_changed: bool


class Compared(NamedTuple):
    """Both texts in pieces; `gone` counts the words that stand only on the left, `new` those only on the right."""

    left: list[Piece]
    right: list[Piece]
    gone: int
    new: int


def compare(left: str, right: str, part: re.Pattern[str] = PART) -> Compared:
    """The pieces of a side, put together, are its text."""
    ours, theirs = part.findall(left), part.findall(right)
    blocks = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    on_left = [(tag != "equal", ours[a:b]) for tag, a, b, _, _ in blocks]
    on_right = [(tag != "equal", theirs[c:d]) for tag, _, _, c, d in blocks]
    return Compared(list(_pieces(on_left)), list(_pieces(on_right)), _words(on_left), _words(on_right))


def difference(old: str, new: str) -> list[str]:
    """The lines of a unified difference, without its two file lines."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    return list(lines)[2:]


def _pieces(runs: Sequence[tuple[bool, Sequence[str]]]) -> Iterator[Piece]:
    yield from (Piece("".join(parts), is_changed) for is_changed, parts in runs if parts)


def _words(runs: Sequence[tuple[bool, Sequence[str]]]) -> int:
    return sum(not part.isspace() for is_changed, parts in runs if is_changed for part in parts)
