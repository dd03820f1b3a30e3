"""A client back on an earlier deployment: its settings, the versions of its prompts, the state of its connections."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from agents_app import versions
from agents_app.deployments.reading import read
from agents_app.deployments.state import Wire
from agents_app.models import Deployment, PromptVersion
from clients import config
from clients.models import Client, Connection


@dataclass(frozen=True)
class Returned:
    """The deployment on which the client runs now, the one before it, what came back and what could not; sentences."""

    deployment: Deployment
    before: Deployment
    came_back: list[str]
    missed: list[str]


@transaction.atomic
def bring_back(wanted: Deployment, *, by: User | None, at: datetime) -> list[str]:
    """Make the client run on what `wanted` holds, its rollouts apart. Answers what could not be brought back.

    A new version of the settings says so. Credentials, the postal address and the client's name stay as they are.
    """
    client = (
        Client.objects.select_for_update(no_key=True, of=("self",)).select_related("industry").get(pk=wanted.client_id)
    )
    reason = f"Back to deployment {wanted.number}"
    missed = config.bring_back(client, wanted.config, wanted.config_version, config.Author(by, reason, at))
    _use_prompts(client, wanted, by=by, at=at, reason=reason)
    return missed + list(_connect(client, wanted, by=by, at=at, reason=reason))


def _use_prompts(client: Client, wanted: Deployment, *, by: User | None, at: datetime, reason: str) -> None:
    """Pins where another version is live now; no pin where that version is the live one."""
    found = PromptVersion.objects.in_bulk(list(wanted.prompts.values()))
    for agent, used in versions.in_use(client).items():
        version = found.get(wanted.prompts.get(agent, 0))
        if version is None or (version == used.version and version != used.live):
            continue
        if version != used.live:
            versions.pin(client, version, by=by, at=at, reason=reason)
        elif used.is_pinned:
            versions.unpin(client, agent, by=by, at=at, reason=reason)


def _connect(client: Client, wanted: Deployment, *, by: User | None, at: datetime, reason: str) -> Iterator[str]:
    """Modes and switches as they were; one that was made since is switched off. What cannot be, in words."""
    then: dict[int, Wire] = {wire["id"]: wire for wire in wanted.connections}
    now = {wire["id"]: wire for wire in read(client.pk).wires}
    for connection in Connection.objects.filter(client=client).order_by("pk"):
        wire = then.pop(connection.pk, None)
        mode, is_active = (wire["mode"], wire["is_active"]) if wire else (connection.mode, False)
        if (connection.mode, connection.is_active) != (mode, is_active):
            connection.mode, connection.is_active = mode, is_active
            _save(connection, by, at, reason)
        if wire and is_active and wire["fingerprint"] != now[connection.pk]["fingerprint"]:
            yield f"{connection.name}: its credential or key is another by now, and stays. Enter the old one if wanted."
    yield from (_deleted(wire) for wire in then.values() if wire["is_active"])


def _deleted(wire: Wire) -> str:
    party = Connection.Party(wire["party"]).label
    return f"The connection {wire['name']} ({party}) was deleted since. Make it again, with its credential."


def _save(connection: Connection, by: User | None, at: datetime, reason: str) -> None:
    connection._history_user, connection._history_date = by, at  # type: ignore[attr-defined]
    connection._change_reason = reason  # type: ignore[attr-defined]
    connection.save(update_fields=["mode", "is_active"])
