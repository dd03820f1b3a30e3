"""What of a contact goes back to a CRM: which fields, under which names, and what of it is our own echo. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from clients.mapping import Row

# Transforms after which the party's own form and ours mean the same, so that ours may be written there.
KEEPS = frozenset({"trim", "lower", "upper", "title_case", "email", "phone", "domain", "bool"})
WRAPPERS = ("properties", "fields", "data", "current")  # what bodies put around the fields of a record
MOST_FLIPS, FLIPS_WITHIN = 4, timedelta(minutes=10)
MARKS = {"hubspot": "integration", "pipedrive": "api"}  # what the origin says of a change by any program


@dataclass(frozen=True)
class Said:
    """What a record says of one field as far as we know: its own latest word, and the hash of what we last gave it."""

    value: str = ""
    at: datetime | None = None
    given: str = ""
    given_at: datetime | None = None

    def is_already(self, value: str, digest: str) -> bool:
        """Whether the record stands at `value`, whose keyed hash is `digest`."""
        is_ours_newer = self.given_at is not None and (self.at is None or self.given_at >= self.at)
        return self.given == digest if is_ours_newer else self.value == value


@dataclass(frozen=True)
class There:
    """Where a field of ours stands at the party. `tables`: {our value: the party's} for each picklist of the mapping,
    the last one first."""

    name: str
    tables: tuple[Mapping[str, str], ...] = ()

    def value(self, ours: str) -> str:
        """Our value in the party's words."""
        for table in self.tables:
            ours = table.get(ours, ours)
        return ours


def outward(rows: Iterable[Row]) -> dict[str, There]:
    """By our field, of the rows that go out and can be turned round."""
    found = {row.field: there(row) for row in rows if row.direction in ("out", "both")}
    return {field: place for field, place in found.items() if place}


def there(row: Row) -> There | None:
    """None where we cannot write the row's field: its path leads into another object (`Account.Name`), a list or a sum
    of fields, or a transform keeps less than it was given."""
    steps = [spec.partition(":") for spec in row.transforms]
    tables = tuple(_turned(pairs) for step, _, pairs in reversed(steps) if step.strip() == "picklist")
    names = [part.strip() for part in row.path.split("|")[0].split(".")]
    names = names[1:] if names[0] in WRAPPERS and len(names) > 1 else names
    names = names[:-1] if names[-1] == "value" and len(names) > 1 else names
    is_one = len(names) == 1 and re.fullmatch(r"\w+", names[0], re.ASCII) is not None
    return (
        There(names[0], tables) if is_one and {step.strip() for step, _, _ in steps} <= KEEPS | {"picklist"} else None
    )


def _turned(pairs: str) -> dict[str, str]:
    """ "lead=Lead; customer=Customer" → {"Lead": "lead", …}; of several words that become one, the first."""
    found: dict[str, str] = {}
    for pair in pairs.split(";"):
        theirs, _, ours = (part.strip() for part in pair.partition("="))
        if theirs not in ("", "*"):
            found.setdefault(ours, theirs)
    return found


def is_ours(party: str, origin: str, own_ids: str) -> bool:
    """Whether the party says that we made the change: its word for a program, where it has one, and our id there.

    `origin` as the Entry has it, for example "INTEGRATION 4711" or "com/salesforce/api/rest/60.0;client=gtm"; `own_ids`
    are parted by spaces.
    """
    words = set(re.split(r"[\s;,/=:]+", origin.casefold()))
    return bool(words & set(own_ids.casefold().split())) and MARKS.get(party, "") in {*words, ""}


def flips(values: Sequence[str]) -> int:
    """How often the value changed, in a series of words on one field."""
    return sum(one != other for one, other in pairwise(values))


def is_flapping(values: Sequence[str]) -> bool:
    """`values` are the words on one field of one contact within the last ten minutes."""
    return flips(values) > MOST_FLIPS


def names_of(rows: Iterable[Row]) -> list[str]:
    """The party's own field names that the rows read, dotted where they lie in another object: what to ask for."""
    found: dict[str, None] = {}
    for row in rows:
        if row.direction in ("in", "both"):
            for term in re.split(r"[|+]", row.path):
                if name := _name(term.strip().split(".")):
                    found[name] = None
    return list(found)


def _name(names: list[str]) -> str:
    """Without what bodies put around a field's name; "" where the rest is no name but a list or a text."""
    names = names[1:] if names[0] in WRAPPERS and len(names) > 1 else names
    names = names[:-1] if names[-1] == "value" and len(names) > 1 else names
    return ".".join(names) if all(re.fullmatch(r"\w+", name, re.ASCII) for name in names) else ""
