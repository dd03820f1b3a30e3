"""What a new client inherits from, in words: it chose that by its industry, size and sales motion."""

from collections.abc import Iterable

from clients.config import shown, stored
from clients.models import Client

MOST_NAMED = 5  # clients of one base


def base_of(client: Client, found: stored.Stand) -> str:
    """The templates, the lowest first: "Fintech template, Mid size template"; the agency where there are none."""
    names = shown.layer_names(client, found.below(client))
    return ", ".join(name for layer, name in names.items() if ":" in layer) or "the agency"


def made_in_words(client: Client) -> str:
    return f"{client} is made, in draft. It inherits from: {base_of(client, stored.stand())}."


def bases_in_words(clients: Iterable[Client]) -> str:
    """The same of several: a sentence for each base; "" of none."""
    found = stored.stand()
    names: dict[str, list[str]] = {}
    for client in clients:
        names.setdefault(base_of(client, found), []).append(str(client))
    return " ".join(f"In draft, inheriting from {base}: {_few(of)}." for base, of in names.items())


def _few(names: list[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
