"""Why a delivery, or an entry of one, cannot be used: a short stable key for each kind of problem, and its name."""

from enum import StrEnum
from typing import NamedTuple


class Trouble(StrEnum):
    NOT_JSON = "not_json"
    ENCODING = "encoding"
    EMPTY = "empty"
    SHAPE = "shape"
    TOO_MANY = "too_many"
    UNWRITABLE = "unwritable"
    NO_ADDRESS = "no_address"
    MISSING = "missing_field"
    BAD_TIME = "bad_time"
    UNKNOWN_KIND = "unknown_kind"
    NOT_OURS = "not_ours"
    NO_MAPPING = "no_mapping"
    OUTCOME = "outcome"
    FAULT = "fault"
    OTHER = "other"


class Named(NamedTuple):
    """`hint`: what usually helps all deliveries of the kind."""

    label: str
    hint: str


NAMES = {
    Trouble.NOT_JSON: Named("Not readable", "Have the sender send JSON. One body can be mended by hand."),
    Trouble.ENCODING: Named("Not UTF-8", "Set the sender's encoding to UTF-8. One body can be mended by hand."),
    Trouble.EMPTY: Named("Empty", "Look why the sender sends nothing, then discard them."),
    Trouble.SHAPE: Named("No object, or no list of objects", "Have the sender send an object, or a list of them."),
    Trouble.TOO_MANY: Named("Too many entries", "Have the sender send fewer entries in one call."),
    Trouble.UNWRITABLE: Named("Signs that cannot be stored", "Take the signs out at the sender, or by hand."),
    Trouble.NO_ADDRESS: Named("No usable e-mail address", "Add it to what the CRM sends, or mend the mapping."),
    Trouble.MISSING: Named("A field is missing", "Add it to what the party sends, or mend the mapping."),
    Trouble.BAD_TIME: Named("No point in time", "Mend how the mapping reads the time, or leave the field out."),
    Trouble.UNKNOWN_KIND: Named("A kind of event that is not known", "Switch it off at the sender, then discard them."),
    Trouble.NOT_OURS: Named("About nobody we wrote to", "See whether it is the right client's connection."),
    Trouble.NO_MAPPING: Named("The mapping cannot read it", "Mend the mapping: an active one tries them again."),
    Trouble.OUTCOME: Named("An outcome that fits no e-mail", "See whether the e-mail was sent from here, then retry."),
    Trouble.FAULT: Named("A fault of ours", "Mend the fault, then try them all again."),
    Trouble.OTHER: Named("Something else", "Open one of them: it says what is wrong."),
}  # fmt: skip
_BY_KEY = {str(kind): name for kind, name in NAMES.items()}
MAPPING_HELPS = (Trouble.NO_ADDRESS, Trouble.MISSING, Trouble.BAD_TIME, Trouble.NO_MAPPING, Trouble.OTHER)


def named(key: str) -> Named:
    """How people call the kind; of a key that no release knows any more, the key itself."""
    other = NAMES[Trouble.OTHER]
    return _BY_KEY.get(key) or (Named(key.replace("_", " ").capitalize(), other.hint) if key else other)
