"""Salesforce's ids and objects: an id has 15 characters whose case matters, or 18 that say it all."""

import re

from clients.canonical import Unusable

OBJECTS = {"Contact": "contact", "Lead": "lead"}
PREFIXES = {"003": "contact", "00Q": "lead", "001": "Account", "006": "Opportunity", "005": "User", "701": "Campaign"}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(found: str) -> str:
    """With 18 characters: the last three say which of the fifteen before are capital letters. Blank stays blank.

    Two ids may differ in nothing but that, so an id is never folded. Raises Unusable.
    """
    if not found:
        return ""
    if not re.fullmatch("[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", found):
        raise Unusable(f"“{found[:40]}” is no id of a Salesforce record: those have 15 or 18 letters and digits.")
    return found[:15] + "".join(LETTERS[_capitals(found[start : start + 5])] for start in (0, 5, 10))


def kind_of_object(name: str, record_id: str) -> str:
    """contact or lead, or the object's own name; by the id's first three characters where nothing names it."""
    return OBJECTS.get(name, name) or PREFIXES.get(record_id[:3], "contact" if not record_id else record_id[:3])


def _capitals(five: str) -> int:
    return sum(1 << place for place, sign in enumerate(five) if "A" <= sign <= "Z")
