"""One setting of many clients: what becomes of each of them is looked at first, then it is made of all at once."""

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from clients.config import checks, comparing, documents, edits, radius, schema, sets, shown, stored, writing
from clients.config.edits import Edit
from clients.config.problems import ConfigRefused
from clients.config.sets import Moved, SetRefused
from clients.models import ChangeSet, Client

MOST_CLIENTS = 500
MOST_PEERS = 200  # clients of an industry whose tone says what is usual


@dataclass(frozen=True)
class Look:
    """What becomes of one client. `said` is what its own layer would say. `own` is that setting's own value before and
    after, in words; `in_force` what changes of the settings in force. `problems` say why it is left as it is, `asked`
    what may be meant so."""

    client: Client
    said: Mapping[str, Any]
    own: tuple[str, str]
    in_force: tuple[radius.Change, ...] = ()
    problems: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return not self.problems and self.said != self.client.settings

    @property
    def stays(self) -> bool:
        """It says so already."""
        return not self.problems and not self.changes


def look(edit: Edit, clients: Iterable[Client]) -> list[Look]:
    """What the edit would make of each client, in their order."""
    found, chosen = stored.stand(), list(clients)
    tones = _tones(edit, chosen, found)
    return [_look(edit, client, found, tones) for client in chosen]


def mark(looks: Sequence[Look]) -> str:
    """A digest of all that somebody looked at: another one means that something moved."""
    seen = [
        (each.client.pk, each.client.revision, each.said, each.own, list(map(str, each.in_force)), each.problems)
        for each in looks
    ]
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()


@transaction.atomic
def apply(edit: Edit, client_ids: Iterable[int], *, seen: str, author: writing.Author) -> ChangeSet:
    """Make the edit of all whom it changes. `seen` is the mark of what the person looked at. Raises Moved where that is
    no more, SetRefused where nothing would change; nothing is changed then."""
    looks = look(edit, sets.locked(client_ids))
    if mark(looks) != seen:
        raise Moved
    changing = [each for each in looks if each.changes]
    if not changing:
        raise SetRefused("Nothing would change, so nothing was written.")
    made = sets.begin(ChangeSet.Kind.EDIT, in_words(edit), author)
    for each in changing:
        before = sets.said_of(each.client)
        writing.put(each.client, each.said, author)
        sets.enter(made, each.client, before, author)
    return made


def in_words(edit: Edit) -> str:
    how = edits.ways(edit.key)[edit.how]
    if edit.how == edits.INHERIT:
        return f"{edit.label}: {how.lower()}"
    return f"{edit.label}: {how.lower()} “{value_in_words(edit)}”"


def value_in_words(edit: Edit) -> str:
    if edit.key is None:
        return " / ".join(word["text"] or shown.how(word) for word in edit.value)
    names = edit.key.choices or {}
    if edit.how == edits.TAKE:
        return ", ".join(names.get(name, name) for name in edit.value)
    return shown.readable(edit.key, edit.value)


def _look(edit: Edit, client: Client, found: stored.Stand, tones: Mapping[int, Sequence[str]]) -> Look:
    said = edits.edited(client.settings, edit, found.inherited(client))
    after = found.effective(_with(client, said))
    peers = checks.peers_of(client.industry.name, tones.get(client.industry_id, ()))
    already = checks.warnings(client.settings, peers)
    return Look(
        client,
        said,
        (_own(edit, client.settings), _own(edit, said)),
        tuple(radius.changes_of(found.effective(client), after, found.keys)),
        tuple(dict.fromkeys(_problems(client, said, found))),
        tuple(each for each in checks.warnings(said, peers) if each not in already),
    )


def _with(client: Client, said: Mapping[str, Any]) -> Client:
    changed = copy.copy(client)
    changed.settings = dict(said)
    return changed


def _problems(client: Client, said: Mapping[str, Any], found: stored.Stand) -> Iterator[str]:
    """Why it cannot be made of this client: what its document would not allow, what a lock does not hear, and what
    would contradict itself that does not yet."""
    if said == client.settings:
        return
    changed = _with(client, said)
    try:
        schema.parse(documents.export(changed), found.keys)
    except ConfigRefused as refused:
        yield from (f"{problem.message} {problem.hint}" for problem in refused.problems)
        return
    yield from (problem.message for problem in comparing.hindrances(client, changed, found))


def _own(edit: Edit, said: Mapping[str, Any]) -> str:
    word = said.get(edit.path)
    if edit.key is not None:
        return shown.said(edit.key, word)
    return shown.words(word or ())


def _tones(edit: Edit, clients: Sequence[Client], found: stored.Stand) -> dict[int, list[str]]:
    """{industry: the tones of its clients that are not chosen}, where the edit is one of the tone."""
    if edit.path != "tone" or edit.how != edits.SET:
        return {}
    tones: dict[int, list[str]] = {client.industry_id: [] for client in clients}
    others = Client.objects.filter(industry__in=tones).exclude(pk__in=[client.pk for client in clients])
    for other in others.select_related("industry").order_by("pk")[:MOST_PEERS]:
        tones[other.industry_id].append(found.effective(other).document["tone"])
    return tones
