"""Deployments are kept: the next number where what a client runs on differs from the newest one."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from agents_app import versions
from agents_app.deployments import differences
from agents_app.deployments.reading import state_of, with_parts
from agents_app.deployments.state import Parts, Rollout, State
from agents_app.models import ClientPrompt, Deployment, PromptVersion
from clients import config
from clients.models import Client, ConfigVersion, Connection

FIRST = "The first one"
AT_ONCE = 500  # clients looked at in one statement


def newest(client_id: int) -> Deployment | None:
    """Without its documents, with the number of its config version. Read it before the parts that are compared with it,
    or a change in between would be undone on paper."""
    rows = Deployment.objects.filter(client=client_id).select_related("config_version").order_by("-number")
    return rows.only("number", "sha256", "client_id", "config_version__number").first()


def keep(
    client: Client, state: State, *, before: Deployment | None, at: datetime, by: User | None = None, cause: str = ""
) -> Deployment:
    """The deployment of this state: `before`, the newest, where nothing changed; else the next one. `cause` stands
    before what changed. Two who keep at once get the same one."""
    if before is not None and before.sha256 == state.sha256:
        return before
    with transaction.atomic():
        Client.objects.select_for_update(no_key=True).get(pk=client.pk)
        last = Deployment.objects.filter(client=client).select_related("config_version").order_by("-number").first()
        if last is not None and last.sha256 == state.sha256:
            return last
        return Deployment.objects.create(
            client=client,
            number=last.number + 1 if last else 1,
            config_version_id=state.config_version_id,
            config=state.config,
            config_sha256=state.config_sha256,
            prompts=state.prompts,
            rollouts=state.rollouts,
            connections=state.connections,
            sha256=state.sha256,
            cause=_cause(last, state, cause),
            author_id=by.pk if by else _author(client, last, state),
            created_at=at,
        )


def changed(rollouts: Callable[[int], Sequence[Rollout]], *, most: int) -> list[int]:
    """Ids of clients that no longer run on their newest deployment; `most` of them at once. `rollouts` answers for the
    id of a client. A few statements for all clients; nothing is written."""
    found, prompts = config.stand(), versions.in_use_by_clients()

    def differs(client: Any) -> bool:  # noqa: ANN401 a client with its parts
        state = state_of(client, found=found, prompts=prompts(client.pk), rollouts=rollouts(client.pk))
        return bool(state.sha256 != client.kept_sha256)

    clients = with_parts(Client.objects.order_by("pk")).iterator(chunk_size=AT_ONCE)
    return list(islice((client.pk for client in clients if differs(client)), most))


def _cause(last: Deployment | None, state: State, cause: str) -> str:
    if last is None:
        return cause or FIRST
    return "; ".join([*([cause] if cause else []), *differences.between(last, state)])


# --- who did it, where that can be told


def _author(client: Client, last: Deployment | None, state: State) -> int | None:
    """The one person who made every change since the last one; None where there were several, or nobody knows."""
    if last is None:
        return None
    people = {
        *_of_settings(last, state),
        *(_of_prompt(client, agent, pk) for agent, pk in state.prompts.items() if last.prompts.get(agent) != pk),
        *(_of_connection(pk) for pk in _other_wires(last, state)),
        *([None] if last.rollouts != state.rollouts else []),
    }
    return people.pop() if len(people) == 1 else None


def _of_settings(last: Parts, state: Parts) -> list[int | None]:
    if state.config_version_id is None or last.config_version_id == state.config_version_id:
        return []
    return list(ConfigVersion.objects.filter(pk=state.config_version_id).values_list("author", flat=True))


def _of_prompt(client: Client, agent: str, version: int) -> int | None:
    pinned = ClientPrompt.history.filter(client=client, agent=agent).order_by("-history_id").first()
    moved = PromptVersion.history.filter(id=version).order_by("-history_id").first()
    moves = [move for move in (pinned, moved) if move is not None]
    latest = max(moves, key=lambda move: move.history_date, default=None)
    return latest.history_user_id if latest is not None else None


def _of_connection(pk: int) -> int | None:
    latest = Connection.history.filter(id=pk).order_by("-history_id").first()
    return latest.history_user_id if latest is not None else None


def _other_wires(last: Parts, state: Parts) -> set[int]:
    old, new = (_wires(parts) for parts in (last, state))
    return {pk for pk in old.keys() | new.keys() if old.get(pk) != new.get(pk)}


def _wires(parts: Parts) -> dict[int, Mapping[str, object]]:
    return {wire["id"]: {**wire, "name": ""} for wire in parts.connections}
