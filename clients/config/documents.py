"""A client's settings as a JSON document: read, compare, import and export."""

import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from clients import keys
from clients.config import schema, shown, stored
from clients.config.layers import UNSET
from clients.config.problems import ARROW, ConfigRefused, Problem, nearest
from clients.keys import AGENTS
from clients.models import Client, SalesMotion, SettingsTemplate

Document = Mapping[str, Any]
DEFAULTS = {"company_size": Client.Size.MEDIUM, "sales_motion": SalesMotion.OUTBOUND}
"""Columns that stand in a document only where they say something else."""


class Difference(NamedTuple):
    """One setting that an import changes; None: not set."""

    path: str
    before: Any
    after: Any

    @property
    def label(self) -> str:
        """What people call the setting; those of the agency's own by their names."""
        root, _, name = self.path.partition(ARROW)
        if root == "prompt_overrides" and name in AGENTS:
            return keys.words_to(name)
        key = _key_at(self.path)
        return key.label if key else (name or root).replace("_", " ").capitalize()

    @property
    def before_shown(self) -> str:
        return _in_words(self.path, self.before)

    @property
    def after_shown(self) -> str:
        return _in_words(self.path, self.after)

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} becomes {_shown(self.after)}"


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


class Known(NamedTuple):
    """What a document may name: settings and industries."""

    keys: tuple[keys.Key, ...]
    industries: tuple[str, ...]


def known(found: stored.Stand | None = None) -> Known:
    """Read once for as many documents as are at hand."""
    found = found or stored.stand()
    industries = sorted(key for kind, key in found.templates if kind == SettingsTemplate.Kind.INDUSTRY)
    return Known(found.keys, tuple(industries))


def parse(document: object, may_name: Known | None = None) -> dict[str, Any]:
    """{path: said} with the client's own columns among them, its industry known to us. Raises ConfigRefused."""
    if not isinstance(document, Mapping):
        raise ConfigRefused([Problem("", "A JSON object is needed.", 'Start with {"industry": "fintech"}.')])
    may_name = may_name or known()
    said = schema.parse(dict(document), may_name.keys)
    industry = said["industry"]
    if industry not in may_name.industries:
        hint = nearest(industry, may_name.industries)
        raise ConfigRefused([Problem("industry", f"There is no industry template “{industry}”.", hint)])
    return said


def export(client: Client) -> dict[str, Any]:
    """The client's own layer: set keys only, in the order of the shape. Secrets stay out."""
    columns = {"industry": client.industry.key}
    columns |= {name: getattr(client, name) for name, usual in DEFAULTS.items() if getattr(client, name) != usual}
    return nested(columns | client.settings)


def nested(said: Mapping[str, Any]) -> dict[str, Any]:
    """{path: said} as a document, in the order of the shape; a single addition to an agent's prompt is plain text."""
    document: dict[str, Any] = {}
    for path in ORDER:
        if path in said:
            document[path] = said[path]
    for agent in AGENTS:
        if words := said.get(f"{keys.PROMPTS}{agent}"):
            document.setdefault("prompt_overrides", {})[agent] = _short(words)
    for path, value in _in_order(said):
        *parents, name = path.split(".")
        here = document
        for parent in parents:
            here = here.setdefault(parent, {})
        here[name] = value
    return document


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


def differences(before: Document | None, after: Document) -> list[Difference]:
    """What changes from one document to the other; every set value where there was none yet."""
    old, new = flat(before or {}), flat(after)
    changed = [path for path in dict.fromkeys((*old, *new)) if old.get(path) != new.get(path)]
    return [Difference(path, old.get(path), new.get(path)) for path in changed]


def flat(document: Document) -> dict[str, Any]:
    """{"custom_fields → emphasis": …}, one entry a setting."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        if key in BRANCHES and isinstance(value, Mapping):
            found |= {f"{key}{ARROW}{name}": inner for name, inner in value.items()}
        else:
            found[key] = value
    return found


def _short(words: list[dict[str, str]]) -> object:
    if len(words) > 1:
        return words
    [word] = words
    return word["text"] if set(word) == {"mode", "text"} and word["mode"] == "add" else word


def _in_order(said: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What `nested` has not put yet: in the order of the keys, the agency's own ones last."""
    rest = [path for path in said if path not in ORDER and not path.startswith(keys.PROMPTS)]
    places = {key.path: place for place, key in enumerate(keys.BUILT_IN)}
    return [(path, said[path]) for path in sorted(rest, key=lambda path: (places.get(path, len(places)), path))]


ORDER = (*schema.COLUMNS, "tone")
"""What stands before the words to agents."""
BRANCHES = {"prompt_overrides", *(key.path.split(".")[0] for key in keys.BUILT_IN if "." in key.path)}


def _key_at(path: str) -> keys.Key | None:
    return keys.by_path(keys.BUILT_IN).get(path.replace(ARROW, "."))


def _in_words(path: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return "inherited"
    if path.startswith("prompt_overrides"):
        words = value if isinstance(value, list) else [value]
        told = [{"mode": "add", "text": word} if isinstance(word, str) else word for word in words]
        return "; ".join(f"{shown.how(word)}: {word.get('text', '')}".removesuffix(": ") for word in told)
    if key := _key_at(path):
        return shown.said(key, value)
    return value if isinstance(value, str) else _shown(value)


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value == {UNSET: True}:
        return "taken back"
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
