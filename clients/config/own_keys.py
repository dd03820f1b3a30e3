"""What is wrong with a setting that an agency describes itself."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.db.models import Q

from clients.keys import BUILT_IN, KINDS, MERGES, STRATEGIES
from clients.models import AgencySettings, ConfigKey, ProposedChange, Settings

FEW = 5  # layers that are named


def key_problems(told: Mapping[str, Any], row: ConfigKey) -> Iterator[tuple[str, str]]:
    """(field, what is wrong and how to mend it) of what a person typed for `row`."""
    name, kind, merge = (told.get(part) or "" for part in ("name", "kind", "merge"))
    if any(key.path == f"custom_fields.{name}" for key in BUILT_IN):
        yield "name", "The product has a setting of this name. Choose another one."
    if kind in ("choice", "choices") and not told.get("choices"):
        yield "choices", "Write at least one thing that may be chosen."
    if kind in MERGES and merge and merge not in MERGES[kind]:
        fitting = " or ".join(f"“{STRATEGIES[each]}”" for each in MERGES[kind])
        yield "merge", f"{KINDS[kind]}: layers of it come together by {fitting}."
    least, most = told.get("least"), told.get("most")
    if least is not None and most is not None and least > most:
        yield "most", f"The largest is below the smallest, {least:g}."
    if told.get("sensitive") and (kind != "text" or told.get("agents")):
        yield "sensitive", "Only a text that no agent is told can be kept encrypted."
    if row.pk and changes_shape(told, row):
        old = ConfigKey.objects.get(pk=row.pk)  # a form has written the new name into its own row already
        yield from (("kind", f"{says} Or make another setting.") for says in why_kept([old]))


def changes_shape(told: Mapping[str, Any], row: ConfigKey) -> bool:
    old = ConfigKey.objects.get(pk=row.pk)
    return any(told.get(part, getattr(old, part)) != getattr(old, part) for part in ("name", "kind", "sensitive"))


def why_kept(rows: Iterable[ConfigKey]) -> Iterator[str]:
    """In words, which of them are in use and where, so that they cannot be deleted nor become something else."""
    for row in rows:
        if used := used_in(f"custom_fields.{row.name}"):
            count = "1 layer uses" if len(used) == 1 else f"{len(used)} layers use"
            more = f" and {len(used) - FEW} more" if len(used) > FEW else ""
            yield f"{count} this setting. Take it out first: {', '.join(used[:FEW])}{more}."


def used_in(path: str) -> list[str]:
    """The layers that say something of it, keep a secret in it or lock it, and those for which a change of it waits."""
    layers = (model for model in apps.get_models() if issubclass(model, Settings))
    says = Q(settings__has_key=path) | Q(secrets__has_key=path) | Q(locks__contains=[path])
    rows = (row for layer in layers for row in layer._default_manager.filter(says).order_by("pk"))
    found = ["the agency" if isinstance(row, AgencySettings) else f"{row._meta.verbose_name} {row}" for row in rows]
    waits = ProposedChange.objects.filter(says, decision="").select_related("agency", "template").order_by("pk")
    return [*found, *(f"change that waits for {each.agency or each.template}" for each in waits)]
