"""A CRM's fields to ours, by the rows of a mapping. Pure."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["in", "out", "both", "none"]


@dataclass(frozen=True)
class Row:
    """How one field of a contact comes out of a CRM's entry, and whether it goes back.

    `field` is a ContactField or "custom.NAME". `path` names places in the entry's fields, the first that is not blank
    counts: "properties.jobtitle.value | properties.jobtitle". `transforms` are applied in their order. `rule` is the
    FieldRule that the row asks for, "" for the client's own.
    """

    field: str
    path: str
    transforms: tuple[str, ...] = ()
    on_blank: Literal["ignore", "clear"] = "ignore"
    required: bool = False
    rule: str = ""
    direction: Direction = "in"
