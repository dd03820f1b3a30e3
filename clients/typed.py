"""A client's form as somebody typed it, unsaved: the client as it would be, and what the form refuses."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from clients import config, meeting_forms, settings_forms
from clients.config import ConfigRefused, Effective, checks, radius, schema
from clients.config.radius import Change
from clients.models import Client, SettingsTemplate

COLUMNS = ("industry", "company_size", "sales_motion")
"""The client's own columns that choose its templates."""


@dataclass(frozen=True)
class Typed:
    """`client` is an unsaved copy with the typed settings and columns; secrets are not among them. `refused` is what
    the form refuses of single fields, in words: such a field is left as if nothing had been typed there.
    `contradictions` are what it refuses of the whole. `base` is what stood in the form when it was opened.
    """

    client: Client
    now: Effective
    after: Effective
    changes: tuple[Change, ...]
    refused: tuple[str, ...]
    contradictions: tuple[str, ...]
    base: Mapping[str, Any]


def read(client: Client, posted: QueryDict, slots: checks.Prompts) -> Typed:
    """`slots` are the components of the live prompts, to which words may go. Writes nothing."""
    found = config.stand_of(client)
    form = settings_forms.made_from(settings_forms.ClientForm, found.keys, slots)(posted, instance=copy.copy(client))
    form.is_valid()
    columns = {name: form.cleaned_data[name] for name in COLUMNS if name in form.cleaned_data}
    typed = _with(client, form.said, columns)
    now, after = found.effective(client), found.effective(typed)
    return Typed(
        client=typed,
        now=now,
        after=after,
        changes=(*_columns_changed(client, typed), *radius.changes_of(now, after, found.keys)),
        refused=tuple(_refused(form, {*COLUMNS, *(key.field for key in found.keys if not key.sensitive)})),
        contradictions=tuple(_contradictions(form)),
        base=form.base,
    )


def columns_of(client: Client) -> dict[str, str]:
    """What chooses its templates, as a document says it: the industry by its key."""
    return {"industry": client.industry_key, "company_size": client.company_size, "sales_motion": client.sales_motion}


def as_typed(client: Client, settings: Mapping[str, Any], columns: Mapping[str, str]) -> Client:
    """An unsaved copy of the client with these settings, and with columns as `columns_of` says them; a template that
    is gone meanwhile is left as it stands."""
    kind = SettingsTemplate.Kind.INDUSTRY
    industry = client.industry
    if columns["industry"] != client.industry_key:
        industry = SettingsTemplate.objects.filter(kind=kind, key=columns["industry"]).first() or industry
    return _with(client, settings, {**columns, "industry": industry})


def _with(client: Client, settings: Mapping[str, Any], columns: Mapping[str, Any]) -> Client:
    typed = copy.copy(client)
    typed.settings = dict(settings)
    for name, value in columns.items():
        setattr(typed, name, value)
    return typed


def _columns_changed(client: Client, typed: Client) -> Iterator[Change]:
    before, after = columns_of(client), columns_of(typed)
    for name in COLUMNS:
        if before[name] != after[name]:
            yield Change(name.replace("_", " ").capitalize(), _shown(client, name), _shown(typed, name))


def _shown(client: Client, name: str) -> str:
    return str(client.industry) if name == "industry" else str(getattr(client, f"get_{name}_display")())


def _refused(form: settings_forms.SettingsForm, names: set[str]) -> Iterator[str]:
    for name in form.errors:
        if name in names or name.startswith(f"{meeting_forms.WORDS}__"):
            yield from (f"{form.fields[name].label}: {error}" for error in form.errors[name])


def _contradictions(form: settings_forms.SettingsForm) -> Iterator[str]:
    """What is only unusual is asked about when it is saved, not here."""
    try:
        schema.parse({"industry": "any", **config.nested(form.said)}, form.keys)
    except ConfigRefused as refused:
        yield from (f"{problem.path}: {problem.message} {problem.hint}" for problem in refused.problems)
    yield from checks.errors(form.said, form.below, form.names)
