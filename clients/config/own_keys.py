"""What is wrong with a setting that an agency describes itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from clients.keys import BUILT_IN, KINDS, MERGES, STRATEGIES
from clients.models import AgencySettings, Client, ConfigKey, SettingsTemplate


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
    if row.pk and changes_shape(told, row) and (used := used_in(f"custom_fields.{row.name}")):
        layers = "1 layer uses" if used == 1 else f"{used} layers use"
        yield "kind", f"{layers} this setting. Take it out first, or make another setting."


def changes_shape(told: Mapping[str, Any], row: ConfigKey) -> bool:
    old = ConfigKey.objects.get(pk=row.pk)
    return any(told.get(part, getattr(old, part)) != getattr(old, part) for part in ("name", "kind", "sensitive"))


def used_in(path: str) -> int:
    """How many layers say something of it."""
    tables = (AgencySettings, SettingsTemplate, Client)
    return sum(table.objects.filter(settings__has_key=path).count() for table in tables)
