"""Sets of changes: what was changed of several clients together, and taking it back together."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from clients import access
from clients.config import documents, shown, stored, writing
from clients.config.problems import ConfigRefused
from clients.keys import PROMPTS, Key, by_path, words_to
from clients.models import ChangeSet, Client, ClientChange


class SetRefused(Exception):
    """A change of several clients cannot be made or taken back so; the text says why and what to do."""


class Moved(Exception):
    """What somebody looked at is not what would be changed any more."""


class Undone(NamedTuple):
    """Which clients said again what they said before, and the parts of the set whose clients were left."""

    given_back: list[Client]
    left: list[ClientChange]


def locked(client_ids: Iterable[int]) -> list[Client]:
    """Held until the transaction ends, always in the same order, so that two who change many never wait for each
    other; answered by name."""
    rows = Client.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=list(client_ids))
    return sorted(rows.select_related("industry").order_by("pk"), key=lambda client: (client.name, client.pk))


def begin(kind: str, what: str, author: writing.Author) -> ChangeSet:
    return ChangeSet.objects.create(
        kind=kind, what=what[:300], reason=author.reason[:200], author=author.by, created_at=author.at
    )


def enter(
    made: ChangeSet, client: Client, before: Mapping[str, Any], author: writing.Author, *, is_new: bool = False
) -> ClientChange:
    """Save the client, and write down its part of the set; `before` is what it said, as `said_of` gives it."""
    old = None if is_new else writing.newest_version(client)
    new = writing.save(client, author) if not is_new else writing.newest_version(client)
    after = said_of(client)
    paths = {path: [before.get(path), after.get(path)] for path in {*before, *after}}
    moved = {path: pair for path, pair in sorted(paths.items()) if pair[0] != pair[1]}
    return ClientChange.objects.create(
        change_set=made, client=client, before=old, after=new, paths=moved, is_new=is_new
    )


def said_of(client: Client) -> dict[str, Any]:
    """All that a document of the client says, by path: its columns among its settings."""
    columns: dict[str, Any] = {
        "industry": client.industry.key,
        **{name: getattr(client, name) for name in documents.DEFAULTS},
    }
    return {**columns, **client.settings}


def needs_reason(clients: Iterable[Client]) -> bool:
    return any(client.status == Client.Status.ACTIVE for client in clients)


# --- taking it back


@transaction.atomic
def undo(change_set: ChangeSet, *, by: User, at: datetime) -> Undone:
    """Give every client back what it said before, on the paths of the set. A client whose value moved since is left as
    it is, and so is one that the set made. Raises SetRefused, and changes nothing: twice, for clients that `by` may not
    change, or where no client can be given anything back."""
    row = ChangeSet.objects.select_for_update(of=("self",)).get(pk=change_set.pk)
    if row.undone_at is not None:
        who = access.called(row.undone_by, otherwise="Somebody")
        when = f"{timezone.localtime(row.undone_at):%-d %B %Y, %H:%M}"
        raise SetRefused(f"{who} took it back already: {when}. Nothing was changed now.")
    parts = list(row.changes.select_related("before"))
    clients = {client.pk: client for client in locked(part.client_id for part in parts)}
    if access.visible_clients(by).filter(pk__in=clients).count() < len(clients):
        raise SetRefused("It changed clients that you do not look after. Ask an operator to take it back.")
    author = writing.Author(by, f"Taken back: {row.reason or row.what}", at)
    given_back: list[ClientChange] = []
    left: list[ClientChange] = []
    for part in parts:
        part.client = clients[part.client_id]
        part.left = _left_because(part, part.client) or _give_back(part, part.client, author)
        (left if part.left else given_back).append(part)
    if not given_back:
        raise SetRefused(f"Nothing can be taken back. {' '.join(f'{each.client}: {each.left}' for each in left)}")
    ClientChange.objects.bulk_update(left, ["left"])
    row.undone_by, row.undone_at = by, at
    row.save(update_fields=["undone_by", "undone_at"])
    return Undone([part.client for part in given_back], left)


def can_undo(change_set: ChangeSet, by: access.AnyUser) -> bool:
    """Whether the button would do something for this person; the clients' values are looked at when it is pressed."""
    if change_set.undone_at is not None or not by.has_perm("clients.change_client"):
        return False
    clients = set(change_set.changes.filter(is_new=False).values_list("client_id", flat=True))
    everyone = set(change_set.changes.values_list("client_id", flat=True))
    return bool(clients) and access.visible_clients(by).filter(pk__in=everyone).count() == len(everyone)


def _left_because(part: ClientChange, client: Client) -> str:
    if part.is_new:
        return "It was made by this import, and stays."
    now, known = said_of(client), by_path(stored.known_keys())
    moved = [path for path, (_, after) in part.paths.items() if now.get(path) != after]
    labels = ", ".join(label_of(path, known) for path in moved)
    return f"Changed since: {labels}."[:300] if moved else ""


def _give_back(part: ClientChange, client: Client, author: writing.Author) -> str:
    """Why it could not be; "" once it is done."""
    said = {**said_of(client), **{path: before for path, (before, _) in part.paths.items()}}
    said = {path: each for path, each in said.items() if each is not None}
    try:
        documents.parse(documents.nested(said))
    except ConfigRefused as refused:
        return f"What it said before is not allowed any more. {refused.problems[0]}"[:300]
    writing.put_said(client, said, author)
    writing.save(client, author)
    return ""


class Told(NamedTuple):
    """One setting of one client's part, in words."""

    label: str
    before: str
    after: str


def told(part: ClientChange, known: Mapping[str, Key]) -> list[Told]:
    return [
        Told(label_of(path, known), *(_worded(path, each, known) for each in pair)) for path, pair in part.paths.items()
    ]


def _worded(path: str, said: Any, known: Mapping[str, Key]) -> str:  # noqa: ANN401 a setting of any type
    if said is None:
        return "inherited"
    if path in known:
        return shown.said(known[path], said)
    if path.startswith(PROMPTS):
        return shown.words(said)
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def label_of(path: str, known: Mapping[str, Key]) -> str:
    if path in known:
        return known[path].label
    if path.startswith(PROMPTS):
        return words_to(path.removeprefix(PROMPTS))
    return path.rpartition(".")[2].replace("_", " ").capitalize()
