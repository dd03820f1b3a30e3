"""A client back to settings that were in force once: its own layer as it was, and whatever that takes since then."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from clients.config import documents, schema, sets, stored, writing
from clients.config.layers import at
from clients.config.problems import ConfigRefused
from clients.config.reaching import reach
from clients.config.shown import readable
from clients.keys import Key, by_path
from clients.models import Client, ConfigVersion, SettingsTemplate


@transaction.atomic
def bring_back(
    client: Client, document: Mapping[str, Any], version: ConfigVersion | None, author: writing.Author
) -> list[str]:
    """Make the settings of `document` (an effective one) hold for the client again; `version` is its own layer of then.

    Answers what could not be brought back, a sentence each. Secrets, the name and the postal address stay as they are.
    """
    base, missed = _own_layer(client, version)
    missed += _take_columns(client, base, str(document.get("industry", "")))
    found = stored.stand()
    below = [placed.layer for placed in found.below(client)]
    reached = reach(document, base=base, below=below, keys=found.keys)
    said, refused = _allowed(reached.said, base, found.keys)
    writing.put(client, said, author)
    writing.save(client, author)
    now = found.effective(client).document
    known = by_path(found.keys)
    missed += [_not_reached(known[path], document, now) for path in reached.missed if path not in refused]
    missed += [f"{sets.label_of(path, known)} {why}" for path, why in refused.items()]
    return missed + _gone(document, found.keys) + _renamed(client, document)


def _own_layer(client: Client, version: ConfigVersion | None) -> tuple[dict[str, Any], list[str]]:
    if version is None:
        return dict(client.settings), []
    try:
        return documents.parse(version.document), []
    except ConfigRefused as refused:
        return dict(client.settings), [f"v{version.number} of the settings cannot be used as it was: {refused}"]


def _take_columns(client: Client, base: dict[str, Any], industry: str) -> list[str]:
    """The client's own columns, taken out of `base`."""
    said = {name: base.pop(name) for name in schema.COLUMNS if name in base}
    key = said.get("industry", industry)
    for name, usual in documents.DEFAULTS.items() if said else ():
        setattr(client, name, said.get(name, usual))
    template = SettingsTemplate.objects.filter(kind=SettingsTemplate.Kind.INDUSTRY, key=key).first()
    if template is None:
        return [f"The industry template “{key}” is gone; the client stays with {client.industry}."]
    client.industry = template
    return []


def _allowed(
    said: Mapping[str, Any], base: Mapping[str, Any], keys: Sequence[Key]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What the rules let a layer say: in place of what they refuse its own words of then. {path: why} of those."""
    kept: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for path, word in said.items():
        if not (why := _refusal(path, word, keys)):
            kept[path] = word
            continue
        own = base.get(path)
        if own is not None and not _refusal(path, own, keys):
            kept[path] = own
        nearest = "The client's own words of then are there." if path in kept else "It inherits now."
        refused[path] = f"cannot be quite as it was, now that a layer below says something else. {why} {nearest}"
    return kept, refused


def _refusal(path: str, word: Any, keys: Sequence[Key]) -> str:  # noqa: ANN401 a setting of any type
    try:
        schema.parse({"industry": "any", **documents.nested({path: word})}, keys)
    except ConfigRefused as refused:
        return refused.problems[0].message
    return ""


def _not_reached(key: Key, wanted: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    then, here = (readable(key, at(document, key.path)) or "not set" for document in (wanted, now))
    return f"{key.label} stays “{here}” and was “{then}”: a layer below locks it."


def _gone(wanted: Mapping[str, Any], keys: Sequence[Key]) -> list[str]:
    """Settings of the agency's own that the document has a value for and that exist no more."""
    known = {key.name for key in keys if key.path.startswith("custom_fields.")}
    values = wanted.get("custom_fields", {})
    return [f"The setting {name} exists no more." for name, value in values.items() if name not in known and value]


def _renamed(client: Client, wanted: Mapping[str, Any]) -> list[str]:
    then = wanted.get("client_name")
    if not then or then == client.name:
        return []
    return [f"The client was called {then} then. A name is not part of a deployment, so it stays {client.name}."]
