"""Errors that say the same thing, found by masking what differs: addresses, numbers, ids, quoted words. Pure.

Masks are regular expressions, applied in order; a change of MASKS regroups from the next review on, stored reviews keep
theirs.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"\bhttps?://[^\s\"'<>)]+"), "<address>"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"), "<date>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?:[a-z]{2,8}_)?(?=[0-9a-z]*\d)(?=[0-9a-z]*[a-z])[0-9a-z]{12,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b(?:[a-z0-9-]+\.)+(?:example|test|com|org|net|io|co|invalid)\b", re.IGNORECASE), "<domain>"),
    (re.compile(r"“[^”]*”|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)"), "“…”"),
    (re.compile(r"(?<![\w<])[-+$€]?\d[\d,]*(?:\.\d+)?%?"), "<n>"),
    (re.compile(r"\s+"), " "),
)
LONGEST = 160


@dataclass(frozen=True)
class Occurrence:
    """`where` says what failed ("failed_steps:email_agent"), `row` is the id of the row that carries the message."""

    where: str
    row: int
    message: str
    at: datetime
    client_id: int


@dataclass(frozen=True)
class Group:
    """Occurrences with one masked message at one place, newest first."""

    fingerprint: str
    where: str
    message: str
    occurrences: tuple[Occurrence, ...]

    @property
    def count(self) -> int:
        return len(self.occurrences)

    @property
    def first_at(self) -> datetime:
        return self.occurrences[-1].at


def masked(message: str) -> str:
    """The first line without what differs from case to case, at most LONGEST characters."""
    text = message.strip().split("\n")[0]
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    text = text.strip() or "No message"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def fingerprint(where: str, message: str) -> str:
    """Twelve hexadecimal digits, the same for the same masked message at the same place."""
    return hashlib.sha256(f"{where}\n{masked(message)}".encode()).hexdigest()[:12]


def grouped(occurrences: Iterable[Occurrence]) -> list[Group]:
    """The commonest group first; among equals the newest."""
    groups: dict[str, list[Occurrence]] = defaultdict(list)
    for occurrence in occurrences:
        groups[fingerprint(occurrence.where, occurrence.message)].append(occurrence)
    found = [_group(key, rows) for key, rows in groups.items()]
    return sorted(found, key=lambda group: (-group.count, -group.occurrences[0].at.timestamp(), group.fingerprint))


def _group(key: str, rows: list[Occurrence]) -> Group:
    ordered = tuple(sorted(rows, key=lambda row: (row.at, row.row), reverse=True))
    return Group(key, ordered[0].where, masked(ordered[0].message), ordered)
