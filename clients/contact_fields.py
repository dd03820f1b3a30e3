"""The fields of a contact that sources may speak of: how long, and where each stands."""

import re

from clients.models import Contact, ContactField

CUSTOM = "custom."
_CUSTOM_NAME = re.compile(r"custom\.[a-z0-9_]{1,50}")
LONGEST_CUSTOM = 500
LIMITS: dict[str, int] = {
    name: Contact._meta.get_field(name).max_length or 0  # type: ignore[union-attr]
    for name in ContactField.values
}


def is_known(name: str) -> bool:
    """A ContactField, or "custom." and a short name in small letters."""
    return name in LIMITS or _CUSTOM_NAME.fullmatch(name) is not None


def cut(name: str, value: str) -> str:
    """As much of the value as the field takes."""
    return value[: LIMITS.get(name, LONGEST_CUSTOM)]


def value_of(contact: Contact, name: str) -> str:
    if name.startswith(CUSTOM):
        return str(contact.custom.get(name.removeprefix(CUSTOM), ""))
    return str(getattr(contact, name))


def put(contact: Contact, name: str, value: str) -> None:
    """Unsaved. An empty custom field is none."""
    if not name.startswith(CUSTOM):
        setattr(contact, name, value)
        return
    rest = {key: each for key, each in contact.custom.items() if key != name.removeprefix(CUSTOM)}
    contact.custom = rest | ({name.removeprefix(CUSTOM): value} if value else {})


def label(name: str) -> str:
    """As pages call it."""
    return str(ContactField(name).label) if name in LIMITS else name.removeprefix(CUSTOM).replace("_", " ").capitalize()
