"""Recorded bodies of CRMs, and what their readers make of them, in a form that stands in a file."""

import json
from dataclasses import fields
from pathlib import Path

from clients.canonical import Entry, Unusable
from clients.crm import CRMS

FOLDER = Path(__file__).parent / "payloads"
KINDS = {".json": "application/json", ".xml": "text/xml; charset=utf-8", ".form": "application/x-www-form-urlencoded"}


def bodies_of(party: str) -> list[Path]:
    found = (FOLDER / party).iterdir()
    return sorted(path for path in found if path.suffix in KINDS and not path.name.endswith(".expected.json"))


def told(party: str, path: Path) -> list | str:
    """The entries, each without what it leaves at its default; for an unusable body or entry, its words."""
    try:
        return [shown(each) for each in CRMS[party](path.read_bytes(), headers_of(path))]
    except Unusable as unusable:
        return str(unusable)


def headers_of(path: Path) -> dict[str, str]:
    """As the sender of the body sends them, with what else stands in NAME.headers."""
    more = path.with_suffix(".headers")
    return {"content-type": KINDS[path.suffix], **(json.loads(more.read_text()) if more.exists() else {})}


def shown(entry: Entry | Unusable) -> dict | str:
    if isinstance(entry, Unusable):
        return str(entry)
    said = {each.name: getattr(entry, each.name) for each in fields(entry)}
    said = {name: value for name, value in said.items() if value != getattr(Entry(), name)}
    return json.loads(json.dumps(said, default=lambda moment: moment.isoformat()))
