"""Changes of a layer's settings: the one place where they are written, with who touched what, and versions of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from clients import access, credentials
from clients.config import comparing, documents, stored
from clients.config.layers import sha256
from clients.config.problems import ConfigRefused, Problem
from clients.models import Client, ConfigVersion, Settings, SettingsTemplate

LONGEST_REASON = 100  # of a history's row


class Author(NamedTuple):
    by: User | None
    reason: str
    at: datetime

    def sign(self, row: Any) -> None:  # noqa: ANN401 - any model with history
        row._history_user, row._change_reason, row._history_date = self.by, self.reason[:LONGEST_REASON], self.at


def put(row: Settings, settings: Mapping[str, Any], author: Author, *, locks: Iterable[str] | None = None) -> list[str]:
    """Set what the layer says, and who touched it; the caller saves the row. The paths that change."""
    old, new = row.settings, dict(settings)
    changed = [path for path in dict.fromkeys((*old, *new)) if old.get(path) != new.get(path)]
    locked = sorted(set(row.locks if locks is None else locks))
    changed += [path for path in sorted(set(locked) ^ set(row.locks)) if path not in changed]
    row.settings, row.locks = new, locked
    _touch(row, changed, author)
    return changed


def put_secrets(row: Settings, secrets: Mapping[str, str | None], author: Author) -> None:
    """Encrypt what is given; None forgets. The caller saves the row."""
    put_sealed(row, seal(secrets), author)


def seal(secrets: Mapping[str, str | None]) -> dict[str, str | None]:
    """Encrypted, as they are kept and as they wait; None, which forgets, stays None."""
    return {path: credentials.encrypt(text).decode() if text else None for path, text in secrets.items()}


def put_sealed(row: Settings, sealed: Mapping[str, str | None], author: Author) -> None:
    row.secrets = with_sealed(row.secrets, sealed)
    _touch(row, list(sealed), author)


def with_sealed(kept: Mapping[str, str], sealed: Mapping[str, str | None]) -> dict[str, str]:
    return {path: each for path, each in {**kept, **sealed}.items() if each is not None}


def secret(row: Settings, path: str) -> str:
    """In clear; "" where none is kept. Raises CredentialUnreadable."""
    sealed = row.secrets.get(path, "")
    return credentials.decrypt(sealed.encode()) if sealed else ""


@transaction.atomic
def save(row: Settings, author: Author) -> ConfigVersion | None:
    """The row with its history, and of a client the version where its document is a new one. A row that was read from
    its history counts on from the newest revision all the same. Raises TemplateCycle."""
    if isinstance(row, SettingsTemplate):
        stored.refuse_circle(row)
    row.revision = max(row.revision, _newest_revision(row)) + 1
    author.sign(row)
    row.save()
    return keep_version(row, author) if isinstance(row, Client) else None


@transaction.atomic
def keep_version(client: Client, author: Author) -> ConfigVersion | None:
    """The client's document as its next version; None where the newest one holds the same."""
    Client.objects.select_for_update(no_key=True).get(pk=client.pk)
    document = documents.export(client)
    digest = sha256(document)
    newest = newest_version(client)
    if newest is not None and newest.sha256 == digest:
        return None
    number = (newest.number if newest else 0) + 1
    return ConfigVersion.objects.create(
        client=client,
        number=number,
        document=document,
        sha256=digest,
        author=author.by,
        reason=author.reason[:200],
        created_at=author.at,
    )


def put_said(client: Client, said: Mapping[str, Any], author: Author) -> None:
    """Make what a parsed document says the client's whole layer; the caller saves the row."""
    kind = SettingsTemplate.Kind.INDUSTRY
    comparing.take(client, said, SettingsTemplate.objects.get(kind=kind, key=said["industry"]))
    put(client, comparing.settings_of(said), author)


def hold(client: Client) -> None:
    """As its row stands now, until the transaction ends."""
    client.refresh_from_db(from_queryset=Client.objects.select_for_update(of=("self",), no_key=True))


@transaction.atomic
def apply(
    document: documents.Document, *, client: Client, by: User | None, reason: str, at: datetime
) -> list[documents.Difference]:
    """Make the document the client's whole layer: what it leaves out is inherited again. Raises ConfigRefused, also
    where what it changes would contradict itself or not be heard.

    One that changes nothing writes nothing. Secrets stay as they are. The row is held and read anew, so that nothing
    that somebody else saved meanwhile is written over.
    """
    hold(client)
    said, changes = comparing.compare(document, client)
    if changes:
        author = Author(by, reason, at)
        put_said(client, said, author)
        save(client, author)
    return changes


@transaction.atomic
def create_client(
    document: documents.Document, *, slug: str, name: str, by: User | None, at: datetime, reason: str = "Created"
) -> Client:
    """A new client in draft. Who makes it manages it, unless they see every client anyway. Raises ConfigRefused."""
    said, _ = comparing.compare(document, None)
    return create(said, slug=slug, name=name, author=Author(by, reason, at))


@transaction.atomic
def create(said: Mapping[str, Any], *, slug: str, name: str, author: Author) -> Client:
    """The same of what is compared already."""
    client = Client(slug=slug, name=name, created_at=author.at)
    put_said(client, said, author)
    _refuse_invalid(client)
    save(client, author)
    if author.by is not None and not access.sees_all(author.by):
        client.managers.add(author.by)
    return client


def clone(client: Client, *, slug: str, name: str, by: User | None, at: datetime) -> Client:
    """A new client with this one's settings, in draft, so that it cannot send: no secrets, contacts, connections or
    postal address come along. Raises ConfigRefused."""
    return create_client(
        documents.export(client), slug=slug, name=name, by=by, at=at, reason=f"Copied from {client.name}"
    )


def revert(version: ConfigVersion, *, by: User | None, at: datetime, reason: str = "") -> list[documents.Difference]:
    """Make an earlier version's document the client's whole layer again, as a new version. Raises ConfigRefused where
    the keys or the layers below have changed since, so that it cannot be used any more."""
    why = f"Back to v{version.number}" + (f": {reason}" if reason else "")
    return apply(version.document, client=version.client, by=by, reason=why, at=at)


def _refuse_invalid(client: Client) -> None:
    try:
        client.full_clean()
    except ValidationError as invalid:
        problems = [Problem(path, " ".join(messages)) for path, messages in invalid.message_dict.items()]
        raise ConfigRefused(problems) from None


def newest_version(client: Client) -> ConfigVersion | None:
    return ConfigVersion.objects.filter(client=client).order_by("-number").first()


def _newest_revision(row: Settings) -> int:
    newest = type(row)._default_manager.filter(pk=row.pk).values_list("revision", flat=True).first() if row.pk else 0
    return int(newest or 0)


def _touch(row: Settings, paths: Iterable[str], author: Author) -> None:
    who = access.called(author.by, otherwise="")
    row.touched = row.touched | {path: [who, author.at.isoformat()] for path in paths}
