"""A row of a mapping, and what it gave for one entry."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["in", "out", "both", "none"]
DIRECTIONS = {"in": "From the CRM", "out": "To the CRM", "both": "Both ways", "none": "Not at present"}
READ = ("in", "both")
CUSTOM = "custom."


@dataclass(frozen=True)
class Row:
    """How one field of a contact comes out of a CRM's entry, and whether it goes back.

    `field` is a ContactField or "custom.NAME". `path` names places in the entry's fields, the first that gives a text
    counts: "properties.jobtitle.value | properties.jobtitle" (`paths.py`). `transforms` are applied in their order,
    each "name" or "name:argument" (`transforms.py`). `rule` is the FieldRule that the row asks for, "" for the
    client's own.
    """

    field: str
    path: str
    transforms: tuple[str, ...] = ()
    on_blank: Literal["ignore", "clear"] = "ignore"
    required: bool = False
    rule: str = ""
    direction: Direction = "in"


@dataclass(frozen=True)
class Traced:
    """What a row made of an entry. `value` is None where it says nothing, "" where it clears the field; `place` is the
    alternative of the path that counted, `raw` what stood there, `warning` what a person should know."""

    row: Row
    value: str | None = None
    place: str = ""
    raw: object = None
    warning: str = ""
