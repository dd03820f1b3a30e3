"""What a connection's last deliveries say and no row reads."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from clients import bodies, mapping
from clients.mapping import Row
from clients.mappings import reading
from clients.models import Connection, ContactField

MOST = 100
NAMES = {
    "email": "email", "mail": "email", "emailaddress": "email", "firstname": "first_name", "givenname": "first_name",
    "lastname": "last_name", "surname": "last_name", "familyname": "last_name", "name": "full_name",
    "fullname": "full_name", "title": "title", "jobtitle": "title", "position": "title", "role": "title",
    "company": "company_name", "companyname": "company_name", "organization": "company_name",
    "organisation": "company_name", "website": "company_domain", "domain": "company_domain", "phone": "phone",
    "mobile": "phone", "phonenumber": "phone", "telephone": "phone", "linkedin": "linkedin_url",
    "linkedinurl": "linkedin_url", "country": "country", "timezone": "timezone", "lifecyclestage": "lifecycle_stage",
    "stage": "lifecycle_stage", "owner": "owner", "tags": "tags", "labels": "tags", "donotcontact": "do_not_contact",
    "optout": "do_not_contact", "unsubscribed": "do_not_contact",
}  # fmt: skip
CLEANED = {
    "email": ("email",), "company_domain": ("domain",), "do_not_contact": ("bool",), "tags": ("list_joined",),
    "phone": ("phone",),
}  # fmt: skip


class LeftOver(NamedTuple):
    """`entries` of the deliveries had a value at `path`; `example` is one of them, `field` where it may belong."""

    path: str
    entries: int
    example: str
    field: str


def of(connection: Connection, rows: Sequence[Row]) -> list[LeftOver]:
    """The most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    examples: dict[str, object] = {}
    for _, found in reading.last(connection):
        for fields in (entry.fields for entry in found if not isinstance(entry, reading.Reading)):
            for path, value in mapping.unread(rows, fields).items():
                counts[path] += 1
                examples.setdefault(path, value)
    ordered = sorted(counts, key=lambda path: (-counts[path], path))[:MOST]
    taken = {row.field for row in rows}
    return [LeftOver(path, counts[path], _example(path, examples[path]), field_for(path, taken)) for path in ordered]


def row_for(path: str, rows: Sequence[Row]) -> Row:
    """A row that reads the path into the field that its name suggests, else into a custom field of that name."""
    field = field_for(path, {row.field for row in rows})
    return Row(field, path, CLEANED.get(field, ()))


def field_for(path: str, taken: set[str]) -> str:
    letters = "".join(sign for sign in _last_name(path).casefold() if sign.isalnum())
    field = NAMES.get(letters, "")
    if field in ContactField.values and field not in taken:
        return field
    return _free(_slug(_last_name(path)), taken)


def _free(name: str, taken: set[str]) -> str:
    numbered = (f"{mapping.CUSTOM}{name}{suffix}" for suffix in ("", *(f"_{n}" for n in range(2, 200))))
    return next(field for field in numbered if field not in taken)


def _slug(name: str) -> str:
    signs = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in name.lower()).strip("_")
    return (signs if signs[:1].isalpha() else f"field_{signs}")[:44].rstrip("_")


def _last_name(path: str) -> str:
    """The last name in it that tells something: not the "value" of {"value": …}."""
    names = mapping.names_in(path)
    return next((name for name in reversed(names) if name.casefold() != "value"), "field")


def _example(path: str, value: object) -> str:
    """One value; hidden where its name says that it proves who somebody is."""
    if any(name.casefold() in bodies.SECRET for name in mapping.names_in(path)):
        return bodies.HIDDEN
    return reading.shown(value)
