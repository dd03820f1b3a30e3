"""What can be set, as the page of all settings and the API tell it: made from the keys, so that it cannot go stale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clients.config import schema, shown
from clients.keys import AGENTS, KINDS, STRATEGIES, Key


@dataclass(frozen=True)
class Described:
    """One setting in words. `choices` are {what a document says: what people read}; `bounds` is empty where there are
    none; `example` is a piece of a document."""

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
    told: tuple[str, ...]
    is_secret: bool
    example: Any


def described(keys: Sequence[Key]) -> list[Described]:
    return [
        Described(
            key.path,
            key.label,
            key.group,
            KINDS[key.kind],
            key.help,
            dict(key.choices or {}),
            _bounds(key),
            shown.readable(key, key.default),
            STRATEGIES[key.merge],
            _lock(key),
            tuple(AGENTS[agent] for agent in key.agents),
            key.sensitive,
            None if key.sensitive else _example(key),
        )
        for key in keys
    ]


def json_schema(keys: Sequence[Key]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a client's document."""
    return schema.shape(tuple(keys)).model_json_schema(mode="validation")


def _bounds(key: Key) -> str:
    if key.is_list or key.kind == "table":
        most = f"At most {key.most:g} entries" if key.most is not None else ""
        longest = f"each up to {key.longest} characters" if key.longest and key.kind != "choices" else ""
        return _sentence(most, longest)
    if key.kind in ("whole", "number"):
        return _sentence(_range(key), key.unit)
    return f"Up to {key.longest} characters" if key.kind == "text" and key.longest else ""


def _range(key: Key) -> str:
    if key.least is not None and key.most is not None:
        return f"{key.least:g} to {key.most:g}"
    if key.least is not None:
        return f"{key.least:g} or more"
    return f"At most {key.most:g}" if key.most is not None else ""


def _sentence(*parts: str) -> str:
    said = ", ".join(filter(None, parts))
    return said[:1].upper() + said[1:]


def _lock(key: Key) -> str:
    if not key.lockable:
        return "Cannot be locked"
    if key.is_list or key.kind == "table":
        many = key.merge != "replace"
        ways = {"up": "only more may be chosen", "down": "only fewer may be chosen"}
        return "Locked, entries may be added" if many else f"Locked, {ways.get(key.tightens, 'it stays as it is')}"
    ways = {"up": "it may only go up", "down": "it may only go down"}
    return f"Locked, {ways.get(key.tightens, 'it stays as it is')}"


def _example(key: Key) -> Any:  # noqa: ANN401 a value of the key's type
    first = next(iter(key.choices or ()), "")
    whole = key.least if key.least is not None else key.most or 1
    return {
        "text": "A few words",
        "choice": first,
        "whole": int(whole),
        "number": float(whole),
        "flag": True,
        "terms": ["one", "two"],
        "choices": [first],
        "table": {"name": "text"},
        "entries": [{"key": "name", "text": "text"}],
    }[key.kind]
