"""What a value of research says of other entities than the company it was asked of. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from clients.erasure.words import GONE


@dataclass(frozen=True)
class Link:
    """Another entity, and how it stands to the company. `is_subject`: it owns the company, works there.

    `is_within`: its name alone does not say which one it is. `title` is what it is there, of a person.
    """

    kind: str
    relation: str
    name: str
    is_subject: bool = False
    is_within: bool = False
    title: str = ""


@dataclass(frozen=True)
class _Means:
    kind: str
    relation: str
    is_subject: bool = False
    is_within: bool = False


_MEANS: Mapping[str, _Means] = {
    "industry": _Means("industry", "in_industry"),
    "technology": _Means("technology", "uses"),
    "mail_host": _Means("technology", "mails_with"),
    "person": _Means("person", "works_at", is_subject=True, is_within=True),
    "parent": _Means("company", "parent_of", is_subject=True, is_within=True),
    "subsidiary": _Means("company", "parent_of", is_within=True),
}
ONE_OBJECT = frozenset({"in_industry", "mails_with"})  # the subject has one at a time
ONE_SUBJECT = frozenset({"parent_of"})


def link(attribute: str, value: str) -> Link | None:
    """None where the value is about the company alone, or somebody was erased from it."""
    means = _MEANS.get(attribute)
    if means is None or GONE in value:
        return None
    name, _, title = value.partition(", ") if attribute == "person" else (value, "", "")
    return Link(means.kind, means.relation, name, means.is_subject, means.is_within, title)


def place(subject: int, relation: str, obj: int) -> tuple[object, ...]:
    """The same for edges of which only one is held at a time."""
    if relation in ONE_OBJECT:
        return relation, subject
    return (relation, obj) if relation in ONE_SUBJECT else (relation, subject, obj)
