"""Two runs side by side: which of their steps belong together, and what differs between them. Pure.

It is the same seen from either side: with left and right exchanged, everything comes out mirrored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from agents_app import wording
from agents_app.wording import WORD, Compared, Piece

Token = tuple[str, int, int]
Figure = str | int | float | Decimal | None
IDENTITIES = ("key", "check")  # of two lists, items with the same word under one of these belong together
AROUND = 60  # characters of unchanged text that stay on each side of a changed word
LONGEST_IN_WORDS = 6_000  # parts of a text between its common beginning and end; longer ones are shown whole


class _Nothing:
    """Stands where one side has no value of that path."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final = _Nothing()


@dataclass(frozen=True)
class Step:
    """One try of a step. `worker` is the agent, or the step's key where there is none; `whose` tells the contacts of a
    map apart, `tries_left` how many tries of the step came after this one. `documents` are compared path by path,
    {name: JSON or text}; `figures` are set beside each other, {name in words: value}. What a run took over from another
    (see `reruns`) cost it nothing, so figures that one of two lacks say nothing then."""

    id: int
    key: str
    worker: str
    whose: int
    label: str
    documents: Mapping[str, Any]
    figures: Mapping[str, Figure]
    is_taken_over: bool = False
    tries_left: int = 0

    @property
    def token(self) -> Token:
        """Steps of both runs that share it may belong together: last tries stand beside last tries."""
        return self.worker, self.whose, self.tries_left


class Difference(NamedTuple):
    """What stands at `path` on each side, NOTHING where there is no such path."""

    path: str
    left: Any
    right: Any

    @property
    def words(self) -> Compared | None:
        """Of two texts, word by word, with long stretches that are the same cut down to what stands around a change; of
        anything else None. It is worked out whenever it is asked for."""
        return _in_words(self.left, self.right)


class Delta(NamedTuple):
    """Two figures that differ; `change` is right minus left where both are numbers."""

    name: str
    left: Figure
    right: Figure
    change: int | float | Decimal | None = None


@dataclass(frozen=True)
class Pair:
    """Two steps that belong together, or one that the other run has nothing for."""

    left: Step | None
    right: Step | None
    differences: Sequence[Difference] = ()
    deltas: Sequence[Delta] = ()

    @property
    def is_same(self) -> bool:
        return self.left is not None and self.right is not None and not self.differences and not self.deltas

    @property
    def label(self) -> str:
        step = self.left or self.right
        return step.label if step else ""


@dataclass(frozen=True)
class Whole:
    """A run to be compared; `documents` and `figures` as of a step."""

    documents: Mapping[str, Any]
    figures: Mapping[str, Figure]
    steps: Sequence[Step]


@dataclass(frozen=True)
class Comparison:
    """`differences` and `deltas` are those of the runs themselves."""

    differences: Sequence[Difference]
    deltas: Sequence[Delta]
    pairs: Sequence[Pair]

    @property
    def is_empty(self) -> bool:
        return not self.differences and not self.deltas and all(pair.is_same for pair in self.pairs)

    @property
    def changed(self) -> list[Pair]:
        return [pair for pair in self.pairs if not pair.is_same]

    @property
    def paths(self) -> list[tuple[str, str]]:
        """(the step's key, the path) of each difference; of the runs themselves under ""."""
        own = [("", each.path) for each in self.differences]
        of_steps = [(_key(pair), each.path) for pair in self.pairs for each in pair.differences]
        return [*own, *of_steps]


def compare(left: Whole, right: Whole) -> Comparison:
    """Their steps are aligned by the longest sequence that both have, in the order of their plans."""
    return Comparison(
        list(differences(left.documents, right.documents)),
        deltas(left.figures, right.figures),
        [_pair(ours, theirs) for ours, theirs in aligned(left.steps, right.steps)],
    )


def aligned(left: Sequence[Step], right: Sequence[Step]) -> list[tuple[Step | None, Step | None]]:
    """Both in their order; a step that the other run has nothing for stands beside None."""
    scores = _scores([each.token for each in left], [each.token for each in right])
    pairs: list[tuple[Step | None, Step | None]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        ours, theirs = left[i], right[j]
        if ours.token == theirs.token:
            pairs.append((ours, theirs))
            i, j = i + 1, j + 1
        elif (scores[i + 1][j], theirs.token) > (scores[i][j + 1], ours.token):
            pairs.append((ours, None))
            i += 1
        else:
            pairs.append((None, theirs))
            j += 1
    return [*pairs, *((each, None) for each in left[i:]), *((None, each) for each in right[j:])]


def _scores(left: Sequence[Token], right: Sequence[Token]) -> list[list[int]]:
    """[i][j]: how long the longest common sequence of left[i:] and right[j:] is."""
    scores = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            longer = max(scores[i + 1][j], scores[i][j + 1])
            scores[i][j] = scores[i + 1][j + 1] + 1 if left[i] == right[j] else longer
    return scores


def _pair(left: Step | None, right: Step | None) -> Pair:
    if left is None or right is None:
        return Pair(left, right)
    found = list(differences(left.documents, right.documents))
    figures = deltas(left.figures, right.figures)
    if left.is_taken_over or right.is_taken_over:
        figures = [each for each in figures if each.name in left.figures and each.name in right.figures]
    return Pair(left, right, found, figures)


def _key(pair: Pair) -> str:
    step = pair.left or pair.right
    return step.key if step else ""


def deltas(left: Mapping[str, Figure], right: Mapping[str, Figure]) -> list[Delta]:
    """Those that differ, in the order of the left side, then what only the right side has."""
    names = dict.fromkeys([*left, *right])
    pairs = [(name, left.get(name), right.get(name)) for name in names]
    return [Delta(name, ours, theirs, _change(ours, theirs)) for name, ours, theirs in pairs if ours != theirs]


def _change(left: Figure, right: Figure) -> int | float | Decimal | None:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return right - left
    if isinstance(left, int | float) and isinstance(right, int | float):
        return right - left
    return None


# --- JSON


def differences(left: object, right: object, path: str = "") -> Iterator[Difference]:
    """Every path at which two documents differ, as deep as both have it: “output.sentences[2].text”.

    Items of lists belong together by their name (`IDENTITIES`), else by their place between what both lists begin and
    end with, so that one item more is one difference.
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in sorted({*left, *right}, key=str):
            deeper = f"{path}.{name}" if path else str(name)
            yield from differences(left.get(name, NOTHING), right.get(name, NOTHING), deeper)
    elif _is_list(left) and _is_list(right):
        for place, ours, theirs in _items(left, right):
            yield from differences(ours, theirs, f"{path}[{place}]")
    elif not _is_equal(left, right):
        yield Difference(path, left, right)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _is_equal(left: object, right: object) -> bool:
    """True is no 1, as JSON has it."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _items(left: Any, right: Any) -> Iterator[tuple[object, object, object]]:  # noqa: ANN401 lists of any JSON
    """(what the path calls it, left, right)"""
    if name := _identity(left, right):
        ours, theirs = ({str(each[name]): each for each in side} for side in (left, right))
        for key in dict.fromkeys([*sorted({*ours, *theirs}, key=_natural)]):
            yield key, ours.get(key, NOTHING), theirs.get(key, NOTHING)
        return
    head, tail = _in_common(left, right)
    middle = [list(side[head : len(side) - tail]) for side in (left, right)]
    for number in range(max(map(len, middle))):
        ours_now, theirs_now = (each[number] if number < len(each) else NOTHING for each in middle)
        yield head + number, ours_now, theirs_now


def _identity(left: Sequence[Any], right: Sequence[Any]) -> str:
    """The name by which the items of both lists can be told apart; empty where there is none."""
    if not left and not right:
        return ""
    for name in IDENTITIES:
        if all(_names_all(side, name) for side in (left, right)):
            return name
    return ""


def _names_all(items: Sequence[Any], name: str) -> bool:
    named = [str(each[name]) for each in items if isinstance(each, Mapping) and name in each]
    return len(named) == len(items) == len(set(named))


def _natural(key: str) -> tuple[int, str]:
    return len(key), key


def _in_common(left: Sequence[Any], right: Sequence[Any]) -> tuple[int, int]:
    """How many items both begin with, and how many both end with."""
    shorter = min(len(left), len(right))
    head = next((n for n in range(shorter) if not _is_equal(left[n], right[n])), shorter)
    most = shorter - head
    tail = next((n for n in range(most) if not _is_equal(left[-1 - n], right[-1 - n])), most)
    return head, tail


# --- words


def _in_words(left: object, right: object) -> Compared | None:
    if not isinstance(left, str) or not isinstance(right, str):
        return None
    ours, theirs = WORD.findall(left), WORD.findall(right)
    head, tail = _in_common(ours, theirs)
    if max(len(ours), len(theirs)) - head - tail > LONGEST_IN_WORDS:
        return None
    one, other = ("".join(side[head : len(side) - tail]) for side in (ours, theirs))
    found = wording.compare(one, other, WORD)
    before, after = "".join(ours[:head]), "".join(ours[len(ours) - tail :])
    return found._replace(left=_framed(before, found.left, after), right=_framed(before, found.right, after))


def _framed(before: str, pieces: Sequence[Piece], after: str) -> list[Piece]:
    whole = [Piece(before, False), *pieces, Piece(after, False)]  # noqa: FBT003 a named tuple's own order
    last = len(whole) - 1
    return [
        piece if piece.is_changed else piece._replace(text=_shortened(piece.text, at == 0, at == last))
        for at, piece in enumerate(whole)
        if piece.text
    ]


def _shortened(text: str, is_first: bool, is_last: bool) -> str:  # noqa: FBT001 where it stands
    """Of the first piece its end is kept, of the last its beginning, of those between both."""
    if len(text) <= 2 * AROUND + 20:
        return text
    head = "" if is_first else text[:AROUND]
    return f"{head} … {'' if is_last else text[-AROUND:]}"
