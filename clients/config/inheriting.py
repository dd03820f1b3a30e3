"""How many clients inherit from each template: they choose it, or one that inherits from it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Count, QuerySet

from clients.config.stored import CHOSEN_BY, stand
from clients.models import Client, SettingsTemplate


def clients_of() -> Mapping[int, int]:
    """{template: how many clients}. Three queries, however many there are."""
    found, counted = stand(), Counter[int]()
    for (kind, key), count in _choices().items():
        for template in found.line_of(kind, key):
            counted[template.pk] += count
    return counted


def why_kept(templates: QuerySet[SettingsTemplate] | Sequence[SettingsTemplate]) -> Iterator[str]:
    """In words, which of them cannot be deleted: what a template says would change for its clients unseen."""
    counted = clients_of()
    for template in templates:
        if counted[template.pk] and _says_something(template):
            count = counted[template.pk]
            clients = "1 client inherits" if count == 1 else f"{count} clients inherit"
            yield f"{clients} from {template}. Empty it first: take its settings, locks and parent out, and save."


def _choices() -> Mapping[tuple[str, str], int]:
    """{(kind, key): how many clients choose it}."""
    columns = ("industry__key", *(column for kind, column in CHOSEN_BY.items() if kind != "industry"))
    rows: Any = Client.objects.order_by().values_list(*columns).annotate(Count("pk"))
    counted = Counter[tuple[str, str]]()
    for *keys, count in rows:
        for kind, key in zip(CHOSEN_BY, keys, strict=True):
            counted[kind, key or ""] += count
    return counted


def _says_something(template: SettingsTemplate) -> bool:
    return bool(template.settings or template.locks or template.secrets or template.parent_id)
