"""Which observation wins a field of a contact."""

from dataclasses import dataclass
from datetime import datetime

LATEST, JOINED = "latest word", "joined from first and last name"


@dataclass(frozen=True)
class Seen:
    """What one event says of one field. `id` is the observation's row."""

    id: int
    value: str
    occurred_at: datetime
    event_key: str


def winner(one: Seen | None, other: Seen | None) -> Seen | None:
    """The later one; of two at the same moment, the greater event key, then the greater value.

    Associative and commutative, so any order of arrival, and any repetition, ends at the same value.
    """
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda seen: (seen.occurred_at, seen.event_key, seen.value, seen.id))


def full_name(whole: Seen | None, first: Seen | None, last: Seen | None) -> tuple[str, Seen | None, str]:
    """(name, the observation it rests on, the rule): the whole name, unless its parts are newer."""
    newest_part = winner(first, last)
    if newest_part is None or (whole is not None and winner(whole, newest_part) is whole):
        return (whole.value if whole else "", whole, LATEST)
    return " ".join(part.value for part in (first, last) if part), newest_part, JOINED
