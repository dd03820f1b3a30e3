"""Words about the same thing, one after the other: a newer one closes the older one. Pure."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

Closed = tuple[datetime | None, datetime | None]  # expired_at, invalid_at


@dataclass(frozen=True)
class Word:
    """What was said, and when: `place` is the same for words of which one is held at a time. `said_as` puts those of
    one moment in order; `valid_at` is since when it holds in the world, where somebody says so."""

    pk: int
    place: Hashable
    value: Hashable
    created_at: datetime
    said_as: int
    valid_at: datetime | None


def closed(words: Iterable[Word]) -> dict[int, Closed]:
    """When each word was replaced, and when what it says ended in the world; None where it was, or did, not.

    It ends when the next one begins, where that one says something else and since when. One that begins before it says
    that it never held.
    """
    places: dict[Hashable, list[Word]] = defaultdict(list)
    for word in words:
        places[word.place].append(word)
    return {pk: told for chain in places.values() for pk, told in _chained(chain)}


def _chained(chain: Sequence[Word]) -> Iterable[tuple[int, Closed]]:
    ordered = sorted(chain, key=lambda word: (word.created_at, word.said_as, word.pk))
    for word, later in zip(ordered, [*ordered[1:], None], strict=True):
        yield word.pk, (later.created_at if later else None, _end(word, later))


def _end(word: Word, later: Word | None) -> datetime | None:
    if later is None or later.valid_at is None or later.value == word.value:
        return None
    return max(later.valid_at, word.valid_at) if word.valid_at else later.valid_at
