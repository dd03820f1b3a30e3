"""Two people who edit one layer at once: what stood there when the second opened it, what the first made of it, and
what the second typed, brought together without losing any of the three."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core import signing
from django.db.models import Model, QuerySet

LOCK, COLUMN = "lock/", "column/"  # before what is no setting: a lock's path, a column's name

State = Mapping[str, Any]
"""{what: its value} of all that a page edits: settings under their paths, locks and columns under their marks."""


@dataclass(frozen=True)
class Meeting:
    """`both`: changed by the other and, differently, by this person; `taken`: by the other only."""

    both: tuple[str, ...]
    taken: tuple[str, ...]

    @property
    def changed(self) -> tuple[str, ...]:
        return (*self.both, *self.taken)


def state(settings: Mapping[str, Any], locks: Iterable[str], columns: Mapping[str, Any]) -> dict[str, Any]:
    named = {f"{COLUMN}{name}": _plain(value) for name, value in columns.items()}
    return {**settings, **{f"{LOCK}{path}": True for path in locks}, **named}


def meet(base: State, theirs: State, mine: State) -> Meeting:
    """A column that only one of the pages had counts for nothing."""
    alone = {what for what in base.keys() ^ theirs.keys() if what.startswith(COLUMN)}
    changed = [what for what in {**base, **theirs} if base.get(what) != theirs.get(what) and what not in alone]
    both = [what for what in changed if mine.get(what) not in (base.get(what), theirs.get(what))]
    return Meeting(tuple(both), tuple(what for what in changed if what not in both))


def packed(found: State) -> str:
    """Signed, for a hidden field."""
    return signing.dumps(dict(found), salt=__name__, compress=True)


def unpacked(text: str) -> dict[str, Any] | None:
    """None where nobody of ours packed it."""
    try:
        return dict(signing.loads(text, salt=__name__))
    except signing.BadSignature:
        return None


def _plain(value: Any) -> Any:  # noqa: ANN401 any column's value
    """As JSON gives it back; rows by their ids."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, list | tuple | QuerySet):
        return sorted(_plain(each) for each in value)
    return value if isinstance(value, bool | int | None) else str(value)
