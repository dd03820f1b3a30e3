"""What a document would make of a client's own layer, and why it cannot: the look before anything is written, whichever
door the document comes through."""

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, NamedTuple

from clients.config import checks, documents, edits, schema, shown, stored
from clients.config.documents import Difference
from clients.config.problems import ARROW, ConfigRefused, Problem
from clients.models import Client, SettingsTemplate


class Compared(NamedTuple):
    """{path: said} of the document, its columns among it, and what changes by it."""

    said: dict[str, Any]
    changes: list[Difference]


def compare(document: object, client: Client | None, found: stored.Stand | None = None) -> Compared:
    """`client` None: the document makes one. Raises ConfigRefused, also where what it changes would contradict itself
    or not be heard."""
    found = found or stored.stand()
    said = documents.parse(document, documents.known(found))
    after = copy(client) if client else Client()
    take(after, said, found.templates[SettingsTemplate.Kind.INDUSTRY, said["industry"]])
    after.settings = settings_of(said)
    if problems := list(hindrances(client, after, found)):
        raise ConfigRefused(problems)
    before = documents.export(client) if client else None
    return Compared(said, documents.differences(before, documents.nested(said)))


def take(client: Client, said: Mapping[str, Any], industry: SettingsTemplate) -> None:
    """Put the columns of a parsed document into the client's row, which the caller saves."""
    client.industry = industry
    for name, usual in documents.DEFAULTS.items():
        setattr(client, name, said.get(name, usual))


def settings_of(said: Mapping[str, Any]) -> dict[str, Any]:
    return {path: each for path, each in said.items() if path not in schema.COLUMNS}


def hindrances(before: Client | None, after: Client, found: stored.Stand) -> Iterator[Problem]:
    """What a lock would not hear of what changes from `before` to `after`, and what would contradict itself that does
    not yet. An old word that a later lock silenced keeps nobody from changing others."""
    old = before.settings if before else {}
    effective, names = found.effective(after), shown.layer_names(after, found.below(after))
    for key in found.keys:
        path = key.path
        for told in edits.not_heard(key, old.get(path), after.settings.get(path), effective, names):
            yield Problem(path.replace(".", ARROW), told)
    known = set(checks.errors(old, found.inherited(before), names)) if before else set()
    new = checks.errors(after.settings, found.inherited(after), names)
    yield from (Problem("", error) for error in new if error not in known)
