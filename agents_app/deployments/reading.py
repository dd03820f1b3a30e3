"""What a client would run on now, read with as few statements as there are parts of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, F, Func, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject

from agents_app.deployments.state import Rollout, State
from agents_app.models import Deployment
from clients.config import Stand
from clients.models import Client, ConfigVersion, Connection

WithParts = Any
"""A client as `with_parts` reads it."""
FINGERPRINT = Func(
    F("credential"),
    Coalesce(F("endpoint_key_sha256"), Value("")),
    template="left(encode(sha256(%(expressions)s, 'UTF8')), 'hex'), 12)",
    arg_joiner=" || convert_to(",
    output_field=CharField(),
)
"""Of the credential as it is stored, encrypted: it never leaves the database for this."""


def with_parts(clients: QuerySet[Client]) -> QuerySet[Any]:
    """The clients with their newest version, connections and deployment's digest, in one statement."""
    rows = Connection.objects.filter(client=OuterRef("pk")).order_by("pk")
    wires = rows.values(
        row=JSONObject(id="pk", party="party", name="name", mode="mode", is_active="is_active", fingerprint=FINGERPRINT)
    )
    versions = ConfigVersion.objects.filter(client=OuterRef("pk")).order_by("-number")
    kept = Deployment.objects.filter(client=OuterRef("pk")).order_by("-number")
    return clients.select_related("industry").annotate(
        wires=ArraySubquery(wires),
        newest_version_id=Subquery(versions.values("pk")[:1]),
        newest_version_number=Subquery(versions.values("number")[:1]),
        kept_sha256=Subquery(kept.values("sha256")[:1]),
    )


def read(client_id: int) -> WithParts:
    return with_parts(Client.objects.all()).get(pk=client_id)


def state_of(client: WithParts, *, found: Stand, prompts: Mapping[str, int], rollouts: Sequence[Rollout]) -> State:
    """`client` comes from `with_parts`."""
    return State(client.newest_version_id, found.effective(client).document, prompts, rollouts, client.wires)
