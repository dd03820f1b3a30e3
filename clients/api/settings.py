"""Settings for other programs, as a signed-in person sees and changes them: what can be set, what is in force for a
client and why, and the client's own document."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError
from ninja.security import django_auth_is_staff

from clients import access, config
from clients.config import ConfigRefused, Effective, Problem, described
from clients.models import Client

router = Router(tags=["Settings"], auth=django_auth_is_staff)


class KeyOut(Schema):
    """One setting; see `Described` of clients/config/described.py."""

    path: str
    label: str
    group: str
    kind: str
    help: str
    choices: dict[str, str]
    bounds: str
    default: str
    layers: str
    lock: str
    told: list[str]
    is_secret: bool
    example: Any = None


class SaidOut(Schema):
    """What one layer said of a setting, and what became of it: set, added, removed, unset, not heard."""

    layer: str
    value: Any
    effect: str


class OriginOut(Schema):
    """`sources` are the layers that the value is made of, the lowest first; `entries` {entry of a list: its layer}."""

    sources: list[str]
    entries: dict[str, str]
    said: list[SaidOut]
    locked_by: str


class SettingsOut(Schema):
    """`document` is the client's own layer, as an export gives it; `in_force` what all layers make of it together.
    `version` is 0 where nothing was saved yet."""

    client: str
    version: int
    document: dict[str, Any]
    in_force: dict[str, Any]
    sha256: str
    origins: dict[str, OriginOut]


class SettingsIn(Schema):
    """`version` is the one that the change rests on; `is_trial` answers the differences and changes nothing."""

    document: dict[str, Any]
    version: int
    reason: str = ""
    is_trial: bool = False


class DifferenceOut(Schema):
    path: str
    before: Any
    after: Any


class ChangedOut(Schema):
    version: int
    changes: list[DifferenceOut]


@router.get("/settings/keys", response=list[KeyOut])
def keys(request: HttpRequest) -> list[described.Described]:
    """Everything that can be set, the agency's own settings among it."""
    _require(request, "clients.view_client")
    return described.described(config.known_keys())


@router.get("/settings/schema", response=dict[str, Any])
def document_schema(request: HttpRequest) -> dict[str, Any]:
    """The JSON Schema of a client's document."""
    _require(request, "clients.view_client")
    return described.json_schema(config.known_keys())


@router.get("/clients/{slug:slug}/settings", response=SettingsOut)
def settings(request: HttpRequest, slug: str) -> SettingsOut:
    """The settings in force, each with the layers that it comes from, and the client's own document."""
    _require(request, "clients.view_client")
    client, found = _client_of(request, slug), config.stand()
    effective = found.effective(client)
    secret = {key.path for key in found.keys if key.sensitive}
    return SettingsOut(
        client=client.slug,
        version=_version(client),
        document=config.export(client),
        in_force=effective.document,
        sha256=effective.sha256,
        origins={path: _origin(effective, path, is_secret=path in secret) for path in effective.origins},
    )


@router.put("/clients/{slug:slug}/settings", response=ChangedOut)
def change_settings(request: HttpRequest, slug: str, body: SettingsIn) -> ChangedOut:
    """Make the document the client's whole own layer; what it leaves out is inherited again. 409 where somebody saved
    since the version that it rests on; then nothing changes."""
    _require(request, "clients.change_client")
    with transaction.atomic():
        client = _client_of(request, slug, is_held=True)
        if (now := _version(client)) != body.version:
            raise HttpError(409, f"The settings are at version {now} now, not {body.version}. Read them and try again.")
        changes = config.compare(body.document, client).changes
        if not body.is_trial:
            _refuse_silence(client, body.reason, changes)
            by = access.user_of(request)
            config.apply(body.document, client=client, by=by, reason=body.reason or "By the API", at=timezone.now())
        return ChangedOut(
            version=_version(client),
            changes=[DifferenceOut(path=each.path, before=each.before, after=each.after) for each in changes],
        )


def _refuse_silence(client: Client, reason: str, changes: list[config.Difference]) -> None:
    if changes and client.status == Client.Status.ACTIVE and not reason.strip():
        problem = Problem("reason", "This client is active.", "Say in a few words why its settings change.")
        raise ConfigRefused([problem])


def _origin(effective: Effective, path: str, *, is_secret: bool) -> OriginOut:
    origin = effective.origins[path]
    said = [
        SaidOut(layer=each.layer, value=None if is_secret else each.value, effect=each.effect) for each in origin.said
    ]
    return OriginOut(sources=list(origin.sources), entries=dict(origin.entries), said=said, locked_by=origin.locked_by)


def _client_of(request: HttpRequest, slug: str, *, is_held: bool = False) -> Client:
    found = access.visible_clients(request.user)
    rows = found.select_for_update(of=("self",), no_key=True) if is_held else found
    client = rows.select_related("industry").filter(slug=slug).first()
    if client is None:
        raise HttpError(404, f"There is no client “{slug}” among yours.")
    return client


def _version(client: Client) -> int:
    newest = config.newest_version(client)
    return newest.number if newest else 0


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        verb = "changing" if "change" in permission else "seeing"
        raise HttpError(403, f"Your role does not include {verb} clients. An admin can grant it.")
