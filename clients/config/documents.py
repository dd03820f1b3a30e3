"""A client's settings as a JSON document: read, compare, import and export."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from clients import access
from clients.config import schema
from clients.config.layers import CUSTOM_FIELDS, is_set
from clients.config.problems import ARROW, ConfigRefused, Problem, nearest
from clients.config.schema import ClientConfig
from clients.models import AgentKey, Client, ClientPromptOverride, IndustryTemplate, OverrideMode

Document = Mapping[str, Any]


class Difference(NamedTuple):
    """One setting that an import changes; None: not set."""

    path: str
    before: Any
    after: Any

    @property
    def before_shown(self) -> str:
        return _shown(self.before)

    @property
    def after_shown(self) -> str:
        return _shown(self.after)

    def __str__(self) -> str:
        return f"{self.path}: {self.before_shown} becomes {self.after_shown}"


def read(text: str) -> Any:  # noqa: ANN401 - whatever JSON says
    """The document in a JSON text. Raises ConfigRefused with line and column, also for a key that stands twice."""
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ConfigRefused([Problem("", f"This is not JSON: {error.msg}, {place}.", "Mend it there.")]) from None
    except (RecursionError, ValueError):
        problem = Problem(
            "", "The numbers or the nesting in it are larger than any setting's.", "Start from an export."
        )
        raise ConfigRefused([problem]) from None


def parse(document: object) -> ClientConfig:
    """The document in types, its industry known to us. Raises ConfigRefused."""
    if not isinstance(document, Mapping):
        raise ConfigRefused([Problem("", "A JSON object is needed.", 'Start with {"industry": "fintech"}.')])
    config = schema.parse(dict(document))
    known = list(IndustryTemplate.objects.order_by("key").values_list("key", flat=True))
    if config.industry not in known:
        problem = Problem(
            "industry", f"There is no industry template “{config.industry}”.", nearest(config.industry, known)
        )
        raise ConfigRefused([problem])
    return config


def export(client: Client) -> dict[str, Any]:
    """The client's own layer: set keys only, in the order of the shape."""
    overrides = {row.agent: row for row in client.prompt_overrides.all()}
    parts = {
        "industry": client.industry.key,
        "tone": client.tone,
        "prompt_overrides": {str(key): _plain(overrides[key]) for key in AgentKey.values if key in overrides},
        "custom_fields": _set_only({name: getattr(client, name) for name in CUSTOM_FIELDS}),
        "enabled_agents": list(client.enabled_agents),
        "confidence_floor": client.confidence_floor,
    }
    return _set_only(parts)


def as_text(document: Document) -> str:
    """The document as a person would write it: two blanks of indentation, lists on one line."""
    return _written(document, "") + "\n"


def download(clients: Iterable[Client]) -> tuple[str, bytes]:
    """(file name, content): one client's document, or a zip of several, named as `import_clients` reads them."""
    files = {f"client_{client.slug}.json": as_text(export(client)) for client in clients}
    if len(files) == 1:
        ((name, text),) = files.items()
        return name, text.encode()
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return "clients.zip", content.getvalue()


def differences(client: Client | None, config: ClientConfig) -> list[Difference]:
    """What the import would change; every set value where there is no client yet."""
    before, after = _flat(export(client)) if client else {}, _flat(_document(config))
    changed = [path for path in dict.fromkeys((*before, *after)) if before.get(path) != after.get(path)]
    return [Difference(path, before.get(path), after.get(path)) for path in changed]


@transaction.atomic
def apply(document: Document, *, client: Client, by: User | None, reason: str, at: datetime) -> list[Difference]:
    """Make the document the client's whole layer: what it leaves out is inherited again. Raises ConfigRefused.

    An import that changes nothing writes nothing.
    """
    config = parse(document)
    changes = differences(client, config)
    if changes:
        _write(client, config, _Author(by, reason, at))
    return changes


@transaction.atomic
def create_client(document: Document, *, slug: str, name: str, by: User | None, at: datetime) -> Client:
    """A new client in draft. Who makes it manages it, unless they see every client anyway. Raises ConfigRefused."""
    config = parse(document)
    client = Client(slug=slug, name=name, created_at=at, industry=IndustryTemplate.objects.get(key=config.industry))
    _refuse_invalid(client)
    _write(client, config, _Author(by, "Created", at))
    if by is not None and not access.sees_all(by):
        client.managers.add(by)
    return client


class _Author(NamedTuple):
    by: User | None
    reason: str
    at: datetime

    def sign(self, row: Any) -> None:  # noqa: ANN401 - any model with history
        row._history_user, row._change_reason, row._history_date = self.by, self.reason[:100], self.at


def _refuse_invalid(client: Client) -> None:
    try:
        client.full_clean()
    except ValidationError as invalid:
        problems = [Problem(path, " ".join(messages)) for path, messages in invalid.message_dict.items()]
        raise ConfigRefused(problems) from None


def _write(client: Client, config: ClientConfig, author: _Author) -> None:
    client.industry = IndustryTemplate.objects.get(key=config.industry)
    client.tone = config.tone or ""
    client.enabled_agents = list(config.enabled_agents)
    client.confidence_floor = config.confidence_floor
    for name, value in config.custom_fields.model_dump().items():
        setattr(client, name, value if value is not None or name == "max_words" else "")
    author.sign(client)
    client.save()
    _write_overrides(client, config, author)


def _write_overrides(client: Client, config: ClientConfig, author: _Author) -> None:
    rows = {row.agent: row for row in client.prompt_overrides.all()}
    for agent, override in config.prompt_overrides:
        row = rows.get(agent)
        if override is None and row is not None:
            author.sign(row)
            row.delete()
        elif override is not None:
            row = row or ClientPromptOverride(layer=client, agent=agent)
            if (row.mode, row.text) != (override.mode, override.text) or row.pk is None:
                row.mode, row.text = override.mode, override.text
                author.sign(row)
                row.save()


def _document(config: ClientConfig) -> dict[str, Any]:
    overrides = {agent: override for agent, override in config.prompt_overrides if override}
    parts = config.model_dump()
    parts["prompt_overrides"] = {agent: _plain(override) for agent, override in overrides.items()}
    parts["custom_fields"] = _set_only(parts["custom_fields"])
    return _set_only(parts)


def _plain(override: ClientPromptOverride | schema.Override) -> str | dict[str, str]:
    return override.text if override.mode == OverrideMode.ADD else {"mode": override.mode, "text": override.text}


def _set_only(parts: Document) -> dict[str, Any]:
    return {key: value for key, value in parts.items() if is_set(value) and value != {}}


def _flat(document: Document) -> dict[str, Any]:
    """{"custom_fields → emphasis": …}, one entry a setting."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if key in {"prompt_overrides", "custom_fields"}:
            flat |= {f"{key}{ARROW}{name}": inner for name, inner in value.items()}
        else:
            flat[key] = value
    return flat


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return "inherited" if value is None else json.dumps(value, ensure_ascii=False)


def _written(value: Any, indent: str) -> str:  # noqa: ANN401 - any JSON value
    if not isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_written(part, inner)}" for key, part in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _without_doubles(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigRefused([Problem(key, "This key stands twice.", "Keep one of them.")])
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise ConfigRefused([Problem("", f"{name} is not a number that JSON has.", "Write a number.")])
